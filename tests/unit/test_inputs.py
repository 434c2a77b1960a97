"""Times as requests bring them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from api.inputs import Moment

MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T03:00:00+08:00",
        "2026-11-23T03:00:00 08:00",  # a query's plus, typed as it stands
        "2026-11-23 03:00 08:00",
        "2026-11-22T19:00:00Z",
        "2026-11-22T15:00:00.000-04:00",
    ],
)
def test_a_time_is_read_as_it_is_typed(text: str) -> None:
    assert MOMENT.validate_python(text) == datetime(2026, 11, 22, 19, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11-23 03:00", "2026-11-23T03:00:00", "1763838000", 1763838000, ""])
def test_a_time_without_offset_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python(text)
