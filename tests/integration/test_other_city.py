"""This server's top tier is one city: what is asked or granted of another finds nothing, not everything."""

import psycopg
import pytest
from psycopg.rows import scalar_row

from tests.integration.serving import Served
from tests.stories import CITY, Intake, World, says

ELSEWHERE = "110100000000"
LISTS = ("sites", "devices", "incidents", "alarms", "signals")


@pytest.fixture
def world(owner_conn: psycopg.Connection, intake_conn: psycopg.Connection) -> World:
    """A site, a device there and one without a place, both of which rang."""
    world = World(owner_conn)
    world.device("pir-1", site=world.site())
    world.device("pir-2", village=None)
    Intake(intake_conn).accept(says("pir-1", "burglary"), says("pir-2", "burglary"))
    return world


def test_a_list_of_another_city_is_empty(world: World, served: Served) -> None:
    world.user("city")
    client = served.client(world.conn, "city")
    for name in LISTS:
        everything = client.get(f"/api/v1/{name}").raise_for_status().json()["features"]
        assert everything
        for own in ("4112", CITY):
            found = client.get(f"/api/v1/{name}", params={"division": own}).raise_for_status().json()
            assert found["features"] == everything, name
        for other in ("1101", ELSEWHERE, "110101", "4101"):
            found = client.get(f"/api/v1/{name}", params={"division": other}).raise_for_status().json()
            assert found["features"] == [], f"{name} of {other}"
    for name in ("sites", "devices"):
        query = {"division": "1101", "count": "true"}
        assert client.get(f"/api/v1/{name}", params=query).raise_for_status().json()["count"] == 0


def test_a_grant_of_another_city_opens_nothing(world: World, served: Served) -> None:
    world.conn.execute("INSERT INTO divisions (code, tier, name) VALUES (%s, 1, '三门峡市')", [CITY])
    world.user("own", division=CITY)
    world.user("stranger", division=ELSEWHERE)
    cursor = world.conn.cursor(row_factory=scalar_row)
    keys = {
        name: cursor.execute("SELECT begin_scope(id) FROM users WHERE username = %s", [name]).fetchone()
        for name in ("own", "stranger")
    }
    assert keys == {"own": ["*"], "stranger": [ELSEWHERE]}
    world.conn.rollback()
    client = served.client(world.conn, "stranger")
    for name in LISTS:
        assert client.get(f"/api/v1/{name}").raise_for_status().json()["features"] == []
    assert client.get("/api/v1/live/snapshot").raise_for_status().json()["incidents"] == []
