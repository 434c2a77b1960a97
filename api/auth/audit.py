"""Lines of the audit log: who looked at or did what, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.types.json import Jsonb

from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_name("auth.sql"))


def line(
    user_id: int | None, username: str, action: str, target: str = "", reason: str = "", **details: Any
) -> dict[str, Any]:
    """The parameters of the ``audit`` statement."""
    return {
        "user_id": user_id,
        "username": username,
        "action": action,
        "object": target,
        "reason": reason,
        "details": Jsonb(details),
    }


async def write(conn: AsyncConnection[Any], parameters: dict[str, Any]) -> None:
    """Append a line in the transaction of what it tells of: both stand or neither."""
    await conn.execute(SQL["audit"], parameters)


def write_sync(conn: Connection[Any], parameters: dict[str, Any]) -> None:
    """The same for code that runs in a thread."""
    conn.execute(SQL["audit"], parameters)
