"""The state machines of alarms and incidents, as pure functions of values and the present time.

Incident states: new, acknowledged, dispatched, on scene, resolved, closed; reopening a closed one makes it new again
and leaves its alarms closed. An alarm is active or restored, each unacknowledged or acknowledged, until a person closes
its incident: a restore never ends an alarm that nobody has seen. The table of ``TRANSITIONS`` stands in
``docs/lifecycle.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from alarms.judging.verify import verified_priority
from alarms.model import Alarm, Disposition, Entry, Incident, IncidentState, Qualifier

NEW, ACKNOWLEDGED, DISPATCHED, ON_SCENE, RESOLVED, CLOSED = IncidentState
OPEN = frozenset({NEW, ACKNOWLEDGED, DISPATCHED, ON_SCENE, RESOLVED})
OUT_OF_ORDER = timedelta(minutes=10)
"""By how much messages of one device overtake each other at most. A clock that goes back further was set: an alarm of a
device whose battery was changed (1970), or whose clock was years ahead, must still ring."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """A named person has taken it on."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Another person handles it from now on."""

    user_id: int


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Somebody is sent; ``text`` says whom."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class OnScene:
    """Whoever was sent has arrived."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """Nothing more is to be done on the spot."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Verify:
    """Somebody knows more: the AVS-01 level, 0 to 4."""

    level: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """How it ended."""

    disposition: Disposition
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reopen:
    """It was not over."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing; changes no state."""

    text: str


Action = Acknowledge | TakeOver | Dispatch | OnScene | Resolve | Verify | Close | Reopen | Note

#: In which states an action may be taken. What is not here is refused.
TRANSITIONS: dict[type[Action], frozenset[IncidentState]] = {
    Acknowledge: frozenset({NEW}),
    TakeOver: OPEN,
    Dispatch: frozenset({NEW, ACKNOWLEDGED, DISPATCHED, ON_SCENE}),
    OnScene: frozenset({ACKNOWLEDGED, DISPATCHED}),
    Resolve: frozenset({ACKNOWLEDGED, DISPATCHED, ON_SCENE}),
    Verify: OPEN,
    Close: OPEN,
    Reopen: frozenset({CLOSED}),
    Note: OPEN | {CLOSED},
}


class WrongStateError(Exception):
    """The action does not fit the state that the incident is in."""

    def __init__(self, action: Action, state: IncidentState) -> None:
        allowed = ", ".join(sorted(TRANSITIONS[type(action)]))
        super().__init__(f"the incident is {state}; this needs one that is {allowed}")
        self.state = state


class AlarmEffect(Enum):
    """What an incident's step does to its open alarms."""

    NONE = "none"
    ACKNOWLEDGE = "acknowledge"
    CLOSE = "close"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """The result of an action: the incident after it, the line for its timeline, the effect on its alarms."""

    incident: Incident
    entry: Entry
    alarms: AlarmEffect = AlarmEffect.NONE


def step(incident: Incident, action: Action, user_id: int, now: datetime) -> Step:
    """Apply a person's action. Raises WrongStateError; touches nothing."""
    if incident.state not in TRANSITIONS[type(action)]:
        raise WrongStateError(action, incident.state)
    after = replace(incident, version=incident.version + 1)

    def entry(kind: str, text: str = "", **details: object) -> Entry:
        return Entry(incident_id=incident.id, at=now, user_id=user_id, kind=kind, text=text, details=details)

    match action:
        case Acknowledge():
            return Step(
                incident=_taken_on(after, user_id, now),
                entry=entry("acknowledged"),
                alarms=AlarmEffect.ACKNOWLEDGE,
            )
        case TakeOver(user_id=handler):
            after = _taken_on(after, user_id, now) if incident.state is NEW else after
            return Step(
                incident=replace(after, handler_id=handler),
                entry=entry("handed_over", before=incident.handler_id, after=handler),
                alarms=AlarmEffect.ACKNOWLEDGE,  # of what joined since it was taken on, too
            )
        case Dispatch(text=text):
            after = _taken_on(after, user_id, now) if incident.state is NEW else after
            state = ON_SCENE if after.state is ON_SCENE else DISPATCHED
            return Step(
                incident=replace(after, state=state, dispatched_at=incident.dispatched_at or now),
                entry=entry("dispatched", text),
                alarms=AlarmEffect.ACKNOWLEDGE,
            )
        case OnScene():
            return Step(incident=replace(after, state=ON_SCENE, on_scene_at=now), entry=entry("on_scene"))
        case Resolve(text=text):
            return Step(
                incident=replace(after, state=RESOLVED, resolved_at=now), entry=entry("resolved", text)
            )
        case Verify(level=level, text=text):
            priority = verified_priority(incident.priority, level)
            return Step(
                incident=replace(after, verification_level=level, priority=priority),
                entry=entry("verified", text, before=incident.verification_level, after=level),
            )
        case Close(disposition=disposition, text=text):
            after = _taken_on(after, user_id, now) if incident.state is NEW else after
            return Step(
                incident=replace(
                    after,
                    state=CLOSED,
                    closed_at=now,
                    closed_by=user_id,
                    disposition=disposition,
                    active_alarm_count=0,
                ),
                entry=entry("closed", text, disposition=disposition.value),
                alarms=AlarmEffect.CLOSE,
            )
        case Reopen(text=text):
            return Step(
                incident=replace(
                    _unattended(after),
                    closed_at=None,
                    closed_by=None,
                    disposition=None,
                    dispatched_at=None,
                    on_scene_at=None,
                    reopened_count=incident.reopened_count + 1,
                ),
                entry=entry("reopened", text),
            )
        case Note(text=text):
            return Step(incident=after, entry=entry("note", text))


