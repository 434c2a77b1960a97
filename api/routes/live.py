"""The snapshot and the stream of changes after it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api import live
from api.auth.dependencies import Reader, require, token_of, transaction
from api.errors import Problem, documented

router = APIRouter(prefix="/api/v1/live", tags=["live"])

EventStream = StreamingResponse
Dispatcher = Annotated[Reader, Depends(require("incident.read"))]
MAX_SEQ = 2**63 - 1


@router.get(
    "/snapshot",
    summary="All that is open and in scope",
    responses={
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Snapshot"}}}},
        **documented("signed-out", "not-permitted", "database-away"),
    },
)
async def get_snapshot(request: Request, who: Dispatcher) -> Response:
    """Read in one repeatable-read transaction: take the changes after ``seq`` and nothing is missing."""
    async with transaction(request, who, "incident.read", snapshot=True) as conn:
        body = await live.snapshot(conn)
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.get(
    "",
    summary="Changes as Server-Sent Events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **documented("signed-out", "not-permitted", "wrong-input", "database-away"),
    },
)
async def get_live(
    request: Request,
    who: Dispatcher,
    after: Annotated[int | None, Query(ge=0, le=MAX_SEQ, description="Changes after this number")] = None,
    last_event_id: Annotated[str | None, Header(pattern=r"^[0-9]{1,18}$")] = None,
) -> StreamingResponse:
    """Events: change, gone, reset, heartbeat; see ``docs/http.md``."""
    seq = int(last_event_id) if last_event_id is not None else after
    if seq is None:
        raise Problem("wrong-input", "Say where to begin: after=SEQ of a snapshot, or Last-Event-ID.")
    state = request.app.state
    stream = await state.feed.stream(state.pool, state.sessions, token_of(request)[0], who, seq)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)
