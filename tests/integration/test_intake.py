"""A batch through ``intake.accept`` into a real PostGIS: what is stored, what rings, what is kept and shown."""

from datetime import datetime, timedelta

import psycopg
import pytest

from alarms.receiving.intake import Status
from tests.stories import NIGHT, OTHER_VILLAGE, VILLAGE, ZONE, Intake, Seen, World, says, told

MINUTE = timedelta(minutes=1)


@pytest.fixture
def given(owner_conn: psycopg.Connection) -> World:
    return World(owner_conn)


@pytest.fixture
def intake(intake_conn: psycopg.Connection) -> Intake:
    return Intake(intake_conn)


def test_a_signal_becomes_an_alarm_in_an_incident_at_its_place(
    given: World, intake: Intake, seen: Seen
) -> None:
    site = given.site()
    given.device("pir-1", site=site, zone="3")
    [outcome] = intake.outcomes(says("pir-1", "130", id="a", battery=87, rssi=-61, text="hall"))
    assert (outcome.status, outcome.publisher, outcome.message_id) == (Status.STORED, "pir-1", "a")
    [raw], [signal], [alarm], [incident] = seen.raw, seen.signals, seen.alarms, seen.incidents
    assert (raw["outcome"], bytes(raw["payload"])[:1]) == ("stored", b"{")
    assert (signal["raw_id"], signal["alarm_id"], signal["zone"]) == (raw["id"], alarm["id"], "3")
    assert (signal["judgement"], signal["battery_percent"], signal["text"]) == ("alarm", 87, "hall")
    assert (alarm["category"], alarm["priority"], alarm["zone"]) == ("burglary", 3, "3")
    assert (alarm["incident_id"], incident["alarm_count"]) == (incident["id"], 1)
    for row in (signal, alarm, incident):
        assert (row["county"], row["township"], row["village"]) == (
            "411282000000",
            "411282100000",
            VILLAGE,
        )
        assert row["site_id"] == site
    assert incident["position"] is not None, "it is shown at its site"
    assert seen.timeline == ["alarm"]
    assert [c["kind"] for c in seen.changes] == ["incident", "alarm"]
    assert seen.feed_equals_a_snapshot()
    [state] = seen.rows("SELECT * FROM device_states")
    assert (state["online"], state["battery_percent"], state["rssi_dbm"]) == (True, 87, -61)


def test_a_batch_is_judged_as_one_by_one(given: World, intake: Intake, seen: Seen) -> None:
    given.device("pir-1", site=given.site())
    statuses = intake.accept(
        says("pir-1", "130"),
        says("pir-1", "130"),
        says("pir-1", "130", qualifier="restore"),
        says("pir-1", "130"),
    )
    assert statuses == ["stored"] * 4
    [alarm] = seen.alarms
    assert (alarm["occurrence_count"], alarm["active"], alarm["version"]) == (3, True, 4)
    assert [s["alarm_id"] for s in seen.signals] == [alarm["id"]] * 4
    assert len(seen.changes) == 2, "one write an object, however many signals"


def test_no_recurrence_is_swallowed(given: World, intake: Intake, seen: Seen) -> None:
    """The same bytes again, without an id, are what they are: it happened again."""
    given.device("pir-1", site=given.site())
    for minute in range(5):
        intake.accept(says("pir-1", "130", at=NIGHT + minute * MINUTE))
    intake.accept(*[says("pir-1", "130", at=NIGHT + 6 * MINUTE) for _ in range(3)])
    assert [a["occurrence_count"] for a in seen.alarms] == [8]
    assert len(seen.signals) == 8


def test_a_restore_ends_no_alarm_and_a_new_one_makes_it_active_again(
    given: World, intake: Intake, seen: Seen
) -> None:
    given.device("pir-1", site=given.site())
    intake.accept(says("pir-1", "130"))
    intake.accept(says("pir-1", "130", qualifier="restore", at=NIGHT + MINUTE))
    [alarm], [incident] = seen.alarms, seen.incidents
    assert (alarm["active"], alarm["closed_at"]) == (False, None)
    assert (incident["state"], incident["active_alarm_count"]) == ("new", 0)
    intake.accept(says("pir-1", "130", at=NIGHT + 2 * MINUTE))
    assert [(a["active"], a["restored_at"]) for a in seen.alarms] == [(True, None)]
    assert [i["active_alarm_count"] for i in seen.incidents] == [1]


