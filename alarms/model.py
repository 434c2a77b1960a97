"""The values that travel the road from a socket to a closed case.

``RawMessage`` (bytes as received) -> ``Signal`` (one decoded message) -> ``Alarm`` (a condition that needs
attention) -> ``Incident`` (one case to respond to). Words follow ``docs/glossary.md``. All times are aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
    retained: bool = False
    """Set by the broker on a stored message: it tells a state, and never raises an alarm."""
    redelivered: bool = False
    """MQTT DUP: this may be the second time that we see these bytes."""
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
    online: bool | None = None
    """What the message says of the device's reachability, if it says anything."""
    battery_percent: float | None = None
    rssi_dbm: float | None = None
    text: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else is worth showing, JSON-able: a camera's verdict, a temperature, an action's name."""
