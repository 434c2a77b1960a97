"""Sites, and whom to call there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from alarms.registry import sites
from api.auth.dependencies import Reader, require, transaction
from api.errors import Problem
from api.inputs import Body, DivisionFilter, Id, Line, ObjectId, QueryText, Reason
from api.paging import BboxText, Cursor, Limit
from api.routes.contacts import Contact
from api.routes.registering import (
    READ,
    WRITE,
    AnyPosition,
    Count,
    DeclaredDivision,
    Version,
    actor_of,
    left_out,
    page_of,
    placing_of,
    registering,
)
from api.schemas import Link, Point
from gis.model import SiteKind

router = APIRouter(prefix="/api/v1/sites", tags=["registry"])

Viewer = Annotated[Reader, Depends(require("site.read"))]
Writer = Annotated[Reader, Depends(require("site.write"))]


class Interval(Body):
    """A weekly interval in which the site is armed, in the installation's zone; over midnight is allowed."""

    days: Annotated[list[Annotated[int, Field(ge=1, le=7, strict=True)]], Field(min_length=1, max_length=7)]
    since: Annotated[str, Field(alias="from", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    to: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


Schedule = Annotated[list[Interval], Field(max_length=50)]


class SiteProperties(BaseModel):
    """A site without its position."""

    id: int
    version: int
    external_ref: str | None
    kind: SiteKind
    name: str
    address: str
    unit: str
    source_crs: str
    grid_cell: str | None
    county: str | None
    township: str | None
    village: str | None
    organisation_id: int | None
    armed_schedule: list[dict[str, Any]] | None
    armed_override: bool | None
    synthetic: bool
    retired_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Site(SiteProperties):
    """A site."""

    position: list[float] | None


class SiteDetail(Site):
    """A site and whom to call there."""

    contacts: list[Contact]


class SiteFeature(BaseModel):
    """A site on the map."""

    type: Literal["Feature"]
    id: int
    geometry: Point | None
    properties: SiteProperties


class SiteCollection(BaseModel):
    """A page of sites."""

    type: Literal["FeatureCollection"]
    features: list[SiteFeature]
    links: list[Link]
    count: int | None = None


class SiteBody(Body):
    """A site to add."""

    kind: SiteKind
    name: Annotated[Line, Field(min_length=1, pattern=r"\S")]
    address: Line = ""
    unit: Line = ""
    organisation_id: ObjectId | None = None
    external_ref: Annotated[Line, Field(min_length=1)] | None = None
    armed_schedule: Schedule | None = None
    armed_override: Annotated[bool, Field(strict=True)] | None = None
    position: AnyPosition | None = None
    division: DeclaredDivision | None = None


class SitePatch(Body):
    """What is to be different; what is left out stays. A position or division places the site anew."""

    version: Version | None = None
    kind: SiteKind = left_out(SiteKind.HOUSEHOLD)
    name: Annotated[Line, Field(min_length=1, pattern=r"\S")] = left_out("")
    address: Line = left_out("")
    unit: Line = left_out("")
    organisation_id: ObjectId | None = None
    external_ref: Annotated[Line, Field(min_length=1)] | None = None
    armed_schedule: Schedule | None = None
    armed_override: Annotated[bool, Field(strict=True)] | None = None
    position: AnyPosition | None = None
    division: DeclaredDivision | None = None


class RetireBody(Body):
    """Why."""

    reason: Reason


@router.get("", response_model=SiteCollection, response_model_exclude_unset=True, responses=READ)
async def list_sites(
    request: Request,
    who: Viewer,
    division: DivisionFilter,
    bbox: BboxText = None,
    kind: Annotated[list[SiteKind] | None, Query(max_length=6)] = None,
    state: Annotated[Literal["in_use", "retired"] | None, Query()] = None,
    q: QueryText = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    count: Count = False,
) -> Any:
    """Sites in scope by id, as GeoJSON; ``q`` looks into name and address."""
    wanted = {
        "division": division,
        "kinds": [one.value for one in kind] if kind else None,
        "retired": None if state is None else state == "retired",
        "q": q,
    }
    async with transaction(request, who, "site.read") as conn:
        return await page_of(request, conn, sites.SQL, wanted, bbox, limit, cursor, count)


@router.post("", status_code=201, response_model=Site, responses=WRITE)
def add_site(request: Request, who: Writer, body: SiteBody) -> Response:
    """Add a site; PostGIS joins it to its grid cell and tiers."""
    values = _values(body)
    with registering(request, who, "site.write") as conn:
        site_id = sites.create(conn, values, placing_of(body.position, body.division), actor_of(who))
        document = conn.execute(sites.SQL["document"], {"id": site_id}).fetchone()
    assert document is not None
    headers = {"Location": f"/api/v1/sites/{site_id}"}
    return Response(document[0], 201, headers, media_type="application/json")


@router.get("/{site_id}", response_model=SiteDetail, responses=READ)
async def get_site(request: Request, who: Viewer, site_id: Id) -> Any:
    """A site and whom to call there, numbers masked."""
    async with transaction(request, who, "site.read") as conn:
        row = await (await conn.execute(sites.SQL["document"], {"id": site_id})).fetchone()
        contacts = await (await conn.execute(sites.SQL["contacts"], {"id": site_id})).fetchall()
    if row is None:
        raise _not_there(site_id)
    return orjson.loads(row[0]) | {"contacts": [orjson.loads(one[0]) for one in contacts]}


@router.patch("/{site_id}", response_model=Site, responses=WRITE)
def change_site(request: Request, who: Writer, site_id: Id, body: SitePatch) -> Response:
    """Change a site; open incidents show it at once, and its devices move with it."""
    given = body.model_fields_set
    placing = placing_of(body.position, body.division) if given & {"position", "division"} else None
    if placing is not None and "position" not in given:
        placing = replace(placing, keeps_point=True)
    values = {name: value for name, value in _values(body).items() if name in given}
    with registering(request, who, "site.write") as conn:
        now = datetime.now(UTC)
        sites.change(conn, site_id, values, placing, actor_of(who), now, expected_version=body.version)
        document = conn.execute(sites.SQL["document"], {"id": site_id}).fetchone()
    assert document is not None
    return Response(document[0], media_type="application/json")


@router.post("/{site_id}/retire", response_model=Site, responses=WRITE)
def retire_site(request: Request, who: Writer, site_id: Id, body: RetireBody) -> Response:
    """It is no longer protected; its devices were moved or retired before."""
    with registering(request, who, "site.write") as conn:
        sites.retire(conn, site_id, body.reason, actor_of(who), datetime.now(UTC))
        document = conn.execute(sites.SQL["document"], {"id": site_id}).fetchone()
    assert document is not None
    return Response(document[0], media_type="application/json")


def _not_there(site_id: int) -> Problem:
    return Problem("not-found", f"There is no site {site_id} in your scope.")


def _values(body: SiteBody | SitePatch) -> dict[str, Any]:
    return body.model_dump(mode="json", by_alias=True, include=set(sites.FIELDS))
