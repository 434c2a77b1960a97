"""What falls due by the clock: partitions ahead, retention, sessions, tests, callers; and one machine at a time."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from api import jobs
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
    assert jobs.forget_unknown(owner_conn, settings, NOW) == 3
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
