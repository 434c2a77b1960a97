"""Grid cells: the smallest areas with named people in charge. Their borders are no secret: no scope."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from api.auth.dependencies import Reader, require, transaction
from api.inputs import DivisionCode, QueryText, division_code
from api.paging import BboxText, Cursor, Limit, decode_cursor, encode_cursor, next_links, parse_bbox
from api.routes.registering import READ
from api.schemas import Link
from gis import cells, divisions

router = APIRouter(prefix="/api/v1/grid-cells", tags=["places"])
Viewer = Annotated[Reader, Depends(require("division.read"))]


class MultiPolygon(BaseModel):
    """A GeoJSON geometry."""

    type: Literal["MultiPolygon"]
    coordinates: list[list[list[list[float]]]]


class CellProperties(BaseModel):
    """What a cell is called and where it belongs; ``synthetic``: its border was drawn by us, not surveyed."""

    code: str
    village: str
    name: str
    synthetic: bool


class CellFeature(BaseModel):
    """A grid cell on the map."""

    type: Literal["Feature"]
    id: str
    geometry: MultiPolygon
    properties: CellProperties


class CellCollection(BaseModel):
    """A page of grid cells."""

    type: Literal["FeatureCollection"]
    features: list[CellFeature]
    links: list[Link]


@router.get("", response_model=CellCollection, responses=READ)
async def list_grid_cells(
    request: Request,
    who: Viewer,
    bbox: BboxText = None,
    division: DivisionCode = None,
    q: QueryText = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Grid cells in force by code, as GeoJSON; ``q`` looks into the name, or is the beginning of the code."""
    after = decode_cursor(cursor, str)
    prefix = divisions.prefix(division_code(division)) if division else None
    async with transaction(request, who, "division.read") as conn:
        found = await cells.cells_after(
            conn, after[0] if after else "", limit + 1, prefix=prefix, bounds=parse_bbox(bbox), q=q
        )
    more = encode_cursor(found[limit - 1]["id"]) if len(found) > limit else None
    return {"type": "FeatureCollection", "features": found[:limit], "links": next_links(request, more)}
