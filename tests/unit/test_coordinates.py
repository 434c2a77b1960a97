"""Chinese coordinate systems there and back, distances, and what is refused."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis import coordinates
from gis.coordinates import BD09, CGCS2000, GCJ02, WGS84, CoordinateError

SHARED = Path(__file__).parents[3] / "shared/data/crs_vectors"
CITY = (110.35, 33.52, 112.02, 35.08)
lons = st.floats(73.5, 135.0)
lats = st.floats(3.9, 53.5)


# Published by eviltransform's own tests (BSD); 6 places.
@pytest.mark.parametrize(
    ("wgs84", "gcj02"),
    [
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
    ],
)
def test_gcj02_is_the_published_one(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    assert coordinates.from_wgs84(*wgs84, GCJ02) == pytest.approx(gcj02, abs=1e-9)


@given(lons, lats)
def test_the_way_back_is_exact_to_a_millimetre(lon: float, lat: float) -> None:
    for crs in (GCJ02, BD09):
        there = coordinates.from_wgs84(lon, lat, crs)
        # ground that GCJ-02 pushes over the rectangle's edge is not known to come from inside it
        if crs == GCJ02 and not coordinates._in_china(*there):
            continue
        back = coordinates.to_wgs84(*there, crs)
        assert float(coordinates.distance_m(lon, lat, *back)) < 0.001


@given(st.lists(st.tuples(lons, lats), min_size=1, max_size=20))
def test_arrays_and_single_points_agree(points: list[tuple[float, float]]) -> None:
    xs, ys = np.array(points).T
    many = np.array(coordinates.to_wgs84(xs, ys, BD09)).T
    single = [coordinates.to_wgs84(x, y, BD09) for x, y in points]
    assert many == pytest.approx(np.array(single), abs=1e-12)


def test_the_shift_across_this_city_is_not_constant() -> None:
    xs, ys = np.array([(111.0, 34.0), (111.18, 34.78), (111.87, 34.75), (110.87, 34.52), (111.05, 34.05)]).T
    metres = coordinates.distance_m(xs, ys, *coordinates.from_wgs84(xs, ys, GCJ02))
    assert metres.min() > 480
    assert metres.max() < 600
    assert metres.max() - metres.min() > 15, "never a constant shift"


def test_outside_china_gcj02_is_wgs84() -> None:
    for lon, lat in ((2.35, 48.85), (-77.0, 38.9), (139.7, 35.7)):
        assert np.array_equal(coordinates.to_wgs84(lon, lat, GCJ02), (lon, lat))
        assert np.array_equal(coordinates.from_wgs84(lon, lat, GCJ02), (lon, lat))


def test_names_that_people_write() -> None:
    for text, name in (
        ("gcj02", GCJ02), ("GCJ-02", GCJ02), ("bd-09", BD09), ("BD09", BD09), ("wgs 84", WGS84), ("4326", WGS84),
        ("EPSG:4490", CGCS2000), ("cgcs2000", CGCS2000), ("epsg:4547", "EPSG:4547"),
    ):  # fmt: skip
        assert coordinates.crs_name(text) == name
    with pytest.raises(CoordinateError, match="GCJ-02"):
        coordinates.crs_name("mars attacks")


@pytest.mark.parametrize("name", ["EPSG:4610", "EPSG:2361", "EPSG:4555"])
def test_a_datum_from_which_no_way_is_published_is_not_taken_for_wgs84(name: str) -> None:
    """Xian 1980, its 3-degree zone 37, New Beijing: PROJ would hand the numbers on as they are."""
    with pytest.raises(coordinates.CoordinateError, match=r"no published way .* CGCS2000"):
        coordinates.crs_name(name)


def test_a_gauss_kruger_position_comes_out_in_degrees() -> None:
    """CGCS2000 / 3-degree zone 37 (EPSG:4525), as survey offices of this city use it: there and back."""
    x, y = coordinates.from_wgs84(111.2, 34.78, "EPSG:4525")
    assert 37_500_000 < x < 37_600_000
    assert coordinates.to_wgs84(x, y, "EPSG:4525") == pytest.approx((111.2, 34.78), abs=1e-8)
    one = coordinates.position(float(x), float(y), "EPSG:4525", within=CITY)
    assert (one.lon, one.lat) == pytest.approx((111.2, 34.78), abs=1e-8)
    assert one.source_crs == "EPSG:4525"


@pytest.mark.parametrize(
    ("lon", "lat", "says"),
    [
        (34.78, 111.2, "swapped"), (math.nan, 34.0, "numbers"), (math.inf, 34.0, "numbers"), (0.0, 0.0, "Guinea"),
        (190.0, 95.0, "globe"), (200.0, 34.0, "globe"), (116.4, 39.9, "outside the city"),
    ],
)  # fmt: skip
def test_a_wrong_point_is_refused_in_words(lon: float, lat: float, says: str) -> None:
    for crs in (WGS84, GCJ02, BD09):
        with pytest.raises(CoordinateError, match=says):
            coordinates.position(lon, lat, crs, within=CITY)


def test_many_points_name_the_wrong_ones_only() -> None:
    wrong = coordinates.problems([111.2, 34.7, math.nan, 111.3], [34.7, 111.2, 34.7, 34.8], CITY)
    assert sorted(wrong) == [1, 2]
    assert "swapped" in wrong[1]


def test_a_distance_is_geodesic() -> None:
    """One degree of latitude at 34 N, from Karney's GeographicLib: 110,922.7 m; symmetric; nothing to itself."""
    assert float(coordinates.distance_m(111, 34, 111, 35)) == pytest.approx(110_930, abs=15)
    assert float(coordinates.distance_m(111, 34, 111, 34)) == 0
    many = coordinates.distance_m([111, 111.1], [34, 34], 111, 34)
    assert many.shape == (2,)


def test_against_the_vectors_of_gcoord_and_eviltransform() -> None:
    """gcoord's cities came from a map's service, whose GCJ-02 is within a metre of the public formula."""
    cities = json.loads((SHARED / "gcoord_china_cities.json").read_text())
    wgs84, gcj02, bd09 = (
        np.array([city["coords"][name] for city in cities]).T for name in ("WGS84", "GCJ02", "BD09")
    )
    assert np.abs(np.array(coordinates.wgs84_to_gcj02(*wgs84)) - gcj02).max() < 1e-5
    assert np.abs(np.array(coordinates.gcj02_to_wgs84(*gcj02)) - wgs84).max() < 1e-5
    assert np.abs(np.array(coordinates.gcj02_to_bd09(*gcj02)) - bd09).max() < 1.5e-7
    assert np.abs(np.array(coordinates.bd09_to_gcj02(*bd09)) - gcj02).max() < 1.5e-7
    # eviltransform's BD-09 leaves out the factor 3000/180, so only its GCJ-02 is an oracle
    cases = json.loads((SHARED / "eviltransform.json").read_text())["cases"]
    oracles = [case for case in cases if case["frm"] == "WGS84"]
    assert oracles
    for case in oracles:
        assert coordinates.wgs84_to_gcj02(case["lon"], case["lat"]) == pytest.approx(
            (case["exp_lon"], case["exp_lat"]), abs=1e-9
        )


# the wider run, where the shared vectors are beside this checkout
test_against_the_vectors_of_gcoord_and_eviltransform.__test__ = SHARED.exists()  # type: ignore[attr-defined]
