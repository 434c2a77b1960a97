"""The audit log: who did what, one chained line each (``0002_people.sql``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who acts, as the log names them. ``user_id`` None: nobody who is signed in."""

    user_id: int | None
    username: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """How the log stands: lines looked at, the first one that is not as it was written, or None, and the newest one."""

    lines: int
    broken_at: int | None
    newest_seq: int | None
    newest_hash: bytes | None


def write(
    conn: Connection[Any],
    actor: Actor,
    action: str,
    thing: str = "",
    *,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Append a line; it holds the log until the commit, so call it late. Never put a password or number in it."""
    conn.execute(
        SQL["write"],
        {
            "user_id": actor.user_id,
            "username": actor.username,
            "action": action,
            "object": thing,
            "reason": reason,
            "details": Jsonb(dict(details or {})),
        },
    )


def verify_chain(conn: Connection[Any], known: tuple[int, bytes] | None = None) -> Chain:
    """Look at every line, in one statement. ``known``: number and hash of an earlier newest line, kept elsewhere;
    without it nothing shows that the end was cut off."""
    seq, line_hash = known or (None, None)
    with conn.cursor(row_factory=class_row(Chain)) as cursor:
        found = cursor.execute(SQL["verify_chain"], {"seq": seq, "hash": line_hash}).fetchone()
    assert found is not None
    return found
