"""What falls due by the clock: partitions ahead, retention, sessions, tests, callers; and one machine at a time."""

import os
import select
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from api import doctor, heartbeat, jobs
from api.ready import READY_FD
from api.settings import Settings
from tests.stories import World

NOW = datetime(2031, 3, 1, 12, tzinfo=UTC)


def tables(conn: psycopg.Connection, prefix: str) -> list[str]:
    rows = conn.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ %s ORDER BY 1", [f"^{prefix}_2031"]
    )
    return [row[0] for row in rows.fetchall()]


def test_partitions_are_made_ahead_and_dropped_when_old(
    owner_conn: psycopg.Connection, settings: Settings
) -> None:
    assert jobs.make_partitions(owner_conn, settings, NOW) > 0
    assert jobs.make_partitions(owner_conn, settings, NOW) == 0, "safe to run twice"
    days = tables(owner_conn, "raw_messages")
    assert days[0] == "raw_messages_20310301"
    assert tables(owner_conn, "signals")[:2] == ["signals_20310301", "signals_20310401"]

    jobs.drop_old_partitions(
        owner_conn, settings, NOW + timedelta(days=settings.retention_raw_days + 1, hours=-13)
    )
    assert tables(owner_conn, "raw_messages") == days, "its last hour is not old enough"
    jobs.drop_old_partitions(owner_conn, settings, NOW + timedelta(days=settings.retention_raw_days + 1))
    assert tables(owner_conn, "raw_messages") == days[1:]
    assert "signals_20310301" in tables(owner_conn, "signals"), "signals are kept longer"


def test_expired_sessions_end(owner_conn: psycopg.Connection, settings: Settings) -> None:
    owner_conn.execute("INSERT INTO users (username, display_name, password_hash) VALUES ('li', '李', '')")
    for token, hours in ((b"old", -1), (b"new", 1)):
        owner_conn.execute(
            "INSERT INTO sessions (token_hash, user_id, kind, expires_at) SELECT %s, id, 'cookie', %s FROM users",
            [token, NOW + timedelta(hours=hours)],
        )
    assert jobs.end_sessions(owner_conn, settings, NOW) == 1
    assert owner_conn.execute("SELECT token_hash FROM sessions").fetchall() == [(b"new",)]


def test_a_test_that_was_over_for_a_day_is_no_longer_called_one(
    owner_conn: psycopg.Connection, settings: Settings
) -> None:
    world = World(owner_conn)
    for name, hours in (("running", 1), ("just over", -1), ("long over", -25)):
        world.device(
            name.replace(" ", "-"), village=None, status="test", test_until=NOW + timedelta(hours=hours)
        )
    assert jobs.end_tests(owner_conn, settings, NOW) == 1
    assert jobs.end_tests(owner_conn, settings, NOW) == 0
    rows = owner_conn.execute(
        "SELECT device_id, status, test_until IS NULL FROM devices ORDER BY id"
    ).fetchall()
    assert rows == [
        ("running", "test", False),
        ("just-over", "test", False),
        ("long-over", "in_service", True),
    ]
    assert owner_conn.execute(
        "SELECT d.device_id, h.action, h.reason, h.user_id FROM device_history h JOIN devices d ON d.id = h.device_id"
    ).fetchall() == [("long-over", "status", "its test ended by itself", None)]
    told = owner_conn.execute("SELECT kind, document ->> 'status' FROM changes").fetchall()
    assert told == [("device", "in_service")], "the map is told"


def test_two_machines_do_not_sweep_at_once(
    owner_conn: psycopg.Connection, database_url: str, settings: Settings
) -> None:
    sweep = jobs.Sweep("count", 60, lambda _conn, _settings, _now: 7)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [jobs.LOCK])
        assert jobs.sweep_once(owner_conn, sweep, settings) == 0
        other.rollback()
        assert jobs.sweep_once(owner_conn, sweep, settings) == 7


def test_a_sweep_that_fails_keeps_no_other_from_its_turn(
    owner_conn: psycopg.Connection, settings: Settings
) -> None:
    done: list[str] = []

    def fail(conn: psycopg.Connection, _: Settings, __: datetime) -> int:
        conn.execute("DELETE FROM no_such_table")
        return 0

    def succeed(_: psycopg.Connection, __: Settings, ___: datetime) -> int:
        done.append("swept")
        return 1

    jobs.Round(settings, (jobs.Sweep("first", 60, fail), jobs.Sweep("second", 60, succeed))).sweep(owner_conn)
    assert done == ["swept"]
    heard = heartbeat.read_jobs(owner_conn)
    assert heard is not None
    assert heard.failing == {"first": 'relation "no_such_table" does not exist'}
    owner_conn.commit()
    assert [one.what for one in doctor.look_at_jobs(settings)] == [
        'cannot do first: relation "no_such_table" does not exist'
    ]


NEVER_DONE = """
import time
from api.jobs import Sweep, run_jobs
from api.settings import load_settings
run_jobs(load_settings(), (Sweep("months", 60, lambda *_: time.sleep(600)),))
"""


