"""Where a point is, and what is near: asked before something is put there."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from api.auth.dependencies import Reader, require, transaction
from api.errors import FieldError, Problem
from api.inputs import DivisionCode, division_code
from api.routes.registering import READ
from gis import coordinates, locate
from gis.model import SiteKind

router = APIRouter(prefix="/api/v1/locate", tags=["registry"])

Placer = Annotated[Reader, Depends(require("site.write"))]
Degrees = Annotated[float, Query(allow_inf_nan=False, ge=-1e8, le=1e8)]


class NamedDivision(BaseModel):
    """A division that the point lies in."""

    tier: int
    code: str
    name: str
    name_latin: str | None


class NamedCell(BaseModel):
    """The grid cell that the point lies in."""

    code: str
    name: str


class Neighbour(BaseModel):
    """A site in scope near the point, with its distance and how many devices it has."""

    id: int
    kind: SiteKind
    name: str
    address: str
    unit: str
    distance_m: float
    devices: int


class Location(BaseModel):
    """Where a point is. ``tiers`` is empty where no division's boundary covers it: such things are the city desk's.

    ``may_place``: whether a site may be added there by who asks; ``organisation_id``: the organisation it has to be of.
    """

    position: list[float]
    source_crs: str
    tiers: list[NamedDivision]
    grid_cell: NamedCell | None
    county: str | None
    township: str | None
    village: str | None
    may_place: bool
    organisation_id: int | None
    within_m: float
    neighbours: list[Neighbour]


@router.get("", response_model=Location, responses=READ)
async def locate_point(
    request: Request,
    who: Placer,
    lon: Degrees,
    lat: Degrees,
    crs: Annotated[
        str,
        Query(max_length=40, pattern=r"^[A-Za-z0-9:_ -]+$", description="WGS 84 unless it says otherwise"),
    ] = coordinates.WGS84,
    within_m: Annotated[float, Query(gt=0, le=5000, allow_inf_nan=False)] = 200.0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    division: DivisionCode = None,
) -> Any:
    """A point's tiers and grid cell, and the sites in scope within some metres, the nearest first.

    With ``division`` as a site would be placed that is declared to be there: it stands where that division has no
    boundary and the point does not contradict it.
    """
    try:
        point = coordinates.position(lon, lat, crs)
    except coordinates.CoordinateError as error:
        wrong = FieldError(
            where="query.lon", what=str(error), right="degrees, longitude first: 111.195, 34.778"
        )
        raise Problem("wrong-input", "The position is wrong.", [wrong]) from None
    values = {
        "lon": point.lon,
        "lat": point.lat,
        "city": request.app.state.settings.city_code,
        "division": division_code(division) if division else None,
        "within_m": within_m,
        "limit": limit,
    }
    async with transaction(request, who, "site.write") as conn:
        row = await (await conn.execute(locate.SQL["where_is"], values)).fetchone()
        near = await (await conn.execute(locate.SQL["sites_near"], values)).fetchall()
    assert row is not None
    found = {
        "position": [round(point.lon, 6), round(point.lat, 6)],
        "source_crs": point.source_crs,
        "within_m": within_m,
        "neighbours": [orjson.loads(one[0]) for one in near],
    }
    return orjson.loads(row[0]) | found
