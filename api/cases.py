"""An incident's whole case: what the alarms' part knows of it, and what cameras saw. Neither part knows the other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from psycopg import AsyncConnection

from alarms.history import lists
from video import cameras


async def whole_case(conn: AsyncConnection[Any], incident_id: int, now: datetime) -> dict[str, Any] | None:
    """The case as ``IncidentCase`` shows it, or None where there is no such incident in scope."""
    case = await lists.incident_case(conn, incident_id, now)
    seen = {"id": incident_id, "most": cameras.PICTURES_SHOWN}
    row = await (await conn.execute(cameras.SQL["of_incident"], seen)).fetchone()
    if case is None or row is None:
        return None
    pictures: dict[str, Any] = orjson.loads(row[0])
    return case | pictures
