"""Alarms of one site within the window after its newest alarm are one incident, unless it is resolved."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.judging.correlate import TAKES_MORE, joins
from alarms.model import Incident, IncidentState
from tests.values import NOON, WINDOW, incident

SECOND = timedelta(seconds=1)


def test_within_the_window_it_joins_and_after_it_does_not() -> None:
    open_one = incident(at=NOON)
    assert joins([open_one], NOON + WINDOW, WINDOW) is open_one
    assert joins([open_one], NOON + WINDOW + SECOND, WINDOW) is None


def test_the_window_runs_from_the_newest_alarm_not_from_the_first() -> None:
    long_one = replace(incident(at=NOON), last_alarm_at=NOON + timedelta(hours=1))
    assert joins([long_one], NOON + timedelta(hours=1) + WINDOW, WINDOW) is long_one


@pytest.mark.parametrize("state", list(IncidentState))
def test_resolved_and_closed_ones_take_no_more(state: IncidentState) -> None:
    found = joins([replace(incident(), state=state)], NOON, WINDOW)
    assert (found is None) is (state in (IncidentState.RESOLVED, IncidentState.CLOSED))


def test_no_incident_means_a_new_one() -> None:
    assert joins([], NOON, WINDOW) is None


@given(
    ages=st.lists(st.tuples(st.integers(-60, 900), st.sampled_from(IncidentState)), max_size=6),
)
def test_of_several_it_is_the_one_with_the_newest_alarm(ages: list[tuple[int, IncidentState]]) -> None:
    known: list[Incident] = [
        replace(incident(number, at=NOON - timedelta(seconds=age)), state=state)
        for number, (age, state) in enumerate(ages, 1)
    ]
    found = joins(known, NOON, WINDOW)
    right = [i for i in known if i.state in TAKES_MORE and NOON - i.last_alarm_at <= WINDOW]
    if not right:
        assert found is None
    else:
        assert found is not None
        assert found.last_alarm_at == max(i.last_alarm_at for i in right)
        assert found.state in TAKES_MORE
