"""Organisations: police, security companies, insurers, government, village committees."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from psycopg import Connection
from psycopg.rows import dict_row
from pydantic import BaseModel, Field

from alarms.registry import people
from api.auth.dependencies import Reader, require, transaction
from api.errors import Problem
from api.inputs import Body, Id, Line, QueryText
from api.paging import Cursor, Limit, decode_cursor, encode_cursor, next_links
from api.routes.contacts import PHONE
from api.routes.registering import READ, WRITE, actor_of, left_out, registering
from api.schemas import Link

router = APIRouter(prefix="/api/v1/organisations", tags=["people"])

Viewer = Annotated[Reader, Depends(require("organisation.read"))]
Writer = Annotated[Reader, Depends(require("organisation.write"))]
Kind = Literal["police", "security_company", "insurer", "government", "village_committee"]


class Organisation(BaseModel):
    """An organisation."""

    id: int
    name: str
    kind: Kind
    phone: str | None


class OrganisationPage(BaseModel):
    """A page of organisations."""

    items: list[Organisation]
    links: list[Link]


class OrganisationBody(Body):
    """An organisation to add."""

    name: Annotated[Line, Field(min_length=1, pattern=r"\S")]
    kind: Kind
    phone: Annotated[str, Field(pattern=PHONE)] | None = None


class OrganisationPatch(Body):
    """What is to be different; what is left out stays."""

    name: Annotated[Line, Field(min_length=1, pattern=r"\S")] = left_out("")
    kind: Kind = left_out("government")
    phone: Annotated[str, Field(pattern=PHONE)] | None = None


@router.get("", response_model=OrganisationPage, responses=READ)
async def list_organisations(
    request: Request,
    who: Viewer,
    kind: Annotated[list[Kind] | None, Query(max_length=5)] = None,
    q: QueryText = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Organisations by number; whose grants are all of certain organisations sees those only."""
    after = decode_cursor(cursor, int)
    values = {"after": after[0] if after else 0, "q": q, "kinds": kind, "limit": limit + 1}
    async with transaction(request, who, "organisation.read") as conn:
        rows = await (await conn.execute(people.SQL["organisations"], values)).fetchall()
    more = encode_cursor(rows[limit - 1][0]) if len(rows) > limit else None
    return {"items": [orjson.loads(row[1]) for row in rows[:limit]], "links": next_links(request, more)}


@router.get("/{organisation_id}", response_model=Organisation, responses=READ)
async def get_organisation(request: Request, who: Viewer, organisation_id: Id) -> Any:
    """One organisation."""
    async with (
        transaction(request, who, "organisation.read") as conn,
        conn.cursor(row_factory=dict_row) as cursor,
    ):
        found = await (await cursor.execute(people.SQL["organisation"], {"id": organisation_id})).fetchone()
    if found is None:
        raise Problem("not-found", f"There is no organisation {organisation_id} in your scope.")
    return found


@router.post("", status_code=201, response_model=Organisation, responses=WRITE)
def add_organisation(request: Request, response: Response, who: Writer, body: OrganisationBody) -> Any:
    """Add an organisation; the whole city's administrators do."""
    with registering(request, who, "organisation.write") as conn:
        number = people.add_organisation(conn, body.model_dump(), actor_of(who))
        response.headers["Location"] = f"/api/v1/organisations/{number}"
        return _document(conn, number)


@router.patch("/{organisation_id}", response_model=Organisation, responses=WRITE)
def change_organisation(request: Request, who: Writer, organisation_id: Id, body: OrganisationPatch) -> Any:
    """Change an organisation; the whole city's administrators do."""
    values = body.model_dump(include=body.model_fields_set)
    with registering(request, who, "organisation.write") as conn:
        people.change_organisation(conn, organisation_id, values, actor_of(who))
        return _document(conn, organisation_id)


def _document(conn: Connection[Any], number: int) -> dict[str, Any]:
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(people.SQL["organisation"], {"id": number}).fetchone()
    assert found is not None
    return found
