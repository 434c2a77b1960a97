"""Pages of incidents, alarms and signals: keyset cursors, filters as fragments, row security underneath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

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


_TIME = {"incidents": "opened_at", "alarms": "opened_at", "signals": "received_at"}


async def page(
    conn: AsyncConnection[Any], kind: Kind, filters: Filters, after: tuple[datetime, int] | None, limit: int
) -> Page:
    """A page of what the transaction's scope shows, newest first."""
    time = sql.Identifier("i", _TIME[kind])
    where: list[sql.Composable] = [sql.SQL("true")]
    values: dict[str, Any] = {"limit": limit + 1}

    def add(fragment: sql.Composable, **given: Any) -> None:
        where.append(fragment)
        values.update(given)

    if after is not None:
        add(
            sql.SQL("({}, i.id) < (%(after_at)s, %(after_id)s)").format(time),
            after_at=after[0],
            after_id=after[1],
        )
    if filters.since is not None:
        add(sql.SQL("{} >= %(since)s").format(time), since=filters.since)
    if filters.until is not None:
        add(sql.SQL("{} < %(until)s").format(time), until=filters.until)
    if filters.division is not None:
        column, code = filters.division
        add(sql.SQL("{} = %(code)s").format(sql.Identifier("i", column)), code=code)
    if filters.bbox is not None:
        add(sql.SQL("i.position && ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326)"),
            **dict(zip("wsen", filters.bbox, strict=True)))  # fmt: skip
    if filters.categories:
        add(sql.SQL("i.category = ANY (%(categories)s)"), categories=list(filters.categories))
    if filters.states and kind == "incidents":
        add(sql.SQL("i.state = ANY (%(states)s)"), states=list(filters.states))
    if filters.states and kind == "alarms":
        add(sql.SQL("""CASE WHEN i.closed_at IS NOT NULL THEN 'closed' WHEN i.active THEN 'active' ELSE 'restored' END
                       = ANY (%(states)s)"""), states=list(filters.states))  # fmt: skip
    for name in ("site_id", "device_id", "incident_id"):
        if (value := getattr(filters, name)) is not None:
            add(sql.SQL("{} = {}").format(sql.Identifier("i", name), sql.Placeholder(name)), **{name: value})
    if filters.text is not None:
        column = "text" if kind == "signals" else "title" if kind == "incidents" else "event"
        add(sql.SQL("strpos(lower(coalesce({}, '')), lower(%(text)s)) > 0").format(sql.Identifier("i", column)),
            text=filters.text)  # fmt: skip

    query = sql.SQL(SQL[kind]).format(filters=sql.SQL(" AND ").join(where))
    async with conn.cursor(row_factory=tuple_row) as cursor:
        rows = await (await cursor.execute(query, values)).fetchall()
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(
        documents=[orjson.loads(row[2]) for row in rows],
        last=(rows[-1][1], rows[-1][0]) if more and rows else None,
    )


async def incident_case(conn: AsyncConnection[Any], incident_id: int, now: datetime) -> dict[str, Any] | None:
    """One incident with its alarms, timeline, contacts (masked), devices and its site's history; None: not in scope."""
    row = await (await conn.execute(SQL["incident"], {"id": incident_id, "now": now})).fetchone()
    if row is None:
        return None
    case: dict[str, Any] = orjson.loads(row[0])
    case["history"]["last"] = case["history"]["last"][:10]
    document: dict[str, Any] = case.pop("incident")
    return {**document, **case}
