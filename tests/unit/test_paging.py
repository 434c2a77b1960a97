"""Cursors say nothing, come back as they were, and one that is not ours is refused in plain words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import Problem
from api.paging import MAX_ID, decode_cursor, encode_cursor, feature, parse_bbox

MOMENTS = st.integers(0, 4 * 10**15).map(
    lambda n: datetime(1970, 1, 2, tzinfo=UTC) + timedelta(microseconds=n)
)


@given(MOMENTS, st.integers(0, MAX_ID))
def test_a_cursor_comes_back_as_it_was(moment: datetime, number: int) -> None:
    assert decode_cursor(encode_cursor(moment, number), datetime, int) == [moment, number]


@given(st.text())
def test_a_text_comes_back_as_it_was(text: str) -> None:
    assert decode_cursor(encode_cursor(text), str) == [text]


@given(st.text(st.sampled_from("ABCabc019_-"), max_size=60))
def test_what_is_not_a_cursor_is_refused(text: str) -> None:
    """No text makes anything but a problem: these hold no list of a version, a time and a number."""
    with pytest.raises(Problem) as refused:
        decode_cursor(text, datetime, int)
    assert refused.value.kind == "wrong-input"
    assert refused.value.errors[0].where == "query.cursor"


@pytest.mark.parametrize(
    "cursor",
    [
        encode_cursor(1),  # of another list
        encode_cursor("2026-01-01T00:00:00", 1),  # a time without an offset
        encode_cursor("2026-01-01T00:00:00Z", -1),
        encode_cursor("2026-01-01T00:00:00Z", True),
        encode_cursor("2026-01-01T00:00:00Z", 1.5),
        encode_cursor("2026-01-01T00:00:00Z", 1, 2),
        "e30",  # {}
        "A",
    ],
)
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        decode_cursor(cursor, datetime, int)
    assert refused.value.kind == "wrong-input"


def test_no_cursor_is_the_beginning() -> None:
    assert decode_cursor(None, int) is None


@pytest.mark.parametrize(
    "text", ["112,33,110,35", "110,35,112,33", "110,33,110,35", "-181,0,0,1", "0,-91,1,0"]
)
def test_a_box_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Problem):
        parse_bbox(text)


def test_a_box_is_west_south_east_north() -> None:
    assert parse_bbox("110.3,33.5,112.1,35.1") == (110.3, 33.5, 112.1, 35.1)


def test_a_document_without_a_place_has_a_null_geometry() -> None:
    assert feature({"id": 7, "position": None, "name": "x"}) == {
        "type": "Feature",
        "id": 7,
        "geometry": None,
        "properties": {"id": 7, "name": "x"},
    }
    assert feature({"id": 7, "position": [1.0, 2.0]})["geometry"] == {
        "type": "Point",
        "coordinates": [1.0, 2.0],
    }
