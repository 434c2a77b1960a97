"""The values that travel the road from a socket to a closed case.

``RawMessage`` (bytes as received) -> ``Signal`` (one decoded message) -> ``Alarm`` (a condition that needs
attention) -> ``Incident`` (one case to respond to). Words follow ``docs/glossary.md``. All times are aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import IntEnum, StrEnum
from typing import Any

from gis.model import Position


class Qualifier(StrEnum):
    """SIA DC-05 event qualifier: a new event or opening, a restore or closing, a status report."""

    NEW = "new"
    RESTORE = "restore"
    STATUS = "status"


class Category(StrEnum):
    """What an event is about. Each has a default priority in ``receiving/codes/categories.csv``."""

    PANIC = "panic"
    DURESS = "duress"
    HOLDUP = "holdup"
    MEDICAL = "medical"
    FIRE = "fire"
    GAS = "gas"
    BURGLARY = "burglary"
    TAMPER = "tamper"
    POWER = "power"
    TROUBLE = "trouble"
    SUPERVISION = "supervision"
    ENVIRONMENT = "environment"
    ARMING = "arming"
    ACCESS = "access"
    ACTIVITY = "activity"
    TEST = "test"
    INFORMATION = "information"


class Priority(IntEnum):
    """1 life, 2 verified crime, 3 intrusion, 4 tamper/power/trouble, 5 information and test."""

    LIFE = 1
    VERIFIED_CRIME = 2
    INTRUSION = 3
    TROUBLE = 4
    INFORMATION = 5


class DeviceStatus(StrEnum):
    """Where a device is in its life."""

    REGISTERED = "registered"
    TEST = "test"
    IN_SERVICE = "in_service"
    OUT_OF_SERVICE = "out_of_service"
    RETIRED = "retired"


class IncidentState(StrEnum):
    """Incident states; closed -> reopened makes it new again and leaves its alarms closed."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    DISPATCHED = "dispatched"
    ON_SCENE = "on_scene"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Disposition(StrEnum):
    """How an incident ended (APCO)."""

    ACTUAL = "actual"
    FALSE_USER = "false_user"
    FALSE_EQUIPMENT = "false_equipment"
    FALSE_ENVIRONMENT = "false_environment"
    FALSE_UNKNOWN = "false_unknown"
    TEST = "test"
    DUPLICATE = "duplicate"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class RawMessage:
    """Bytes as a socket handed them over, before anybody looked inside."""

    source: str
    """The receiver: ``mqtt``, ``http``, ``dc09``."""
    topic: str
    """MQTT topic, or account for other receivers."""
    payload: bytes
    received_at: datetime
    waiting_since: datetime | None = None
    """It may have waited for us at the broker since then, which does not say so; None: it did not wait."""
    retained: bool = False
    """Set by the broker on a stored message: it tells a state, and never raises an alarm."""
    redelivered: bool = False
    """MQTT DUP: this may be the second time that we see these bytes."""
    taken_again: bool = False
    """By ourselves: the database went away with it, and nobody knows whether it was stored."""
    session: str | None = None
    """The MQTT session that the packet id belongs to."""
    packet_id: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """One decoded message of one device: what it says happened, not yet what it means.

    Who speaks: ``publisher`` is the ``device_id`` that logged in (a device or a gateway); ``child`` is the external
    id of what speaks through it, unique within the publisher, or None when the publisher speaks for itself.
    """

    publisher: str
    child: str | None = None
    event: str
    """A Contact ID code (``"130"``), a SIA code (``"BA"``) or a category word (``"burglary"``)."""
    qualifier: Qualifier = Qualifier.NEW
    zone: str = ""
    partition: str = ""
    message_id: str | None = None
    """The device's own id for this message: the same id again is the same signal."""
    occurred_at: datetime | None = None
    """By the device's clock, which may be wrong."""
    position: Position | None = None
    lasting: bool = False
    """A state that goes on (a door stands open, a battery is low) and is told again with every message: not news
    while it is unchanged."""
    online: bool | None = None
    """What the message says of the device's reachability, if it says anything."""
    battery_percent: float | None = None
    rssi_dbm: float | None = None
    text: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else is worth showing, JSON-able: a camera's verdict, a temperature, an action's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventMeaning:
    """What an event code stands for, before the device, the site and the hour are looked at."""

    category: Category
    priority: Priority
    opens_alarm: bool
    name_en: str
    name_zh: str
    whatever_the_hour: bool = False
    """An intrusion that no schedule makes harmless: it does not ask whether the site is armed."""
    default_qualifier: Qualifier | None = None
    """Some codes say new or restore by themselves (SIA ``BR`` is a burglary restore)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """What judging needs to know of the device that speaks: its life, its place and its site's arming."""

    id: int
    device_id: str
    status: DeviceStatus
    test_until: datetime | None
    moved_at: datetime | None
    """When it was last given another site or place of its own; None: never."""
    zone: str
    site_id: int | None
    organisation_id: int | None
    county: str | None
    township: str | None
    village: str | None
    grid_cell: str | None
    armed_schedule: tuple[ArmedInterval, ...] | None
    """None: always armed."""
    armed_override: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmedInterval:
    """A weekly interval in the installation's zone; ``until`` at or before ``since`` runs over midnight."""

    days: frozenset[int]
    """ISO weekdays on which it begins: 1 Monday to 7 Sunday."""
    since: time
    until: time


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """A condition that needs attention: opened by a signal, joined by its repeats, ended by a person."""

    id: int
    version: int = 1
    device_id: int
    zone: str
    category: Category
    event: str
    priority: Priority
    active: bool = True
    """False once restored. A restore never ends an alarm: an infrared sensor restores itself after seconds."""
    incident_id: int
    opened_at: datetime
    last_at: datetime
    restored_at: datetime | None = None
    occurrence_count: int = 1
    last_occurred_at: datetime | None = None
    """The newest signal's time by the device's own clock, to recognise what arrives out of order."""
    acknowledged_at: datetime | None = None
    acknowledged_by: int | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """One case to respond to: one or more alarms or a report, a response, a disposition."""

    id: int
    version: int = 1
    source: str = "device"
    state: IncidentState = IncidentState.NEW
    category: Category
    priority: Priority
    verification_level: int = 1
    """ANSI/TMA AVS-01: 0 no call for service, 1 little information, 2 person likely, 3 property, 4 life."""
    site_id: int | None
    opened_at: datetime
    last_alarm_at: datetime
    """When its newest alarm opened; alarms of the site within the window after it join the incident."""
    alarm_count: int = 0
    active_alarm_count: int = 0
    handler_id: int | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: int | None = None
    dispatched_at: datetime | None = None
    on_scene_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: int | None = None
    disposition: Disposition | None = None
    reopened_count: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A line of an incident's timeline: what was done, by whom. ``user_id`` None: the system."""

    incident_id: int
    at: datetime
    user_id: int | None
    kind: str
    text: str = ""
    details: dict[str, Any] = field(default_factory=dict)
