"""A whole installation with signals flowing, and kill -9 on each of its processes in turn.

Devices wait for the server's ``ack`` and send the same id again until it comes. Whatever dies, everything that was
acked is stored once, nothing twice, and a browser's feed goes on where it was, without a gap and without a reload.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from api.database.pool import connect
from api.embedded.endpoints import mqtt_login
from api.embedded.ports import any_free
from api.settings import Settings, load_settings
from api.users import add_user
from tests.acceptance.fleet import Fleet, Listener, until
from tests.integration.processes import pid_of, processes_of
from tests.integration.terminal import Terminal
from tests.stories import Seen, World

pytestmark = pytest.mark.timeout(300)

RATE_PER_S = 60
BEFORE, AFTER = 120, 120
"""Messages acked before and after the kill, at least."""
UNDER_WAY = 40
"""Messages in the middle of being stored when the kill comes."""
PROCESSES = {
    "intake": "api.cli intake",
    "postgres": "postgres -D",
    "mosquitto": "mosquitto -c",
    "serve": "api.cli serve",
}


@dataclass(frozen=True)
class Installation:
    """A running `lianfang up`."""

    var: Path
    url: str
    settings: Settings
    terminal: Terminal
    password: str

    def kill(self, name: str) -> None:
        """kill -9, and wait until its own processes are gone too and the supervisor has it running again."""
        pid = pid_of(self.var, PROCESSES[name])
        assert pid is not None, f"{name} does not run"
        own = children_of(pid)
        os.kill(pid, signal.SIGKILL)
        until(lambda: not own & processes_of(self.var).keys(), f"processes of {name} outlive it")
        until(lambda: pid_of(self.var, PROCESSES[name]) not in (None, pid), f"{name} is not started again")

    def owner(self) -> psycopg.Connection:
        """A connection as the owner."""
        return connect(self.settings, "owner")


def children_of(pid: int) -> set[int]:
    """The processes that this one started."""
    lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return {int(child) for line in lists for child in line.split()}


@pytest.fixture(scope="module")
def up(run_dir: Path) -> Iterator[Installation]:
    var = run_dir / f"faults-{os.urandom(4).hex()}"
    port = any_free("127.0.0.1")
    terminal = Terminal("up", var=var, port=port)
    try:
        url = f"http://127.0.0.1:{port}"
        terminal.until_said(f"Lianfang is up: {url}", 120)
        settings = load_settings(var_dir=var)
        password = secrets.token_urlsafe(12)
        with connect(settings, "owner") as conn:
            add_user(conn, "wang", "dispatcher", password=password)
        yield Installation(var, url, settings, terminal, password)
    finally:
        code = terminal.ctrl_c()
        left = processes_of(var)
        shutil.rmtree(var, ignore_errors=True)
    assert (code, left) == (0, {})


@pytest.fixture
def devices(up: Installation) -> list[str]:
    """Ten new devices, at five sites."""
    stem = secrets.token_hex(4)
    with up.owner() as conn:
        world = World(conn)
        sites = [world.site() for _ in range(5)]
        names = [f"{stem}-{n}" for n in range(10)]
        for n, name in enumerate(names):
            world.device(name, site=sites[n % 5])
    return names


@contextmanager
def in_mid_transaction(up: Installation, fleet: Fleet) -> Iterator[None]:
    """Hold the intake in the middle of its transactions until many messages are under way."""
    blocker = up.owner()
    blocker.execute("SELECT last_seq FROM feed_position FOR UPDATE")
    under_way = len(fleet.sent) - len(fleet.acked)
    until(lambda: len(fleet.sent) - len(fleet.acked) > under_way + UNDER_WAY, "the intake does not wait")
    yield
    blocker.close()


@pytest.mark.parametrize("victim", list(PROCESSES))
def test_what_was_acked_is_stored_once_and_the_feed_goes_on(
    up: Installation, devices: list[str], victim: str
) -> None:
    listener = Listener(up.url, "wang", up.password)
    try:
        with Fleet(mqtt_login(up.settings, "demo"), devices, RATE_PER_S) as fleet:
            until(lambda: len(fleet.acked) > BEFORE, "signals do not flow")
            with in_mid_transaction(up, fleet):
                up.kill(victim)
            acked = len(fleet.acked)
            until(
                lambda: len(fleet.acked) > acked + AFTER, f"signals do not flow after {victim} was killed", 90
            )
            fleet.falls_silent()
        assert fleet.refused == []
        with up.owner() as conn:
            seen = Seen(conn)
            stored = seen.rows(
                "SELECT d.device_id, s.message_id FROM signals s JOIN devices d ON d.id = s.device_id"
                " WHERE d.device_id = ANY (%s)",
                devices,
            )
            keys = [(row["device_id"], row["message_id"]) for row in stored]
            assert len(keys) == len(set(keys)), "stored twice"
            assert set(keys) == fleet.sent, "every one of them, and nothing else"
            [counted] = seen.rows(
                "SELECT sum(a.occurrence_count) AS occurrences, count(*) AS alarms"
                " FROM alarms a JOIN devices d ON d.id = a.device_id WHERE d.device_id = ANY (%s)",
                devices,
            )
            assert counted == {"occurrences": len(keys), "alarms": len(devices)}
            assert seen.feed_has_no_gap()
            assert seen.feed_equals_a_snapshot()
            last = seen.changes[-1]["seq"]
        until(lambda: listener.last >= last, "the browser does not catch up")
        assert listener.seqs == list(range(listener.first + 1, last + 1)), "each number once, in order"
        assert listener.resets == 0, "no reload was asked for"
        fresh = Listener(up.url, "wang", up.password)
        fresh.close()
        assert (listener.incidents, listener.alarms) == (fresh.incidents, fresh.alarms)
        if victim == "serve":
            assert listener.interruptions > 0, "its connection did break"
    finally:
        listener.close()
