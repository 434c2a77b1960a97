"""Points are joined to their grid cell and tiers by PostGIS, whatever tier has a polygon."""

from typing import Any

import psycopg
import pytest

from gis.locate import Located, locate_points, place_devices, place_sites

SQUARE = "MULTIPOLYGON((({0} {1},{2} {1},{2} {3},{0} {3},{0} {1})))"


def _division(conn: psycopg.Connection[Any], code: str, tier: int, box: tuple[float, ...] | None) -> None:
    conn.execute(
        "INSERT INTO divisions (code, tier, name, boundary) VALUES (%s, %s, %s, ST_GeomFromText(%s, 4326))",
        (code, tier, code, SQUARE.format(*box) if box else None),
    )


@pytest.fixture
def world(owner_conn: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """A city of 1 degree; a county in its west half; township, village and two cells below; a county without any."""
    _division(owner_conn, "411200000000", 1, (110, 34, 111, 35))
    _division(owner_conn, "411202000000", 2, (110, 34, 110.5, 35))
    _division(owner_conn, "411202001000", 3, (110, 34, 110.4, 34.5))
    _division(owner_conn, "411202001001", 4, (110, 34, 110.2, 34.2))
    _division(owner_conn, "411271000000", 2, None)
    _division(owner_conn, "411271560000", 3, None)
    _division(owner_conn, "411271560200", 4, None)
    for code, west, east in (("411202001001-001", 110, 110.1), ("411202001001-002", 110.1, 110.2)):
        owner_conn.execute(
            "INSERT INTO grid_cells (code, village, boundary) VALUES (%s, '411202001001', ST_GeomFromText(%s, 4326))",
            (code, SQUARE.format(west, 34, east, 34.2)),
        )
    return owner_conn


def _site(
    conn: psycopg.Connection[Any], lon: float | None, lat: float | None, village: str | None = None
) -> int:
    row = conn.execute(
        "INSERT INTO sites (kind, name, position, village)"
        " VALUES ('household', '李家', ST_SetSRID(ST_MakePoint(%s, %s), 4326), %s) RETURNING id",
        (lon, lat, village),
    ).fetchone()
    assert row is not None
    return int(row[0])


def _place(conn: psycopg.Connection[Any], table: str, row_id: int) -> tuple[Any, ...]:
    row = conn.execute(
        f"SELECT grid_cell, county, township, village FROM {table} WHERE id = %s",
        (row_id,),
    ).fetchone()
    assert row is not None
    return tuple(row)


def test_the_smallest_polygon_decides_and_the_tiers_follow_from_its_code(
    world: psycopg.Connection[Any],
) -> None:
    cell, village, township, county, city_only, outside = locate_points(
        world, [110.05, 110.15, 110.3, 110.45, 110.9, 99.0], [34.1, 34.1, 34.1, 34.9, 34.9, 34.0]
    )
    assert cell is not None
    assert (cell.grid_cell, cell.village) == ("411202001001-001", "411202001001")
    assert village is not None
    assert village.grid_cell == "411202001001-002"
    assert township == Located(
        grid_cell_id=None, grid_cell=None, county="411202000000", township="411202001000", village=None
    )
    assert county is not None
    assert (county.county, county.township) == ("411202000000", None)
    assert city_only is None
    assert outside is None


def test_a_point_on_a_shared_border_has_one_cell_always_the_same(world: psycopg.Connection[Any]) -> None:
    (one,) = locate_points(world, [110.1], [34.1])
    assert one is not None
    assert one.grid_cell == "411202001001-001"


def test_a_closed_cell_places_nothing(world: psycopg.Connection[Any]) -> None:
    world.execute("UPDATE grid_cells SET valid_to = current_date")
    (one,) = locate_points(world, [110.05], [34.1])
    assert one is not None
    assert (one.grid_cell, one.village) == (None, "411202001001")


def test_a_declared_village_without_a_boundary_stands(world: psycopg.Connection[Any]) -> None:
    inside = _site(world, 110.05, 34.1, village="411271560200")
    elsewhere = _site(world, 99.0, 34.1, village="411271560200")
    no_point = _site(world, None, None, village="411271560200")
    contradicted = _site(world, 110.9, 34.9, village="411202001001")
    place_sites(world, [inside, elsewhere, no_point, contradicted])
    assert _place(world, "sites", inside) == (None, "411271000000", "411271560000", "411271560200")
    assert _place(world, "sites", elsewhere) == (None, None, None, None)
    assert _place(world, "sites", no_point) == (None, "411271000000", "411271560000", "411271560200")
    assert _place(world, "sites", contradicted) == (None, None, None, None)


def test_a_device_is_where_its_own_position_or_else_its_site_is(world: psycopg.Connection[Any]) -> None:
    site = _site(world, 110.05, 34.1)
    assert place_sites(world, [site]) == 1
    assert place_sites(world, [site]) == 0, "what has not moved is not written again"
    rows = world.execute(
        "INSERT INTO devices (device_id, kind, site_id, position) VALUES"
        " ('at-site', 'infrared_sensor', %(s)s, NULL),"
        " ('own-place', 'camera', %(s)s, ST_SetSRID(ST_MakePoint(110.15, 34.1), 4326)),"
        " ('nowhere', 'tracker', NULL, NULL) RETURNING id",
        {"s": site},
    ).fetchall()
    ids = [int(row[0]) for row in rows]
    assert place_devices(world, ids) == 2
    assert _place(world, "devices", ids[0])[0] == "411202001001-001"
    assert _place(world, "devices", ids[1])[0] == "411202001001-002"
    assert _place(world, "devices", ids[2]) == (None, None, None, None)
