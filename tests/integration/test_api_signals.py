"""Signals over HTTP: found by words, by box, and no longer than others can wait."""

from __future__ import annotations

from datetime import timedelta

import httpx
import psycopg
import pytest

from alarms.history import lists
from api.database import pool
from api.settings import Settings
from tests.integration.serving import Served, serve
from tests.stories import NIGHT, OTHER_VILLAGE, VILLAGE, Intake, World, says

SIGNALS = "/api/v1/signals"
HERE, THERE = "111.09,34.69,111.11,34.71", "111.29,34.69,111.32,34.72"


@pytest.fixture
def given(owner_conn: psycopg.Connection, intake_conn: psycopg.Connection) -> World:
    """A sensor at a site, one with a place of its own, and a tracker away from home."""
    world = World(owner_conn)
    world.village(VILLAGE, 111.10, 34.70)
    world.village(OTHER_VILLAGE, 111.30, 34.70)
    site = world.site(village=VILLAGE)
    world.device("at-site", site=site, village=VILLAGE)
    world.device("placed", village=OTHER_VILLAGE)
    world.device("tracker", kind="tracker", site=site, village=VILLAGE)
    owner_conn.execute(
        "UPDATE devices SET position = ST_SetSRID(ST_MakePoint(111.305, 34.705), 4326) WHERE device_id = 'placed'"
    )
    owner_conn.commit()
    Intake(intake_conn).accept(
        says("at-site", "130", text="the back door", at=NIGHT),
        says("placed", "130", at=NIGHT + timedelta(seconds=1)),
        says("tracker", "panic", position={"lon": 111.304, "lat": 34.704}, at=NIGHT + timedelta(seconds=2)),
        at=NIGHT + timedelta(seconds=2),
    )
    return world


@pytest.fixture
def city(given: World, served: Served) -> httpx.Client:
    given.user("city")
    return served.client(given.conn, "city")


def test_words_are_looked_for_since_a_time(city: httpx.Client) -> None:
    refused = city.get(SIGNALS, params={"q": "door"})
    assert (refused.status_code, refused.json()["errors"][0]["where"]) == (422, "query.from")
    since = (NIGHT - timedelta(hours=1)).isoformat()
    found = city.get(SIGNALS, params={"q": "DOOR", "from": since}).json()["features"]
    assert [one["properties"]["text"] for one in found] == ["the back door"]


def test_what_takes_too_long_is_stopped_and_said_in_plain_words(
    given: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "API_STATEMENT_TIMEOUT_S", 1)
    given.user("city")
    with serve(settings) as served:
        client = served.client(given.conn, "city")
        assert client.get(SIGNALS).status_code == 200
        given.conn.execute("LOCK TABLE signals IN ACCESS EXCLUSIVE MODE")
        stopped = client.get(SIGNALS)
        given.conn.rollback()
        assert (stopped.status_code, stopped.json()["type"]) == (503, "/problems/took-too-long")
        assert client.get(SIGNALS).status_code == 200


@pytest.mark.parametrize("few", [lists.FEW_DEVICES, 0])
def test_a_box_finds_signals_where_their_devices_are(
    city: httpx.Client, given: World, served: Served, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most signals bring no position of their own."""
    monkeypatch.setattr(lists, "FEW_DEVICES", few)

    def found(client: httpx.Client, box: str, **more: str) -> list[list[float]]:
        answer = client.get(SIGNALS, params={"bbox": box} | more)
        assert answer.status_code == 200, answer.text
        return [one["geometry"]["coordinates"] for one in answer.json()["features"]]

    assert found(city, HERE) == [[111.1, 34.7]]
    assert found(city, THERE) == [[111.304, 34.704], [111.305, 34.705]], "newest first"
    assert found(city, THERE, category="burglary") == [[111.305, 34.705]]
    page = city.get(SIGNALS, params={"bbox": THERE, "limit": 1}).json()
    rest = city.get(page["links"][0]["href"]).json()["features"]
    assert [one["geometry"]["coordinates"] for one in rest] == [[111.305, 34.705]]
    given.user("here", division=VILLAGE)
    here = served.client(given.conn, "here")
    assert found(here, HERE) == [[111.1, 34.7]]
    assert found(here, THERE) == []
