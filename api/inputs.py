"""What requests bring: text and ids with their limits, filters of lists."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from alarms.history.lists import Filters
from alarms.model import Category
from api.errors import FieldError, Problem
from api.paging import MAX_ID, BboxText, parse_bbox
from gis import divisions
from gis.model import Tier

Id = Annotated[int, Path(ge=1, le=MAX_ID)]
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+ -]\d\d:?\d\d)", re.ASCII)
_PLUS_AS_SPACE = re.compile(r" (\d\d:?\d\d)$", re.ASCII)
"""What a query makes of the offset's plus when somebody types it as it stands. No time ends like that without one."""

ObjectId = Annotated[int, Field(ge=1, le=MAX_ID, strict=True)]


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the character NUL")
    return text


def _rfc3339(value: object) -> object:
    """Pydantic would also take numbers, as seconds since 1970: two readings of one text are one too many."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be a time with its offset (RFC 3339): 2026-11-23T03:00:00+08:00 is right")
    return _PLUS_AS_SPACE.sub(r"+\1", value)


def _in_range(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 9000:
        raise ValueError("is out of range: a time like 2026-11-23T03:00:00+08:00 is right")
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339), AfterValidator(_in_range)]
"""A time that the database can compare."""

Text = Annotated[str, Field(max_length=2000), AfterValidator(_no_nul)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_no_nul)]
Reason = Annotated[str, Field(min_length=3, max_length=200, pattern=r"\S"), AfterValidator(_no_nul)]
QueryText = Annotated[
    str | None, Query(min_length=1, max_length=100), AfterValidator(lambda t: t and _no_nul(t))
]
DivisionCode = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{4,12}$", description="A division's code of any tier: 4, 6, 9 or 12 digits"),
]


class Body(BaseModel):
    """A request's JSON body: what is not asked for is refused."""

    model_config = ConfigDict(extra="forbid")


def division_code(code: str, where: str = "query.division") -> str:
    """The 12-digit code that 4, 6, 9 or 12 digits stand for; raises a problem when they stand for none."""
    try:
        return divisions.parse(code)
    except ValueError as error:
        wrong = FieldError(where=where, what=str(error), right="a code like 411282 or 411282101205")
        raise Problem("wrong-input", "The division is wrong.", [wrong]) from None


def division_filter(request: Request, division: DivisionCode = None) -> str | None:
    """The 12-digit code that a list is held to; None: the whole city, which is all there is.

    Another city's code stays one, and finds nothing.
    """
    if division is None:
        return None
    full = division_code(division)
    return None if full == request.app.state.settings.city_code else full


DivisionFilter = Annotated[str | None, Depends(division_filter)]


def division_column(full: str | None) -> tuple[str, str] | None:
    """The column and the 12-digit code that a division filter compares. No county has a city's code."""
    if full is None:
        return None
    return max(divisions.tier(full), Tier.COUNTY).name.lower(), full


def place_and_time(
    division: DivisionFilter,
    bbox: BboxText = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    category: Annotated[list[Category] | None, Query(max_length=20)] = None,
) -> Filters:
    """The filters that every list of what happened has."""
    return Filters(
        bbox=parse_bbox(bbox),
        division=division_column(division),
        since=since,
        until=until,
        categories=[one.value for one in category or ()],
    )


def with_text(found: Annotated[Filters, Depends(place_and_time)], q: QueryText = None) -> Filters:
    """The same, and words to look for."""
    return replace(found, text=q)


PlaceAndTime = Annotated[Filters, Depends(place_and_time)]
CommonFilters = Annotated[Filters, Depends(with_text)]
