"""Geometry to and from PostGIS, as well-known binary."""

from __future__ import annotations

from typing import Any, cast

import shapely
from shapely.geometry.base import BaseGeometry

WGS84_SRID = 4326
Shape = shapely.Polygon | shapely.MultiPolygon


def read_shape(wkb: bytes) -> Shape:
    """A polygon or multipolygon from ``ST_AsBinary``."""
    return cast("Shape", cast("Any", shapely.from_wkb)(wkb))


def ewkb(geometry: BaseGeometry, srid: int = WGS84_SRID) -> str:
    """A geometry as hexadecimal EWKB, which COPY and parameters take for a geometry."""
    marked = cast("Any", shapely.set_srid)(geometry, srid)
    return str(cast("Any", shapely.to_wkb)(marked, hex=True, include_srid=True))
