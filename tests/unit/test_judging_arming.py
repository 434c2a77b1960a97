"""When a site is armed: by its weekly schedule in local time, over midnight, and by a person's word over both."""

from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.judging.arming import is_armed, is_armed_within, parse_schedule
from alarms.model import ArmedInterval
from tests.values import NIGHTS, NOON, ZONE

times = st.times().map(lambda t: t.replace(fold=0))
days = st.frozensets(st.integers(1, 7), min_size=1)
intervals = st.builds(ArmedInterval, days=days, since=times, until=times)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(  # noqa: DTZ001 - the zone follows
    lambda moment: moment.replace(tzinfo=ZONE)
)


def by_walking(interval: ArmedInterval, moment: datetime) -> bool:
    """The same by another way: write out the interval's begins and ends around the moment as points in time."""
    for back in range(3):
        day = (moment - timedelta(days=back)).date()
        if day.isoweekday() not in interval.days:
            continue
        begins = datetime.combine(day, interval.since, ZONE)
        end_day = day + timedelta(days=1) if interval.until <= interval.since else day
        if begins <= moment < datetime.combine(end_day, interval.until, ZONE):
            return True
    return False


@given(interval=intervals, moment=moments)
def test_an_interval_is_what_lies_between_its_begin_and_its_end(
    interval: ArmedInterval, moment: datetime
) -> None:
    assert is_armed((interval,), None, moment) == by_walking(interval, moment)


@given(schedule=st.lists(intervals, max_size=4), moment=moments)
def test_several_intervals_are_their_union(schedule: list[ArmedInterval], moment: datetime) -> None:
    assert is_armed(schedule, None, moment) == any(is_armed((one,), None, moment) for one in schedule)


@given(schedule=st.lists(intervals, max_size=2), moment=moments, minutes=st.integers(0, 3 * 24 * 60))
def test_within_is_at_any_moment_between(
    schedule: list[ArmedInterval], moment: datetime, minutes: int
) -> None:
    """Minutes and the beginnings of intervals are all that there is: an interval that is met neither way is not met."""
    whole = [
        ArmedInterval(days=one.days, since=one.since.replace(second=0, microsecond=0),
                      until=one.until.replace(second=0, microsecond=0))
        for one in schedule
    ]  # fmt: skip
    until = moment.replace(second=0, microsecond=0)
    since = until - timedelta(minutes=minutes)
    walked = any(is_armed(whole, None, since + timedelta(minutes=n)) for n in range(minutes + 1))
    assert is_armed_within(whole, None, since, until) == walked


@given(schedule=st.none() | st.lists(intervals, max_size=2), moment=moments, word=st.booleans())
def test_a_persons_word_rules_over_the_schedule(
    schedule: list[ArmedInterval] | None, moment: datetime, word: bool
) -> None:
    assert is_armed(schedule, word, moment) is word


@pytest.mark.parametrize(
    ("clock", "armed"),
    [
        (time(20, 59, 59), False),
        (time(21, 0), True),
        (time(23, 59, 59), True),
        (time(0, 0), True),
        (time(7, 59, 59), True),
        (time(8, 0), False),
    ],
)
def test_a_shop_is_armed_from_nine_at_night_until_eight(clock: time, armed: bool) -> None:
    assert is_armed(NIGHTS, None, datetime.combine(NOON.date(), clock, ZONE)) is armed


def test_friday_night_ends_on_saturday_morning_and_saturday_night_is_not_meant() -> None:
    friday_night = parse_schedule([{"days": [5], "from": "22:00", "to": "06:00"}])
    saturday = datetime(2026, 3, 7, tzinfo=ZONE)
    assert is_armed(friday_night, None, saturday + timedelta(hours=5, minutes=59))
    assert not is_armed(friday_night, None, saturday + timedelta(hours=6))
    assert not is_armed(friday_night, None, saturday + timedelta(hours=23))
    assert not is_armed(friday_night, None, saturday - timedelta(hours=24) + timedelta(hours=3))


def test_no_schedule_is_always_armed_and_an_empty_one_never() -> None:
    assert is_armed(parse_schedule(None), None, NOON)
    assert not is_armed(parse_schedule([]), None, NOON)


def test_from_and_to_alike_is_the_whole_day() -> None:
    whole = parse_schedule([{"days": [1], "from": "09:00", "to": "09:00"}])
    assert is_armed(whole, None, NOON)
    assert is_armed(whole, None, NOON + timedelta(hours=20, minutes=59))
    assert not is_armed(whole, None, NOON + timedelta(hours=21))


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ({"from": "21:00", "to": "08:00"}, "days"),
        ({"days": [], "from": "21:00", "to": "08:00"}, "1 .Monday. to 7 .Sunday."),
        ({"days": [0, 1], "from": "21:00", "to": "08:00"}, "1 .Monday. to 7 .Sunday."),
        ({"days": [8], "from": "21:00", "to": "08:00"}, "1 .Monday. to 7 .Sunday."),
        ({"days": [1], "from": "25:00", "to": "08:00"}, "right would be"),
        ({"days": [1], "from": "21:00"}, "right would be"),
        ({"days": None, "from": "21:00", "to": "08:00"}, "right would be"),
        ({"days": [1], "from": 21, "to": 8}, "right would be"),
        ({"days": [1], "from": "21:00+08:00", "to": "08:00"}, "local"),
        ("21:00-08:00", "right would be"),
    ],
)
def test_a_wrong_interval_is_refused_with_its_number_and_what_would_be_right(
    interval: object, said: str
) -> None:
    right = {"days": [1], "from": "21:00", "to": "08:00"}
    with pytest.raises(ValueError, match=f"armed interval 2: .*{said}"):
        parse_schedule([right, interval])  # type: ignore[list-item]


@pytest.mark.parametrize("document", [5, True, {"days": [1]}, "nights"])
def test_what_is_no_list_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="right would be"):
        parse_schedule(document)  # type: ignore[arg-type]
