"""What people do about incidents, through the database with their own scope."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg
import pytest

from alarms.judging import lifecycle
from alarms.judging.lifecycle import Acknowledge, Close, Dispatch, Note, Reopen
from alarms.model import Category, Disposition, Priority
from alarms.response.handling import ActionOutcome, Actor, Refusal, Report, act, open_by_hand
from gis.model import Position
from tests.stories import NIGHT, OTHER_VILLAGE, VILLAGE, Intake, Seen, World, says

MINUTE = timedelta(minutes=1)
COUNTY, OTHER_COUNTY = "411282000000", "411224000000"


class Person:
    """A signed-in user who acts."""

    def __init__(self, conn: psycopg.Connection, user_id: int) -> None:
        self.conn, self.user_id = conn, user_id

    def does(
        self,
        action: lifecycle.Action,
        *incidents: int,
        at: datetime = NIGHT + MINUTE,
        expected_version: int | None = None,
    ) -> Sequence[ActionOutcome]:
        with self.conn.transaction():
            self.conn.execute("SELECT begin_scope(%s)", [self.user_id])
            actor = Actor(user_id=self.user_id, name="name")
            return act(self.conn, incidents, action, actor, at, expected_version=expected_version)

    def reports(self, report: Report) -> int:
        with self.conn.transaction():
            self.conn.execute("SELECT begin_scope(%s)", [self.user_id])
            return open_by_hand(self.conn, report, Actor(user_id=self.user_id, name="name"), NIGHT)


def done(outcomes: Sequence[ActionOutcome]) -> list[Refusal | None]:
    return [outcome.refused for outcome in outcomes]


@pytest.fixture
def intake(intake_conn: psycopg.Connection) -> Intake:
    return Intake(intake_conn)


@pytest.fixture
def wang(world: World, api_conn: psycopg.Connection) -> Person:
    """The city's dispatcher."""
    return Person(api_conn, world.user("wang"))


def one_incident(world: World, intake: Intake, seen: Seen, device: str = "pir-1", **where: object) -> int:
    world.device(device, site=world.site(village=VILLAGE), **where)  # type: ignore[arg-type]
    intake.accept(says(device, "130"))
    return int(seen.incidents[-1]["id"])


def test_acknowledging_names_who_has_it_and_its_alarms_with_it(
    world: World, intake: Intake, seen: Seen, wang: Person
) -> None:
    incident = one_incident(world, intake, seen)
    assert done(wang.does(Acknowledge(), incident)) == [None]
    [row], [alarm] = seen.incidents, seen.alarms
    assert (row["state"], row["handler_id"], alarm["acknowledged_by"]) == (
        "acknowledged",
        wang.user_id,
        wang.user_id,
    )
    assert seen.timeline == ["alarm", "acknowledged"]
    assert seen.changes[-1]["document"]["acknowledged_at"] is not None
    assert seen.feed_has_no_gap()
    assert seen.feed_equals_a_snapshot()


def test_of_many_each_is_done_or_refused_by_itself(
    world: World, intake: Intake, seen: Seen, wang: Person
) -> None:
    first = one_incident(world, intake, seen, "pir-1")
    second = one_incident(world, intake, seen, "pir-2")
    wang.does(Acknowledge(), first)
    outcomes = wang.does(Acknowledge(), second, 987_654, first, second)
    assert [(o.incident_id, o.refused) for o in outcomes] == [
        (second, None),
        (987_654, Refusal.NOT_FOUND),
        (first, Refusal.WRONG_STATE),
    ]
    assert "acknowledged" in outcomes[2].detail
    assert [i["state"] for i in seen.incidents] == ["acknowledged", "acknowledged"]
    assert seen.feed_equals_a_snapshot()


