"""What an investigator asks of the past: a value, its limits, and how it is written down. Pure.

Positions are ``(lon, lat)`` in WGS 84; times are aware; minutes of the day are those of the installation's zone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Any

import shapely
from shapely.geometry import mapping, shape

from alarms.model import Category, Disposition, IncidentState
from gis import divisions

MOST_VERTICES = 1000
"""Of all rings together: a hand draws tens, and each costs the database a look."""
MOST_TEXT = 100
DAY_MIN = 24 * 60

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)


class QueryError(ValueError):
    """A question cannot be asked like this; ``where`` is its part, ``right`` what would be right."""

    def __init__(self, where: str, what: str, right: str) -> None:
        super().__init__(what)
        self.where = where
        self.right = right


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the day: minutes after midnight, from the first up to but without the last, over midnight where the last
    is the smaller. ``last`` may be 1440, the end of the day."""

    first: int
    last: int

    def __contains__(self, minute: int) -> bool:
        if self.first < self.last:
            return self.first <= minute < self.last
        return minute >= self.first or minute < self.last

    def __str__(self) -> str:
        return f"{clock(self.first)}-{clock(self.last)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """What to look for; None and empty: anything."""

    area: shapely.Polygon | shapely.MultiPolygon | None = None
    division: str | None = None
    """A 12-digit code, never the installation's own city: that is no limit."""
    since: datetime | None = None
    until: datetime | None = None
    hours: Hours | None = None
    categories: tuple[Category, ...] = ()
    dispositions: tuple[Disposition, ...] = ()
    priorities: tuple[int, ...] = ()
    states: tuple[IncidentState, ...] = ()
    text: str | None = None


def clock(minute: int) -> str:
    """``150`` -> ``02:30``."""
    return f"{minute // 60:02}:{minute % 60:02}"


def hours(first: str, last: str) -> Hours:
    """The hours between two clock times. Raises QueryError for what is no clock time, and for no time at all."""
    minutes = [_minute(first, "hours.from"), _minute(last, "hours.to")]
    if minutes[0] == DAY_MIN:
        minutes[0] = 0
    if minutes[0] == minutes[1]:
        raise QueryError("hours", "from and to are the same", "two times, or no hours for the whole day")
    return Hours(*minutes)


def area(geometry: Mapping[str, Any]) -> shapely.Polygon | shapely.MultiPolygon:
    """A GeoJSON Polygon or MultiPolygon (RFC 7946, 3.1.6): closed rings, either way round, that cross neither
    themselves nor each other.

    Raises QueryError for anything else, for more than ``MOST_VERTICES`` points, and for a line of more than 180
    degrees: it would go round the other side of the earth (RFC 7946, 3.1.9).
    """
    if geometry.get("type") not in ("Polygon", "MultiPolygon"):
        raise QueryError("area", "is no area", "a GeoJSON Polygon or MultiPolygon")
    coordinates = geometry.get("coordinates")
    polygons = [coordinates] if geometry["type"] == "Polygon" else coordinates
    points = 0
    for polygon in _list(polygons):
        for ring in _list(polygon):
            points += len(_list(ring))
            if points > MOST_VERTICES:
                raise QueryError("area", f"has more than {MOST_VERTICES} points", "a simpler outline")
            _check_ring(ring)
    found = shape(dict(geometry))
    assert isinstance(found, shapely.Polygon | shapely.MultiPolygon)
    if not found.is_valid or found.area == 0:
        why = shapely.is_valid_reason(found).partition("[")[0] if not found.is_valid else "no surface"
        raise QueryError("area", f"is no proper area: {why}", "an outline that does not cross itself")
    return found


def division(text: str, city: str) -> str | None:
    """The 12-digit code; None for the installation's own city, which is all there is. Raises QueryError."""
    try:
        code = divisions.parse(text)
    except divisions.DivisionCodeError as error:
        raise QueryError("division", str(error), "a code like 411282 or 411282101205") from None
    return None if code == city else code


def check(query: Query) -> Query:
    """The query itself, if it can have an answer. Raises QueryError."""
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise QueryError("to", "is not after from", "a time after from")
    if query.text is not None and not (query.text.strip() and len(query.text) <= MOST_TEXT):
        raise QueryError("text", "is empty or too long", f"1 to {MOST_TEXT} characters")
    return query


def to_document(query: Query) -> dict[str, Any]:
    """As it is kept, shown and audited: only what was asked for."""
    every: dict[str, Any] = {
        "area": None if query.area is None else _geojson(query.area),
        "division": query.division,
        "from": query.since and _instant(query.since),
        "to": query.until and _instant(query.until),
        "hours": query.hours and {"from": clock(query.hours.first), "to": clock(query.hours.last)},
        "category": [one.value for one in query.categories],
        "disposition": [one.value for one in query.dispositions],
        "priority": list(query.priorities),
        "state": [one.value for one in query.states],
        "text": query.text,
    }
    return {name: value for name, value in every.items() if value}


def from_document(document: Mapping[str, Any], city: str) -> Query:
    """The query that a document stands for, its own division codes and times included. Raises QueryError."""
    get = document.get
    between = get("hours")
    return check(
        Query(
            area=area(get("area") or {}) if get("area") else None,
            division=division(get("division") or "", city) if get("division") else None,
            since=datetime.fromisoformat(document["from"]) if get("from") else None,
            until=datetime.fromisoformat(document["to"]) if get("to") else None,
            hours=hours(between["from"], between["to"]) if between else None,
            categories=tuple(Category(one) for one in get("category") or ()),
            dispositions=tuple(Disposition(one) for one in get("disposition") or ()),
            priorities=tuple(int(one) for one in get("priority") or ()),
            states=tuple(IncidentState(one) for one in get("state") or ()),
            text=get("text") or None,
        )
    )


def local(moment: datetime, zone: tzinfo) -> str:
    """``2026-03-03 02:10 (UTC+08:00)`` in the installation's zone, with seconds where there are any."""
    at = moment.astimezone(zone)
    clock = at.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds" if at.second else "minutes")
    offset = f"{at:%z}"
    return f"{clock} (UTC{offset[:3]}:{offset[3:5]})"


def _minute(text: str, where: str) -> int:
    if not _CLOCK.fullmatch(text):
        raise QueryError(where, "is no time of day", "a time like 22:30; 24:00 is the end of the day")
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or not value:
        raise QueryError("area", "has a wrong shape", "rings of [lon, lat], each closed")
    return value


def _check_ring(ring: Sequence[Any]) -> None:
    for point in ring:
        if (
            not isinstance(point, list | tuple)
            or len(point) != 2
            or not all(
                isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one)
                for one in point
            )
            or not (-180 <= point[0] <= 180 and -90 <= point[1] <= 90)
        ):
            raise QueryError("area", "has a point that is not on the earth", "[lon, lat] in degrees, WGS 84")
    if any(abs(one[0] - other[0]) > 180 for one, other in pairwise(ring)):
        raise QueryError(
            "area",
            "goes over the antimeridian",
            "two areas, one on each side of 180 degrees (RFC 7946, 3.1.9)",
        )
    if len(ring) < 4 or list(ring[0]) != list(ring[-1]):
        raise QueryError(
            "area", "has a ring that is not closed", "4 points or more, the last equal to the first"
        )


def _geojson(found: shapely.Polygon | shapely.MultiPolygon) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return [plain(one) for one in value] if isinstance(value, list | tuple) else value

    return {name: plain(value) for name, value in mapping(found).items()}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
