"""The verification level raises a priority and never lowers it; two burglary detectors mean a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.judging.verify import level_from_alarms, verified_priority
from alarms.model import Category, Priority

levels = st.integers(0, 4)
priorities = st.sampled_from(Priority)
conditions = st.sets(
    st.tuples(st.integers(1, 3), st.sampled_from(["", "1", "2"]), st.sampled_from(Category)), max_size=6
)


@given(own=priorities, level=levels)
def test_a_level_never_lowers_a_priority(own: Priority, level: int) -> None:
    assert verified_priority(own, level) <= own  # 1 is the gravest


@given(own=priorities, lower=levels, higher=levels)
def test_more_certainty_is_never_less_grave(own: Priority, lower: int, higher: int) -> None:
    low, high = sorted((lower, higher))
    assert verified_priority(own, high) <= verified_priority(own, low)


@pytest.mark.parametrize(
    ("own", "level", "priority"),
    [
        (Priority.INTRUSION, 0, Priority.INTRUSION),
        (Priority.INTRUSION, 2, Priority.INTRUSION),
        (Priority.INTRUSION, 3, Priority.VERIFIED_CRIME),
        (Priority.INTRUSION, 4, Priority.LIFE),
        (Priority.INFORMATION, 4, Priority.LIFE),
        (Priority.LIFE, 0, Priority.LIFE),
        (Priority.LIFE, 3, Priority.LIFE),
    ],
)
def test_level_three_is_a_crime_and_level_four_a_life(own: Priority, level: int, priority: Priority) -> None:
    assert verified_priority(own, level) is priority


@given(level=levels, seen=conditions)
def test_a_persons_level_is_never_lowered_by_alarms(level: int, seen: set[tuple[int, str, Category]]) -> None:
    assert level_from_alarms(level, seen) >= level


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        ([(1, "", Category.BURGLARY)], 1),
        ([(1, "", Category.BURGLARY), (2, "", Category.BURGLARY)], 2),
        ([(1, "1", Category.BURGLARY), (1, "2", Category.BURGLARY)], 2),
        ([(1, "", Category.BURGLARY), (1, "", Category.TAMPER)], 1),
        ([(1, "", Category.PANIC), (2, "", Category.FIRE)], 1),
        ([(1, "", Category.BURGLARY), (2, "", Category.POWER)], 1),
    ],
)
def test_two_burglary_alarms_of_different_detectors_mean_a_person(
    seen: list[tuple[int, str, Category]], level: int
) -> None:
    assert level_from_alarms(1, seen) == level
