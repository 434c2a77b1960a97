"""Conditions that simple sensors report as true or false, and the Contact ID codes they stand for (SIA DC-05).

A whole state arrives with each message of such a sensor: each condition in it gives one signal, true a new event
and false its restore. The intake drops a restore of what was not active. Each condition has a zone of its own,
because an alarm is one device, zone and category: closing the door must not end what the vibration began.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from alarms.model import Qualifier, Signal


@dataclass(frozen=True, slots=True)
class Condition:
    """What a true value of a field means."""

    event: str
    zone: str
    lasting: bool = False
    """Whether it goes on until somebody mends it. Motion, smoke and water are news each time that they are told."""


MOTION = Condition("130", "motion")
"""Burglary, not 132 interior: the sensor does not know where it hangs."""
PRESENCE = Condition("130", "presence")
CONTACT = Condition("131", "contact", lasting=True)
"""Perimeter: a door or window is open. Not 134 entry/exit, which implies a panel with an entry delay."""
VIBRATION = Condition("131", "vibration")
"""Perimeter: somebody works on the wall, pane or safe."""
SMOKE = Condition("111", "smoke")
HEAT = Condition("114", "heat")
GAS = Condition("151", "gas")
CARBON_MONOXIDE = Condition("162", "carbon_monoxide")
WATER = Condition("154", "water")
TAMPER = Condition("383", "tamper", lasting=True)
BATTERY_LOW = Condition("384", "battery", lasting=True)
TROUBLE = Condition("380", "trouble", lasting=True)
POWER_LOST = Condition("301", "power", lasting=True)
PANIC = Condition("120", "panic")
TEST = Condition("601", "test")


def wired_input(active: bool, *, as_state: bool) -> Condition:
    """A sensor or contact wired to a module's input.

    The module tells a change as news and its state again and again: an input that stays on is news once. That it is
    off ends it however it is told.
    """
    return replace(MOTION, lasting=as_state or not active)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Who reports, and what goes with every signal of the message."""

    publisher: str
    child: str | None = None
    message_id: str | None = None
    occurred_at: datetime | None = None
    online: bool | None = None
    battery_percent: float | None = None
    rssi_dbm: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def signal(
        self, event: str, qualifier: Qualifier = Qualifier.NEW, *, zone: str = "", **details: Any
    ) -> Signal:
        """One signal of this message."""
        return Signal(
            publisher=self.publisher,
            child=self.child,
            event=event,
            qualifier=qualifier,
            zone=zone,
            message_id=self.message_id,
            occurred_at=self.occurred_at,
            online=self.online,
            battery_percent=self.battery_percent,
            rssi_dbm=self.rssi_dbm,
            details={**self.details, **details},
        )

    def condition(self, condition: Condition, active: bool, *, zone: str | None = None) -> Signal:
        """A condition that is, or is no longer."""
        signal = self.signal(
            condition.event,
            Qualifier.NEW if active else Qualifier.RESTORE,
            zone=condition.zone if zone is None else zone,
        )
        return replace(signal, lasting=True) if condition.lasting else signal

    def alive(self) -> Signal:
        """Nothing to report but itself: heard of, with battery, radio level and measurements."""
        return self.signal("information", Qualifier.STATUS)
