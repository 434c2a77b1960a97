"""What an investigator may ask: hours over midnight, areas, and that a question survives being kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.history import query, words
from alarms.history.query import Hours, Query, QueryError
from alarms.model import Category, Disposition, IncidentState

CITY = "411200000000"
ZONE = ZoneInfo("Asia/Shanghai")
SQUARE = [[111.0, 34.0], [111.5, 34.0], [111.5, 34.5], [111.0, 34.5], [111.0, 34.0]]
MINUTES = st.integers(0, 1439)


@given(first=MINUTES, last=st.integers(0, 1440), minute=MINUTES)
def test_hours_and_the_other_hours_are_the_whole_day(first: int, last: int, minute: int) -> None:
    if first in (last, last - 1440):
        return
    between = query.hours(query.clock(first), query.clock(last))
    other = query.hours(query.clock(last), query.clock(first))
    assert (minute in between) != (minute in other)


@given(first=MINUTES, length=st.integers(1, 1439), minute=MINUTES)
def test_hours_hold_so_many_minutes_from_their_first(first: int, length: int, minute: int) -> None:
    between = Hours(first, (first + length) % 1440)
    assert (minute in between) == ((minute - first) % 1440 < length)


@pytest.mark.parametrize(
    ("first", "last", "inside", "outside"),
    [
        ("22:00", "06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "21:59", "12:00"]),
        ("09:00", "17:30", ["09:00", "17:29"], ["08:59", "17:30", "00:00"]),
        ("20:00", "24:00", ["20:00", "23:59"], ["00:00", "19:59"]),
        ("22:00", "00:00", ["22:00", "23:59"], ["00:00", "21:59"]),
        ("24:00", "01:00", ["00:00", "00:59"], ["01:00", "23:59"]),
    ],
)
def test_hours_over_midnight(first: str, last: str, inside: list[str], outside: list[str]) -> None:
    between = query.hours(first, last)

    def minute(text: str) -> int:
        return int(text[:2]) * 60 + int(text[3:])

    assert [text for text in inside + outside if minute(text) in between] == inside


@pytest.mark.parametrize(
    ("first", "last"), [("25:00", "01:00"), ("9:00", "10:00"), ("10:00", "10:00"), ("", "1")]
)
def test_hours_that_are_none(first: str, last: str) -> None:
    with pytest.raises(QueryError):
        query.hours(first, last)


WRONG_AREAS: list[tuple[str, Any]] = [
    ("a point", {"type": "Point", "coordinates": [111, 34]}),
    ("nothing", {"type": "Polygon", "coordinates": []}),
    ("not closed", {"type": "Polygon", "coordinates": [SQUARE[:4]]}),
    ("too short", {"type": "Polygon", "coordinates": [SQUARE[:2] + SQUARE[:1]]}),
    ("a bow tie", {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}),
    ("flat", {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}),
    ("off the earth", {"type": "Polygon", "coordinates": [[[0, 0], [0, 91], [1, 1], [0, 0]]]}),
    ("not a number", {"type": "Polygon", "coordinates": [[[0, 0], [0, float("nan")], [1, 1], [0, 0]]]}),
    (
        "over the antimeridian",
        {"type": "Polygon", "coordinates": [[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]]},
    ),
    ("true", {"type": "Polygon", "coordinates": [[[0, 0], [0, True], [1, 1], [0, 0]]]}),
    ("heights", {"type": "Polygon", "coordinates": [[[*point, 5] for point in SQUARE]]}),
    ("words", {"type": "Polygon", "coordinates": "here"}),
    ("overlapping", {"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE]]}),
    ("too many", {"type": "Polygon", "coordinates": [[[n / 1000, n % 2] for n in range(1000)] + [[0, 0]]]}),
]


@pytest.mark.parametrize("geometry", [area for _, area in WRONG_AREAS], ids=[name for name, _ in WRONG_AREAS])
def test_what_is_no_area_is_refused_with_what_would_be_right(geometry: dict[str, Any]) -> None:
    with pytest.raises(QueryError) as caught:
        query.area(geometry)
    assert caught.value.where == "area"
    assert caught.value.right


def test_an_area_may_be_drawn_either_way_round() -> None:
    for ring in (SQUARE, SQUARE[::-1]):
        assert query.area({"type": "Polygon", "coordinates": [ring]}).area == pytest.approx(0.25)


def test_an_area_may_have_several_parts_and_holes() -> None:
    hole = [[111.1, 34.1], [111.2, 34.1], [111.2, 34.2], [111.1, 34.1]]
    away = [[x + 1, y] for x, y in SQUARE]
    found = query.area({"type": "MultiPolygon", "coordinates": [[SQUARE, hole], [away]]})
    assert found.area == pytest.approx(0.25 + 0.25 - 0.005)


def test_the_own_city_is_no_limit_and_another_stays_one() -> None:
    assert query.division("4112", CITY) is None
    assert query.division("4113", CITY) == "411300000000"
    assert query.division("411282", CITY) == "411282000000"
    with pytest.raises(QueryError):
        query.division("41128", CITY)


MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001
    max_value=datetime(8999, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    since = draw(st.none() | MOMENTS)
    until = draw(st.none() | st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=900)))
    start = draw(st.none() | MINUTES)
    return Query(
        area=draw(st.sampled_from([None, query.area({"type": "Polygon", "coordinates": [SQUARE]})])),
        division=draw(st.sampled_from([None, "411282000000", "411282100201"])),
        since=since,
        until=(since or datetime(2026, 1, 1, tzinfo=UTC)) + until if until else None,
        hours=Hours(start, draw(st.integers(0, 1440).filter(lambda m: m != start)))
        if start is not None
        else None,
        categories=tuple(draw(st.lists(st.sampled_from(Category), max_size=3, unique=True))),
        dispositions=tuple(draw(st.lists(st.sampled_from(Disposition), max_size=3, unique=True))),
        priorities=tuple(draw(st.lists(st.integers(1, 5), max_size=3, unique=True))),
        states=tuple(draw(st.lists(st.sampled_from(IncidentState), max_size=3, unique=True))),
        text=draw(st.none() | st.text(min_size=1, max_size=100).filter(lambda text: text.strip() != "")),
    )


@given(asked=queries())
def test_a_question_that_was_kept_is_the_same_question(asked: Query) -> None:
    assert query.from_document(query.to_document(asked), CITY) == asked


@given(asked=queries())
def test_every_question_can_be_said_in_words(asked: Query) -> None:
    for language in words.STATES:
        said = words.describe(asked, language, ZONE, "灵宝市" if asked.division else None)
        assert said
        assert (asked.text or "") in said
        assert (asked.division or "") in said
        assert asked.hours is None or query.clock(asked.hours.first) in said


def test_a_question_in_words() -> None:
    asked = Query(
        division="411282000000",
        since=datetime(2026, 3, 2, 16, tzinfo=UTC),
        hours=query.hours("22:00", "06:00"),
        categories=(Category.BURGLARY, Category.PANIC),
        dispositions=(Disposition.FALSE_USER,),
        text="红色面包车",
    )
    assert words.describe(asked, "en", ZONE, "灵宝市") == (
        "in 灵宝市 411282000000; opened from 2026-03-03 00:00 (UTC+08:00); at 22:00 to 06:00 by the clock of "
        "Asia/Shanghai; category Burglary or Panic; ended as false: user; "
        "with “红色面包车” in site, address, title or notes"
    )
    assert words.describe(asked, "zh", ZONE, "灵宝市").startswith(
        "在灵宝市 411282000000；自2026-03-03 00:00 (UTC+08:00)起；"
    )
    assert words.describe(Query(), "en", ZONE) == "all incidents"
    hole = [[111.1, 34.1], [111.2, 34.1], [111.2, 34.2], [111.1, 34.1]]
    drawn = Query(area=query.area({"type": "Polygon", "coordinates": [SQUARE, hole]}))
    assert words.describe(drawn, "en", ZONE) == (
        "in an area of 7 points, 111.00000 to 111.50000 E, 34.00000 to 34.50000 N"
    )


def test_a_time_that_ends_before_it_begins_is_refused() -> None:
    at = datetime(2026, 3, 3, tzinfo=UTC)
    with pytest.raises(QueryError):
        query.check(Query(since=at, until=at))
