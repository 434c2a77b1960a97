"""What one signal of a known device means: an alarm, a restore, activity, or something to keep and not to ring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alarms.judging.arming import is_armed, is_armed_within
from alarms.model import Category, Device, DeviceStatus, EventMeaning, Priority, Qualifier, Signal

ASKS_FOR_ARMING = frozenset({Category.BURGLARY})
"""Panic, fire, tamper and the like do not ask whether the site is armed."""
BELIEVED_FOR = timedelta(days=3)
"""How far back a device's own clock is believed: a weekend without a network. Older than that, it is wrong."""


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
    signal: Signal,
    meaning: EventMeaning,
    device: Device,
    received_at: datetime,
    *,
    retained: bool = False,
    waiting_since: datetime | None = None,
) -> Judgement:
    """Judge one signal by the moment when it happened, however late it is stored.

    ``received_at``: when the receiver got it (aware, in the installation's zone). A message that waited in the broker,
    or in a device without a network, was handed over later than it happened: its device's own time counts as well. Of
    a device without a clock it is only known that it happened between ``waiting_since`` and then.
    """
    qualifier = signal.qualifier
    if meaning.default_qualifier is not None and qualifier is Qualifier.NEW:
        qualifier = meaning.default_qualifier
    category, priority = meaning.category, meaning.priority
    verdict = _verdict(signal, qualifier, meaning, device, received_at, retained, waiting_since)
    if verdict is Verdict.ACTIVITY:
        category, priority = Category.ACTIVITY, Priority.INFORMATION
    return Judgement(verdict=verdict, category=category, priority=priority, qualifier=qualifier)


def _verdict(
    signal: Signal,
    qualifier: Qualifier,
    meaning: EventMeaning,
    device: Device,
    received_at: datetime,
    retained: bool,
    waiting_since: datetime | None,
) -> Verdict:
    if retained:
        return Verdict.RETAINED
    if qualifier is Qualifier.STATUS:
        return Verdict.STATUS
    if (
        qualifier is Qualifier.RESTORE
    ):  # rings nobody; what it ends must not go on because its device is tested
        return Verdict.RESTORE
    # What was received before the test mode's end happened before it too: the later moment decides. Also when somebody
    # ended it and put the device in service: what is stored a moment later must not ring after all.
    if (
        device.status in (DeviceStatus.TEST, DeviceStatus.IN_SERVICE)
        and device.test_until is not None
        and received_at < device.test_until
    ):
        return Verdict.TEST
    if device.status in (DeviceStatus.REGISTERED, DeviceStatus.OUT_OF_SERVICE, DeviceStatus.RETIRED):
        return Verdict.OUT_OF_SERVICE
    if not meaning.opens_alarm:
        return Verdict.NOT_AN_ALARM
    if meaning.category not in ASKS_FOR_ARMING or meaning.whatever_the_hour:
        return Verdict.ALARM
    return Verdict.ALARM if _was_armed(signal, device, received_at, waiting_since) else Verdict.ACTIVITY


def _was_armed(signal: Signal, device: Device, received_at: datetime, waiting_since: datetime | None) -> bool:
    """When it may have happened. In doubt a site was armed: better a false alarm than a burglary by night unheard."""
    schedule, override = device.armed_schedule, device.armed_override
    if is_armed(schedule, override, received_at):
        return True
    earliest, own = received_at - BELIEVED_FOR, signal.occurred_at
    if own is not None and earliest <= own <= received_at:
        return is_armed(schedule, override, own.astimezone(received_at.tzinfo))
    if waiting_since is None or waiting_since >= received_at:
        return False
    since = max(waiting_since.astimezone(received_at.tzinfo), earliest)
    return is_armed_within(schedule, override, since, received_at)
