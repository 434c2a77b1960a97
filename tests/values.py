"""Values to judge, with everything that a test does not care about filled in."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from alarms.judging.classify import Judgement, Verdict
from alarms.model import (
    Alarm,
    ArmedInterval,
    Category,
    Device,
    DeviceStatus,
    EventMeaning,
    Incident,
    Priority,
    Qualifier,
    Signal,
)

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=ZONE)
"""A Monday."""
EVERY_DAY = frozenset(range(1, 8))
NIGHTS = (ArmedInterval(days=EVERY_DAY, since=time(21), until=time(8)),)
WINDOW = timedelta(minutes=5)

PRIORITY_OF = {
    Category.PANIC: Priority.LIFE,
    Category.FIRE: Priority.LIFE,
    Category.BURGLARY: Priority.INTRUSION,
    Category.TAMPER: Priority.TROUBLE,
    Category.POWER: Priority.TROUBLE,
    Category.TEST: Priority.INFORMATION,
}


def after(seconds: float) -> datetime:
    """So many seconds after noon, as the server's clock tells it."""
    return NOON.astimezone(UTC) + timedelta(seconds=seconds)


def device(
    number: int = 1,
    *,
    site: int | None = 1,
    status: DeviceStatus = DeviceStatus.IN_SERVICE,
    test_until: datetime | None = None,
    moved_at: datetime | None = None,
    zone: str = "",
    schedule: tuple[ArmedInterval, ...] | None = None,
    override: bool | None = None,
) -> Device:
    return Device(
        id=number,
        device_id=f"device-{number}",
        status=status,
        test_until=test_until,
        moved_at=moved_at,
        zone=zone,
        site_id=site,
        organisation_id=None,
        county="411282000000",
        township="411282100000",
        village="411282100201",
        grid_cell=None,
        armed_schedule=schedule,
        armed_override=override,
    )


def meaning(
    category: Category,
    priority: Priority | None = None,
    *,
    opens_alarm: bool = True,
    whatever_the_hour: bool = False,
    default_qualifier: Qualifier | None = None,
) -> EventMeaning:
    return EventMeaning(
        category=category,
        priority=PRIORITY_OF.get(category, Priority.TROUBLE) if priority is None else priority,
        opens_alarm=opens_alarm,
        name_en=category.value,
        name_zh=category.value,
        whatever_the_hour=whatever_the_hour,
        default_qualifier=default_qualifier,
    )


def signal(
    event: str = "burglary",
    qualifier: Qualifier = Qualifier.NEW,
    *,
    zone: str = "",
    occurred_at: datetime | None = None,
) -> Signal:
    return Signal(publisher="device-1", event=event, qualifier=qualifier, zone=zone, occurred_at=occurred_at)


def judgement(category: Category = Category.BURGLARY, qualifier: Qualifier = Qualifier.NEW) -> Judgement:
    return Judgement(
        verdict=Verdict.RESTORE if qualifier is Qualifier.RESTORE else Verdict.ALARM,
        category=category,
        priority=PRIORITY_OF.get(category, Priority.TROUBLE),
        qualifier=qualifier,
    )


def alarm(
    number: int = 1,
    *,
    device_id: int = 1,
    category: Category = Category.BURGLARY,
    priority: Priority | None = None,
    incident_id: int = 1,
    opened_at: datetime = NOON,
    active: bool = True,
    last_occurred_at: datetime | None = None,
    zone: str = "",
) -> Alarm:
    return Alarm(
        id=number,
        device_id=device_id,
        zone=zone,
        category=category,
        event=category.value,
        priority=PRIORITY_OF.get(category, Priority.TROUBLE) if priority is None else priority,
        incident_id=incident_id,
        opened_at=opened_at,
        last_at=opened_at,
        active=active,
        restored_at=None if active else opened_at,
        last_occurred_at=last_occurred_at,
    )


def incident(
    number: int = 1,
    *,
    category: Category = Category.BURGLARY,
    priority: Priority = Priority.INTRUSION,
    source: str = "device",
    site: int | None = 1,
    at: datetime = NOON,
    alarms: int = 1,
) -> Incident:
    return Incident(
        id=number,
        source=source,
        category=category,
        priority=priority,
        site_id=site,
        opened_at=at,
        last_alarm_at=at,
        alarm_count=alarms,
        active_alarm_count=alarms,
    )
