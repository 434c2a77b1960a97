"""Coordinate systems of China, and metres.

Everything is stored in WGS 84 (EPSG:4326). CGCS2000 (EPSG:4490) is the same to centimetres. GCJ-02 (the "Mars"
coordinates of every Chinese phone map) and BD-09 (Baidu's, laid over GCJ-02) are not datums but obfuscations: there is
no EPSG code and no constant shift, so they have names of their own here. The formulas are the public ones that gcoord,
eviltransform and coordtransform agree on; the way back has no formula and is found by iteration, to less than a
millimetre.

Outside China GCJ-02 is WGS 84. The rule, as maps and libraries have it, is a rectangle and not the border: longitude
72.004 to 137.8347, latitude 0.8293 to 55.8271.

All functions take longitude first, in degrees, as numbers or numpy arrays. Nothing here does input or output.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray

from gis.model import Position

WGS84 = "EPSG:4326"
CGCS2000 = "EPSG:4490"
GCJ02 = "GCJ-02"
BD09 = "BD-09"

Floats = NDArray[np.float64]
Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

_CHINA: Bounds = (72.004, 0.8293, 137.8347, 55.8271)
_KRASOVSKY_A_M = 6378245.0
_KRASOVSKY_EE = 0.00669342162296594323
_BAIDU_PI = math.pi * 3000.0 / 180.0
_CLOSE_ENOUGH_DEG = 1e-11
_NAMES = {"WGS84": WGS84, "CGCS2000": CGCS2000, "GCJ02": GCJ02, "MARS": GCJ02, "BD09": BD09, "BAIDU": BD09}


class CoordinateError(ValueError):
    """Coordinates or a coordinate system that cannot be used; the message says what would be right."""


def crs_name(text: str) -> str:
    """The one name for what people write: ``GCJ-02``, ``BD-09`` or ``EPSG:n``. Raises CoordinateError, also for a
    system of which nobody has published how it lies to WGS 84 (Xian 1980)."""
    word = text.strip().upper().replace("-", "").replace("_", "").replace(" ", "")
    if word in _NAMES:
        return _NAMES[word]
    given = f"EPSG:{word}" if word.isascii() and word.isdigit() else text.strip()
    try:
        crs = pyproj.CRS.from_user_input(given)
    except pyproj.exceptions.CRSError as error:
        raise CoordinateError(
            f"no coordinate system is called {text!r}: say WGS84, CGCS2000, GCJ-02, BD-09 or an EPSG code (EPSG:4547)"
        ) from error
    code = crs.to_epsg(min_confidence=70)
    if code is None:
        raise CoordinateError(f"the coordinate system {crs.name!r} has no EPSG code: say which one it is")
    name = f"EPSG:{code}"
    if not _way_is_known(name):
        raise CoordinateError(
            f"no published way leads from {crs.name} to WGS 84, and taken for the same it would be up to a hundred "
            "metres off: have the survey office convert it to CGCS2000 (EPSG:4490), which is right here"
        )
    return name


def to_wgs84(xs: ArrayLike, ys: ArrayLike, crs: str = WGS84) -> tuple[Floats, Floats]:
    """Longitudes and latitudes in WGS 84 of points in ``crs``; NaN stays NaN, and comes where no way leads back."""
    x, y = np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    name = crs_name(crs)
    if name in (WGS84, CGCS2000):
        return x, y
    if name == GCJ02:
        return gcj02_to_wgs84(x, y)
    if name == BD09:
        return gcj02_to_wgs84(*bd09_to_gcj02(x, y))
    return _finite(*_transformer(name, WGS84).transform(x, y))


def from_wgs84(lons: ArrayLike, lats: ArrayLike, crs: str) -> tuple[Floats, Floats]:
    """Points given in WGS 84 as x and y (longitude and latitude) in ``crs``."""
    lon, lat = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
    name = crs_name(crs)
    if name in (WGS84, CGCS2000):
        return lon, lat
    if name == GCJ02:
        return wgs84_to_gcj02(lon, lat)
    if name == BD09:
        return gcj02_to_bd09(*wgs84_to_gcj02(lon, lat))
    return _finite(*_transformer(WGS84, name).transform(lon, lat))


def position(x: float, y: float, crs: str = WGS84, within: Bounds | None = None) -> Position:
    """One point as a checked ``Position`` in WGS 84. Raises CoordinateError (see ``problem``)."""
    name = crs_name(crs)
    if name.startswith("EPSG:") and not pyproj.CRS.from_user_input(name).is_geographic:
        wrong = (
            None if math.isfinite(x) and math.isfinite(y) else f"{x}, {y} is no point: both must be numbers"
        )
    else:
        wrong = problem(x, y)
    if wrong is None:
        lon, lat = (float(value) for value in to_wgs84(x, y, name))
        wrong = problem(lon, lat, within)
    if wrong is not None:
        raise CoordinateError(wrong)
    return Position(lon=lon, lat=lat, source_crs=name)


def problem(lon: float, lat: float, within: Bounds | None = None) -> str | None:
    """What is wrong with a point in degrees, in words, or None.

    ``within``: where points are expected, the city's bounds; it also tells more swapped pairs from right ones.
    """
    if not (math.isfinite(lon) and math.isfinite(lat)):
        return f"{lon}, {lat} is no point: both must be numbers"
    if lon == 0 and lat == 0:
        return "0, 0 is what a device without a position says, and lies in the Gulf of Guinea"
    if abs(lat) > 90 and abs(lon) <= 90:
        return f"longitude and latitude look swapped: {lon}, {lat} would be right as {lat}, {lon}"
    if abs(lon) > 180 or abs(lat) > 90:
        return f"{lon}, {lat} is not on the globe: longitude is -180 to 180, latitude -90 to 90, in degrees"
    if within is not None and not _inside(lon, lat, within):
        if _inside(lat, lon, within):
            return f"longitude and latitude look swapped: {lon}, {lat} would be right as {lat}, {lon}"
        west, south, east, north = within
        return (
            f"{lon:.6f}, {lat:.6f} is outside the city: longitude {west:.3f} to {east:.3f}, "
            f"latitude {south:.3f} to {north:.3f} is right"
        )
    return None


def problems(lons: Sequence[float], lats: Sequence[float], within: Bounds | None = None) -> dict[int, str]:
    """``problem`` for many points: index -> what is wrong, of the wrong ones only."""
    x, y = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
    west, south, east, north = within or (-180.0, -90.0, 180.0, 90.0)
    with np.errstate(invalid="ignore"):
        fine = (x >= west) & (x <= east) & (y >= south) & (y <= north) & ~((x == 0) & (y == 0))
    found = {int(n): problem(float(x[n]), float(y[n]), within) for n in np.flatnonzero(~fine)}
    return {n: wrong for n, wrong in found.items() if wrong is not None}


def distance_m(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> Floats:
    """Geodesic distance in metres on the WGS 84 ellipsoid (Karney's algorithm, in PROJ)."""
    arrays = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (lon1, lat1, lon2, lat2)))
    a, b, c, d = (np.atleast_1d(one) for one in arrays)
    metres = _geod().inv(a, b, c, d)[2]
    return np.asarray(metres, dtype=np.float64).reshape(arrays[0].shape)


