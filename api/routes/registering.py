"""What the routes of the registry share: refusals as problems, places and positions in bodies, who acts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import orjson
from fastapi import Query, Request
from psycopg import AsyncConnection, Connection
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from alarms.registry import errors as registry
from alarms.registry.audit import Actor
from alarms.registry.sites import Placing
from api.auth.dependencies import Reader, sync_transaction
from api.errors import FieldError, Problem, documented
from api.inputs import ObjectId, division_code
from api.paging import collection, decode_cursor, encode_cursor, parse_bbox
from gis import coordinates

READ = documented("signed-out", "not-permitted", "not-found", "wrong-input", "database-away")
WRITE = READ | documented("cross-origin", "not-permitted", "changed-meanwhile", "conflict", "too-large")


def _true_or_false(value: object) -> object:
    if value not in ("true", "false", False):
        raise ValueError("must be true or false")
    return value


Count = Annotated[
    bool,
    BeforeValidator(_true_or_false),
    Query(description="Also count all that fits the filters, which takes longer"),
]

Degrees = Annotated[float, Field(allow_inf_nan=False, ge=-1e8, le=1e8, strict=True)]


class PositionBody(BaseModel):
    """A position ``[lon, lat]``; ``crs`` when it is not WGS 84: GCJ-02, BD-09, CGCS2000 or an EPSG code."""

    model_config = ConfigDict(extra="forbid")

    lon: Degrees
    lat: Degrees
    crs: Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9:_ -]+$")] = coordinates.WGS84


LonLat = Annotated[list[Degrees], Field(min_length=2, max_length=2)]
AnyPosition = LonLat | PositionBody
"""``[lon, lat]`` in WGS 84, or an object that names its coordinate system."""

DeclaredDivision = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4,12}$",
        description="Where it is, for what has no point, or lies in a division without boundary",
    ),
]
Version = ObjectId


def left_out(value: Any) -> Any:
    """The value of a field of a PATCH that was not given: it means nothing and is not documented as a default."""
    return Field(default=value, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def placing_of(position: AnyPosition | None, division: str | None) -> Placing:
    """Where a body says that something stands, in WGS 84. Raises a problem that says what would be right."""
    point = None
    if position is not None:
        given = (
            position if isinstance(position, PositionBody) else PositionBody(lon=position[0], lat=position[1])
        )
        try:
            point = coordinates.position(given.lon, given.lat, given.crs)
        except coordinates.CoordinateError as error:
            wrong = FieldError(
                where="body.position", what=str(error), right="[lon, lat] in WGS 84, or with its crs"
            )
            raise Problem("wrong-input", "The position is wrong.", [wrong]) from None
    return Placing(position=point, division=division_code(division, "body.division") if division else None)


def actor_of(who: Reader) -> Actor:
    """The reader as the registry and its log name them."""
    return Actor(user_id=who.user_id, username=who.username)


@contextmanager
def registering(request: Request, who: Reader, permission: str) -> Iterator[Connection[Any]]:
    """A transaction of the registry: what it refuses becomes a problem, and nothing is changed."""
    try:
        with sync_transaction(request, who, permission) as conn:
            yield conn
    except registry.NotInScopeError as error:
        raise Problem("not-found", _sentence(error)) from error
    except registry.OutsideScopeError as error:
        raise Problem("not-permitted", _sentence(error)) from error
    except registry.ChangedMeanwhileError as error:
        raise Problem("changed-meanwhile", _sentence(error)) from error
    except registry.ConflictError as error:
        raise Problem("conflict", _sentence(error), _taken(error)) from error


def _taken(error: registry.ConflictError) -> list[FieldError]:
    if error.field is None:
        return []
    return [FieldError(where=f"body.{error.field}", what="another has it already", right="one of its own")]


def _sentence(error: registry.RegistryError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:] + "."


async def page_of(
    request: Request,
    conn: AsyncConnection[Any],
    statements: Mapping[str, str],
    wanted: Mapping[str, Any],
    bbox: str | None,
    limit: int,
    cursor: str | None,
    count: bool,
) -> dict[str, Any]:
    """A page of sites or devices by number, as GeoJSON. ``statements`` has ``page`` and ``count``."""
    after = decode_cursor(cursor, int)
    bounds = dict(zip("wsen", parse_bbox(bbox) or (None,) * 4, strict=True))
    values = {**wanted, **bounds, "after": after[0] if after else 0, "limit": limit + 1}
    rows = await (await conn.execute(statements["page"], values)).fetchall()
    total = await (await conn.execute(statements["count"], values)).fetchone() if count else None
    more = encode_cursor(rows[limit - 1][0]) if len(rows) > limit else None
    page = collection(request, [orjson.loads(row[1]) for row in rows[:limit]], more)
    return page | ({"count": total[0]} if total else {})
