"""A gateway tells the whole state of its sensors again and again: what goes on is news once, not with each message."""

from __future__ import annotations

import json
from datetime import timedelta

import psycopg
import pytest

from alarms.judging.lifecycle import Close
from alarms.model import Disposition
from alarms.response.handling import Actor, act
from tests.stories import NIGHT, Intake, Seen, World, told


class Gateway:
    """A Zigbee2MQTT gateway with one door contact, other makers' devices, and the desk that answers."""

    def __init__(
        self, owner: psycopg.Connection, intake: psycopg.Connection, api: psycopg.Connection
    ) -> None:
        given = World(owner)
        self._owner = owner
        home = given.site()
        gateway = given.device("gw-1", kind="gateway", protocol="zigbee2mqtt", site=home)
        given.device("door-1", kind="door_contact", site=home, gateway=gateway, external_id="door")
        given.device("barn-1", kind="door_contact", site=home, protocol="tasmota")
        given.device("shop-1", kind="door_contact", site=home, protocol="shelly2")
        recorder = given.device("nvr-1", kind="gateway", site=home, protocol="frigate")
        given.device("cam-1", kind="camera", site=home, gateway=recorder, external_id="yard")
        self.seen = Seen(owner)
        self.now = NIGHT
        self._intake = Intake(intake)
        self._api = api
        self._wang = given.user()

    def says(self, minutes: float = 1, **state: object) -> None:
        """The door's whole state, some minutes later."""
        self.hears("gw/gw-1/zigbee2mqtt/door", state, minutes)

    def hears(self, topic: str, body: dict[str, object], minutes: float = 1) -> None:
        """Anybody's message, some minutes later."""
        self.now += timedelta(minutes=minutes)
        [status] = self._intake.accept(told(topic, json.dumps(body).encode(), at=self.now))
        assert status == "stored"

    def becomes(self, status: str) -> None:
        """The installer takes the door's device in hand, or gives it back."""
        until = self.now + timedelta(hours=1) if status == "test" else None
        self._owner.execute(
            "UPDATE devices SET status = %s, test_until = %s WHERE device_id = 'door-1'", [status, until]
        )
        self._owner.commit()

    def moves(self) -> None:
        """The door's device hangs at another house now."""
        elsewhere = World(self._owner).site("No. 9")
        self._owner.execute("UPDATE devices SET site_id = %s WHERE device_id = 'door-1'", [elsewhere])
        self._owner.commit()

    def wang_closes(self, minutes: float = 1) -> None:
        """All that is open is closed as false."""
        self.now += timedelta(minutes=minutes)
        ids = [row["id"] for row in self.seen.incidents if row["closed_at"] is None]
        with self._api.transaction():
            self._api.execute("SELECT begin_scope(%s)", [self._wang])
            outcomes = act(
                self._api,
                ids,
                Close(Disposition.FALSE_EQUIPMENT),
                Actor(user_id=self._wang, name="wang"),
                self.now,
            )
        assert [outcome.refused for outcome in outcomes] == [None] * len(ids)

    @property
    def open_alarms(self) -> list[tuple[str, int]]:
        """Category and occurrences of what is open."""
        rows = [row for row in self.seen.alarms if row["closed_at"] is None]
        return [(row["category"], row["occurrence_count"]) for row in rows]


def test_a_low_battery_is_told_once_and_again_after_a_day(
    owner_conn: psycopg.Connection, intake_conn: psycopg.Connection, api_conn: psycopg.Connection
) -> None:
    story = Gateway(owner_conn, intake_conn, api_conn)
    for _ in range(3):
        story.says(battery_low=True, contact=True)
    assert [count for _, count in story.open_alarms] == [1]

    story.wang_closes()
    story.says(battery_low=True, contact=True)
    assert story.open_alarms == [], "seen, closed, and nothing changed"
    assert story.seen.signals[-1]["judgement"] in ("unchanged", "restore")

    story.says(minutes=25 * 60, battery_low=True, contact=True)
    assert len(story.open_alarms) == 1, "a day later nobody has changed it"
    assert story.seen.feed_equals_a_snapshot()


def test_a_door_that_was_closed_and_opens_again_rings_again(
    owner_conn: psycopg.Connection, intake_conn: psycopg.Connection, api_conn: psycopg.Connection
) -> None:
    story = Gateway(owner_conn, intake_conn, api_conn)
    story.says(contact=False)
    story.says(contact=False)
    assert story.open_alarms == [("burglary", 1)], "it stands open: one occurrence"
    story.wang_closes()
    story.says(contact=False)
    assert story.open_alarms == []

    story.says(contact=True)
    story.says(contact=False)
    assert story.open_alarms == [("burglary", 1)], "shut and opened again: that is news"
    assert story.seen.feed_has_no_gap()
    assert story.seen.feed_equals_a_snapshot()


