"""Nights and days in Sanmenxia, told with their times, through the real intake into a real PostGIS."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from alarms.judging import lifecycle
from alarms.judging.lifecycle import Acknowledge, Close, Dispatch, OnScene, Resolve
from alarms.model import Disposition, RawMessage
from alarms.response.handling import Actor, act
from tests.stories import Intake, Seen, World, local, says


class Story:
    """What happens at a time, and what the desk sees then."""

    def __init__(
        self, owner: psycopg.Connection, intake: psycopg.Connection, api: psycopg.Connection
    ) -> None:
        self.given = World(owner)
        self.seen = Seen(owner)
        self._intake = Intake(intake)
        self._api = api
        self._wang = self.given.user("wang")

    def at(self, clock: str | datetime, *messages: tuple[str, str] | tuple[str, str, str]) -> None:
        """Devices speak: ``("door-1", "burglary")`` or ``("door-1", "burglary", "restore")``."""
        now = local(clock) if isinstance(clock, str) else clock
        batch = [
            says(device, event, at=now, qualifier=(*rest, "new")[0]) for device, event, *rest in messages
        ]
        assert set(self._intake.accept(*batch)) == {"stored"}

    def after_an_outage(self, clock: str | datetime, *messages: RawMessage) -> None:
        """The database is back: what was received meanwhile is stored now, in one batch."""
        now = local(clock) if isinstance(clock, str) else clock
        assert set(self._intake.accept(*messages, at=now)) == {"stored"}

    def wang(self, clock: str, action: lifecycle.Action, incident: int) -> None:
        """The dispatcher acts; it must be possible."""
        with self._api.transaction():
            self._api.execute("SELECT begin_scope(%s)", [self._wang])
            [outcome] = act(
                self._api, [incident], action, Actor(user_id=self._wang, name="wang"), local(clock)
            )
        assert outcome.refused is None, outcome.detail

    @property
    def queue(self) -> list[dict[str, Any]]:
        """The open incidents in queue order: unacknowledged first, then priority, then the oldest."""
        return self.seen.rows(
            "SELECT * FROM incidents WHERE closed_at IS NULL ORDER BY state <> 'new', priority, opened_at, id"
        )

    def ends_well(self) -> None:
        """What holds at the end of every story."""
        assert self.seen.feed_has_no_gap()
        assert self.seen.feed_equals_a_snapshot()


@pytest.fixture
def story(
    owner_conn: psycopg.Connection, intake_conn: psycopg.Connection, api_conn: psycopg.Connection
) -> Story:
    return Story(owner_conn, intake_conn, api_conn)


def test_a_burglary_at_ten_past_two(story: Story) -> None:
    home = story.given.site("Zhang's farm")
    for name, kind in (("door", "door_contact"), ("hall", "infrared_sensor"), ("sos", "panic_button")):
        story.given.device(name, kind=kind, site=home)

    story.at("02:10:00", ("door", "burglary"))
    [case] = story.queue
    assert (case["state"], case["priority"], case["verification_level"]) == ("new", 3, 1)

    story.at("02:10:04", ("door", "burglary", "restore"))
    [case] = story.queue
    assert (case["state"], case["active_alarm_count"]) == ("new", 0), (
        "the door fell shut; nobody has seen it yet"
    )

    story.at("02:10:21", ("hall", "burglary"))
    [case] = story.queue
    assert (case["priority"], case["verification_level"]) == (3, 2), (
        "two detectors: a person is likely inside"
    )

    story.wang("02:10:40", Acknowledge(), case["id"])
    story.wang("02:11:05", Dispatch("car 3"), case["id"])
    assert story.queue[0]["state"] == "dispatched"

    story.at("02:11:30", ("sos", "panic"))
    [case] = story.queue
    assert (case["state"], case["priority"], case["category"]) == ("new", 1, "panic"), "it rings again"
    assert case["dispatched_at"] == local("02:11:05"), "and car 3 is still on its way"

    story.wang("02:11:36", Acknowledge(), case["id"])
    assert story.queue[0]["state"] == "dispatched"
    story.wang("02:19:00", OnScene(), case["id"])
    story.wang("02:40:00", Resolve("two arrested"), case["id"])
    story.wang("02:45:00", Close(Disposition.ACTUAL), case["id"])
    assert story.queue == []
    assert story.seen.count("alarms", "closed_at IS NULL") == 0
    assert story.seen.timeline == [
        "alarm", "restored", "alarm", "acknowledged", "dispatched", "alarm", "acknowledged", "on_scene", "resolved",
        "closed",
    ]  # fmt: skip
    story.ends_well()


def test_a_shop_by_day_at_closing_time_and_by_night(story: Story) -> None:
    shop = story.given.site("Li's shop", kind="shop", armed="21:00-08:00")
    for name in ("front", "till"):
        story.given.device(name, site=shop)
    for minute in range(30):
        story.at(f"15:{minute:02}", ("front", "burglary"), ("front", "burglary", "restore"))
    story.at("20:59:59", ("front", "burglary"))
    assert story.queue == [], "customers"
    assert story.seen.count("signals", "judgement = 'activity'") == 31, "kept: it tells what happened here"

    story.at("16:00", ("till", "holdup"))
    [case] = story.queue
    assert (case["priority"], case["category"]) == (1, "holdup"), "a hold-up does not ask for arming"
    story.wang("16:01", Close(Disposition.ACTUAL), case["id"])

    story.at("21:00", ("front", "burglary"))
    assert [i["priority"] for i in story.queue] == [3]
    story.at(local("21:00") + timedelta(hours=10, minutes=59, seconds=59), ("till", "burglary"))
    assert len(story.queue) == 2, "07:59:59 of the next morning is still night"
    story.at(local("21:00") + timedelta(hours=11), ("till", "burglary"))
    assert story.seen.count("signals", "judgement = 'activity'") == 32
    story.ends_well()


def test_an_outage_over_opening_time_changes_nothing_of_what_rings(story: Story) -> None:
    """The database is away from 02:00 to 08:10; a burglar comes at 03:00 and the first customer at 08:05."""
    shop = story.given.site("Li's shop", kind="shop", armed="21:00-08:00")
    for name in ("front", "till"):
        story.given.device(name, site=shop)
    story.after_an_outage(
        "08:10", says("till", "burglary", at=local("03:00")), says("front", "burglary", at=local("08:05"))
    )
    assert [s["judgement"] for s in story.seen.signals] == ["alarm", "activity"]
    assert [(i["category"], i["priority"]) for i in story.queue] == [("burglary", 3)]
    story.ends_well()


def test_an_outage_over_closing_time_makes_no_burglars_of_customers(story: Story) -> None:
    story.given.device("front", site=story.given.site("Li's shop", kind="shop", armed="21:00-08:00"))
    story.after_an_outage("21:01", says("front", "burglary", at=local("20:58")))
    assert story.queue == []
    story.after_an_outage("21:05", says("front", "burglary", at=local("21:03")))
    assert len(story.queue) == 1
    story.ends_well()


def test_what_waited_at_the_broker_over_opening_time_is_judged_by_its_devices_clock(story: Story) -> None:
    """More than the intake may hold unacknowledged waits at the broker, and is stamped when it is handed over."""
    story.given.device("till", site=story.given.site("Li's shop", kind="shop", armed="21:00-08:00"))
    story.after_an_outage(
        "08:11", says("till", "burglary", at=local("08:10"), time=local("03:00").isoformat())
    )
    assert len(story.queue) == 1
    story.ends_well()


def test_an_outage_over_the_end_of_a_test_rings_nobody(story: Story) -> None:
    story.given.device("new", site=story.given.site(), status="test", test_until=local("10:30"))
    story.after_an_outage(
        "11:00", says("new", "panic", at=local("10:29")), says("new", "burglary", at=local("10:31"))
    )
    assert [s["judgement"] for s in story.seen.signals] == ["test", "alarm"]
    assert [i["category"] for i in story.queue] == ["burglary"]
    story.ends_well()


def test_a_safe_and_a_forced_door_ring_by_day(story: Story) -> None:
    shop = story.given.site("Li's shop", kind="shop", armed="21:00-08:00")
    story.given.device("panel", kind="alarm_panel", site=shop)
    story.at("15:00", ("panel", "130"), ("panel", "131"))
    assert story.queue == []
    for minute, event in enumerate(("133", "423", "DF", "BV"), 10):
        story.at(f"15:{minute}", ("panel", event))
        [case] = story.queue
        assert (case["category"], case["priority"]) == ("burglary", 3), event
        story.wang(f"15:{minute}:30", Close(Disposition.ACTUAL), case["id"])
    story.ends_well()


def test_a_flapping_sensor_is_one_line_in_the_queue_with_all_it_said(story: Story) -> None:
    story.given.device("loose", site=story.given.site())
    for second in range(0, 60, 2):
        story.at(f"03:00:{second:02}", ("loose", "burglary"))
        story.at(f"03:00:{second + 1:02}", ("loose", "burglary", "restore"))
    [case], [alarm] = story.queue, story.seen.alarms
    assert (case["alarm_count"], alarm["occurrence_count"], alarm["active"]) == (1, 30, False)
    assert len(story.seen.signals) == 60, "each is kept"
    assert alarm["opened_at"] == local("03:00:00")
    assert alarm["last_at"] == local("03:00:59")

    story.wang("03:02", Close(Disposition.FALSE_EQUIPMENT), case["id"])
    story.at("03:02:01", ("loose", "burglary"))
    assert [i["id"] for i in story.queue] != [case["id"]], "it flaps on: a new case, not a swallowed one"
    assert len(story.queue) == 1
    story.ends_well()


def test_a_panic_button_pressed_again_after_the_car_has_left(story: Story) -> None:
    """It sends no restore. Pressed a second time, it must ring a second time."""
    story.given.device("sos", kind="panic_button", site=story.given.site())
    story.at("22:00", ("sos", "panic"))
    [case] = story.queue
    story.wang("22:01", Dispatch("car 3"), case["id"])
    story.wang("22:20", Resolve("a quarrel, settled"), case["id"])
    story.at("22:31", ("sos", "panic"))
    [again] = story.queue
    assert (again["id"], again["state"], again["handler_id"]) == (case["id"], "new", None)
    story.ends_well()


def test_a_storm_leaves_the_one_panic_on_top(story: Story) -> None:
    """A power cut over 60 households at 04:00; in the middle of it somebody is in danger."""
    for n in range(60):
        story.given.device(f"panel-{n}", kind="alarm_panel", site=story.given.site(f"No. {n}"))
    messages = [(f"panel-{n}", "power") for n in range(60)]
    messages.insert(37, ("panel-5", "panic"))
    story.at("04:00", *messages)
    top, *rest = story.queue
    assert (top["priority"], top["category"], top["alarm_count"]) == (1, "panic", 2)
    assert len(rest) == 59
    assert {i["priority"] for i in rest} == {4}
    assert [i["opened_at"] for i in rest] == sorted(i["opened_at"] for i in rest)
    story.at("04:20", *[(f"panel-{n}", "power", "restore") for n in range(60)])
    assert len(story.queue) == 60, "the light is back; nobody has seen them yet"
    assert {i["active_alarm_count"] for i in story.queue[1:]} == {0}
    story.ends_well()


def test_the_queue_puts_what_nobody_has_seen_before_what_somebody_handles(story: Story) -> None:
    for name in ("a", "b", "c"):
        story.given.device(name, site=story.given.site(name))
    story.at("01:00", ("a", "panic"))
    story.at("01:01", ("b", "burglary"))
    story.at("01:02", ("c", "burglary"))
    panic = story.queue[0]["id"]
    story.wang("01:03", Acknowledge(), panic)
    assert [(i["state"], i["priority"]) for i in story.queue] == [
        ("new", 3), ("new", 3), ("acknowledged", 1),
    ]  # fmt: skip
    assert story.queue[0]["opened_at"] < story.queue[1]["opened_at"], "the oldest first"


def test_an_installer_tests_a_device_and_the_desk_hears_nothing_until_it_is_in_service(story: Story) -> None:
    device = story.given.device("new", site=story.given.site(), status="test", test_until=local("10:30"))
    story.at("10:00", ("new", "burglary"), ("new", "panic"))
    assert story.queue == []
    assert [s["judgement"] for s in story.seen.signals] == ["test", "test"], (
        "the installer sees that it arrived"
    )
    story.at("10:31", ("new", "panic"))
    assert [i["priority"] for i in story.queue] == [1], "forgotten in test mode, it rings from half past on"
    assert story.seen.alarms[0]["device_id"] == device
    story.ends_well()


def test_a_longer_window_is_a_setting(story: Story) -> None:
    home = story.given.site()
    for name in ("door", "hall"):
        story.given.device(name, site=home)
    rules = replace(story._intake.rules, incident_window=timedelta(minutes=30))
    story._intake = replace(story._intake, rules=rules)
    story.at("02:00", ("door", "burglary"))
    story.at("02:29", ("hall", "burglary"))
    assert [i["alarm_count"] for i in story.queue] == [2]
