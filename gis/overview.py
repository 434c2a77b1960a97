"""The divisions as screens show them: the tree, boundaries, and the city at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_name("overview.sql"))


@dataclass(frozen=True, slots=True)
class City:
    """The top tier. ``bounds``: west, south, east, north in degrees, or None where nothing has a boundary."""

    name: str | None
    bounds: list[float] | None
    synthetic: bool
    layer_versions: dict[str, int]


async def city(conn: AsyncConnection[Any], code: str) -> City:
    """The city of this installation, by its 12-digit code."""
    async with conn.cursor(row_factory=class_row(City)) as cursor:
        found = await (await cursor.execute(SQL["city"], {"code": code})).fetchone()
    assert found is not None
    return found


async def divisions_after(
    conn: AsyncConnection[Any], after: str, limit: int, *, tier: int | None, prefix: str | None, q: str | None
) -> list[dict[str, Any]]:
    """Divisions in force by code, those behind ``after``."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        given = {"after": after, "limit": limit, "tier": tier, "prefix": prefix, "q": q}
        return await (await cursor.execute(SQL["divisions"], given)).fetchall()


async def boundary(conn: AsyncConnection[Any], code: str) -> dict[str, Any] | None:
    """A division with its boundary as GeoJSON (null where it has none); None: there is no such division."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(SQL["boundary"], {"code": code})).fetchone()
