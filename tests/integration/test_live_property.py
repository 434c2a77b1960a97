"""Snapshot + changes == a fresh snapshot, over real HTTP, for everyone, with writers at work."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from alarms.judging import lifecycle
from alarms.model import Disposition, RawMessage
from alarms.response.handling import Actor, act
from api import live
from api.database.pool import Role, connect
from api.settings import Settings
from tests.integration.listening import Listener, documents_of
from tests.integration.serving import Served
from tests.integration.side_by_side import side_by_side
from tests.stories import NIGHT, OTHER_VILLAGE, VILLAGE, Intake, Seen, World, says

COUNTY, OTHER_COUNTY = "411282000000", "411224000000"
TOWNSHIP = "411282100000"


@pytest.fixture(autouse=True)
def _quick_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.3)


@pytest.fixture
def connection(settings: Settings) -> Iterator[Callable[[Role], psycopg.Connection]]:
    with ExitStack() as stack:
        yield lambda role: stack.enter_context(connect(settings, role))


def fresh(client: httpx.Client) -> dict[tuple[str, int], dict[str, Any]]:
    return documents_of(client.get("/api/v1/live/snapshot").raise_for_status().json())


def last_seq(seen: Seen) -> int:
    return int(seen.rows("SELECT last_seq FROM feed_position")[0]["last_seq"])


class Town:
    """Two counties' shops and homes, two companies, devices of the one at sites of the other, and who watches."""

    VIEWERS = ("city", "county", "township", "other-county", "company", "other-company")

    def __init__(self, world: World) -> None:
        self.devices: list[str] = []
        company, other = world.organisation("Shield Ltd"), world.organisation("Guard Ltd")
        for n in range(12):
            village = [VILLAGE, OTHER_VILLAGE, None][n % 3]
            site = world.site(f"No. {n}", village=village, organisation=[company, other, None][n % 3])
            for k, (owner, place) in enumerate(((company, village), (other, VILLAGE))):
                name = f"pir-{n}-{k}"
                world.device(name, site=site, village=place, organisation=owner)
                self.devices.append(name)
        world.user("city")
        world.user("county", division=COUNTY)
        world.user("township", division=TOWNSHIP)
        world.user("other-county", division=OTHER_COUNTY)
        world.user("company", organisation=company)
        world.user("other-company", organisation=other, division=COUNTY)


def signals(town: Town, rng: random.Random, start: datetime) -> list[RawMessage]:
    """New alarms, repeats, restores and mere tests, in one batch."""
    count = rng.randint(1, 12)
    return [
        says(
            rng.choice(town.devices),
            rng.choice(["burglary", "burglary", "panic", "fire", "tamper", "test"]),
            at=start + timedelta(seconds=n),
            qualifier=rng.choice(["new", "new", "restore"]),
        )
        for n in range(count)
    ]


def test_snapshot_and_changes_equal_a_fresh_snapshot_with_writers_at_work(
    world: World,
    served: Served,
    seen: Seen,
    connection: Callable[[Role], psycopg.Connection],
    settings: Settings,
) -> None:
    """Two intakes and two dispatchers write; six kinds of viewers join at random moments, and leave, and come back."""
    town = Town(world)
    clients = {name: served.client(world.conn, name) for name in Town.VIEWERS}
    over = threading.Event()
    left = [2 + 2]
    listeners: list[tuple[str, Listener]] = []

    def finish() -> None:
        left[0] -= 1
        if left[0] == 0:
            over.set()

    def writes(seed: int) -> Callable[[threading.Barrier], None]:
        def work(barrier: threading.Barrier) -> None:
            rng = random.Random(seed)
            intake = Intake(connection("intake"))
            barrier.wait(30)
            for n in range(40):
                intake.accept(*signals(town, rng, NIGHT + timedelta(minutes=n)))
            finish()

        return work

    def acts(seed: int) -> Callable[[threading.Barrier], None]:
        def work(barrier: threading.Barrier) -> None:
            rng = random.Random(seed)
            conn = connection("api")
            user = seen_user(conn, "city")
            barrier.wait(30)
            for n in range(60):
                with conn.transaction():
                    conn.execute("SELECT begin_scope(%s)", [user])
                    rows = conn.execute("SELECT id FROM incidents ORDER BY random() LIMIT 3").fetchall()
                    act(conn, [row[0] for row in rows], an_action(rng), Actor(user_id=user, name="city"),
                        NIGHT + timedelta(minutes=n, seconds=30))  # fmt: skip
            finish()

        return work

    def joins(barrier: threading.Barrier) -> None:
        rng = random.Random(5)
        barrier.wait(30)
        for n in range(18):
            name = Town.VIEWERS[n % len(Town.VIEWERS)]
            listeners.append((name, Listener(clients[name])))
            if n % 4 == 3:  # somebody's line breaks; it is resumed where it was
                name, old = listeners.pop(rng.randrange(len(listeners)))
                old.close()
                by_header = rng.random() < 0.5
                new = Listener(clients[name], old.seq, state=old.state, by_header=by_header)
                listeners.append((name, new))
            over.wait(rng.random() * 0.1)

    side_by_side(writes(1), writes(2), acts(3), acts(4), joins)
    newest = last_seq(seen)
    assert newest > 200
    for name, client in clients.items():
        expected = fresh(client)
        mine = [listener for whose, listener in listeners if whose == name]
        assert mine
        for listener in mine:
            listener.comes_to(expected)
    for _, listener in listeners:
        listener.close()
        assert "reset" not in listener.names
    assert len(fresh(clients["city"])) > len(fresh(clients["county"])) > 0
    assert 0 < len(fresh(clients["company"])) < len(fresh(clients["city"]))


def seen_user(conn: psycopg.Connection, username: str) -> int:
    with conn.transaction():
        row = conn.execute("SELECT id FROM users WHERE username = %s", [username]).fetchone()
    assert row is not None
    return int(row[0])


def an_action(rng: random.Random) -> lifecycle.Action:
    actions: Sequence[lifecycle.Action] = (
        lifecycle.Acknowledge(),
        lifecycle.Acknowledge(),
        lifecycle.Dispatch("car 3"),
        lifecycle.Note("called the owner"),
        lifecycle.Close(Disposition.FALSE_ENVIRONMENT, "a cat"),
        lifecycle.Reopen("not a cat"),
    )
    return rng.choice(actions)
