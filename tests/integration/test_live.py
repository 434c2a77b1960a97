"""Streams of the live feed over real HTTP: resumed, reset, ended by a change of grants, never stalled or skipping."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from structlog.testing import capture_logs

from api import live
from api.embedded import endpoints
from api.settings import Settings
from tests.integration.listening import Listener
from tests.integration.serving import Served, serve, wait_until
from tests.stories import NIGHT, OTHER_VILLAGE, Intake, Seen, World, says

COUNTY, OTHER_COUNTY = "411282000000", "411224000000"
TOWNSHIP = "411282100000"


@pytest.fixture
def intake(intake_conn: psycopg.Connection) -> Intake:
    return Intake(intake_conn)


@pytest.fixture(autouse=True)
def _quick_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.3)


@contextmanager
def listening(
    client: httpx.Client, after: int | None = None, *, by_header: bool = False
) -> Iterator[Listener]:
    listener = Listener(client, after, by_header=by_header)
    try:
        yield listener
    finally:
        listener.close()


def last_seq(seen: Seen) -> int:
    return int(seen.rows("SELECT last_seq FROM feed_position")[0]["last_seq"])


def deletes_changes(owner_conn: psycopg.Connection, up_to: int) -> None:
    """As retention does."""
    owner_conn.rollback()
    owner_conn.execute("DELETE FROM changes WHERE seq <= %s", [up_to])
    owner_conn.commit()


@pytest.mark.parametrize("by_header", [False, True])
def test_a_stream_resumes_after_a_number_from_the_window(
    world: World, intake: Intake, served: Served, seen: Seen, by_header: bool
) -> None:
    world.user("wang")
    world.device("pir-1", site=world.site())
    client = served.client(world.conn, "wang")
    intake.accept(says("pir-1", "130"))
    wait_until(lambda: served.app.state.feed.last_seq == 2)
    intake.accept(says("pir-1", "130", at=NIGHT + timedelta(seconds=5)))
    newest = last_seq(seen)
    with listening(client, 2, by_header=by_header) as listener:
        listener.hears(newest)
        assert [data["seq"] for _, data in listener.events] == list(range(3, newest + 1))


def test_a_stream_resumes_from_the_table_when_the_window_begins_later(
    world: World, intake: Intake, settings: Settings, seen: Seen
) -> None:
    """After a restart the window is empty; what came before is in the table."""
    world.user("wang")
    world.device("pir-1", site=world.site())
    for n in range(6):
        intake.accept(says("pir-1", "130", at=NIGHT + timedelta(seconds=n)))
    before = last_seq(seen)
    with serve(settings) as served:
        wait_until(lambda: served.app.state.feed.follows)
        with listening(served.client(world.conn, "wang"), 1) as listener:
            intake.accept(says("pir-1", "130", at=NIGHT + timedelta(seconds=9)))
            newest = last_seq(seen)
            assert newest > before > 2
            listener.hears(newest)
            assert [data["seq"] for _, data in listener.events] == list(range(2, newest + 1))


def test_who_asks_for_what_is_no_longer_kept_must_start_again(
    world: World, intake: Intake, settings: Settings, seen: Seen
) -> None:
    world.user("wang")
    world.device("pir-1", site=world.site())
    for n in range(4):
        intake.accept(says("pir-1", "130", at=NIGHT + timedelta(seconds=n)))
    newest = last_seq(seen)
    deletes_changes(world.conn, 3)
    with serve(settings) as served:
        client = served.client(world.conn, "wang")
        for after, names in ((2, ["reset"]), (3, ["change"] * (newest - 3)), (newest + 1, ["reset"])):
            listener = Listener(client, after) if names != ["reset"] else None
            if listener is not None:
                listener.hears(newest)
                listener.close()
                assert listener.names == names
            else:
                text = client.get("/api/v1/live", params={"after": after}).text
                assert text == f'event: reset\ndata: {{"seq":{newest}}}\n\n'


def test_all_changes_gone_and_none_missed_is_no_reset(
    world: World, intake: Intake, served: Served, seen: Seen
) -> None:
    """A quiet installation whose changes are all past their time."""
    world.user("wang")
    world.device("pir-1", site=world.site())
    intake.accept(says("pir-1", "130"))
    newest = last_seq(seen)
    deletes_changes(world.conn, newest)
    client = served.client(world.conn, "wang")
    with listening(client, newest) as listener:
        intake.accept(says("pir-1", "130", at=NIGHT + timedelta(seconds=9)))
        listener.hears(last_seq(seen))
        assert set(listener.names) == {"change"}
    assert "event: reset" in client.get("/api/v1/live", params={"after": newest - 1}).text


def test_another_database_behind_the_same_address_resets_who_is_connected(
    world: World, intake: Intake, served: Served
) -> None:
    """A backup was restored: the numbers go back, and nobody may wait for them to come round again."""
    world.user("wang")
    world.device("pir-1", site=world.site())
    intake.accept(says("pir-1", "130"))
    with listening(served.client(world.conn, "wang")) as listener:
        wait_until(lambda: served.app.state.feed.last_seq == 2)
        world.conn.execute("UPDATE feed_position SET last_seq = 1")
        world.conn.execute("DELETE FROM changes WHERE seq > 1")
        world.conn.execute("NOTIFY lianfang_changes")
        world.conn.commit()
        wait_until(lambda: listener.ended, what="the end of the stream")
        assert listener.names == ["reset"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE grants SET division_code = '411224000000'",
        "UPDATE grants SET role = 'auditor'",
        "DELETE FROM grants",
        "UPDATE users SET disabled_at = now()",
        "DELETE FROM sessions",
    ],
)
def test_a_change_of_grants_ends_a_stream_within_seconds(
    world: World, intake: Intake, served: Served, seen: Seen, change: str
) -> None:
    world.user("wang", division=COUNTY)
    world.device("pir-1", site=world.site())
    with listening(served.client(world.conn, "wang")) as listener:
        world.conn.execute(change)
        world.conn.commit()
        wait_until(lambda: listener.ended, 10, "the end of the stream")
        assert listener.names == ["reset"]
        intake.accept(says("pir-1", "130"))
        assert last_seq(seen) == 2


def test_a_device_that_leaves_a_scope_is_gone_for_those_who_saw_it(
    world: World, served: Served, seen: Seen
) -> None:
    """A moved device: its old readers are told that it is gone, its new ones get it, others hear nothing."""
    device = world.device("pir-1", site=world.site())
    for name, division in (("old", COUNTY), ("new", OTHER_COUNTY), ("all", None), ("third", "411203000000")):
        world.user(name, division=division)
    with ExitStack() as stack:
        listeners = {
            name: stack.enter_context(listening(served.client(world.conn, name)))
            for name in ("old", "new", "all", "third")
        }
        keys = world.conn.execute(
            "SELECT scope_keys FROM device_documents WHERE id = %s", [device]
        ).fetchone()
        assert keys is not None
        world.conn.execute(
            "UPDATE devices SET county = %s, township = %s, village = %s, version = version + 1 WHERE id = %s",
            [OTHER_COUNTY, "411224100000", OTHER_VILLAGE, device],
        )
        world.conn.execute(
            "SELECT append_device_moves(jsonb_build_array("
            " jsonb_build_object('id', %s::bigint, 'old_keys', %s::text[])), now())",
            [device, [key for key in keys[0] if key]],
        )
        world.conn.commit()
        for name in ("old", "new", "all"):
            listeners[name].hears(1)
        assert listeners["old"].events == [("gone", {"seq": 1, "kind": "device", "id": device})]
        assert listeners["new"].names == listeners["all"].names == ["change"]
        beats = listeners["third"].heard
        wait_until(lambda: listeners["third"].heard > beats)
        assert listeners["third"].events == []


def test_the_feed_goes_on_when_its_own_connection_is_killed(
    world: World, intake: Intake, served: Served, seen: Seen, servers: dict[str, Any], database_url: str
) -> None:
    world.user("wang")
    world.device("pir-1", site=world.site())
    with listening(served.client(world.conn, "wang")) as listener:
        intake.accept(says("pir-1", "130"))
        listener.hears(2)
        kill(servers, database_url, "lianfang-feed")
        intake.accept(says("pir-1", "130", at=NIGHT + timedelta(seconds=5)))
        listener.hears(last_seq(seen))
        assert set(listener.names) == {"change"}
        assert not listener.ended


async def test_the_feed_goes_on_when_it_could_not_read_where_its_database_is(
    settings: Settings, database_url: str
) -> None:
    """A process without free descriptors cannot open the file; what cannot be read here is a folder in its place."""
    settings.var_dir.mkdir()
    told = settings.var_dir / endpoints.FILE
    told.mkdir()
    feed = live.Feed(settings.model_copy(update={"database_url": None}))
    with capture_logs() as logs:
        await feed.start()
        try:
            async with asyncio.timeout(20):
                await until(lambda: any(line["event"] == "feed_database_away" for line in logs))
                told.rmdir()
                told.write_text(json.dumps({"database_url": database_url}))
                await until(lambda: feed.follows)
        finally:
            await feed.stop()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - what it waits for tells nobody
        await asyncio.sleep(0.02)


def kill(servers: dict[str, Any], database_url: str, application: str) -> None:
    """End the connections of that name to this test's database, as an operator or a failing server would."""
    name = database_url.rpartition("/")[2]
    with psycopg.connect(servers["superuser_url"], autocommit=True) as admin:
        rows = admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name = %s",
            [name, application],
        ).fetchall()
    assert rows
    assert all(row[0] for row in rows)


