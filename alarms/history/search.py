"""Searches as they are kept, and what they find: by the scope of the transaction, each time anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import orjson
from psycopg import AsyncConnection, Connection
from psycopg.rows import class_row, tuple_row
from psycopg.types.json import Jsonb

from alarms.history.lists import Page
from alarms.history.query import Query, to_document
from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_name("search.sql"))

MOST_ROWS = 100_000
"""Incidents of one export; more is refused, never cut off."""
MOST_ENTRIES = 500_000
"""Lines of their timelines: half of what a sheet of a spreadsheet holds."""
CHUNK = 2000


class TooManyRowsError(Exception):
    """A search finds more than one file may hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """One question with its purpose."""

    id: int
    at: datetime
    purpose: str
    query: dict[str, Any]
    """``query.to_document``."""
    expires_at: datetime


async def open_search(
    conn: AsyncConnection[Any], user_id: int, purpose: str, query: Query, expires_at: datetime
) -> Search:
    """Keep a question; the caller writes the line of the audit log in the same transaction."""
    values = {
        "user_id": user_id,
        "purpose": purpose,
        "query": Jsonb(to_document(query)),
        "expires_at": expires_at,
    }
    async with conn.cursor(row_factory=class_row(Search)) as cursor:
        found = await (await cursor.execute(SQL["open_search"], values)).fetchone()
    assert found is not None
    return found


async def search_of(conn: AsyncConnection[Any], search_id: int, now: datetime) -> Search | None:
    """A search of the transaction's user; None: it is not there, another's, or over."""
    async with conn.cursor(row_factory=class_row(Search)) as cursor:
        return await (await cursor.execute(SQL["search"], {"id": search_id, "now": now})).fetchone()


def search_of_sync(conn: Connection[Any], search_id: int, now: datetime) -> Search | None:
    """The same for code that runs in a thread."""
    with conn.cursor(row_factory=class_row(Search)) as cursor:
        return cursor.execute(SQL["search"], {"id": search_id, "now": now}).fetchone()


async def page(
    conn: AsyncConnection[Any], query: Query, zone: tzinfo, after: tuple[datetime, int] | None, limit: int
) -> Page:
    """A page of what is found now, newest first."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        values = _values(query, zone, after=after, most=limit + 1)
        ids = [row[0] for row in await (await cursor.execute(SQL["found_ids"], values)).fetchall()]
        rows = await (await cursor.execute(SQL["documents"], {"ids": ids[:limit]})).fetchall()
    return Page(
        documents=[orjson.loads(row[2]) for row in rows],
        last=(rows[-1][1], rows[-1][0]) if len(ids) > limit and rows else None,
    )


async def finds(conn: AsyncConnection[Any], query: Query, zone: tzinfo, incident_id: int) -> bool:
    """Whether an incident is among what is found."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        values = _values(query, zone, only_id=incident_id, most=1)
        return await (await cursor.execute(SQL["found_ids"], values)).fetchone() is not None


async def division_name(conn: AsyncConnection[Any], code: str | None) -> str | None:
    """What the division of a query is called."""
    if code is None:
        return None
    async with conn.cursor(row_factory=tuple_row) as cursor:
        row = await (await cursor.execute(SQL["division_names"], {"code": code})).fetchone()
    return row[1] if row else None


def all_ids(conn: Connection[Any], query: Query, zone: tzinfo) -> list[int]:
    """Everything that is found now, in its order. Raises TooManyRowsError beyond ``MOST_ROWS``."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(SQL["found_ids"], _values(query, zone, most=MOST_ROWS + 1)).fetchall()
    if len(rows) > MOST_ROWS:
        raise TooManyRowsError
    return [row[0] for row in rows]


def cases(conn: Connection[Any], ids: list[int]) -> Iterator[tuple[bytes, int]]:
    """The documents of these with their timelines, as JSON, in their order, and how many lines each timeline has; a few
    thousand a statement. Raises TooManyRowsError beyond ``MOST_ENTRIES`` lines."""
    entries = 0
    with conn.cursor(row_factory=tuple_row) as cursor:
        for start in range(0, len(ids), CHUNK):
            cursor.execute(SQL["cases"], {"ids": ids[start : start + CHUNK]})
            for document, count in cursor:
                entries += count
                if entries > MOST_ENTRIES:
                    raise TooManyRowsError
                yield document.encode(), count


def division_names(conn: Connection[Any]) -> Mapping[str, str]:
    """The names of all divisions by code: about 1,500 in a city."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(SQL["division_names"], {"code": None}).fetchall())


def _values(
    query: Query,
    zone: tzinfo,
    *,
    after: tuple[datetime, int] | None = None,
    only_id: int | None = None,
    most: int,
) -> dict[str, Any]:
    after_at, after_id = after or (None, None)
    return {
        "area": query.area.wkb if query.area is not None else None,
        "division": query.division,
        "since": query.since,
        "until": query.until,
        "zone": str(zone),
        "from_minute": query.hours.first if query.hours else None,
        "to_minute": query.hours.last if query.hours else None,
        "categories": [one.value for one in query.categories] or None,
        "dispositions": [one.value for one in query.dispositions] or None,
        "priorities": list(query.priorities) or None,
        "states": [one.value for one in query.states] or None,
        "text": query.text,
        "only_id": only_id,
        "after_at": after_at,
        "after_id": after_id,
        "most": most,
    }
