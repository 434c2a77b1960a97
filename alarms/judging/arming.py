"""Is a site armed at this moment? Motion in an armed site is an alarm, in a disarmed one mere activity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Any

from alarms.model import ArmedInterval

RIGHT = 'right would be {"days": [1, 2, 3], "from": "21:00", "to": "08:00"}'


def is_armed(schedule: Iterable[ArmedInterval] | None, override: bool | None, local_now: datetime) -> bool:
    """Tell whether a site is armed at ``local_now`` (aware, in the installation's zone).

    A person's word (``override``) rules over the schedule; no schedule means always armed.
    """
    if override is not None:
        return override
    if schedule is None:
        return True
    clock = local_now.time()
    today = local_now.isoweekday()
    yesterday = (local_now - timedelta(days=1)).isoweekday()
    for interval in schedule:
        over_midnight = interval.until <= interval.since
        if today in interval.days and clock >= interval.since and (over_midnight or clock < interval.until):
            return True
        if over_midnight and yesterday in interval.days and clock < interval.until:
            return True
    return False


def is_armed_within(
    schedule: Iterable[ArmedInterval] | None, override: bool | None, since: datetime, local_now: datetime
) -> bool:
    """Tell whether a site was armed at any moment from ``since`` to ``local_now`` (both as ``is_armed`` wants them)."""
    intervals = None if schedule is None else tuple(schedule)
    if is_armed(intervals, override, since) or is_armed(intervals, override, local_now):
        return True
    if override is not None or intervals is None:
        return False
    day = since.date()
    while day <= local_now.date():
        for interval in intervals:
            begins = datetime.combine(day, interval.since, local_now.tzinfo)
            if day.isoweekday() in interval.days and since < begins <= local_now:
                return True
        day += timedelta(days=1)
    return False


def parse_schedule(document: Iterable[Mapping[str, Any]] | None) -> tuple[ArmedInterval, ...] | None:
    """Read ``sites.armed_schedule``: ``[{"days": [1, 7], "from": "21:00", "to": "08:00"}]``.

    Raises ValueError that says which interval is wrong and what would be right.
    """
    if document is None:
        return None
    if not isinstance(document, list | tuple):
        raise ValueError(f"an armed schedule is a list of intervals; {RIGHT}")
    intervals = []
    for number, item in enumerate(document, 1):
        try:
            days = frozenset(int(day) for day in item["days"])
            since, until = time.fromisoformat(item["from"]), time.fromisoformat(item["to"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"armed interval {number}: {error}; {RIGHT}") from error
        if since.tzinfo is not None or until.tzinfo is not None:
            raise ValueError(f"armed interval {number}: times are local, without an offset; {RIGHT}")
        if not days or not days <= frozenset(range(1, 8)):
            raise ValueError(f"armed interval {number}: days are numbers from 1 (Monday) to 7 (Sunday)")
        intervals.append(ArmedInterval(days=days, since=since, until=until))
    return tuple(intervals)
