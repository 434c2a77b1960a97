"""The feed: numbers in the order of commit, without a gap, whoever rolls back; its documents are what a query shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from alarms.ledger import ledger
from api.database.pool import Role, connect
from api.settings import load_settings
from tests.integration.side_by_side import side_by_side
from tests.stories import NIGHT, Intake, Seen, World, says


@pytest.fixture
def incident(owner_conn: psycopg.Connection, intake_conn: psycopg.Connection) -> int:
    """One open incident, with changes 1 (incident) and 2 (alarm)."""
    world = World(owner_conn)
    world.device("pir-1", site=world.site())
    Intake(intake_conn).accept(says("pir-1", "130"))
    return int(Seen(owner_conn).incidents[0]["id"])


@pytest.fixture
def connection(database_url: str) -> Callable[[Role], psycopg.Connection]:
    return lambda role: connect(load_settings(database_url=database_url), role)


def test_a_reader_never_sees_a_number_before_a_lower_one(
    incident: int, seen: Seen, connection: Callable[[Role], psycopg.Connection]
) -> None:
    """Three writers, one of which rolls back each time, and a reader that polls as the live feed does."""
    rounds, writers = 40, 3
    over = threading.Event()
    reads: list[list[int]] = []

    def writer(number: int) -> Callable[[threading.Barrier], None]:
        def work(barrier: threading.Barrier) -> None:
            try:
                with connection("intake") as conn:
                    barrier.wait(30)
                    for n in range(rounds):
                        ledger.append_changes(conn, [incident], [], NIGHT + timedelta(seconds=n))
                        if number == 0:
                            conn.rollback()
                        else:
                            conn.commit()
            finally:
                if number == 0:
                    over.set()

        return work

    def reader(barrier: threading.Barrier) -> None:
        with connection("api") as conn:
            conn.autocommit = True
            barrier.wait(30)
            last = 0
            while True:
                finished = over.is_set()
                rows = conn.execute("SELECT seq FROM changes WHERE seq > %s ORDER BY seq", [last]).fetchall()
                reads.append([row[0] for row in rows])
                last = rows[-1][0] if rows else last
                if finished and last == 2 + rounds * (writers - 1):
                    return
                assert time.monotonic() < deadline, f"the feed stands at {last}"

    deadline = time.monotonic() + 60
    side_by_side(*(writer(n) for n in range(writers)), reader)
    flat = [seq for read in reads for seq in read]
    assert flat == list(range(1, 2 + rounds * (writers - 1) + 1)), "each number once, in order, none skipped"
    assert sum(1 for read in reads if read) > 1, "the reader did read meanwhile"


def test_a_rollback_leaves_no_gap(
    incident: int, seen: Seen, connection: Callable[[Role], psycopg.Connection]
) -> None:
    with connection("intake") as conn:
        ledger.append_changes(conn, [incident], [], NIGHT)
        conn.rollback()
        ledger.append_changes(conn, [incident], [], NIGHT)
        conn.commit()
    assert [c["seq"] for c in seen.changes] == [1, 2, 3]


def test_a_change_carries_the_row_as_it_was_written(
    incident: int, seen: Seen, intake_conn: psycopg.Connection
) -> None:
    intake = Intake(intake_conn)
    for second in range(1, 4):
        intake.accept(says("pir-1", "130", at=NIGHT + timedelta(seconds=second)))
    intake.accept(says("pir-1", "130", qualifier="restore", at=NIGHT + timedelta(seconds=5)))
    counts = [c["document"]["occurrence_count"] for c in seen.changes if c["kind"] == "alarm"]
    assert counts == [1, 2, 3, 4, 4]
    versions = [c["version"] for c in seen.changes if c["kind"] == "alarm"]
    assert (
        versions
        == [1, 2, 3, 4, 5]
        == [c["document"]["version"] for c in seen.changes if c["kind"] == "alarm"]
    )
    assert seen.feed_equals_a_snapshot()


def test_a_change_says_who_may_see_it(incident: int, seen: Seen) -> None:
    for change in seen.changes:
        assert {"*", "411282000000", "411282100000", "411282100201"} <= set(change["scope_keys"])


@pytest.mark.parametrize("ids", [[1, 1], [999_999]])
def test_a_change_of_what_is_not_there_or_twice_is_refused(
    incident: int, ids: list[int], connection: Callable[[Role], psycopg.Connection]
) -> None:
    """A change that silently said nothing would leave a screen behind for ever."""
    with connection("intake") as conn, pytest.raises(psycopg.errors.RaiseException, match="append_changes"):
        ledger.append_changes(conn, ids, [], NIGHT)


def test_a_commit_wakes_the_feed_and_a_rollback_does_not(
    incident: int, connection: Callable[[Role], psycopg.Connection]
) -> None:
    with connection("api") as listener, connection("intake") as conn:
        listener.autocommit = True
        listener.execute("LISTEN lianfang_changes")
        ledger.append_changes(conn, [incident], [], NIGHT)
        conn.rollback()
        conn.execute("NOTIFY lianfang_changes, 'after the rollback'")
        conn.commit()
        [first] = listener.notifies(timeout=10, stop_after=1)
        assert first.payload == "after the rollback"
        ledger.append_changes(conn, [incident], [], NIGHT)
        conn.commit()
        [woken] = listener.notifies(timeout=10, stop_after=1)
        assert woken.payload == ""
