"""Divisions: the tree of the first four tiers, and their boundaries. Names of places are no secret: no scope."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel

from api.auth.dependencies import Reader, require, transaction
from api.errors import Problem, documented
from api.inputs import DivisionCode, QueryText, division_code
from api.paging import Cursor, Limit, decode_cursor, encode_cursor, next_links
from api.schemas import Link
from gis import divisions as codes
from gis import overview

router = APIRouter(prefix="/api/v1/divisions", tags=["places"])
Viewer = Annotated[Reader, Depends(require("division.read"))]
READ = documented("signed-out", "not-permitted", "not-found", "wrong-input", "database-away")


class Division(BaseModel):
    """A division in force; ``bounds`` is west, south, east, north."""

    code: str
    tier: int
    name: str
    name_latin: str | None
    parent_code: str | None
    has_boundary: bool
    synthetic: bool
    label_point: list[float] | None
    bounds: list[float] | None


class DivisionPage(BaseModel):
    """A page of divisions."""

    items: list[Division]
    links: list[Link]


class BoundaryProperties(BaseModel):
    """What a boundary belongs to."""

    code: str
    tier: int
    name: str
    synthetic: bool


class Boundary(BaseModel):
    """A GeoJSON Feature; geometry is null where the division has no boundary."""

    type: Literal["Feature"] = "Feature"
    geometry: dict[str, Any] | None
    properties: BoundaryProperties


@router.get("", response_model=DivisionPage, responses=READ)
async def list_divisions(
    request: Request,
    who: Viewer,
    tier: Annotated[
        int | None, Query(ge=1, le=4, description="1 city, 2 county, 3 township, 4 village")
    ] = None,
    division: DivisionCode = None,
    q: QueryText = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Divisions by code; ``division`` takes those below one."""
    after = decode_cursor(cursor, str)
    prefix = codes.prefix(division_code(division)) if division else None
    async with transaction(request, who, "division.read") as conn:
        found = await overview.divisions_after(
            conn, after[0] if after else "", limit + 1, tier=tier, prefix=prefix, q=q
        )
    more = encode_cursor(found[limit - 1]["code"]) if len(found) > limit else None
    return {"items": found[:limit], "links": next_links(request, more)}


@router.get("/{code}/boundary", response_model=Boundary, responses=READ)
async def get_boundary(
    request: Request, who: Viewer, code: Annotated[str, Path(pattern=r"^[0-9]{4,12}$")]
) -> Any:
    """A division's boundary."""
    full = division_code(code, "path.code")
    async with transaction(request, who, "division.read") as conn:
        found = await overview.boundary(conn, full)
    if found is None:
        raise Problem("not-found", f"There is no division {full}.")
    geometry = found.pop("geometry")
    return {"type": "Feature", "geometry": geometry, "properties": found}