def test_an_old_screen_is_told_that_it_changed(
    world: World, intake: Intake, seen: Seen, wang: Person
) -> None:
    incident = one_incident(world, intake, seen)
    wang.does(Note("a dog"), incident)
    [outcome] = wang.does(Close(Disposition.FALSE_USER), incident, expected_version=1)
    assert outcome.refused is Refusal.CHANGED_MEANWHILE
    assert "version 2" in outcome.detail
    assert done(wang.does(Close(Disposition.FALSE_USER), incident, expected_version=2)) == [None]


def test_closing_closes_the_alarms_and_the_next_signal_opens_new_ones(
    world: World, intake: Intake, seen: Seen, wang: Person
) -> None:
    incident = one_incident(world, intake, seen)
    wang.does(Close(Disposition.FALSE_ENVIRONMENT), incident)
    assert seen.count("alarms", "closed_at IS NULL") == 0
    intake.accept(says("pir-1", "130", at=NIGHT + 2 * MINUTE))
    assert len(seen.incidents) == len(seen.alarms) == 2
    assert [i["state"] for i in seen.incidents] == ["closed", "new"]


def test_reopening_makes_it_new_and_leaves_its_alarms_closed(
    world: World, intake: Intake, seen: Seen, wang: Person
) -> None:
    incident = one_incident(world, intake, seen)
    wang.does(Close(Disposition.FALSE_ENVIRONMENT), incident)
    wang.does(Reopen(), incident)
    assert [i["state"] for i in seen.incidents] == ["new"]
    assert seen.count("alarms", "closed_at IS NULL") == 0
    intake.accept(says("pir-1", "130", at=NIGHT + 2 * MINUTE))
    assert [i["alarm_count"] for i in seen.incidents] == [2], "within the window it joins the reopened one"


def test_who_has_another_scope_finds_nothing_there(
    world: World, intake: Intake, seen: Seen, api_conn: psycopg.Connection
) -> None:
    incident = one_incident(world, intake, seen)
    stranger = Person(api_conn, world.user("li", division=OTHER_COUNTY))
    assert done(stranger.does(Close(Disposition.TEST), incident)) == [Refusal.NOT_FOUND]
    nobody = Person(api_conn, world.conn.execute("SELECT 1 + max(id) FROM users").fetchone()[0])  # type: ignore[index]
    assert done(nobody.does(Acknowledge(), incident)) == [Refusal.NOT_FOUND]
    assert [i["state"] for i in seen.incidents] == ["new"]


def test_who_may_close_an_incident_closes_all_its_alarms_wherever_they_are(
    world: World, intake: Intake, seen: Seen, api_conn: psycopg.Connection
) -> None:
    """A tracker of the household rings in another county. Its alarm belongs to the household's incident: left open in
    a closed one, it would stand in the way of every later signal of that device."""
    world.village(OTHER_VILLAGE, 111.5, 34.5)
    site = world.site()
    world.device("pir-1", site=site)
    world.device("tracker-1", kind="tracker", site=site)
    intake.accept(says("pir-1", "130"))
    intake.accept(says("tracker-1", "panic", position={"lon": 111.505, "lat": 34.505}))
    [incident] = [i["id"] for i in seen.incidents]
    assert {a["village"] for a in seen.alarms} == {VILLAGE, OTHER_VILLAGE}
    panic = next(c for c in seen.changes if c["document"].get("category") == "panic" and c["kind"] == "alarm")
    assert {COUNTY, OTHER_COUNTY} <= set(panic["scope_keys"]), "both desks hear of it"
    li = Person(api_conn, world.user("li", division=COUNTY))
    assert done(li.does(Acknowledge(), incident)) == [None]
    assert seen.count("alarms", "acknowledged_at IS NULL") == 0
    assert done(li.does(Close(Disposition.ACTUAL), incident)) == [None]
    assert seen.count("alarms", "closed_at IS NULL") == 0
    assert intake.accept(says("tracker-1", "panic", at=NIGHT + 2 * MINUTE)) == ["stored"]
    assert seen.feed_equals_a_snapshot()