def test_a_device_that_was_moved_rings_where_it_stands_now(given: World, intake: Intake, seen: Seen) -> None:
    """Nobody is sent to the site where it stood when it rang last, and its case there stays for who has it."""
    barn, shop = given.site("barn"), given.site("shop", village=OTHER_VILLAGE)
    pir = given.device("pir-1", site=barn)
    intake.accept(says("pir-1", "130"))
    given.conn.execute(
        "UPDATE devices SET site_id = %s, village = %s WHERE id = %s", [shop, OTHER_VILLAGE, pir]
    )
    given.conn.commit()
    intake.accept(says("pir-1", "130", at=NIGHT + 60 * MINUTE))
    old, new = seen.alarms
    assert (old["closed_at"], old["active"]) == (NIGHT + 60 * MINUTE, False)
    assert (new["site_id"], new["village"], new["occurrence_count"]) == (shop, OTHER_VILLAGE, 1)
    assert [(i["site_id"], i["state"], i["active_alarm_count"]) for i in seen.incidents] == [
        (barn, "new", 0),
        (shop, "new", 1),
    ]
    assert seen.timeline == ["alarm", "moved", "alarm"]
    assert [s["alarm_id"] for s in seen.signals] == [old["id"], new["id"]]
    assert seen.feed_equals_a_snapshot()


def test_a_device_without_a_site_that_was_moved_rings_where_it_stands_now(
    given: World, intake: Intake, seen: Seen
) -> None:
    """Its old village's desk has the old case; the new one must see the new alarm."""
    pir = given.device("pir-1")
    intake.accept(says("pir-1", "130"))
    given.conn.execute(
        "UPDATE devices SET village = %s, moved_at = %s WHERE id = %s", [OTHER_VILLAGE, NIGHT + MINUTE, pir]
    )
    given.conn.commit()
    intake.accept(says("pir-1", "130", at=NIGHT + 2 * MINUTE), says("pir-1", "130", at=NIGHT + 3 * MINUTE))
    assert [(a["village"], a["occurrence_count"], a["closed_at"] is None) for a in seen.alarms] == [
        (VILLAGE, 1, False),
        (OTHER_VILLAGE, 2, True),
    ]


def test_a_restore_of_nothing_is_kept_and_rings_nobody(given: World, intake: Intake, seen: Seen) -> None:
    given.device("pir-1")
    assert intake.accept(says("pir-1", "130", qualifier="restore")) == ["stored"]
    assert (len(seen.signals), seen.alarms, seen.changes) == (1, [], [])


def test_a_retained_message_is_a_state_and_never_an_alarm(given: World, intake: Intake, seen: Seen) -> None:
    """Yesterday's SOS must not ring tonight, nor may an old restore hide tonight's."""
    given.device("sos-1", kind="panic_button")
    assert intake.accept(says("sos-1", "panic", retained=True)) == ["stored"]
    assert (seen.alarms, seen.signals[0]["judgement"], seen.raw[0]["flags"]) == ([], "retained", 1)
    intake.accept(says("sos-1", "panic"))
    intake.accept(says("sos-1", "panic", qualifier="restore", retained=True))
    assert [a["active"] for a in seen.alarms] == [True]


def test_a_retained_state_tells_reachability_and_not_when_it_was_seen(
    given: World, intake: Intake, seen: Seen
) -> None:
    given.device("pir-1")
    intake.accept(told("lianfang/v1/pir-1/state", b'{"online": false}', retained=True))
    [state] = seen.rows("SELECT * FROM device_states")
    assert (state["online"], state["last_seen_at"]) == (False, None)
    assert seen.alarms == []


def test_what_a_device_says_of_itself_is_not_lost_for_its_next_message(
    given: World, intake: Intake, seen: Seen
) -> None:
    """A sensor reports its battery and rings in the same batch; the newest of each value counts."""
    for name in ("pir-1", "pir-2"):
        given.device(name, site=given.site())
    intake.accept(
        says("pir-1", "information", qualifier="status", battery=90, rssi=-50),
        says("pir-1", "information", qualifier="status", battery=7, at=NIGHT + timedelta(seconds=1)),
        says("pir-2", "130", battery=55, at=NIGHT + timedelta(seconds=2)),
        says("pir-1", "130", time=NIGHT.isoformat(), at=NIGHT + timedelta(seconds=3)),
        says("pir-1", "130", qualifier="restore", at=NIGHT + timedelta(seconds=4)),
    )
    states = seen.rows("SELECT * FROM device_states ORDER BY device_id")
    assert [(s["battery_percent"], s["rssi_dbm"], s["clock_offset_s"]) for s in states] == [
        (7, -50, -3), (55, None, None),
    ]  # fmt: skip
    assert states[0]["last_seen_at"] == NIGHT + timedelta(seconds=4)


