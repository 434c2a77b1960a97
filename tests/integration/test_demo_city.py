"""The demo city: whole, placed by PostGIS, marked synthetic, and the same when loaded again."""

from typing import Any

import psycopg
import pytest

from api.demo_city import load_demo_city
from gis.grids import check_grid_cells
from gis.locate import locate_points
from tests.integration.demo_database import HOUSEHOLDS, demo_conn, demo_url

__all__ = ["demo_conn", "demo_url"]


@pytest.fixture
def city(demo_conn: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """A connection as the owner to the demo city."""
    return demo_conn


def _one(conn: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    row = conn.execute(query).fetchone()
    assert row is not None
    return tuple(row)


def test_divisions_boundaries_and_cells_are_there_and_say_what_is_drawn(
    city: psycopg.Connection[Any],
) -> None:
    tiers = city.execute(
        "SELECT tier, count(*), count(boundary), count(*) FILTER (WHERE synthetic) FROM divisions GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert [tuple(row) for row in tiers] == [
        (1, 1, 1, 0),
        (2, 7, 6, 0),
        (3, 81, 80, 80),
        (4, 1381, 1375, 1375),
    ]
    assert _one(
        city, "SELECT count(*) FROM divisions WHERE code LIKE '411271%' AND boundary IS NOT NULL"
    ) == (0,)
    assert _one(city, "SELECT count(*) FROM divisions WHERE tier > 1 AND parent_id IS NULL") == (0,)
    assert _one(city, "SELECT bool_and(synthetic), count(*) > 4000 FROM grid_cells") == (True, True)
    assert check_grid_cells(city, "411281000000") == []


def test_sites_are_in_the_village_that_they_were_made_for(city: psycopg.Connection[Any]) -> None:
    assert _one(city, "SELECT count(*) FROM sites WHERE kind = 'household'") == (HOUSEHOLDS,)
    assert _one(
        city, "SELECT count(*) FROM sites WHERE county IS NULL OR village IS NULL OR NOT synthetic"
    ) == (0,)
    assert _one(city, "SELECT count(*) FROM sites WHERE grid_cell IS NULL AND county <> '411271000000'") == (
        0,
    )
    without, cells = _one(city, "SELECT count(*), count(grid_cell) FROM sites WHERE county = '411271000000'")
    assert without > 0, "a county without a boundary has sites"
    assert cells == 0
    rows = city.execute(
        "SELECT ST_X(position), ST_Y(position), grid_cell FROM sites WHERE grid_cell IS NOT NULL ORDER BY id LIMIT 500"
    ).fetchall()
    found = locate_points(city, [row[0] for row in rows], [row[1] for row in rows])
    assert [one and one.grid_cell for one in found] == [row[2] for row in rows]


def test_flats_of_one_building_stand_at_one_point_and_differ_in_their_unit(
    city: psycopg.Connection[Any],
) -> None:
    flats, units = _one(
        city,
        "SELECT count(*), count(DISTINCT unit) FROM sites WHERE unit <> '' GROUP BY position, village"
        " ORDER BY 1 DESC LIMIT 1",
    )
    assert flats > 3
    assert units == flats


def test_devices_speak_through_gateways_and_alone_in_several_protocols(city: psycopg.Connection[Any]) -> None:
    protocols = {row[0] for row in city.execute("SELECT DISTINCT protocol FROM devices")}
    assert protocols == {"lianfang", "zigbee2mqtt", "tasmota", "shelly2", "frigate", "ttn"}
    assert _one(city, "SELECT count(*) FROM devices WHERE gateway_id IS NULL AND protocol IN ('zigbee2mqtt', 'ttn')"
                      " AND kind <> 'gateway'") == (0,)  # fmt: skip
    assert _one(
        city,
        "SELECT count(*) FROM devices d JOIN sites s ON s.id = d.site_id"
        " WHERE (d.grid_cell, d.village, d.organisation_id)"
        " IS DISTINCT FROM (s.grid_cell, s.village, s.organisation_id)",
    ) == (0,)
    devices, schedules = _one(
        city,
        "SELECT (SELECT count(*) FROM devices), (SELECT count(armed_schedule) FROM sites WHERE kind = 'shop')",
    )
    assert 1000 < devices < 5000
    assert schedules > 100


def test_no_telephone_number_can_ring_anyone(city: psycopg.Connection[Any]) -> None:
    assert _one(city, "SELECT count(*) FROM contacts WHERE phone !~ '^154[0-9]{8}$'") == (0,)
    assert _one(
        city, "SELECT count(*) FROM sites s WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.site_id = s.id)"
    ) == (0,)


def test_loading_again_stores_nothing_twice(city: psycopg.Connection[Any]) -> None:
    again = load_demo_city(city, HOUSEHOLDS)
    assert (again.divisions, again.cells, again.sites, again.contacts, again.devices) == (0, 0, 0, 0, 0)
