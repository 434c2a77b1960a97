"""Several workers at once, real connections and threads: one open alarm, nothing lost, no deadlock escapes."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

import psycopg
import pytest

from alarms.judging.lifecycle import Close
from alarms.model import Disposition, RawMessage
from alarms.response.handling import Actor, act
from api.database.pool import Role, connect
from api.settings import load_settings
from tests.integration.side_by_side import DEADLINE_S, side_by_side
from tests.stories import NIGHT, Intake, Seen, World, says


@pytest.fixture
def connection(database_url: str) -> Callable[[Role], psycopg.Connection]:
    """Opens connections as a role; they close with their threads' references."""
    return lambda role: connect(load_settings(database_url=database_url), role)


def worker(
    connection: Callable[[Role], psycopg.Connection], batches: Sequence[Sequence[RawMessage]]
) -> Callable[[threading.Barrier], None]:
    """A worker of the intake that begins each batch together with the others."""

    def work(barrier: threading.Barrier) -> None:
        with connection("intake") as conn:
            intake = Intake(conn)
            for batch in batches:
                barrier.wait(DEADLINE_S)
                assert set(intake.accept(*batch)) <= {"stored"}

    return work


def test_two_workers_open_one_alarm_for_one_condition_and_lose_no_occurrence(
    world: World, seen: Seen, connection: Callable[[Role], psycopg.Connection]
) -> None:
    rounds = 15
    for n in range(rounds):
        world.device(f"pir-{n}", site=world.site() if n % 2 else None)
    batches = [[says(f"pir-{n}", "130")] * 3 for n in range(rounds)]
    side_by_side(worker(connection, batches), worker(connection, batches))
    assert [(a["occurrence_count"], a["device"]) for a in seen.alarms] == [
        (6, f"pir-{n}") for n in range(rounds)
    ]
    assert len(seen.incidents) == rounds, "a lost race leaves no empty incident"
    assert len(seen.signals) == 6 * rounds
    assert seen.feed_has_no_gap()
    assert seen.feed_equals_a_snapshot()


def test_two_workers_with_two_devices_of_one_site_open_one_incident(
    world: World, seen: Seen, connection: Callable[[Role], psycopg.Connection]
) -> None:
    rounds = 15
    for n in range(rounds):
        site = world.site()
        for device in ("door", "pir"):
            world.device(f"{device}-{n}", site=site)
    side_by_side(
        *(worker(connection, [[says(f"{d}-{n}", "130")] for n in range(rounds)]) for d in ("door", "pir"))
    )
    assert [(i["alarm_count"], i["verification_level"]) for i in seen.incidents] == [(2, 2)] * rounds
    assert seen.feed_equals_a_snapshot()


def test_a_storm_over_three_workers_in_any_order_escapes_without_a_deadlock(
    world: World, seen: Seen, connection: Callable[[Role], psycopg.Connection]
) -> None:
    """Each batch touches many of the same devices and sites, in another order each."""
    devices = [f"pir-{n}" for n in range(24)]
    site = 0
    for n, device in enumerate(devices):
        site = world.site() if n % 3 == 0 else site
        world.device(device, site=site if n % 4 else None)
    rng = random.Random(5)
    told: dict[str, int] = dict.fromkeys(devices, 0)
    plans: list[list[list[RawMessage]]] = []
    for _ in range(3):
        batches = []
        for number in range(12):
            batch = []
            for device in rng.sample(devices, 12):
                qualifier = rng.choice(["new", "new", "restore"])
                told[device] += qualifier == "new"
                batch.append(says(device, "130", qualifier=qualifier, at=NIGHT + timedelta(seconds=number)))
            batches.append(batch)
        plans.append(batches)
    side_by_side(*(worker(connection, plan) for plan in plans))
    assert {a["device"]: a["occurrence_count"] for a in seen.alarms} == told
    assert len(seen.signals) == 3 * 12 * 12
    for incident in seen.incidents:
        own = [a for a in seen.alarms if a["incident_id"] == incident["id"]]
        assert incident["alarm_count"] == len(own) > 0
        assert incident["active_alarm_count"] == sum(a["active"] for a in own)
    assert seen.feed_has_no_gap()
    assert seen.feed_equals_a_snapshot()


def test_an_operator_closes_while_the_device_repeats_and_nothing_is_lost(
    world: World, seen: Seen, connection: Callable[[Role], psycopg.Connection]
) -> None:
    site, user = world.site(), world.user()
    world.device("pir-1", site=site)
    rounds = 25

    def operator(barrier: threading.Barrier) -> None:
        with connection("api") as conn:
            for n in range(rounds):
                barrier.wait(DEADLINE_S)
                with conn.transaction():
                    conn.execute("SELECT begin_scope(%s)", [user])
                    found = conn.execute("SELECT id FROM incidents WHERE closed_at IS NULL").fetchall()
                    act(
                        conn,
                        [row[0] for row in found],
                        Close(Disposition.FALSE_USER),
                        Actor(user_id=user, name="wang"),
                        NIGHT + timedelta(seconds=n),
                    )

    batches = [[says("pir-1", "130", at=NIGHT + timedelta(seconds=n))] * 2 for n in range(rounds)]
    side_by_side(worker(connection, batches), operator)
    assert sum(a["occurrence_count"] for a in seen.alarms) == 2 * rounds
    for alarm in seen.alarms:
        [incident] = [i for i in seen.incidents if i["id"] == alarm["incident_id"]]
        assert (alarm["closed_at"] is None) == (incident["closed_at"] is None), "none is open in a closed one"
    assert seen.count("alarms", "closed_at IS NULL") <= 1
    assert seen.count("alarms", "closed_at IS NOT NULL") > 0, "the operator did close some"
    assert seen.feed_has_no_gap()
    assert seen.feed_equals_a_snapshot()


def test_the_same_id_at_two_workers_is_stored_once(
    world: World, seen: Seen, connection: Callable[[Role], psycopg.Connection]
) -> None:
    for n in range(15):
        world.device(f"pir-{n}")
    statuses: list[str] = []

    def work(barrier: threading.Barrier) -> None:
        with connection("intake") as conn:
            intake = Intake(conn)
            for n in range(15):
                barrier.wait(DEADLINE_S)
                statuses.extend(intake.accept(says(f"pir-{n}", "130", id="a")))

    side_by_side(work, work)
    assert sorted(statuses) == ["duplicate"] * 15 + ["stored"] * 15
    assert [a["occurrence_count"] for a in seen.alarms] == [1] * 15
