"""What each action does to an incident, and what each signal does to an alarm, case by case."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alarms.judging import lifecycle
from alarms.judging.lifecycle import (
    TRANSITIONS,
    Acknowledge,
    Action,
    AlarmEffect,
    Close,
    Dispatch,
    Note,
    OnScene,
    Reopen,
    Resolve,
    TakeOver,
    Verify,
    WrongStateError,
    fold,
    gains_alarm,
    step,
)
from alarms.model import Category, Disposition, Incident, IncidentState, Priority, Qualifier
from tests.values import NOON, alarm, incident

WANG, LI = 7, 8
MINUTE = timedelta(minutes=1)
ONE_OF_EACH: list[Action] = [
    Acknowledge(), TakeOver(LI), Dispatch("car 3"), OnScene(), Resolve(), Verify(3), Close(Disposition.ACTUAL),
    Reopen(), Note("dog barks"),
]  # fmt: skip


def after(*actions: Action, start: Incident | None = None) -> Incident:
    """An incident after these actions, a minute apart."""
    here = start or incident()
    for minute, action in enumerate(actions, 1):
        here = step(here, action, WANG, NOON + minute * MINUTE).incident
    return here


IN_STATE = {
    IncidentState.NEW: after(),
    IncidentState.ACKNOWLEDGED: after(Acknowledge()),
    IncidentState.DISPATCHED: after(Acknowledge(), Dispatch()),
    IncidentState.ON_SCENE: after(Acknowledge(), Dispatch(), OnScene()),
    IncidentState.RESOLVED: after(Acknowledge(), Resolve()),
    IncidentState.CLOSED: after(Close(Disposition.ACTUAL)),
}


@pytest.mark.parametrize("action", ONE_OF_EACH, ids=lambda action: type(action).__name__)
@pytest.mark.parametrize("state", list(IncidentState))
def test_an_action_is_taken_in_the_states_of_the_table_and_refused_in_the_others(
    state: IncidentState, action: Action
) -> None:
    before = IN_STATE[state]
    assert before.state is state
    if state in TRANSITIONS[type(action)]:
        done = step(before, action, WANG, NOON)
        assert done.incident.version == before.version + 1, "a screen that missed it must notice"
        assert (done.entry.incident_id, done.entry.user_id, done.entry.at) == (before.id, WANG, NOON)
    else:
        with pytest.raises(
            WrongStateError, match=f"the incident is {state}; this needs one that is"
        ) as caught:
            step(before, action, WANG, NOON)
        assert caught.value.state is state


def test_who_acknowledges_handles_it() -> None:
    done = step(incident(), Acknowledge(), WANG, NOON)
    assert (done.incident.acknowledged_by, done.incident.handler_id) == (WANG, WANG)
    assert done.alarms is AlarmEffect.ACKNOWLEDGE


def test_who_takes_over_a_new_one_has_acknowledged_it_for_the_other() -> None:
    done = step(incident(), TakeOver(LI), WANG, NOON)
    assert done.incident.state is IncidentState.ACKNOWLEDGED
    assert (done.incident.acknowledged_by, done.incident.handler_id) == (WANG, LI)
    assert done.alarms is AlarmEffect.ACKNOWLEDGE


def test_handing_over_keeps_how_far_it_is() -> None:
    done = step(IN_STATE[IncidentState.ON_SCENE], TakeOver(LI), WANG, NOON)
    assert (done.incident.state, done.incident.handler_id) == (IncidentState.ON_SCENE, LI)
    assert done.entry.details == {"before": WANG, "after": LI}


def test_a_second_car_does_not_call_back_the_first() -> None:
    on_scene = IN_STATE[IncidentState.ON_SCENE]
    again = after(Dispatch("car 4"), start=on_scene)
    assert again.state is IncidentState.ON_SCENE
    assert again.dispatched_at == on_scene.dispatched_at, "when help was first sent is what is asked later"


def test_a_graver_alarm_makes_it_ring_again_and_what_was_sent_stays_known() -> None:
    on_scene = IN_STATE[IncidentState.ON_SCENE]
    rings = gains_alarm(on_scene, alarm(2, category=Category.PANIC, opened_at=NOON + 5 * MINUTE), 1)
    assert (rings.state, rings.priority, rings.category) == (
        IncidentState.NEW,
        Priority.LIFE,
        Category.PANIC,
    )
    assert (rings.acknowledged_at, rings.handler_id) == (None, None)
    for action in (Acknowledge(), TakeOver(LI), Dispatch("car 4")):
        assert after(action, start=rings).state is IncidentState.ON_SCENE, f"{action}: car 3 is still there"


def test_an_alarm_of_no_graver_kind_joins_quietly() -> None:
    acknowledged = IN_STATE[IncidentState.ACKNOWLEDGED]
    joined = gains_alarm(acknowledged, alarm(2, category=Category.TAMPER, opened_at=NOON + MINUTE), 1)
    assert joined.state is IncidentState.ACKNOWLEDGED
    assert (joined.category, joined.priority) == (Category.BURGLARY, Priority.INTRUSION)
    assert (joined.alarm_count, joined.active_alarm_count) == (2, 2)


def test_a_telephone_call_keeps_its_kind_when_a_lesser_alarm_joins() -> None:
    """A fire was reported; then the mains fail. It stays a fire."""
    call = incident(source="operator", category=Category.FIRE, priority=Priority.LIFE, alarms=0)
    joined = gains_alarm(call, alarm(category=Category.POWER), 1)
    assert (joined.category, joined.priority) == (Category.FIRE, Priority.LIFE)


def test_an_acknowledged_telephone_call_rings_again_for_a_graver_alarm() -> None:
    call = incident(source="operator", category=Category.BURGLARY, alarms=0)
    rings = gains_alarm(after(Acknowledge(), start=call), alarm(category=Category.PANIC), 1)
    assert (rings.state, rings.category, rings.priority) == (
        IncidentState.NEW,
        Category.PANIC,
        Priority.LIFE,
    )


def test_a_higher_verification_level_can_make_it_ring_again_by_itself() -> None:
    acknowledged = IN_STATE[IncidentState.ACKNOWLEDGED]
    rings = gains_alarm(acknowledged, alarm(2, device_id=2), 3)
    assert (rings.state, rings.priority) == (IncidentState.NEW, Priority.VERIFIED_CRIME)


def test_reopened_is_new_with_nobody_on_it_and_no_open_alarm() -> None:
    again = after(
        Acknowledge(), Dispatch(), OnScene(), Resolve(), Close(Disposition.FALSE_EQUIPMENT), Reopen()
    )
    assert again.state is IncidentState.NEW
    assert again.reopened_count == 1
    assert again.active_alarm_count == 0, "its alarms stay closed"
    for gone in ("acknowledged_at", "handler_id", "dispatched_at", "on_scene_at", "resolved_at", "closed_at",
                 "closed_by", "disposition"):  # fmt: skip
        assert getattr(again, gone) is None, gone


def test_closing_a_new_one_says_who_saw_it() -> None:
    closed = IN_STATE[IncidentState.CLOSED]
    assert (closed.acknowledged_by, closed.closed_by) == (WANG, WANG)


def test_verification_raises_the_priority_and_never_lowers_it() -> None:
    raised = after(Verify(4))
    assert raised.priority is Priority.LIFE
    doubted = after(Verify(0), start=raised)
    assert (doubted.verification_level, doubted.priority) == (0, Priority.LIFE)


class TestFold:
    """An alarm and the next signal of its condition."""

    def test_a_repeat_is_an_occurrence(self) -> None:
        again = fold(alarm(), Qualifier.NEW, NOON + MINUTE, None)
        assert (again.occurrence_count, again.active, again.last_at) == (2, True, NOON + MINUTE)

    def test_a_restore_ends_the_condition_and_not_the_alarm(self) -> None:
        restored = fold(alarm(), Qualifier.RESTORE, NOON + MINUTE, None)
        assert (restored.active, restored.restored_at, restored.occurrence_count) == (False, NOON + MINUTE, 1)

    def test_what_comes_back_is_active_again(self) -> None:
        back = fold(alarm(active=False), Qualifier.NEW, NOON + MINUTE, None)
        assert (back.active, back.restored_at, back.occurrence_count) == (True, None, 2)

    def test_a_second_restore_changes_nothing(self) -> None:
        restored = alarm(active=False)
        assert fold(restored, Qualifier.RESTORE, NOON + MINUTE, None) is restored

    def test_a_status_report_changes_nothing(self) -> None:
        assert fold(alarm(), Qualifier.STATUS, NOON, None).occurrence_count == 1

    def test_an_older_restore_that_arrives_late_does_not_end_a_newer_condition(self) -> None:
        active = alarm(last_occurred_at=NOON)
        assert fold(active, Qualifier.RESTORE, NOON + MINUTE, NOON - timedelta(seconds=2)).active

    def test_an_older_alarm_that_arrives_late_counts_and_does_not_undo_the_restore(self) -> None:
        restored = alarm(active=False, last_occurred_at=NOON)
        late = fold(restored, Qualifier.NEW, NOON + MINUTE, NOON - timedelta(seconds=2))
        assert (late.active, late.occurrence_count, late.last_occurred_at) == (False, 2, NOON)

    def test_a_device_whose_clock_fell_back_to_1970_still_rings(self) -> None:
        """It came back; that its battery was changed meanwhile is no reason to stay silent."""
        restored = alarm(active=False, last_occurred_at=NOON)
        back = fold(restored, Qualifier.NEW, NOON + MINUTE, NOON.replace(year=1970))
        assert (back.active, back.restored_at) == (True, None)
        assert not fold(back, Qualifier.RESTORE, NOON + MINUTE, NOON.replace(year=1970, hour=13)).active

    def test_a_clock_that_was_years_ahead_does_not_freeze_the_alarm_once_it_is_set_right(self) -> None:
        ahead = alarm(active=False, last_occurred_at=NOON.replace(year=2099))
        back = fold(ahead, Qualifier.NEW, NOON + MINUTE, NOON + MINUTE)
        assert back.active
        assert not fold(back, Qualifier.RESTORE, NOON + 2 * MINUTE, NOON + 2 * MINUTE).active


def test_what_comes_back_after_it_was_resolved_makes_it_new_again() -> None:
    resolved = IN_STATE[IncidentState.RESOLVED]
    before = alarm(active=False)
    back = fold(before, Qualifier.NEW, NOON + MINUTE, None)
    rings = lifecycle.alarm_flips(replace(resolved, active_alarm_count=0), before, back)
    assert (rings.state, rings.active_alarm_count, rings.handler_id) == (IncidentState.NEW, 1, None)


def test_a_panic_button_pressed_again_after_it_was_resolved_rings_again() -> None:
    """A panic button sends no restore: its alarm is still active from the first time."""
    resolved = IN_STATE[IncidentState.RESOLVED]
    before = alarm(category=Category.PANIC)
    again = fold(before, Qualifier.NEW, NOON + MINUTE, None)
    rings = lifecycle.alarm_flips(resolved, before, again)
    assert (rings.state, rings.active_alarm_count) == (IncidentState.NEW, resolved.active_alarm_count)


def test_a_repeat_of_one_that_is_being_handled_disturbs_nobody() -> None:
    for state in (
        IncidentState.NEW,
        IncidentState.ACKNOWLEDGED,
        IncidentState.DISPATCHED,
        IncidentState.ON_SCENE,
    ):
        handled = IN_STATE[state]
        before = alarm()
        assert lifecycle.alarm_flips(handled, before, fold(before, Qualifier.NEW, NOON, None)) is handled
