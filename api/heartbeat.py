"""The heartbeats of intake and jobs: a row each in the database, so that they are seen from any machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
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
_READ_JOBS = "SELECT clock_timestamp(), at, details FROM heartbeats WHERE service = %s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """What the intake said last."""

    age_s: float
    """By the database's clock alone: the clocks of two machines differ."""
    connected: bool
    """Whether the broker lets it in."""
    stored: int
    """Messages stored since it started."""
    connected_at: datetime | None = None
    """When the broker let it in last, as far as it knew; None: not yet."""

    @property
    def is_stale(self) -> bool:
        """Whether it has been silent for too long."""
        return self.age_s > STALE_S


@dataclass(frozen=True, kw_only=True, slots=True)
class JobsHeartbeat:
    """What the jobs said last."""

    now: datetime
    """By the database's clock, as ``at`` is."""
    at: datetime
    holds_until: datetime | None = None
    """They delete nothing before: their clock went ahead by more than it can be believed."""
    failing: Mapping[str, str] = field(default_factory=dict)
    """The sweeps that could not be done, and why."""

    @property
    def age_s(self) -> float:
        """Seconds since then."""
        return (self.now - self.at).total_seconds()


def beat(conn: psycopg.Connection[Any], details: Mapping[str, object], service: str = INTAKE) -> None:
    """Write that a service is alive. ``conn`` has the intake's or the owner's role and is in autocommit."""
    conn.execute(_BEAT, [service, json.dumps(details)])


def read(conn: psycopg.Connection[Any]) -> Heartbeat | None:
    """The intake's last word; None when none ever ran on this database."""
    return _heartbeat(conn.cursor(row_factory=tuple_row).execute(_READ, [INTAKE]).fetchone())


def read_jobs(conn: psycopg.Connection[Any]) -> JobsHeartbeat | None:
    """The jobs' last word; None when they never ran on this database."""
    row = conn.cursor(row_factory=tuple_row).execute(_READ_JOBS, [JOBS]).fetchone()
    if row is None:
        return None
    now, at, details = row
    until = details.get("holds_until")
    return JobsHeartbeat(
        now=now,
        at=at,
        holds_until=datetime.fromisoformat(until) if until else None,
        failing=details.get("failing") or {},
    )


async def read_async(conn: psycopg.AsyncConnection[Any]) -> Heartbeat | None:
    """Like ``read``, for async code."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(_READ, [INTAKE])
    return _heartbeat(await cursor.fetchone())


def _heartbeat(row: tuple[Any, ...] | None) -> Heartbeat | None:
    if row is None:
        return None
    at = row[1].get("connected_at")
    return Heartbeat(
        age_s=row[0],
        connected=row[1]["connected"],
        stored=row[1]["stored"],
        connected_at=datetime.fromisoformat(at) if at else None,
    )
