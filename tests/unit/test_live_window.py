"""The feed's window, and who is shown what."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.live import Event, View, Window

NOW = datetime(2026, 3, 3, tzinfo=UTC)


def event(
    seq: int, keys: set[str] | None = None, old: set[str] | None = None, kind: str = "incident"
) -> Event:
    return Event(
        seq=seq,
        at=NOW,
        kind=kind,
        object_id=9,
        keys=frozenset(keys or {"*"}),
        old_keys=frozenset(old or ()),
        text=b"the document",
    )


@given(st.lists(st.integers(1, 7), max_size=30), st.integers(1, 8), st.integers(0, 120), st.integers(1, 9))
def test_a_window_gives_what_follows_without_a_gap_or_says_that_it_cannot(
    batches: list[int], size: int, after: int, limit: int
) -> None:
    window, last = Window(size), 0
    for batch in batches:
        window.extend([event(last + n) for n in range(1, batch + 1)])
        last += batch
    found = window.after(min(after, last), limit)
    if found is None:
        assert last == 0 or min(after, last) < last - size
    else:
        first = min(after, last) + 1
        assert [one.seq for one in found] == list(range(first, min(first + limit, last + 1)))


def test_an_empty_window_knows_nothing() -> None:
    window = Window(5)
    window.extend([event(1)])
    window.clear()
    assert window.after(0, 10) is None


VIEW = View(
    {
        "incident": frozenset({"411282000000", "*@7"}),
        "alarm": frozenset({"411282000000"}),
        "device": frozenset(),
    }
)


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (event(1, {"*", "411282000000"}), "change"),
        (event(1, {"*", "*@7"}), "change"),
        (event(1, {"*", "411224000000"}), None),
        (event(1, {"*"}), None),
        (event(1, {"*"}, {"411282000000"}), "gone"),
        (event(1, {"411282000000"}, {"411282000000"}), "change"),
        (event(1, {"411282000000"}, kind="device"), None),
        (event(1, {"411282000000"}, kind="something new"), None),
    ],
)
def test_a_view_shows_what_its_keys_open(one: Event, shown: str | None) -> None:
    text = VIEW.show(one)
    if shown is None:
        assert text is None
    elif shown == "change":
        assert text == b"the document"
    else:
        assert text is not None
        head, _, data = text.decode().partition("\ndata: ")
        assert head == "id: 1\nevent: gone"
        assert json.loads(data) == {"seq": 1, "kind": "incident", "id": 9}
