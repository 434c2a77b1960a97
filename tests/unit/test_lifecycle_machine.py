"""Whatever people and devices do in whatever order, what the database would refuse never comes to be."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alarms.judging import lifecycle
from alarms.judging.lifecycle import AlarmEffect
from alarms.judging.verify import level_from_alarms
from alarms.model import Alarm, Category, Disposition, Incident, IncidentState, Priority, Qualifier
from tests.values import NOON, PRIORITY_OF, alarm, incident

USERS = st.integers(1, 3)
CATEGORIES = st.sampled_from([Category.PANIC, Category.BURGLARY, Category.TAMPER, Category.FIRE])
ACTIONS = st.one_of(
    st.just(lifecycle.Acknowledge()),
    st.builds(lifecycle.TakeOver, USERS),
    st.just(lifecycle.Dispatch("car 3")),
    st.just(lifecycle.OnScene()),
    st.just(lifecycle.Resolve()),
    st.builds(lifecycle.Verify, st.integers(0, 4)),
    st.builds(lifecycle.Close, st.sampled_from(Disposition)),
    st.just(lifecycle.Reopen()),
    st.just(lifecycle.Note("a note")),
)


def overtaken(occurred_at: datetime | None, newest: datetime | None) -> bool:
    """Whether a signal happened a little before the newest one that was seen, by its device's own clock."""
    if occurred_at is None or newest is None:
        return False
    return timedelta(0) < newest - occurred_at <= lifecycle.OUT_OF_ORDER


class AnIncidentsLife(RuleBasedStateMachine):
    """One incident, its open alarms, people and devices."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = NOON
        self.incident: Incident = incident(alarms=0)
        self.alarms: list[Alarm] = []
        self.closed_alarms: list[Alarm] = []
        self.gravest = Priority.INFORMATION

    @initialize(by_hand=st.booleans(), category=CATEGORIES)
    def begin(self, by_hand: bool, category: Category) -> None:
        self.incident = replace(
            self.incident,
            source="operator" if by_hand else "device",
            category=category,
            priority=PRIORITY_OF[category],
        )
        if not by_hand:
            self._open(1, category)

    def _tick(self) -> None:
        self.now += timedelta(seconds=7)

    def _open(self, device: int, category: Category) -> None:
        self._tick()
        new = alarm(
            len(self.alarms) + len(self.closed_alarms) + 1,
            device_id=device,
            category=category,
            opened_at=self.now,
        )
        self.alarms.append(new)
        level = level_from_alarms(
            self.incident.verification_level, {(a.device_id, a.zone, a.category) for a in self.alarms}
        )
        before = self.incident
        self.incident = lifecycle.gains_alarm(before, new, level)
        assert self.incident.priority <= min(before.priority, new.priority), "the gravest alarm rules"
        if self.incident.priority < before.priority:
            assert self.incident.state is IncidentState.NEW, "graver than before must ring"

    @rule(device=st.integers(1, 3), category=CATEGORIES)
    def an_alarm_opens(self, device: int, category: Category) -> None:
        taken = {(a.device_id, a.category) for a in self.alarms}
        closed = self.incident.state in (IncidentState.RESOLVED, IncidentState.CLOSED)
        if closed or (device, category) in taken:
            return
        self._open(device, category)

    @rule(
        which=st.integers(0, 9),
        qualifier=st.sampled_from(Qualifier),
        clock=st.integers(-3600, 60) | st.none(),
    )
    def a_device_speaks_again(self, which: int, qualifier: Qualifier, clock: int | None) -> None:
        if not self.alarms:
            return
        self._tick()
        index = which % len(self.alarms)
        before = self.alarms[index]
        occurred_at = None if clock is None else self.now + timedelta(seconds=clock)
        after = lifecycle.fold(before, qualifier, self.now, occurred_at)
        self.alarms[index] = after
        if after is before:
            return
        state = self.incident.state
        self.incident = lifecycle.alarm_flips(self.incident, before, after)
        if qualifier is Qualifier.RESTORE:
            assert self.incident.state is state, "a restore moves no incident"
            assert after.occurrence_count == before.occurrence_count
        else:
            assert after.occurrence_count == before.occurrence_count + 1, "no recurrence is swallowed"
            if not before.active and overtaken(occurred_at, before.last_occurred_at):
                assert not after.active, "what was over by then is not turned back by what comes late"
                assert self.incident.state is state
            else:
                assert self.incident.state is not IncidentState.RESOLVED, "what comes again after that rings"

    @rule(action=ACTIONS, user=USERS)
    def a_person_acts(self, action: lifecycle.Action, user: int) -> None:
        self._tick()
        before = self.incident
        try:
            done = lifecycle.step(before, action, user, self.now)
        except lifecycle.WrongStateError:
            assert before.state not in lifecycle.TRANSITIONS[type(action)]
            return
        self.incident = done.incident
        assert done.incident.version == before.version + 1
        assert done.incident.priority <= before.priority, "no action of a person lowers a priority"
        if done.alarms is AlarmEffect.ACKNOWLEDGE:
            self.alarms = [
                a if a.acknowledged_at else replace(a, acknowledged_at=self.now, acknowledged_by=user)
                for a in self.alarms
            ]
        if done.alarms is AlarmEffect.CLOSE:
            self.closed_alarms += self.alarms
            self.alarms = []
        assert (before.closed_at is None and done.incident.closed_at is not None) == (
            done.alarms is AlarmEffect.CLOSE
        ), "closing an incident, and only that, closes its alarms"

    @invariant()
    def the_database_would_take_the_incident(self) -> None:
        """The CHECK constraints of 0004_journey.sql."""
        i = self.incident
        assert (i.state is IncidentState.CLOSED) == (i.closed_at is not None)
        assert (i.state is IncidentState.CLOSED) == (i.disposition is not None)
        assert i.state is IncidentState.NEW or i.acknowledged_at is not None
        assert 1 <= i.priority <= 5
        assert 0 <= i.verification_level <= 4

    @invariant()
    def the_database_would_take_the_alarms(self) -> None:
        for a in self.alarms:
            assert a.active == (a.restored_at is None)

    @invariant()
    def somebody_is_on_it_unless_it_is_new(self) -> None:
        i = self.incident
        attended = i.handler_id is not None
        assert attended == (i.state is not IncidentState.NEW)
        assert attended == (i.acknowledged_by is not None)

    @invariant()
    def the_state_says_how_far_it_is(self) -> None:
        i = self.incident
        if i.state is IncidentState.ACKNOWLEDGED:
            assert i.dispatched_at is None
            assert i.on_scene_at is None
        if i.state is IncidentState.DISPATCHED:
            assert i.dispatched_at is not None
            assert i.on_scene_at is None
        if i.state is IncidentState.ON_SCENE:
            assert i.on_scene_at is not None
        if i.state is IncidentState.RESOLVED:
            assert i.resolved_at is not None

    @invariant()
    def the_counts_are_those_of_the_alarms(self) -> None:
        assert self.incident.active_alarm_count == sum(a.active for a in self.alarms)
        assert self.incident.alarm_count == len(self.alarms) + len(self.closed_alarms)

    @invariant()
    def a_priority_only_rises(self) -> None:
        assert self.incident.priority <= self.gravest
        self.gravest = self.incident.priority

    @invariant()
    def nothing_of_an_earlier_opening_is_left(self) -> None:
        if self.incident.state is IncidentState.CLOSED:
            assert not self.alarms


TestAnIncidentsLife = AnIncidentsLife.TestCase
TestAnIncidentsLife.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
