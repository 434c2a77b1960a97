"""Pages of incidents, alarms and signals: keyset cursors; what is in scope is the database's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, LiteralString

import orjson
from psycopg import AsyncConnection, sql
from psycopg.rows import tuple_row

from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_name("history.sql"))

Kind = Literal["incidents", "alarms", "signals"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """What to look for; None: anything. ``division`` is a column and a 12-digit code, None for the whole city."""

    bbox: tuple[float, float, float, float] | None = None
    division: tuple[str, str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    categories: Sequence[str] = ()
    states: Sequence[str] = ()
    site_id: int | None = None
    device_id: int | None = None
    incident_id: int | None = None
    text: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Documents in their order; ``last`` is the position of the last one when more follow."""

    documents: list[dict[str, Any]]
    last: tuple[datetime, int] | None


async def page(
    conn: AsyncConnection[Any], kind: Kind, filters: Filters, after: tuple[datetime, int] | None, limit: int
) -> Page:
    """A page of what the transaction's scope shows, newest first."""
    values = _values(filters, after, limit)
    query: LiteralString | sql.Composed = SQL[kind]
    if kind == "signals":
        query = sql.SQL(SQL[kind]).format(filters=_conditions(filters, after))
    async with conn.cursor(row_factory=tuple_row) as cursor:
        rows = await (await cursor.execute(query, values)).fetchall()
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(
        documents=[orjson.loads(row[2]) for row in rows],
        last=(rows[-1][1], rows[-1][0]) if more and rows else None,
    )


def _values(filters: Filters, after: tuple[datetime, int] | None, limit: int) -> dict[str, Any]:
    west, south, east, north = filters.bbox or (None, None, None, None)
    after_at, after_id = after or (None, None)
    return {
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "division": filters.division[1] if filters.division else None,
        "since": filters.since,
        "until": filters.until,
        "categories": list(filters.categories) or None,
        "states": list(filters.states) or None,
        "site_id": filters.site_id,
        "device_id": filters.device_id,
        "incident_id": filters.incident_id,
        "text": filters.text,
        "after_at": after_at,
        "after_id": after_id,
        "limit": limit + 1,
    }


def _conditions(filters: Filters, after: tuple[datetime, int] | None) -> sql.Composable:
    """Only those that were asked for, so that each combination finds its own index and partitions."""
    division = sql.Identifier("i", filters.division[0] if filters.division else "village")
    conditions: list[tuple[bool, sql.Composable]] = [
        (after is not None, sql.SQL("(i.received_at, i.id) < (%(after_at)s, %(after_id)s)")),
        (after is not None, sql.SQL("i.received_at <= %(after_at)s")),
        (filters.since is not None, sql.SQL("i.received_at >= %(since)s")),
        (filters.until is not None, sql.SQL("i.received_at < %(until)s")),
        (filters.division is not None, sql.SQL("{} = %(division)s").format(division)),
        (
            filters.bbox is not None,
            sql.SQL("i.position && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)"),
        ),
        (bool(filters.categories), sql.SQL("i.category = ANY (%(categories)s)")),
        (filters.site_id is not None, sql.SQL("i.site_id = %(site_id)s")),
        (filters.device_id is not None, sql.SQL("i.device_id = %(device_id)s")),
        (filters.text is not None, sql.SQL("strpos(lower(i.text), lower(%(text)s)) > 0")),
    ]
    return sql.SQL(" AND ").join([sql.SQL("true"), *(one for asked, one in conditions if asked)])


async def incident_case(conn: AsyncConnection[Any], incident_id: int, now: datetime) -> dict[str, Any] | None:
    """One incident with its alarms, timeline, contacts (masked), devices and its site's history; None: not in scope."""
    row = await (await conn.execute(SQL["incident"], {"id": incident_id, "now": now})).fetchone()
    if row is None:
        return None
    case: dict[str, Any] = orjson.loads(row[0])
    case["history"]["last"] = case["history"]["last"][:10]
    document: dict[str, Any] = case.pop("incident")
    return {**document, **case}
