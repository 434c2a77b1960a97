"""The heartbeats of intake and jobs: a row each in the database, so that they are seen from any machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import tuple_row

INTAKE = "intake"
JOBS = "jobs"
STALE_S = 20.0
"""Silent for longer, the intake is taken for gone; it beats every few seconds."""
JOBS_STALE_S = 300.0
"""So the jobs, which do not beat while they are at something long."""

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


def beat(conn: psycopg.Connection[Any], details: Mapping[str, object], service: str = INTAKE) -> None:
    """Write that a service is alive. ``conn`` has the intake's or the owner's role and is in autocommit."""
    conn.execute(_BEAT, [service, json.dumps(details)])


def read(conn: psycopg.Connection[Any]) -> Heartbeat | None:
    """The intake's last word; None when none ever ran on this database."""
    return _heartbeat(conn.cursor(row_factory=tuple_row).execute(_READ, [INTAKE]).fetchone())


def last_connected(conn: psycopg.Connection[Any]) -> datetime | None:
    """When the intake last said that the broker lets it in; None when it never did on this database."""
    row = conn.cursor(row_factory=tuple_row).execute(_READ, [INTAKE]).fetchone()
    told = None if row is None else row[1].get("connected_at")
    return None if told is None else datetime.fromisoformat(told)


def jobs_age_s(conn: psycopg.Connection[Any]) -> float | None:
    """Seconds since the jobs' last beat; None when they never ran on this database."""
    row = conn.cursor(row_factory=tuple_row).execute(_READ, [JOBS]).fetchone()
    return None if row is None else float(row[0])


async def read_async(conn: psycopg.AsyncConnection[Any]) -> Heartbeat | None:
    """Like ``read``, for async code."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(_READ, [INTAKE])
    return _heartbeat(await cursor.fetchone())


def _heartbeat(row: tuple[Any, ...] | None) -> Heartbeat | None:
    if row is None:
        return None
    return Heartbeat(age_s=row[0], connected=row[1]["connected"], stored=row[1]["stored"])