def test_an_unknown_device_is_kept_and_shown(given: World, intake: Intake, seen: Seen) -> None:
    [outcome] = intake.outcomes(says("stranger-1", "panic", id="x"))
    assert (outcome.status, outcome.safe, outcome.message_id) == (Status.UNKNOWN_DEVICE, False, "x")
    assert "adoption" in outcome.reason
    intake.accept(says("stranger-1", "panic", id="x"), says("stranger-1", "130", at=NIGHT + MINUTE))
    [unknown] = seen.rows("SELECT * FROM unknown_devices")
    assert (unknown["publisher"], unknown["messages"], unknown["protocol"]) == ("stranger-1", 3, "lianfang")
    assert [r["outcome"] for r in seen.raw] == ["unknown_device"] * 3
    given.device("stranger-1")
    assert intake.accept(says("stranger-1", "panic", id="x")) == ["stored"], "it was not stored before"


def test_a_stranger_on_the_enrolment_login_is_kept_and_shown_and_rings_nothing(
    given: World, intake: Intake, seen: Seen
) -> None:
    given.device("sos-1")
    topic = "enrol/barn-9/zigbee2mqtt/door"
    statuses = intake.accept(
        told(topic, b'{"contact": false}'),
        told("enrol/barn-9/zigbee2mqtt/bridge/state", b"online", at=NIGHT + MINUTE),
        told("enrol/sos-1/signal", b'{"event": "panic"}'),
        told("enrol/what/ever", b"x"),
    )
    assert statuses == ["unknown_device"] * 3 + ["rejected"]
    unknown = seen.rows("SELECT * FROM unknown_devices ORDER BY publisher")
    assert [(u["publisher"], u["child"], u["protocol"], u["messages"]) for u in unknown] == [
        ("barn-9", "", "zigbee2mqtt", 2), ("sos-1", "", "lianfang", 1),
    ]  # fmt: skip
    assert sorted(r["outcome"] for r in seen.raw) == sorted(statuses)
    assert all("register it" in r["reason"] for r in seen.raw)
    assert (seen.signals, seen.alarms) == ([], []), "anybody may use that login, and name himself as he likes"


def test_a_panic_whose_battery_cannot_be_read_rings_and_says_so(
    given: World, intake: Intake, seen: Seen
) -> None:
    given.device("sos-1")
    [outcome] = intake.outcomes(
        says("sos-1", "panic", id="x", battery=255, position={"lon": None, "lat": None})
    )
    assert (outcome.status, outcome.safe) == (Status.STORED, True)
    [raw], [alarm] = seen.raw, seen.alarms
    assert (raw["outcome"], alarm["priority"]) == ("stored", 1)
    assert raw["reason"] == outcome.reason
    assert "battery: 255 is outside 0 to 100; position.lon" in outcome.reason


def test_what_cannot_be_decoded_is_kept_and_shown(given: World, intake: Intake, seen: Seen) -> None:
    given.device("pir-1")
    topic = "lianfang/v1/pir-1/signal"
    bodies = [b"", b"{", b"\xff\xfe", b'"text"', b"[]", b'{"event": 5}', b'{"event": "\x00"}', b"null"]
    outcomes = intake.outcomes(*[told(topic, body) for body in bodies], told("lianfang/v1/pir-1", b"{}"))
    assert [o.status.value for o in outcomes] == ["ignored"] + ["rejected"] * 8
    assert all(o.reason for o in outcomes)
    kept = {bytes(r["payload"]): r["reason"] for r in seen.raw}
    assert set(kept) >= set(bodies)
    assert all(kept[body] for body in bodies)
    assert seen.signals == []


def test_a_rejected_message_that_carried_an_id_is_answered_with_it(given: World, intake: Intake) -> None:
    """Else the device would send it again for ever."""
    given.device("pir-1")
    [outcome] = intake.outcomes(says("pir-1", "no such event", id="m-1"))
    assert (outcome.status, outcome.message_id, outcome.safe) == (Status.REJECTED, "m-1", False)
    [outcome] = intake.outcomes(told("lianfang/v1/pir-1/signal", b'{"event": "no such event", "id": 7}'))
    assert (outcome.status, outcome.message_id) == (Status.REJECTED, "7"), "as a stored one's is answered"


def test_a_gateways_children_speak_for_themselves(given: World, intake: Intake, seen: Seen) -> None:
    gateway = given.device("zb-1", kind="gateway", protocol="zigbee2mqtt")
    given.device("door-7", kind="door_contact", gateway=gateway, external_id="front door", site=given.site())
    topic = "gw/zb-1/zigbee2mqtt/front door"
    assert intake.accept(told(topic, b'{"contact": false, "battery": 71}')) == ["stored"]
    [alarm] = seen.alarms
    assert (alarm["device"], alarm["category"]) == ("door-7", "burglary")
    assert intake.accept(told("gw/zb-1/zigbee2mqtt/attic", b'{"occupancy": true}')) == ["unknown_device"]
    [unknown] = seen.rows("SELECT * FROM unknown_devices")
    assert (unknown["publisher"], unknown["child"], unknown["protocol"]) == ("zb-1", "attic", "zigbee2mqtt")