def wgs84_to_gcj02(lons: ArrayLike, lats: ArrayLike) -> tuple[Floats, Floats]:
    """WGS 84 to GCJ-02; unchanged outside China."""
    lon, lat = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
    d_lon, d_lat = _gcj02_offset(lon, lat)
    china = _in_china(lon, lat)
    return np.where(china, lon + d_lon, lon), np.where(china, lat + d_lat, lat)


def gcj02_to_wgs84(lons: ArrayLike, lats: ArrayLike) -> tuple[Floats, Floats]:
    """GCJ-02 to WGS 84, by fixed-point iteration; unchanged outside China."""
    x, y = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
    lon, lat = x, y
    for _ in range(20):
        d_lon, d_lat = _gcj02_offset(lon, lat)
        step_x, step_y = x - d_lon - lon, y - d_lat - lat
        lon, lat = lon + step_x, lat + step_y
        if _settled(step_x, step_y):
            break
    china = _in_china(x, y)
    return np.where(china, lon, x), np.where(china, lat, y)


def gcj02_to_bd09(lons: ArrayLike, lats: ArrayLike) -> tuple[Floats, Floats]:
    """GCJ-02 to BD-09."""
    x, y = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
    z = np.hypot(x, y) + 0.00002 * np.sin(y * _BAIDU_PI)
    theta = np.arctan2(y, x) + 0.000003 * np.cos(x * _BAIDU_PI)
    return z * np.cos(theta) + 0.0065, z * np.sin(theta) + 0.006


