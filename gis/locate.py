"""Where things are: point -> grid cell -> tiers, joined by PostGIS (``0008_locate.sql`` holds the rules)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from gis.model import Place
from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Located(Place):
    """A ``Place`` that also knows its grid cell's row."""

    grid_cell_id: int | None = None


def locate_points(
    conn: Connection[Any], lons: Sequence[float], lats: Sequence[float]
) -> list[Located | None]:
    """Where points (degrees, WGS 84) are, in their order, in one statement; None where no polygon covers one."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(SQL["locate_points"], {"lons": list(lons), "lats": list(lats)}).fetchall()
    return [
        None
        if all(value is None for value in row)
        else Located(grid_cell_id=row[0], grid_cell=row[1], county=row[2], township=row[3], village=row[4])
        for row in rows
    ]


def place_sites(conn: Connection[Any], ids: Sequence[int]) -> int:
    """Join these sites to their cell and tiers; returns how many changed."""
    return _count(conn, "place_sites", ids)


def place_devices(conn: Connection[Any], ids: Sequence[int]) -> int:
    """Join these devices to cell and tiers: by their own position, else as their site; returns how many changed."""
    return _count(conn, "place_devices", ids)


def _count(conn: Connection[Any], statement: str, ids: Sequence[int]) -> int:
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(SQL[statement], {"ids": list(ids)}).fetchone()
    assert row is not None
    return int(row[0])
