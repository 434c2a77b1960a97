"""The audit log, for auditors of the whole installation: it tells of everybody."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from alarms.registry import audit
from api.auth.dependencies import Reader, require, transaction
from api.errors import FieldError, Problem, documented
from api.inputs import Moment
from api.paging import MAX_ID, Cursor, Limit, decode_cursor, encode_cursor, next_links
from api.routes.registering import READ, registering
from api.schemas import Link

router = APIRouter(prefix="/api/v1/audit", tags=["people"])
VERIFYING = threading.Lock()
"""One look at the whole log at a time: each holds one of the few connections by which dispatchers act."""

Auditor = Annotated[Reader, Depends(require("audit.read"))]


class AuditLine(BaseModel):
    """Who did what, and why."""

    seq: int
    at: datetime
    user_id: int | None
    username: str
    action: str
    object: str
    reason: str
    details: dict[str, Any]


class AuditPage(BaseModel):
    """A page of the audit log."""

    items: list[AuditLine]
    links: list[Link]


class Verification(BaseModel):
    """Whether every line stands as it was written: each carries the SHA-256 of the one before. Keep the newest number
    and hash elsewhere: only an earlier pair shows that the end was cut off, or all of it written anew."""

    intact: bool
    lines: int
    broken_at: int | None
    newest_seq: int | None
    newest_hash: str | None


@router.get("", response_model=AuditPage, responses=READ)
async def list_audit(
    request: Request,
    who: Auditor,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    action: Annotated[str | None, Query(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}$")] = None,
    username: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_.@ -]{1,64}$")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Lines of the log, newest first."""
    _require_whole(who)
    before = decode_cursor(cursor, int)
    values = {
        "before": before[0] if before else None,
        "since": since,
        "until": until,
        "action": action,
        "username": username,
        "limit": limit + 1,
    }
    async with transaction(request, who, "audit.read") as conn:
        rows = await (await conn.execute(audit.SQL["page"], values)).fetchall()
    more = encode_cursor(rows[limit - 1][0]) if len(rows) > limit else None
    return {"items": [orjson.loads(row[1]) for row in rows[:limit]], "links": next_links(request, more)}


@router.get(
    "/verification", response_model=Verification, responses=READ | documented("busy", "database-away")
)
def verify_audit(
    request: Request,
    who: Auditor,
    seq: Annotated[int | None, Query(ge=1, le=MAX_ID, description="Number of an earlier newest line")] = None,
    line_hash: Annotated[
        str | None, Query(alias="hash", pattern=r"^[0-9a-f]{64}$", description="That line's hash")
    ] = None,
) -> Verification:
    """Look at every line of the log and its chain; with ``seq`` and ``hash`` also whether it still holds that line."""
    _require_whole(who)
    if (seq is None) != (line_hash is None):
        wrong = FieldError(
            where="query.hash" if seq is not None else "query.seq",
            what="is missing",
            right="newest_seq and newest_hash of an earlier answer, both",
        )
        raise Problem("wrong-input", "Some values are wrong; see errors.", [wrong])
    known = (seq, bytes.fromhex(line_hash)) if seq is not None and line_hash is not None else None
    if not VERIFYING.acquire(blocking=False):
        raise Problem("busy", "Somebody has the log looked through already. Try again in a moment.")
    try:
        with registering(request, who, "audit.read") as conn:
            conn.execute("SET LOCAL statement_timeout = '5min'")  # every line there is
            chain = audit.verify_chain(conn, known)
    finally:
        VERIFYING.release()
    return Verification(
        intact=chain.broken_at is None,
        lines=chain.lines,
        broken_at=chain.broken_at,
        newest_seq=chain.newest_seq,
        newest_hash=chain.newest_hash.hex() if chain.newest_hash else None,
    )


def _require_whole(who: Reader) -> None:
    if "*" not in who.keys("audit.read"):
        raise Problem(
            "not-permitted", "The audit log tells of everybody: this needs a grant for the whole city."
        )
