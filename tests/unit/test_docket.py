"""A batch makes of its signals what they would have made one by one; two of one alarm in a batch are one write."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.judging.classify import Judgement
from alarms.judging.docket import Docket, Work
from alarms.model import Alarm, Category, Device, Entry, Incident, IncidentState, Qualifier, Signal
from tests.values import NOON, WINDOW, after, alarm, device, incident, judgement, signal

Judged = tuple[Device, Signal, Judgement, datetime]
CONDITIONS = [Category.BURGLARY, Category.PANIC, Category.TAMPER]


class Shelf:
    """What the ledger would hold: everything that is open."""

    def __init__(self) -> None:
        self.incidents: dict[int, Incident] = {}
        self.alarms: dict[int, Alarm] = {}
        self.entries: list[Entry] = []
        self._ids = count(1)

    def fold(self, batch: list[Judged]) -> Work:
        """As the intake does: load what the batch may touch, fold, save."""
        docket = Docket(self.incidents.values(), self.alarms.values(), WINDOW)
        for who, said, judged, now in batch:
            docket.apply(who, said, judged, now)
        incidents, alarms = docket.count_new()
        work, _ = docket.numbered(
            [next(self._ids) for _ in range(incidents)], [next(self._ids) for _ in range(alarms)]
        )
        self.incidents |= {i.id: i for i in (*work.new_incidents, *work.changed_incidents)}
        self.alarms |= {a.id: a for a in (*work.new_alarms, *work.changed_alarms)}
        self.entries += work.entries
        return work

    def contents(self) -> tuple[list[Incident], list[Alarm], list[Entry]]:
        """All of it, with ids by order of opening, so that two shelves can be compared."""
        incident_id = {old: new for new, old in enumerate(sorted(self.incidents), 1)}
        alarm_id = {old: new for new, old in enumerate(sorted(self.alarms), 1)}
        return (
            [replace(i, id=incident_id[i.id]) for _, i in sorted(self.incidents.items())],
            [
                replace(a, id=alarm_id[a.id], incident_id=incident_id[a.incident_id])
                for _, a in sorted(self.alarms.items())
            ],
            [
                replace(
                    e,
                    incident_id=incident_id[e.incident_id],
                    details=e.details | {"alarm_id": alarm_id[e.details["alarm_id"]]},
                )
                for e in self.entries
            ],
        )


@st.composite
def a_night(draw: st.DrawFn) -> list[Judged]:
    """Signals of a few devices at a few sites; some bring their own clock, which may run out of order."""
    now, night = 0.0, []
    for _ in range(draw(st.integers(1, 14))):
        now += draw(st.sampled_from([0.0, 1.0, 200.0, 400.0]))
        number = draw(st.integers(1, 4))
        where = [1, 1, 2, None][number - 1]
        qualifier = draw(st.sampled_from([Qualifier.NEW, Qualifier.NEW, Qualifier.RESTORE]))
        clock = draw(st.none() | st.sampled_from([-30.0, 0.0]))
        night.append(
            (
                device(number, site=where),
                signal(
                    "event",
                    qualifier,
                    zone=draw(st.sampled_from(["", "2"])),
                    occurred_at=None if clock is None else after(now + clock),
                ),
                judgement(draw(st.sampled_from(CONDITIONS)), qualifier),
                after(now),
            )
        )
    return night


def in_batches(night: list[Judged], cuts: list[int]) -> list[list[Judged]]:
    edges = sorted({0, len(night), *(cut % (len(night) + 1) for cut in cuts)})
    return [night[begin:end] for begin, end in pairwise(edges)]


@settings(max_examples=120, deadline=None)
@given(night=a_night(), cuts=st.lists(st.integers(0, 100), max_size=5))
def test_any_batching_gives_what_one_by_one_gives(night: list[Judged], cuts: list[int]) -> None:
    one_by_one, batched = Shelf(), Shelf()
    for judged in night:
        one_by_one.fold([judged])
    for batch in in_batches(night, cuts):
        batched.fold(batch)
    assert batched.contents() == one_by_one.contents()


@settings(max_examples=60, deadline=None)
@given(night=a_night())
def test_there_is_one_open_alarm_a_condition_and_no_recurrence_is_swallowed(night: list[Judged]) -> None:
    shelf = Shelf()
    shelf.fold(night)
    conditions = [(a.device_id, a.zone, a.category) for a in shelf.alarms.values()]
    assert len(conditions) == len(set(conditions))
    for a in shelf.alarms.values():
        told = [
            said
            for who, said, judged, _ in night
            if (who.id, said.zone or who.zone, judged.category) == (a.device_id, a.zone, a.category)
            and said.qualifier is Qualifier.NEW
        ]
        assert a.occurrence_count == len(told)
    assert sum(i.alarm_count for i in shelf.incidents.values()) == len(shelf.alarms)
    assert sum(i.active_alarm_count for i in shelf.incidents.values()) == sum(
        a.active for a in shelf.alarms.values()
    )


@settings(max_examples=60, deadline=None)
@given(night=a_night(), cuts=st.lists(st.integers(0, 100), max_size=3))
def test_a_batch_writes_each_row_once(night: list[Judged], cuts: list[int]) -> None:
    shelf = Shelf()
    for batch in in_batches(night, cuts):
        work = shelf.fold(batch)
        assert len(work.alarm_ids) == len(set(work.alarm_ids))
        assert len(work.incident_ids) == len(set(work.incident_ids))
        assert set(work.places) == {a.id for a in work.new_alarms}
        known = {a.incident_id for a in work.new_alarms}
        assert {i.id for i in work.new_incidents} <= known, "no incident without its alarm"


def test_two_signals_of_one_open_alarm_are_one_write() -> None:
    known = incident()
    docket = Docket([known], [alarm()], WINDOW)
    for seconds in (1, 2):
        assert docket.apply(device(), signal(), judgement(), after(seconds)) == 1
    work, _ = docket.numbered([], [])
    assert [a.occurrence_count for a in work.changed_alarms] == [3]
    assert (work.new_alarms, work.changed_incidents) == ([], [])


def test_what_changes_nothing_is_not_written() -> None:
    docket = Docket([incident(alarms=0)], [alarm(active=False)], WINDOW)
    assert docket.apply(device(), signal(), judgement(qualifier=Qualifier.RESTORE), after(1)) is None
    work, _ = docket.numbered([], [])
    assert (work.incident_ids, work.alarm_ids, list(work.entries)) == ([], [], [])


def test_door_motion_and_panic_of_one_site_are_one_incident_of_a_person_in_danger() -> None:
    docket = Docket([], [], WINDOW)
    docket.apply(device(1), signal(), judgement(), after(0))
    docket.apply(device(2), signal(), judgement(), after(9))
    docket.apply(device(3), signal(), judgement(Category.PANIC), after(30))
    work, _ = docket.numbered([71], [1, 2, 3])
    [case] = work.new_incidents
    assert (case.id, case.priority, case.verification_level, case.alarm_count) == (71, 1, 2, 3)
    assert case.category is Category.PANIC
    assert {a.incident_id for a in work.new_alarms} == {71}


def test_devices_without_a_site_share_no_incident() -> None:
    docket = Docket([], [], WINDOW)
    for number in (1, 2):
        docket.apply(device(number, site=None), signal(), judgement(), after(0))
    assert docket.count_new() == (2, 2)


def test_a_device_without_zones_speaks_of_its_own_zone() -> None:
    docket = Docket([], [], WINDOW)
    own = device(zone="3")
    docket.apply(own, signal(), judgement(), after(0))
    docket.apply(own, signal(zone="3"), judgement(), after(1))
    work, _ = docket.numbered([1], [2])
    assert [(a.zone, a.occurrence_count) for a in work.new_alarms] == [("3", 2)]


def test_a_restore_is_a_line_of_the_timeline_and_a_repeat_is_none() -> None:
    docket = Docket([], [], WINDOW)
    for qualifier in (Qualifier.NEW, Qualifier.NEW, Qualifier.RESTORE, Qualifier.RESTORE):
        docket.apply(device(), signal(qualifier=qualifier), judgement(qualifier=qualifier), after(0))
    work, _ = docket.numbered([1], [2])
    assert [entry.kind for entry in work.entries] == ["alarm", "restored"]
    assert {(entry.incident_id, entry.details["alarm_id"]) for entry in work.entries} == {(1, 2)}


def test_a_panic_button_pressed_again_rings_again_once_it_was_resolved() -> None:
    resolved = replace(
        incident(category=Category.PANIC), state=IncidentState.RESOLVED, acknowledged_at=NOON, handler_id=1
    )
    docket = Docket([resolved], [alarm(category=Category.PANIC)], timedelta(0))
    docket.apply(device(), signal(), judgement(Category.PANIC), after(60))
    work, _ = docket.numbered([], [])
    assert [i.state for i in work.changed_incidents] == [IncidentState.NEW]


def test_a_device_that_rings_at_another_site_leaves_its_alarm_behind() -> None:
    docket = Docket([incident(site=1)], [alarm()], WINDOW)
    moved = device(site=2)
    assert docket.apply(moved, signal(qualifier=Qualifier.RESTORE), judgement(qualifier=Qualifier.RESTORE),
                        after(30)) == 1  # fmt: skip
    assert docket.apply(moved, replace(signal(), lasting=True), judgement(), after(60)) not in (1, None)
    docket.apply(moved, signal(), judgement(), after(61))
    work, _ = docket.numbered([7], [8])
    [old], [new] = work.changed_alarms, work.new_alarms
    assert (old.closed_at, old.active, old.occurrence_count) == (after(60), False, 1)
    assert (new.incident_id, new.occurrence_count) == (7, 2)
    assert [(i.site_id, i.alarm_count) for i in work.new_incidents] == [(2, 1)]
    assert [(i.id, i.state, i.active_alarm_count) for i in work.changed_incidents] == [
        (1, IncidentState.NEW, 0)
    ], "somebody must have seen it"
    assert [(e.incident_id, e.kind) for e in work.entries] == [(1, "restored"), (1, "moved"), (7, "alarm")]


def test_a_device_without_a_site_that_was_moved_leaves_its_alarm_behind_once() -> None:
    docket = Docket([incident(site=None)], [alarm()], WINDOW)
    moved = device(site=None, moved_at=after(30))
    for seconds in (60, 61):
        docket.apply(moved, signal(), judgement(), after(seconds))
    work, _ = docket.numbered([7], [8])
    assert [(a.id, a.closed_at) for a in work.changed_alarms] == [(1, after(60))]
    assert [(a.incident_id, a.occurrence_count) for a in work.new_alarms] == [(7, 2)]


def test_a_device_that_gets_another_place_at_its_site_repeats_its_alarm() -> None:
    docket = Docket([incident(site=1)], [alarm()], WINDOW)
    assert docket.apply(device(site=1, moved_at=after(30)), signal(), judgement(), after(60)) == 1


def test_a_move_by_a_clock_that_is_ahead_parts_no_alarms_until_then() -> None:
    docket = Docket([incident(site=None)], [alarm()], WINDOW)
    moved = device(site=None, moved_at=after(300))
    assert [docket.apply(moved, signal(), judgement(), after(seconds)) for seconds in (10, 20)] == [1, 1]