def _taken_on(incident: Incident, user_id: int, now: datetime) -> Incident:
    """Acknowledged, or as far along as it already was when a graver alarm made it new again."""
    state = ON_SCENE if incident.on_scene_at else DISPATCHED if incident.dispatched_at else ACKNOWLEDGED
    return replace(
        incident,
        state=state,
        acknowledged_at=incident.acknowledged_at or now,
        acknowledged_by=incident.acknowledged_by or user_id,
        handler_id=user_id,
    )


def _unattended(incident: Incident) -> Incident:
    return replace(
        incident, state=NEW, acknowledged_at=None, acknowledged_by=None, handler_id=None, resolved_at=None
    )


def gains_alarm(incident: Incident, alarm: Alarm, level: int) -> Incident:
    """The incident after an alarm opened in it.

    Graver than what the incident was: it becomes new again, so that it rings for somebody; what was already sent
    stays known. ``level`` is the verification level with the alarm counted in.
    """
    priority = verified_priority(min(incident.priority, alarm.priority), level)
    graver = priority < incident.priority
    after = _unattended(incident) if graver and incident.state is not NEW else incident
    leads = alarm.priority < incident.priority
    return replace(
        after,
        version=incident.version + 1,
        priority=priority,
        category=alarm.category if leads else incident.category,
        verification_level=level,
        last_alarm_at=max(incident.last_alarm_at, alarm.opened_at),
        alarm_count=incident.alarm_count + 1,
        active_alarm_count=incident.active_alarm_count + (1 if alarm.active else 0),
    )


def alarm_flips(incident: Incident, before: Alarm, after: Alarm) -> Incident:
    """The incident after one of its alarms was restored or came back; unchanged when neither happened.

    A condition that comes back after the incident was resolved makes it new again; so does one that is reported
    again without a restore between, as a panic button's is.
    """
    again = after.active and after.occurrence_count > before.occurrence_count
    rings = again and incident.state is RESOLVED
    if before.active == after.active and not rings:
        return incident
    return replace(
        _unattended(incident) if rings else incident,
        version=incident.version + 1,
        active_alarm_count=incident.active_alarm_count + int(after.active) - int(before.active),
    )


def left_behind(alarm: Alarm, now: datetime) -> Alarm:
    """The alarm after its device was moved elsewhere and rang there: over here, whoever has seen it or not."""
    return replace(
        alarm,
        version=alarm.version + 1,
        active=False,
        restored_at=alarm.restored_at or now,
        closed_at=now,
    )


def loses_alarm(incident: Incident, alarm: Alarm) -> Incident:
    """The incident after one of its alarms was left behind; it stays open until a person closes it."""
    return replace(
        incident,
        version=incident.version + 1,
        active_alarm_count=incident.active_alarm_count - int(alarm.active),
    )


def fold(alarm: Alarm, qualifier: Qualifier, now: datetime, occurred_at: datetime | None) -> Alarm:
    """The alarm after a repeat or a restore of its condition; the same value where nothing changes.

    A signal a little older, by the device's own clock, than the newest one seen arrived out of order: it counts as
    an occurrence, and does not turn the state back. One that is much older comes from a clock that was set.
    """
    stale = (
        occurred_at is not None
        and alarm.last_occurred_at is not None
        and timedelta(0) < alarm.last_occurred_at - occurred_at <= OUT_OF_ORDER
    )
    newest = alarm.last_occurred_at if stale or occurred_at is None else occurred_at
    if qualifier is Qualifier.NEW:
        return replace(
            alarm,
            version=alarm.version + 1,
            occurrence_count=alarm.occurrence_count + 1,
            last_at=max(alarm.last_at, now),
            last_occurred_at=newest,
            active=alarm.active if stale else True,
            restored_at=alarm.restored_at if stale else None,
        )
    if qualifier is Qualifier.RESTORE and alarm.active and not stale:
        return replace(
            alarm,
            version=alarm.version + 1,
            active=False,
            restored_at=now,
            last_at=max(alarm.last_at, now),
            last_occurred_at=newest,
        )
    return alarm
