"""The intake's heartbeat: a row in the database, so that it is seen from any machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import tuple_row

INTAKE = "intake"
STALE_S = 20.0
"""Silent for longer, a service is taken for gone; it beats every few seconds."""

_BEAT = """
INSERT INTO heartbeats (service, at, details) VALUES (%s, now(), %s)
ON CONFLICT (service) DO UPDATE SET at = excluded.at, details = excluded.details"""
_READ = "SELECT extract(epoch FROM now() - at)::float8, details FROM heartbeats WHERE service = %s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """What the intake said last."""

    age_s: float
    """By the database's clock alone: the clocks of two machines differ."""
    connected: bool
    """Whether the broker lets it in."""
    stored: int
    """Messages stored since it started."""

    @property
    def is_stale(self) -> bool:
        """Whether it has been silent for too long."""
        return self.age_s > STALE_S


def beat(conn: psycopg.Connection[Any], details: Mapping[str, object]) -> None:
    """Write that the intake is alive. ``conn`` has the intake's role and is in autocommit."""
    conn.execute(_BEAT, [INTAKE, json.dumps(details)])


def read(conn: psycopg.Connection[Any]) -> Heartbeat | None:
    """The intake's last word; None when none ever ran on this database."""
    return _heartbeat(conn.cursor(row_factory=tuple_row).execute(_READ, [INTAKE]).fetchone())


async def read_async(conn: psycopg.AsyncConnection[Any]) -> Heartbeat | None:
    """Like ``read``, for async code."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(_READ, [INTAKE])
    return _heartbeat(await cursor.fetchone())


def _heartbeat(row: tuple[Any, ...] | None) -> Heartbeat | None:
    if row is None:
        return None
    return Heartbeat(age_s=row[0], connected=row[1]["connected"], stored=row[1]["stored"])