def test_two_gateways_may_have_children_of_one_name(given: World, intake: Intake, seen: Seen) -> None:
    for number in (1, 2):
        gateway = given.device(f"zb-{number}", kind="gateway", protocol="zigbee2mqtt")
        given.device(f"door-{number}", gateway=gateway, external_id="door")
    intake.accept(told("gw/zb-2/zigbee2mqtt/door", b'{"contact": false}'))
    assert [a["device"] for a in seen.alarms] == ["door-2"]


def test_a_signal_with_its_own_position_is_where_it_says(given: World, intake: Intake, seen: Seen) -> None:
    given.village(OTHER_VILLAGE, 111.5, 34.5)
    given.device("tracker-1", kind="tracker", village=VILLAGE)
    intake.accept(says("tracker-1", "panic", position={"lon": 111.505, "lat": 34.505}))
    for row in (*seen.signals, *seen.alarms, *seen.incidents):
        assert (row["village"], row["grid_cell"]) == (OTHER_VILLAGE, f"{OTHER_VILLAGE}-001")
    [alarm] = seen.rows("SELECT ST_X(position) AS lon, ST_Y(position) AS lat FROM alarms")
    assert (alarm["lon"], alarm["lat"]) == (111.505, 34.505)


def test_several_positions_in_a_batch_keep_apart(given: World, intake: Intake, seen: Seen) -> None:
    given.village(VILLAGE, 111.1, 34.1)
    given.village(OTHER_VILLAGE, 111.5, 34.5)
    for number in (1, 2, 3, 4):
        given.device(f"t-{number}", village=None)
    intake.accept(
        says("t-1", "panic", position={"lon": 111.505, "lat": 34.505}),
        says("t-2", "panic"),
        says("t-3", "panic", position={"lon": 111.105, "lat": 34.105}),
        says("t-4", "panic", position={"lon": 0, "lat": 0}),
    )
    assert {a["device"]: a["village"] for a in seen.alarms} == {
        "t-1": OTHER_VILLAGE, "t-2": None, "t-3": VILLAGE, "t-4": None,
    }  # fmt: skip


def test_a_shop_is_quiet_by_day_and_rings_by_night(given: World, intake: Intake, seen: Seen) -> None:
    given.device("pir-1", site=given.site(kind="shop", armed="21:00-08:00"))
    day = datetime(2026, 3, 3, 15, 0, tzinfo=ZONE)
    intake.accept(says("pir-1", "130", at=day))
    assert (seen.alarms, seen.signals[0]["judgement"], seen.signals[0]["category"]) == (
        [],
        "activity",
        "activity",
    )
    intake.accept(says("pir-1", "130", at=day.replace(hour=23)))
    assert len(seen.alarms) == 1


@pytest.mark.parametrize("schedule", [5, "nights", [{"days": [9], "from": "x"}], {"days": [1]}])
def test_a_broken_schedule_of_one_site_arms_it_and_stops_nobody(
    given: World, intake: Intake, seen: Seen, schedule: object
) -> None:
    given.device("pir-1", site=given.site(schedule=schedule))
    given.device("pir-2", site=given.site("No. 6"))
    assert intake.accept(says("pir-1", "130"), says("pir-2", "130")) == ["stored", "stored"]
    assert len(seen.alarms) == 2, "a site whose schedule cannot be read is armed"


def test_test_mode_is_shown_and_rings_nobody_and_ends_by_itself(
    given: World, intake: Intake, seen: Seen
) -> None:
    given.device("pir-1", status="test", test_until=NIGHT + MINUTE)
    intake.accept(says("pir-1", "panic"))
    assert (seen.alarms, seen.signals[0]["judgement"]) == ([], "test")
    intake.accept(says("pir-1", "panic", at=NIGHT + 2 * MINUTE))
    assert len(seen.alarms) == 1


def test_alarms_of_a_site_within_five_minutes_are_one_incident(
    given: World, intake: Intake, seen: Seen
) -> None:
    site = given.site()
    for number in (1, 2, 3):
        given.device(f"pir-{number}", site=site)
    intake.accept(says("pir-1", "130"))
    intake.accept(says("pir-2", "130", at=NIGHT + 5 * MINUTE))
    intake.accept(says("pir-3", "130", at=NIGHT + 11 * MINUTE))
    assert [(i["alarm_count"], i["verification_level"]) for i in seen.incidents] == [(2, 2), (1, 1)]


def test_an_empty_batch_is_nothing(intake: Intake, seen: Seen) -> None:
    from alarms.receiving.intake import accept

    assert accept(intake.conn, [], NIGHT, intake.rules) == []
    assert seen.raw == []