def bd09_to_gcj02(lons: ArrayLike, lats: ArrayLike) -> tuple[Floats, Floats]:
    """BD-09 to GCJ-02, by fixed-point iteration."""
    x, y = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
    lon, lat = x - 0.0065, y - 0.006
    for _ in range(20):
        back_x, back_y = gcj02_to_bd09(lon, lat)
        step_x, step_y = x - back_x, y - back_y
        lon, lat = lon + step_x, lat + step_y
        if _settled(step_x, step_y):
            break
    return lon, lat


def _gcj02_offset(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """The obfuscation in degrees, as if everywhere were China."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    common = (20.0 * np.sin(6.0 * math.pi * x) + 20.0 * np.sin(2.0 * math.pi * x)) * 2.0 / 3.0
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    north_m = north_m + (20.0 * np.sin(math.pi * y) + 40.0 * np.sin(math.pi * y / 3.0)) * 2.0 / 3.0
    north_m = north_m + (160.0 * np.sin(math.pi * y / 12.0) + 320.0 * np.sin(math.pi * y / 30.0)) * 2.0 / 3.0
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    east_m = east_m + (20.0 * np.sin(math.pi * x) + 40.0 * np.sin(math.pi * x / 3.0)) * 2.0 / 3.0
    east_m = east_m + (150.0 * np.sin(math.pi * x / 12.0) + 300.0 * np.sin(math.pi * x / 30.0)) * 2.0 / 3.0
    rad = np.deg2rad(lat)
    magic = 1.0 - _KRASOVSKY_EE * np.sin(rad) ** 2
    metres_per_deg_lat = _KRASOVSKY_A_M * (1.0 - _KRASOVSKY_EE) / (magic * np.sqrt(magic)) * math.pi / 180.0
    metres_per_deg_lon = _KRASOVSKY_A_M / np.sqrt(magic) * np.cos(rad) * math.pi / 180.0
    return east_m / metres_per_deg_lon, north_m / metres_per_deg_lat


def _in_china(lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    west, south, east, north = _CHINA
    with np.errstate(invalid="ignore"):
        return np.asarray((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))


def _inside(lon: float, lat: float, bounds: Bounds) -> bool:
    return bounds[0] <= lon <= bounds[2] and bounds[1] <= lat <= bounds[3]


def _settled(step_x: Floats, step_y: Floats) -> bool:
    with np.errstate(invalid="ignore"):
        return not bool(np.any(np.maximum(np.abs(step_x), np.abs(step_y)) > _CLOSE_ENOUGH_DEG))


def _finite(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """PROJ says inf where a point is outside a projection; here that is NaN."""
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    fine = np.isfinite(xs) & np.isfinite(ys)
    return np.where(fine, xs, np.nan), np.where(fine, ys, np.nan)


@lru_cache(maxsize=256)
def _way_is_known(name: str) -> bool:
    """Whether PROJ has a way to WGS 84, or to CGCS2000, which is the same here. Without one it would take the numbers
    of one datum for those of the other, and call that a "ballpark" transformation."""
    for target in (WGS84, CGCS2000):
        try:
            pyproj.Transformer.from_crs(name, target, allow_ballpark=False)
        except pyproj.exceptions.ProjError:
            continue
        return True
    return False


@lru_cache(maxsize=32)
def _transformer(source: str, target: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


@lru_cache(maxsize=1)
def _geod() -> pyproj.Geod:
    return pyproj.Geod(ellps="WGS84")
