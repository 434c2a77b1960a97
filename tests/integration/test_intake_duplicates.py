"""The same message twice is one signal; the same condition twice is two. And how the two are told apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from alarms.receiving import intake as receiving
from tests.stories import NIGHT, RULES, ZONE, Intake, Seen, World, says

MINUTE = timedelta(minutes=1)


@pytest.fixture
def world(owner_conn: psycopg.Connection) -> World:
    world = World(owner_conn)
    for number in (1, 2):
        world.device(f"pir-{number}", site=world.site())
    return world


@pytest.fixture
def intake(world: World, intake_conn: psycopg.Connection) -> Intake:
    return Intake(intake_conn)


def test_an_id_twice_in_a_batch_is_one_signal(intake: Intake, seen: Seen) -> None:
    assert intake.accept(*[says("pir-1", "130", id="a")] * 3) == ["stored", "duplicate", "duplicate"]
    assert (len(seen.signals), seen.alarms[0]["occurrence_count"], len(seen.raw)) == (1, 1, 1)


def test_an_id_again_in_a_later_batch_is_one_signal_and_is_answered_again(intake: Intake, seen: Seen) -> None:
    intake.accept(says("pir-1", "130", id="a"))
    [outcome] = intake.outcomes(says("pir-1", "130", id="a", at=NIGHT + MINUTE))
    assert (outcome.status.value, outcome.safe, outcome.message_id) == ("duplicate", True, "a")
    assert [a["occurrence_count"] for a in seen.alarms] == [1]


def test_an_id_again_after_midnight_and_after_the_month_is_one_signal(intake: Intake, seen: Seen) -> None:
    """A unique key on a partitioned table would let it pass: partitions are by day and by month."""
    last = datetime(2026, 3, 31, 23, 59, 59, tzinfo=ZONE)
    intake.accept(says("pir-1", "130", id="a", at=last))
    assert intake.accept(says("pir-1", "130", id="a", at=last + timedelta(seconds=2))) == ["duplicate"]
    assert len(seen.signals) == 1


def test_the_same_id_with_other_bytes_is_the_same_signal(intake: Intake, seen: Seen) -> None:
    """A device that counts its tries in the message does not make two of one."""
    intake.accept(says("pir-1", "130", id="a", attempt=1))
    assert intake.accept(says("pir-1", "130", id="a", attempt=2)) == ["duplicate"]


def test_ids_are_each_devices_own(intake: Intake, seen: Seen) -> None:
    assert intake.accept(says("pir-1", "130", id="a"), says("pir-2", "130", id="a")) == ["stored", "stored"]


def test_another_id_is_another_occurrence(intake: Intake, seen: Seen) -> None:
    intake.accept(says("pir-1", "130", id="a"), says("pir-1", "130", id="b"))
    assert [a["occurrence_count"] for a in seen.alarms] == [2]


def test_a_duplicate_among_fresh_ones_harms_nobody(intake: Intake, seen: Seen) -> None:
    intake.accept(says("pir-1", "130", id="a"))
    statuses = intake.accept(
        says("pir-1", "130", id="a"), says("pir-2", "130", id="a"), says("pir-1", "130", id="b")
    )
    assert statuses == ["duplicate", "stored", "stored"]


def test_a_packet_redelivered_after_its_acknowledgement_was_lost_is_one_signal(
    intake: Intake, seen: Seen
) -> None:
    intake.accept(says("pir-1", "130", session="s", packet=7))
    again = says("pir-1", "130", session="s", packet=7, redelivered=True, at=NIGHT + MINUTE)
    assert intake.accept(again) == ["duplicate"]
    assert [a["occurrence_count"] for a in seen.alarms] == [1]


@pytest.mark.parametrize(
    ("what", "second"),
    [
        ("a new packet with the same bytes", {"session": "s", "packet": 8, "redelivered": False}),
        ("the same packet id used again", {"session": "s", "packet": 7, "redelivered": False}),
        ("another packet redelivered that never came", {"session": "s", "packet": 8, "redelivered": True}),
        ("the same packet id of another session", {"session": "t", "packet": 7, "redelivered": True}),
        (
            "the same packet id with new bytes",
            {"session": "s", "packet": 7, "redelivered": True, "text": "2"},
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_it_is_no_redelivery_when(intake: Intake, seen: Seen, what: str, second: dict[str, Any]) -> None:
    intake.accept(says("pir-1", "130", session="s", packet=7))
    assert intake.accept(says("pir-1", "130", at=NIGHT + MINUTE, **second)) == ["stored"], what
    assert [a["occurrence_count"] for a in seen.alarms] == [2]


def test_a_redelivered_batch_is_recognised_whole_and_in_part(intake: Intake, seen: Seen) -> None:
    intake.accept(*[says("pir-1", "130", session="s", packet=n) for n in range(1, 6)])
    again = [says("pir-1", "130", session="s", packet=n, redelivered=n < 6) for n in range(3, 9)]
    assert intake.accept(*again) == ["duplicate"] * 3 + ["stored"] * 3
    assert [a["occurrence_count"] for a in seen.alarms] == [8]


def test_a_packet_redelivered_within_the_batch_of_its_original_is_one_signal(
    intake: Intake, seen: Seen
) -> None:
    """The connection broke while the batch was gathered: both are in it."""
    first, second, other = (says("pir-1", "130", session="s", packet=n) for n in (7, 8, 9))
    statuses = intake.accept(
        first, replace(first, redelivered=True), second, other, replace(second, redelivered=True)
    )
    assert statuses == ["stored", "duplicate", "stored", "stored", "duplicate"]
    assert [a["occurrence_count"] for a in seen.alarms] == [3]


def test_a_batch_taken_again_keeps_what_only_looks_alike(intake: Intake, seen: Seen) -> None:
    """A broker that forgot the session gives its numbers anew: the same number and bytes, and no second delivery."""
    message = says("pir-1", "130", session="s", packet=7)
    again = [replace(message, taken_again=True)] * 2
    assert intake.accept(*again) == ["stored", "stored"]
    assert intake.accept(*again) == ["duplicate", "duplicate"]
    assert [a["occurrence_count"] for a in seen.alarms] == [2]
    assert {r["flags"] for r in seen.raw} == {0}, "the evidence does not say DUP where the broker did not"


def test_rejected_and_unknown_ones_are_remembered_too(intake: Intake, seen: Seen) -> None:
    intake.accept(says("nobody", "130", session="s", packet=1), says("pir-1", "??", session="s", packet=2))
    assert (
        intake.accept(
            says("nobody", "130", session="s", packet=1, redelivered=True),
            says("pir-1", "??", session="s", packet=2, redelivered=True),
        )
        == ["duplicate"] * 2
    )
    assert len(seen.raw) == 2


def test_what_is_forgotten_is_only_what_a_broker_cannot_send_again(intake: Intake, seen: Seen) -> None:
    for batch in range(10):
        packets = range(10 * batch + 1, 10 * batch + 11)
        intake.accept(*[says("pir-1", "130", session="s", packet=n) for n in packets])
    receiving.forget_packets(
        intake.conn, [says("pir-1", "130", session="s")], replace(RULES, packets_kept=25)
    )
    assert seen.rows("SELECT sum(cardinality(packet_ids)) AS n FROM stored_packets")[0]["n"] == 30
    newest = [says("pir-1", "130", session="s", packet=n, redelivered=True) for n in range(76, 101)]
    assert intake.accept(*newest) == ["duplicate"] * 25


class CommitReplyLost(psycopg.Connection[Any]):
    """A connection that breaks once, after the server committed and before it could say so."""

    breaks = True

    @contextmanager
    def transaction(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with super().transaction(*args, **kwargs) as transaction:
            yield transaction
        if CommitReplyLost.breaks:
            CommitReplyLost.breaks = False
            self.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")


def test_a_batch_whose_commit_was_not_confirmed_is_stored_once(
    world: World, seen: Seen, database_url: str
) -> None:
    """The lane takes the batch again, since it cannot know; devices without ids must not ring twice for it."""
    import threading

    from alarms.receiving.lane import Lane, Received
    from alarms.receiving.storing import Here
    from api.database.pool import conninfo
    from api.settings import load_settings

    parameters = conninfo(load_settings(database_url=database_url), "intake")
    CommitReplyLost.breaks = True
    done = threading.Event()
    statuses: list[str] = []

    def stored(_: object, outcomes: Any, __: float) -> None:
        statuses.extend(outcome.status.value for outcome in outcomes)
        done.set()

    lane = Lane(Here(lambda: CommitReplyLost.connect(**parameters), RULES), 500, stored)
    for number in (1, 2, 3):
        lane.put(Received(says("pir-1", "130", session="s", packet=number), 1))
    thread = threading.Thread(target=lane.run)
    thread.start()
    assert done.wait(20)
    lane.stop()
    thread.join(20)
    assert not CommitReplyLost.breaks, "the connection did break"
    assert statuses == ["duplicate"] * 3
    assert [a["occurrence_count"] for a in seen.alarms] == [3]


def test_an_empty_id_is_none(intake: Intake, seen: Seen) -> None:
    """Firmware that fills the field with nothing would be heard once a week."""
    assert intake.accept(*[says("pir-1", "130", id="")] * 2) == ["stored", "stored"]
    [outcome] = intake.outcomes(says("pir-1", "130", id="", at=NIGHT + MINUTE))
    assert (outcome.status.value, outcome.message_id) == ("stored", None)
    assert [a["occurrence_count"] for a in seen.alarms] == [3]
