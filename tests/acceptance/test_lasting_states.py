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
    """A Zigbee2MQTT gateway with one door contact, and the desk that answers."""

    def __init__(
        self, owner: psycopg.Connection, intake: psycopg.Connection, api: psycopg.Connection
    ) -> None:
        given = World(owner)
        self._owner = owner
        home = given.site()
        gateway = given.device("gw-1", kind="gateway", protocol="zigbee2mqtt", site=home)
        given.device("door-1", kind="door_contact", site=home, gateway=gateway, external_id="door")
        self.seen = Seen(owner)
        self.now = NIGHT
        self._intake = Intake(intake)
        self._api = api
        self._wang = given.user()

    def says(self, minutes: float = 1, **state: object) -> None:
        """The door's whole state, some minutes later."""
        self.now += timedelta(minutes=minutes)
        payload = json.dumps(state).encode()
        [status] = self._intake.accept(told("gw/gw-1/zigbee2mqtt/door", payload, at=self.now))
        assert status == "stored"

    def becomes(self, status: str) -> None:
        """The installer takes the door's device in hand, or gives it back."""
        until = self.now + timedelta(hours=1) if status == "test" else None
        self._owner.execute(
            "UPDATE devices SET status = %s, test_until = %s WHERE device_id = 'door-1'", [status, until]
        )
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
