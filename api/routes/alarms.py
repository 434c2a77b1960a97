"""Alarms and signals: what was reported, and what it meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request

from alarms.history import lists
from api.auth.dependencies import Reader, require, transaction
from api.errors import FieldError, Problem, documented
from api.inputs import CommonFilters, Id, PlaceAndTime
from api.paging import MAX_ID, Cursor, Limit, collection, decode_cursor, encode_cursor
from api.schemas import Alarm, AlarmCollection, SignalCollection

router = APIRouter(prefix="/api/v1", tags=["alarms"])
READ = documented("signed-out", "not-permitted", "not-found", "wrong-input", "database-away")

Viewer = Annotated[Reader, Depends(require("incident.read"))]
SignalViewer = Annotated[Reader, Depends(require("signal.read"))]
AlarmState = Literal["open", "active", "restored", "unacknowledged", "closed"]
FilterId = Annotated[int | None, Query(ge=1, le=MAX_ID)]


@router.get("/alarms", response_model=AlarmCollection, responses=READ)
async def list_alarms(
    request: Request,
    who: Viewer,
    filters: PlaceAndTime,
    state: Annotated[list[AlarmState] | None, Query(max_length=5)] = None,
    site_id: FilterId = None,
    device_id: FilterId = None,
    incident_id: FilterId = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Alarms in scope, newest first, as GeoJSON."""
    after = decode_cursor(cursor, datetime, int)
    wanted = replace(
        filters, states=list(state or ()), site_id=site_id, device_id=device_id, incident_id=incident_id
    )
    async with transaction(request, who, "incident.read") as conn:
        page = await lists.page(conn, "alarms", wanted, (after[0], after[1]) if after else None, limit)
    return collection(request, page.documents, encode_cursor(*page.last) if page.last else None)


@router.get("/alarms/{alarm_id}", response_model=Alarm, responses=READ)
async def get_alarm(request: Request, who: Viewer, alarm_id: Id) -> Any:
    """One alarm."""
    async with transaction(request, who, "incident.read") as conn:
        row = await (await conn.execute(lists.SQL["alarm"], {"id": alarm_id})).fetchone()
    if row is None:
        raise Problem("not-found", f"There is no alarm {alarm_id} in your scope.")
    return orjson.loads(row[0])


@router.get("/signals", response_model=SignalCollection, responses=READ)
async def list_signals(
    request: Request,
    who: SignalViewer,
    filters: CommonFilters,
    site_id: FilterId = None,
    device_id: FilterId = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Signals in scope, newest first, as GeoJSON; each repeat of an alarm is one of them. ``q`` needs ``from``: no
    index finds words in them, and there are a year's."""
    if filters.text is not None and filters.since is None:
        wrong = FieldError(where="query.from", what="is missing", right="with q, the time since when to look")
        raise Problem("wrong-input", "Some values are wrong; see errors.", [wrong])
    after = decode_cursor(cursor, datetime, int)
    wanted = replace(filters, site_id=site_id, device_id=device_id)
    async with transaction(request, who, "signal.read") as conn:
        page = await lists.page(conn, "signals", wanted, (after[0], after[1]) if after else None, limit)
    return collection(request, page.documents, encode_cursor(*page.last) if page.last else None)