def test_a_companys_dispatcher_closes_a_shared_sites_incident_whole(
    world: World, intake: Intake, seen: Seen, api_conn: psycopg.Connection
) -> None:
    first, second = world.organisation("Shield"), world.organisation("Lock")
    site = world.site(organisation=first)
    world.device("pir-1", site=site, organisation=first)
    world.device("pir-2", site=site, organisation=second)
    intake.accept(says("pir-1", "130"), says("pir-2", "130"))
    [incident] = [i["id"] for i in seen.incidents]
    li = Person(api_conn, world.user("li", organisation=first))
    assert done(li.does(Close(Disposition.FALSE_USER), incident)) == [None]
    assert seen.count("alarms", "closed_at IS NULL") == 0
    assert intake.accept(says("pir-2", "130", at=NIGHT + MINUTE)) == ["stored"]


def test_an_open_alarm_in_a_closed_incident_does_not_stop_the_intake(
    world: World, intake: Intake, seen: Seen
) -> None:
    """It must not come to be; if a repair by hand made one, its neighbours must still ring."""
    one_incident(world, intake, seen)
    world.conn.execute(
        "UPDATE incidents SET state = 'closed', closed_at = now(), disposition = 'test', acknowledged_at = now()"
    )
    world.conn.commit()
    world.device("pir-2", site=world.site())
    later = NIGHT + MINUTE
    assert intake.accept(says("pir-1", "130", at=later), says("pir-2", "panic", at=later)) == [
        "stored",
        "stored",
    ]
    assert seen.count("alarms", "priority = 1") == 1
    assert seen.count("incidents", "closed_at IS NULL") == 2, "what rings is in an open incident"


def test_a_call_is_an_incident_at_its_site_and_a_devices_alarm_joins_it(
    world: World, intake: Intake, seen: Seen, wang: Person
) -> None:
    site = world.site()
    world.device("pir-1", site=site)
    report = Report(
        category=Category.BURGLARY,
        priority=Priority.INTRUSION,
        title="stranger in the yard",
        text="a neighbour calls",
        site_id=site,
        caller_name="Zhao",
        caller_phone="13800000000",
    )
    incident = wang.reports(report)
    [row] = seen.incidents
    assert (row["source"], row["state"], row["village"], row["title"]) == (
        "operator",
        "new",
        VILLAGE,
        "stranger in the yard",
    )
    intake.accept(says("pir-1", "130", at=NIGHT + MINUTE))
    assert [(a["incident_id"]) for a in seen.alarms] == [incident]
    assert seen.timeline == ["opened", "alarm"]
    assert seen.feed_equals_a_snapshot()
    assert "13800000000" not in str([c["document"] for c in seen.changes]), "no telephone number in the feed"


def test_a_call_from_a_point_is_placed_by_it(world: World, seen: Seen, wang: Person) -> None:
    world.village(OTHER_VILLAGE, 111.5, 34.5)
    wang.reports(
        Report(
            category=Category.FIRE,
            priority=Priority.LIFE,
            title="smoke",
            position=Position(lon=111.505, lat=34.505),
        )
    )
    assert [(i["village"], i["grid_cell"]) for i in seen.incidents] == [
        (OTHER_VILLAGE, f"{OTHER_VILLAGE}-001")
    ]


def test_a_call_from_nowhere_is_the_citys(world: World, seen: Seen, wang: Person) -> None:
    wang.reports(Report(category=Category.FIRE, priority=Priority.LIFE, title="smoke somewhere"))
    assert [(i["county"], i["position"]) for i in seen.incidents] == [(None, None)]


def test_sending_somebody_takes_a_new_one_on(world: World, intake: Intake, seen: Seen, wang: Person) -> None:
    incident = one_incident(world, intake, seen)
    assert done(wang.does(Dispatch("car 3"), incident)) == [None]
    [row] = seen.incidents
    assert (row["state"], row["acknowledged_by"]) == ("dispatched", wang.user_id)
    [entry] = seen.rows("SELECT text, user_id FROM incident_entries WHERE kind = 'dispatched'")
    assert entry == {"text": "car 3", "user_id": wang.user_id}