def test_a_long_deletion_keeps_no_installation_from_starting(settings: Settings) -> None:
    """`up` waits a minute for the jobs, and gives up the whole start."""
    ours, theirs = os.pipe()
    environment = os.environ | {"LIANFANG_DATABASE_URL": str(settings.database_url), READY_FD: str(theirs)}
    process = subprocess.Popen([sys.executable, "-c", NEVER_DONE], env=environment, pass_fds=(theirs,))
    os.close(theirs)
    try:
        ready, _, _ = select.select([ours], [], [], 20)
        assert ready
        assert os.read(ours, 1) == b"1"
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_a_clock_that_jumps_ahead_deletes_nothing_for_a_day(
    owner_conn: psycopg.Connection, settings: Settings
) -> None:
    """All there is would be too old for a clock that is years ahead, and gone before anybody looks."""
    deleted: list[datetime] = []

    def forget(_: psycopg.Connection, __: Settings, now: datetime) -> int:
        deleted.append(now)
        return 1

    def go() -> int:
        begun_anew = jobs.Round(settings, (jobs.Sweep("forget", 60, forget, deletes=True),))
        begun_anew.look_at_clock(owner_conn)
        begun_anew.sweep(owner_conn)
        owner_conn.commit()
        return len(deleted)

    def since_the_last_beat(interval: str) -> None:
        owner_conn.execute("UPDATE heartbeats SET at = now() - %s::interval", [interval])
        owner_conn.commit()

    assert go() == 1, "an installation's first day"
    since_the_last_beat("23 hours")
    assert go() == 2, "a day off"
    since_the_last_beat("3 years")
    assert go() == 2, "the clock jumped"
    assert go() == 2, "a restart does not make it believed"
    (told,) = doctor.look_at_jobs(settings)
    assert "delete nothing until" in told.what
    since_the_last_beat("-3 years")
    assert go() == 3, "the clock was set right"

    since_the_last_beat("3 years")
    assert go() == 3
    owner_conn.execute(
        "UPDATE heartbeats SET details = jsonb_set(details::jsonb, '{holds_until}',"
        " to_jsonb(now() - interval '1 minute'))"
    )
    assert go() == 4, "it told the same for a day: so it is"


def test_all_that_deletes_for_good_waits_for_a_clock_that_is_believed() -> None:
    assert {sweep.name for sweep in jobs.SWEEPS if not sweep.deletes} == {
        "make_partitions",
        "end_tests",
        "end_sessions",
    }


@pytest.mark.parametrize("sweep", jobs.SWEEPS, ids=lambda sweep: sweep.name)
def test_every_sweep_runs_on_an_empty_installation(
    owner_conn: psycopg.Connection, settings: Settings, sweep: jobs.Sweep
) -> None:
    assert jobs.sweep_once(owner_conn, sweep, settings) >= 0


def test_unknown_devices_are_forgotten_with_their_messages_or_once_they_are_known(
    owner_conn: psycopg.Connection, settings: Settings
) -> None:
    """Anybody may speak on the enrolment login, under as many names as he likes: the list must not grow for ever."""
    world = World(owner_conn)
    gateway = world.device("gw-1", kind="gateway", protocol="zigbee2mqtt")
    for publisher, child, days in (("old", "", 31), ("new", "", 29), ("gw-1", "kitchen", 1), ("gw-1", "hall", 1),
                                   ("pir-1", "", 1), ("pir-2", "", 1)):  # fmt: skip
        owner_conn.execute(
            "INSERT INTO unknown_devices VALUES (%s, %s, 'zigbee2mqtt', %s, %s, 1, 't')",
            [publisher, child, NOW - timedelta(days=40), NOW - timedelta(days=days)],
        )
    world.device("kitchen-1", gateway=gateway, external_id="kitchen")
    world.device("pir-1")
    world.device("pir-2")
    owner_conn.execute(
        "UPDATE devices SET created_at = CASE device_id WHEN 'pir-2' THEN %s::timestamptz ELSE %s END",
        [NOW - timedelta(days=2), NOW],
    )
    assert jobs.forget_unknown_devices(owner_conn, settings, NOW) == 3
    left = owner_conn.execute("SELECT publisher, child FROM unknown_devices ORDER BY 1, 2").fetchall()
    assert left == [("gw-1", "hall"), ("new", ""), ("pir-2", "")], "pir-2 still speaks with the wrong login"


def test_callers_are_forgotten_when_their_incident_has_long_been_closed(
    owner_conn: psycopg.Connection, settings: Settings
) -> None:
    for n, closed_at in enumerate((None, NOW - timedelta(days=29), NOW - timedelta(days=31))):
        owner_conn.execute(
            "INSERT INTO incidents (source, state, category, priority, title, opened_at, last_alarm_at,"
            " acknowledged_at, closed_at, disposition, caller_name, caller_phone)"
            " VALUES ('operator', %s, 'fire', 1, %s, %s, %s, %s, %s, %s, 'Zhao', '13800001234')",
            ["new" if closed_at is None else "closed", f"call {n}", NOW, NOW, NOW, closed_at,
             None if closed_at is None else "actual"],
        )  # fmt: skip
    assert jobs.forget_callers(owner_conn, settings, NOW) == 1
    assert jobs.forget_callers(owner_conn, settings, NOW) == 0
    rows = owner_conn.execute(
        "SELECT title, caller_name, caller_phone_masked FROM incidents ORDER BY id"
    ).fetchall()
    assert rows == [
        ("call 0", "Zhao", "138****1234"),
        ("call 1", "Zhao", "138****1234"),
        ("call 2", None, None),
    ]
