"""The open alarms and incidents that a batch touches, and what its signals make of them. Pure: values in, values out.

Two signals of one alarm in a batch are folded into one write. New rows have negative ids until ``numbered`` is given
real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alarms.judging import lifecycle
from alarms.judging.classify import Judgement, Verdict
from alarms.judging.correlate import joins
from alarms.judging.verify import level_from_alarms
from alarms.model import Alarm, Category, Device, Entry, Incident, Qualifier, Signal
from gis.model import Position

Condition = tuple[int, str, Category]
"""What may have one open alarm: device id, zone, category."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a batch leaves to be written. ``places`` says where each new incident and alarm is."""

    new_incidents: Sequence[Incident]
    changed_incidents: Sequence[Incident]
    new_alarms: Sequence[Alarm]
    changed_alarms: Sequence[Alarm]
    entries: Sequence[Entry]
    places: dict[int, tuple[Device, Position | None]]
    """By alarm id: the device as it was placed, and the signal's own position if it brought one."""
    ended: Sequence[int] = ()
    """Closed alarms whose lasting state is over now."""

    @property
    def incident_ids(self) -> list[int]:
        """Of every incident that is new or changed."""
        return [incident.id for incident in (*self.new_incidents, *self.changed_incidents)]

    @property
    def alarm_ids(self) -> list[int]:
        """Of every alarm that is new or changed."""
        return [*(alarm.id for alarm in (*self.new_alarms, *self.changed_alarms)), *self.ended]


