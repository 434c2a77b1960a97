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

FEW_DEVICES = 10_000
"""So many devices in a box are looked up by an index of their own; of more, the newest signals soon fill a page."""

BOX = sql.SQL("ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)")
IN_BOX = sql.SQL(
    "(SELECT * FROM signals WHERE position IS NOT NULL AND position && {box}"
    " UNION ALL SELECT * FROM signals WHERE position IS NULL AND device_id = ANY (%(devices)s::bigint[]))"
).format(box=BOX)
WHERE_IT_WAS = sql.SQL(
    "coalesce(i.position, (SELECT coalesce(d.position, s.position) FROM devices d"
    " LEFT JOIN sites s ON s.id = d.site_id WHERE d.id = i.device_id))"
)

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
        devices = await _devices_in_box(conn, filters)
        source = sql.SQL("signals") if devices is None else IN_BOX
        conditions = _conditions(filters, after, by_box=devices is None)
        query = sql.SQL(SQL[kind]).format(source=source, filters=conditions)
        values["devices"] = devices
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


async def _devices_in_box(conn: AsyncConnection[Any], filters: Filters) -> list[int] | None:
    """The devices in the box that is asked for; None: no box, or too many."""
    if filters.bbox is None:
        return None
    west, south, east, north = filters.bbox
    values = {"west": west, "south": south, "east": east, "north": north, "most": FEW_DEVICES + 1}
    row = await (await conn.execute(SQL["devices_in_box"], values)).fetchone()
    assert row is not None
    devices: list[int] = row[0]
    return devices if len(devices) <= FEW_DEVICES else None


def _conditions(filters: Filters, after: tuple[datetime, int] | None, *, by_box: bool) -> sql.Composable:
    """Only those that were asked for, so that each combination finds its own index and partitions."""
    division = sql.Identifier("i", filters.division[0] if filters.division else "village")
    conditions: list[tuple[bool, sql.Composable]] = [
        (after is not None, sql.SQL("(i.received_at, i.id) < (%(after_at)s, %(after_id)s)")),
        (after is not None, sql.SQL("i.received_at <= %(after_at)s")),
        (filters.since is not None, sql.SQL("i.received_at >= %(since)s")),
        (filters.until is not None, sql.SQL("i.received_at < %(until)s")),
        (filters.division is not None, sql.SQL("{} = %(division)s").format(division)),
        (by_box and filters.bbox is not None, sql.SQL("{} && {}").format(WHERE_IT_WAS, BOX)),
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
