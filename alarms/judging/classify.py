"""What one signal of a known device means: an alarm, a restore, activity, or something to keep and not to ring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alarms.judging.arming import is_armed
from alarms.model import Category, Device, DeviceStatus, EventMeaning, Priority, Qualifier, Signal

ASKS_FOR_ARMING = frozenset({Category.BURGLARY})
"""Panic, fire, tamper and the like do not ask whether the site is armed."""


class Verdict(StrEnum):
    """What is done with a signal, and why; stored with it as ``judgement``."""

    ALARM = "alarm"
    RESTORE = "restore"
    STATUS = "status"
    UNCHANGED = "unchanged"
    """A lasting state that was told before, seen by a person and closed: it rings again after a day."""
    ACTIVITY = "activity"
    """Motion at a disarmed site."""
    TEST = "test"
    """The device is in test mode: shown to its installer, never to a dispatcher."""
    OUT_OF_SERVICE = "out_of_service"
    NOT_AN_ALARM = "not_an_alarm"
    """A category that opens no alarm: test reports, arming, information."""
    RETAINED = "retained"
    """The broker's copy of an old message: a state, never an alarm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """A signal's meaning after the device, its site and the hour were looked at."""

    verdict: Verdict
    category: Category
    priority: Priority
    qualifier: Qualifier


def classify(
    signal: Signal, meaning: EventMeaning, device: Device, local_now: datetime, *, retained: bool = False
) -> Judgement:
    """Judge one signal at ``local_now`` (aware, in the installation's zone)."""
    qualifier = signal.qualifier
    if meaning.default_qualifier is not None and qualifier is Qualifier.NEW:
        qualifier = meaning.default_qualifier
    category, priority = meaning.category, meaning.priority
    verdict = _verdict(qualifier, meaning, device, local_now, retained)
    if verdict is Verdict.ACTIVITY:
        category, priority = Category.ACTIVITY, Priority.INFORMATION
    return Judgement(verdict=verdict, category=category, priority=priority, qualifier=qualifier)


def _verdict(
    qualifier: Qualifier, meaning: EventMeaning, device: Device, local_now: datetime, retained: bool
) -> Verdict:
    if retained:
        return Verdict.RETAINED
    if qualifier is Qualifier.STATUS:
        return Verdict.STATUS
    if device.status is DeviceStatus.TEST and device.test_until is not None and local_now < device.test_until:
        return Verdict.TEST
    if device.status in (DeviceStatus.REGISTERED, DeviceStatus.OUT_OF_SERVICE, DeviceStatus.RETIRED):
        return Verdict.OUT_OF_SERVICE
    if qualifier is Qualifier.RESTORE:
        return Verdict.RESTORE
    if not meaning.opens_alarm:
        return Verdict.NOT_AN_ALARM
    if meaning.category in ASKS_FOR_ARMING and not is_armed(
        device.armed_schedule, device.armed_override, local_now
    ):
        return Verdict.ACTIVITY
    return Verdict.ALARM