class Docket:
    """What is open at the sites and devices of a batch."""

    def __init__(
        self,
        incidents: Iterable[Incident],
        alarms: Iterable[Alarm],
        window: timedelta,
        lingering: Mapping[Condition, int] | None = None,
    ) -> None:
        """``lingering``: alarms that a person closed within the last day while their lasting state went on."""
        self._window = window
        self._lingering = dict(lingering or {})
        self._ended: list[int] = []
        self._loaded_incidents = {incident.id: incident for incident in incidents}
        self._loaded_alarms = {alarm.id: alarm for alarm in alarms}
        self._incidents = dict(self._loaded_incidents)
        self._alarms = dict(self._loaded_alarms)
        self._by_condition: dict[Condition, int] = {
            (alarm.device_id, alarm.zone, alarm.category): alarm.id for alarm in self._alarms.values()
        }
        self._of_site: dict[int, list[int]] = {}
        for incident in self._incidents.values():
            if incident.site_id is not None:
                self._of_site.setdefault(incident.site_id, []).append(incident.id)
        self._conditions: dict[int, set[Condition]] = {}
        for alarm in self._alarms.values():
            self._conditions.setdefault(alarm.incident_id, set()).add(
                (alarm.device_id, alarm.zone, alarm.category)
            )
        self._entries: list[Entry] = []
        self._places: dict[int, tuple[Device, Position | None]] = {}

    def apply(self, device: Device, signal: Signal, judgement: Judgement, now: datetime) -> int | None:
        """Fold one judged signal in; returns the id of the alarm that it opened, repeated or restored, if any."""
        if judgement.verdict not in (Verdict.ALARM, Verdict.RESTORE):
            return None
        zone = signal.zone or device.zone
        condition = (device.id, zone, judgement.category)
        alarm_id = self._by_condition.get(condition)
        if alarm_id is not None:
            alarm = self._alarms[alarm_id]
            if judgement.verdict is Verdict.ALARM and self._was_elsewhere(alarm, device, now):
                self._leave_behind(alarm, now)
                return self._open(device, zone, signal, judgement, now)
            if signal.lasting and alarm.active and judgement.verdict is Verdict.ALARM:
                return alarm_id
            return self._repeat(alarm, judgement.qualifier, signal, now)
        if judgement.verdict is Verdict.RESTORE:
            if (over := self._lingering.pop(condition, None)) is not None:
                self._ended.append(over)
            return None
        if signal.lasting and condition in self._lingering:
            return None
        return self._open(device, zone, signal, judgement, now)

    def _repeat(self, before: Alarm, qualifier: Qualifier, signal: Signal, now: datetime) -> int | None:
        after = lifecycle.fold(before, qualifier, now, signal.occurred_at)
        if after is before:
            return None
        self._alarms[after.id] = after
        incident = self._incidents[after.incident_id]
        self._incidents[incident.id] = lifecycle.alarm_flips(incident, before, after)
        if before.active and not after.active:
            self._entries.append(_entry(after, now, "restored", after.event))
        return after.id

    def _was_elsewhere(self, alarm: Alarm, device: Device, now: datetime) -> bool:
        """Whether the device stood at another site when the alarm opened, or without a site at another place.

        Another machine's clock may be ahead: a move that is still to come would part each alarm from the next.
        """
        site = device.site_id
        if site is not None or self._incidents[alarm.incident_id].site_id is not None:
            return self._incidents[alarm.incident_id].site_id != site
        return device.moved_at is not None and alarm.opened_at < device.moved_at <= now

    def _leave_behind(self, before: Alarm, now: datetime) -> None:
        """Its device stands elsewhere now: what it says there is no repeat of what happened here."""
        after = lifecycle.left_behind(before, now)
        self._alarms[after.id] = after
        incident = self._incidents[after.incident_id]
        self._incidents[incident.id] = lifecycle.loses_alarm(incident, before)
        self._entries.append(_entry(after, now, "moved", after.event))

    def _open(self, device: Device, zone: str, signal: Signal, judgement: Judgement, now: datetime) -> int:
        incident = self._incident_for(device, judgement, now)
        alarm = Alarm(
            id=-len(self._alarms) - 1,
            device_id=device.id,
            zone=zone,
            category=judgement.category,
            event=signal.event,
            priority=judgement.priority,
            incident_id=incident.id,
            opened_at=now,
            last_at=now,
            last_occurred_at=signal.occurred_at,
        )
        condition = (alarm.device_id, alarm.zone, alarm.category)
        conditions = self._conditions.setdefault(incident.id, set())
        conditions.add(condition)
        level = level_from_alarms(incident.verification_level, conditions)
        self._incidents[incident.id] = lifecycle.gains_alarm(incident, alarm, level)
        self._alarms[alarm.id] = alarm
        self._by_condition[condition] = alarm.id
        self._places[alarm.id] = (device, signal.position)
        self._entries.append(_entry(alarm, now, "alarm", alarm.event))
        return alarm.id

    def _incident_for(self, device: Device, judgement: Judgement, now: datetime) -> Incident:
        site = device.site_id
        if site is not None:
            known = [self._incidents[i] for i in self._of_site.get(site, ())]
            if (found := joins(known, now, self._window)) is not None:
                return found
        incident = Incident(
            id=-len(self._incidents) - 1,
            version=0,  # its first alarm makes it 1
            category=judgement.category,
            priority=judgement.priority,
            site_id=site,
            opened_at=now,
            last_alarm_at=now,
        )
        self._incidents[incident.id] = incident
        if site is not None:
            self._of_site.setdefault(site, []).append(incident.id)
        return incident

    def count_new(self) -> tuple[int, int]:
        """How many incidents and alarms need ids."""
        return (
            len(self._incidents) - len(self._loaded_incidents),
            len(self._alarms) - len(self._loaded_alarms),
        )

    def numbered(self, incident_ids: Sequence[int], alarm_ids: Sequence[int]) -> tuple[Work, dict[int, int]]:
        """Give new rows their ids. Returns what is to be written, and the real id for each alarm's negative one."""
        new_incidents = [i for i in self._incidents.values() if i.id < 0]
        new_alarms = [a for a in self._alarms.values() if a.id < 0]
        incident_id = dict(zip((i.id for i in new_incidents), incident_ids, strict=True))
        alarm_id = dict(zip((a.id for a in new_alarms), alarm_ids, strict=True))
        work = Work(
            new_incidents=[replace(i, id=incident_id[i.id]) for i in new_incidents],
            changed_incidents=sorted(
                (i for i in self._incidents.values() if i.id > 0 and i is not self._loaded_incidents[i.id]),
                key=lambda incident: incident.id,
            ),
            new_alarms=[
                replace(a, id=alarm_id[a.id], incident_id=incident_id.get(a.incident_id, a.incident_id))
                for a in new_alarms
            ],
            changed_alarms=sorted(
                (a for a in self._alarms.values() if a.id > 0 and a is not self._loaded_alarms[a.id]),
                key=lambda alarm: alarm.id,
            ),
            entries=[
                replace(
                    entry,
                    incident_id=incident_id.get(entry.incident_id, entry.incident_id),
                    details=entry.details
                    | {"alarm_id": alarm_id.get(entry.details["alarm_id"], entry.details["alarm_id"])},
                )
                for entry in self._entries
            ],
            places={alarm_id[a]: place for a, place in self._places.items()},
            ended=self._ended,
        )
        return work, alarm_id


def _entry(alarm: Alarm, now: datetime, kind: str, event: str) -> Entry:
    details = {
        "alarm_id": alarm.id,
        "device_id": alarm.device_id,
        "event": event,
        "zone": alarm.zone,
        "category": alarm.category.value,
        "priority": int(alarm.priority),
    }
    return Entry(incident_id=alarm.incident_id, at=now, user_id=None, kind=kind, details=details)
