"""Messages as received that came to nothing: undecodable, or of unknown devices. Kept, and shown to the city desk."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from psycopg.rows import dict_row
from pydantic import BaseModel

from alarms.registry import devices
from api.auth.dependencies import Reader, require, transaction
from api.inputs import Moment
from api.paging import Cursor, Limit, decode_cursor, encode_cursor, next_links
from api.routes.registering import READ
from api.schemas import Link

router = APIRouter(prefix="/api/v1/messages", tags=["registry"])

Viewer = Annotated[Reader, Depends(require("message.read"))]
Outcome = Literal["rejected", "unknown_device"]
SHOWN_BYTES = 4096
"""Of a longer payload the beginning is shown: enough to see what speaks there."""


class Message(BaseModel):
    """A message as received. ``payload`` is its beginning as text, or in base64 where it is none."""

    id: int
    received_at: datetime
    source: str
    topic: str
    retained: bool
    redelivered: bool
    outcome: Outcome
    reason: str | None
    payload: str
    encoding: Literal["text", "base64"]
    payload_bytes: int


class MessagePage(BaseModel):
    """A page of messages."""

    items: list[Message]
    links: list[Link]


@router.get("", response_model=MessagePage, responses=READ)
async def list_messages(
    request: Request,
    who: Viewer,
    state: Annotated[list[Outcome] | None, Query(max_length=2)] = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Newest first; ``reason`` says why nothing came of it."""
    before = decode_cursor(cursor, datetime, int) or [None, None]
    values = {
        "outcomes": list(state or ("rejected", "unknown_device")),
        "since": since,
        "until": until,
        "before": before[0],
        "before_id": before[1],
        "limit": limit + 1,
    }
    async with (
        transaction(request, who, "message.read") as conn,
        conn.cursor(row_factory=dict_row) as rows_cursor,
    ):
        rows = await (await rows_cursor.execute(devices.SQL["messages"], values)).fetchall()
    last = rows[limit - 1] if len(rows) > limit else None
    more = encode_cursor(last["received_at"], last["id"]) if last else None
    return {"items": [_shown(row) for row in rows[:limit]], "links": next_links(request, more)}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    payload: bytes = row["payload"]
    try:
        text, encoding = payload.decode()[:SHOWN_BYTES], "text"
    except UnicodeDecodeError:
        text, encoding = base64.b64encode(payload[:SHOWN_BYTES]).decode(), "base64"
    return {
        "id": row["id"],
        "received_at": row["received_at"],
        "source": row["source"],
        "topic": row["topic"],
        "retained": bool(row["flags"] & 1),
        "redelivered": bool(row["flags"] & 2),
        "outcome": row["outcome"],
        "reason": row["reason"],
        "payload": text,
        "encoding": encoding,
        "payload_bytes": len(payload),
    }