def test_a_client_that_leaves_is_forgotten(world: World, served: Served) -> None:
    world.user("wang")
    client = served.client(world.conn, "wang")
    with listening(client), listening(client):
        assert served.app.state.feed.clients == 2
    wait_until(lambda: served.app.state.feed.clients == 0)


def test_the_snapshot_says_what_time_it_is_and_is_not_kept_by_caches(world: World, served: Served) -> None:
    world.user("wang")
    answer = served.client(world.conn, "wang").get("/api/v1/live/snapshot")
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert abs(datetime.fromisoformat(body["now"]) - datetime.now(UTC)) < timedelta(seconds=60)
    assert (body["seq"], body["incidents"], body["alarms"]) == (0, [], [])


def test_a_stream_without_a_place_to_begin_is_refused(world: World, served: Served) -> None:
    world.user("wang")
    client = served.client(world.conn, "wang")
    for query in ({}, {"after": "-1"}, {"after": "x"}, {"after": str(2**63)}):
        assert client.get("/api/v1/live", params=query).status_code == 422
    assert client.get("/api/v1/live", headers={"Last-Event-ID": "x"}).status_code == 422


def test_changes_arrive_at_once(
    world: World, intake: Intake, settings: Settings, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the notification, not by the poll that is there in case one gets lost."""
    monkeypatch.setattr(live, "POLL_S", 30.0)
    world.user("wang")
    world.device("pir-1", site=world.site())
    with serve(settings) as served, listening(served.client(world.conn, "wang")) as listener:
        for n in range(10):
            intake.accept(says("pir-1", "130", at=NIGHT + timedelta(seconds=n)))
            stored = time.monotonic()
            listener.hears(last_seq(seen))
            assert time.monotonic() - stored < 5
