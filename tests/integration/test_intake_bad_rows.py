"""One bad message among good ones: it is kept and marked, and its neighbours are stored, judged and ring."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stories import NIGHT, Intake, Seen, World, says, told

HARD_VALUES: list[dict[str, Any]] = [
    {"text": "a\x00b"},
    {"id": "a\x00b"},
    {"zone": "\x00"},
    {"partition": "\x00"},
    {"id": ""},
    {"time": "1970-01-01T00:00:00Z"},
    {"time": "0001-01-01T00:00:00+14:00"},
    {"time": "9999-12-31T23:59:59-12:00"},
    {"time": "2026-02-30T00:00:00Z"},
    {"time": 12},
    {"battery": 1e308},
    {"battery": "full"},
    {"rssi": -1e308},
    {"position": {"lon": 1e308, "lat": 0}},
    {"position": {"lon": 180, "lat": 90}},
    {"position": {"lon": None, "lat": 34}},
    {"position": []},
    {"extra": 2**70},
    {"extra": -(2**63) - 1},
    {"extra": "\x00"},
    {"a\x00b": 1},
    {"extra": "x" * 100_000},
    {"text": "x" * 100_000},
    {"extra": [[[[[]]]]]},
    {"zone": "围" * 60},
    {"text": "\u2028\u202e𠮷👩‍🚒"},
]


@pytest.fixture
def world(owner_conn: psycopg.Connection) -> World:
    world = World(owner_conn)
    for number in range(8):
        world.device(f"pir-{number}", site=world.site())
    return world


@pytest.fixture
def intake(intake_conn: psycopg.Connection) -> Intake:
    return Intake(intake_conn)


def test_a_value_that_the_database_refuses_stands_alone(world: World, intake: Intake, seen: Seen) -> None:
    world.conn.execute("ALTER TABLE signals ADD CHECK (text <> 'refuse me')")
    world.conn.commit()
    batch = [says(f"pir-{n}", "130", id="1", text="refuse me" if n in (2, 5) else "fine") for n in range(8)]
    outcomes = intake.outcomes(*batch)
    assert [o.status.value for o in outcomes] == ["rejected" if n in (2, 5) else "stored" for n in range(8)]
    assert [o.message for o in outcomes] == batch, "outcomes come in the order of the batch"
    assert len(seen.raw) == 8, "the bytes of the bad ones are kept too"
    assert {a["device"] for a in seen.alarms} == {f"pir-{n}" for n in (0, 1, 3, 4, 6, 7)}
    assert seen.feed_has_no_gap()
    assert seen.feed_equals_a_snapshot()
    refused = [r for r in seen.raw if r["outcome"] == "rejected"]
    assert all("database refused it" in r["reason"] for r in refused)
    assert [o.message_id for o in outcomes] == ["1"] * 8, "a device that waits is told"


def test_what_was_refused_may_be_sent_again_once_it_fits(world: World, intake: Intake, seen: Seen) -> None:
    world.conn.execute("ALTER TABLE signals ADD CONSTRAINT c CHECK (text <> 'refuse me')")
    world.conn.commit()
    assert intake.accept(says("pir-1", "130", id="1", text="refuse me")) == ["rejected"]
    world.conn.execute("ALTER TABLE signals DROP CONSTRAINT c")
    world.conn.commit()
    assert intake.accept(says("pir-1", "130", id="1", text="refuse me")) == ["stored"]
    assert len(seen.alarms) == 1


@pytest.mark.parametrize("fields", HARD_VALUES, ids=lambda fields: repr(fields)[:40])
def test_a_hard_value_harms_no_neighbour(
    world: World, intake: Intake, seen: Seen, fields: dict[str, Any]
) -> None:
    payload = json.dumps({"event": "130"} | fields).encode()
    statuses = intake.accept(
        says("pir-1", "130"), told("lianfang/v1/pir-2/signal", payload), says("pir-3", "130")
    )
    assert (statuses[0], statuses[2]) == ("stored", "stored")
    assert statuses[1] in ("stored", "rejected")
    assert payload in [bytes(r["payload"]) for r in seen.raw], "its bytes are kept, whatever became of it"
    # The device must not be dumb from now on: what is stored of it can be read and written again.
    assert intake.accept(says("pir-2", "130", at=NIGHT + timedelta(minutes=1))) == ["stored"]
    assert "pir-2" in {a["device"] for a in seen.alarms}


@pytest.mark.parametrize(
    "payload",
    [
        b'{"event": "130", "text": "\xff\xfe"}',
        b'{"event": "130", "text": "\\ud800"}',
        b"\x00",
        b"\xef\xbb\xbf{}",
    ],
)
def test_bytes_that_are_no_utf8_harm_no_neighbour(
    world: World, intake: Intake, seen: Seen, payload: bytes
) -> None:
    statuses = intake.accept(
        says("pir-1", "130"), told("lianfang/v1/pir-2/signal", payload), says("pir-3", "130")
    )
    assert statuses == ["stored", "rejected", "stored"]
    assert payload in [bytes(r["payload"]) for r in seen.raw]


def test_a_device_in_1970_is_stored_now_and_still_rings(world: World, intake: Intake, seen: Seen) -> None:
    """Partitions go by our clock; only the signal's own time is the device's."""
    intake.accept(says("pir-1", "130", time="2026-03-02T18:09:00Z"))
    intake.accept(says("pir-1", "130", qualifier="restore", at=NIGHT + timedelta(minutes=1)))
    statuses = intake.accept(
        says("pir-1", "130", time="1970-01-01T00:00:05Z", at=NIGHT + timedelta(minutes=2))
    )
    assert statuses == ["stored"]
    assert [a["active"] for a in seen.alarms] == [True]
    assert seen.signals[-1]["occurred_at"].year == 1970
    assert seen.signals[-1]["received_at"] == NIGHT + timedelta(minutes=2)
    [state] = seen.rows("SELECT clock_offset_s FROM device_states")
    assert state["clock_offset_s"] < -1e9, "the installer is shown how wrong its clock is"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner),
    max_leaves=3,
)
FIELDS = st.dictionaries(
    st.sampled_from(
        ["id", "time", "qualifier", "zone", "partition", "position", "battery", "rssi", "text", "x"]
    )
    | st.text(max_size=5),
    JSON,
    max_size=4,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batch=st.lists(FIELDS, min_size=1, max_size=5))
def test_whatever_devices_send_is_kept_and_answered(
    world: World, intake: Intake, seen: Seen, batch: list[dict[str, Any]]
) -> None:
    before = seen.count("raw_messages")
    messages = [
        told(
            f"lianfang/v1/pir-{n}/signal",
            json.dumps({"event": "130"} | fields).encode("utf-8", "surrogatepass"),
        )
        for n, fields in enumerate(batch)
    ]
    statuses = intake.accept(says("pir-7", "130"), *messages)
    assert statuses[0] == "stored"
    assert set(statuses) <= {"stored", "rejected", "duplicate"}
    kept = seen.count("raw_messages") - before
    assert kept == len(statuses) - statuses.count("duplicate")
