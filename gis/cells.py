"""Grid cells for lists: page by page, by code. Borders of cells are no secret: no scope."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from psycopg import AsyncConnection

from gis.coordinates import Bounds
from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_suffix(".sql"))


async def cells_after(
    conn: AsyncConnection[Any],
    code: str,
    limit: int,
    *,
    prefix: str | None = None,
    bounds: Bounds | None = None,
    q: str | None = None,
) -> list[dict[str, Any]]:
    """The cells in force behind ``code``, as GeoJSON Features: below a division's digits, touching bounds, by name."""
    west, south, east, north = bounds or (None, None, None, None)
    values = {
        "after": code,
        "limit": limit,
        "prefix": prefix,
        "q": q,
        "w": west,
        "s": south,
        "e": east,
        "n": north,
    }
    rows = await (await conn.execute(SQL["cells_after"], values)).fetchall()
    return [orjson.loads(row[0]) for row in rows]