@pytest.mark.parametrize("status", ["test", "out_of_service"])
def test_a_door_that_is_shut_while_its_device_is_in_the_installers_hands_rings_when_it_opens_again(
    owner_conn: psycopg.Connection,
    intake_conn: psycopg.Connection,
    api_conn: psycopg.Connection,
    status: str,
) -> None:
    story = Gateway(owner_conn, intake_conn, api_conn)
    story.says(contact=False)
    story.wang_closes()
    story.becomes(status)
    story.says(contact=True)
    story.says(contact=False)
    assert story.open_alarms == [], "nothing rings meanwhile"
    story.says(contact=True)
    story.becomes("in_service")
    story.says(contact=False)
    assert story.open_alarms == [("burglary", 1)]


TASMOTA = ("gw/barn-1/stat/x/RESULT", "gw/barn-1/tele/x/SENSOR")
SHELLY = ("gw/shop-1/events/rpc", "gw/shop-1/status/input:0")


def wired(topic: str, on: bool) -> dict[str, object]:
    """What a module says of the door contact on its first input: a change, or its state."""
    match topic:
        case "gw/barn-1/stat/x/RESULT":
            return {"Switch1": {"Action": "ON" if on else "OFF"}}
        case "gw/barn-1/tele/x/SENSOR":
            return {"Time": "2026-03-03T02:10:00", "Switch1": "ON" if on else "OFF"}
        case "gw/shop-1/events/rpc":
            return {"method": "NotifyStatus", "params": {"input:0": {"id": 0, "state": on}}}
        case _:
            return {"id": 0, "state": on}


@pytest.mark.parametrize(("change", "state"), [TASMOTA, SHELLY], ids=["tasmota", "shelly"])
def test_a_door_on_a_modules_input_that_stands_open_all_night_rings_once(
    owner_conn: psycopg.Connection,
    intake_conn: psycopg.Connection,
    api_conn: psycopg.Connection,
    change: str,
    state: str,
) -> None:
    story = Gateway(owner_conn, intake_conn, api_conn)
    story.hears(change, wired(change, True))
    for _ in range(3):
        story.hears(state, wired(state, True), 5)
    assert story.open_alarms == [("burglary", 1)]
    story.wang_closes()
    for _ in range(3):
        story.hears(state, wired(state, True), 5)
    assert story.open_alarms == [], "seen, closed, and nothing changed"

    story.hears(change, wired(change, False))
    story.hears(state, wired(state, True))
    assert story.open_alarms == [("burglary", 1)], "shut and opened again, and the change itself was lost"
    story.wang_closes()
    story.hears(change, wired(change, True))
    assert story.open_alarms == [("burglary", 1)], "a change is news"


def seen_by_camera(kind: str, who: str, second: float, **more: object) -> dict[str, object]:
    """What Frigate says of somebody in the yard, ``second`` seconds after a moment."""
    start = NIGHT.timestamp()
    after = {
        "id": who,
        "camera": "yard",
        "label": "person",
        "start_time": start,
        "frame_time": start + second,
    }
    return {"type": kind, "after": after | ({"end_time": start + second} if kind == "end" else {}) | more}


def test_the_first_person_who_leaves_does_not_hide_the_second(
    owner_conn: psycopg.Connection, intake_conn: psycopg.Connection, api_conn: psycopg.Connection
) -> None:
    story = Gateway(owner_conn, intake_conn, api_conn)
    events = "gw/nvr-1/frigate/events"

    def active() -> bool:
        return bool(story.seen.alarms[-1]["active"])

    story.hears(events, seen_by_camera("new", "a", 2))
    story.hears(events, seen_by_camera("new", "b", 10))
    assert story.open_alarms == [("burglary", 2)]
    story.hears(events, seen_by_camera("end", "a", 20))
    story.hears(events, seen_by_camera("update", "b", 24))
    assert active(), "the second is still there"
    story.hears(events, seen_by_camera("update", "b", 30))
    assert story.open_alarms == [("burglary", 3)], "that he is still there is no news while it is active"
    story.hears(events, seen_by_camera("end", "b", 40))
    assert not active()
    story.hears(events, seen_by_camera("new", "c", 44))
    assert active(), "begun before the other's end, and seen after it"
    story.wang_closes()
    story.hears(events, seen_by_camera("update", "c", 60))
    assert story.open_alarms == [], "seen, closed, and nothing changed"
    story.hears(events, seen_by_camera("new", "d", 70))
    assert story.open_alarms == [("burglary", 1)], "somebody else"
    assert story.seen.feed_equals_a_snapshot()


def test_motion_is_news_each_time(
    owner_conn: psycopg.Connection, intake_conn: psycopg.Connection, api_conn: psycopg.Connection
) -> None:
    story = Gateway(owner_conn, intake_conn, api_conn)
    story.says(occupancy=True)
    story.says(occupancy=True)
    assert story.open_alarms == [("burglary", 2)]
    story.wang_closes()
    story.says(occupancy=True)
    assert story.open_alarms == [("burglary", 1)]


def test_a_door_that_stands_open_at_another_house_is_news_there(
    owner_conn: psycopg.Connection, intake_conn: psycopg.Connection, api_conn: psycopg.Connection
) -> None:
    home = Gateway(owner_conn, intake_conn, api_conn)
    home.says(contact=False)
    home.wang_closes()
    home.says(contact=False)
    assert home.open_alarms == [], "it is no news at home"
    home.moves()
    home.says(contact=False)
    assert home.open_alarms == [("burglary", 1)]
