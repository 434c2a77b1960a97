"""Devices that speak and are not in the registry: kept and shown to the city desk, for adoption."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from alarms.model import DeviceStatus
from alarms.registry import devices
from alarms.registry.devices import NewDevice
from api.auth.dependencies import Reader, require, transaction
from api.inputs import Body, Line, Moment, ObjectId
from api.paging import Cursor, Limit, decode_cursor, encode_cursor, next_links
from api.routes.devices import check_test_until
from api.routes.registering import (
    READ,
    WRITE,
    AnyPosition,
    DeclaredDivision,
    actor_of,
    placing_of,
    registering,
)
from api.routes.registry_models import Device, DeviceId, DeviceKind
from api.schemas import Link

router = APIRouter(prefix="/api/v1/unknown-devices", tags=["registry"])

Viewer = Annotated[Reader, Depends(require("device.read"))]
Writer = Annotated[Reader, Depends(require("device.write"))]


class UnknownDevice(BaseModel):
    """Who spoke; ``child`` is empty when the publisher spoke for itself."""

    publisher: str
    child: str
    protocol: str
    first_seen: datetime
    last_seen: datetime
    messages: int
    last_topic: str
    gateway_known: bool


class UnknownPage(BaseModel):
    """A page of unknown devices."""

    items: list[UnknownDevice]
    links: list[Link]


class AdoptBody(Body):
    """Which one, and what it is to be."""

    publisher: Annotated[Line, Field(min_length=1)]
    child: Line = ""
    device_id: DeviceId
    kind: DeviceKind
    name: Line = ""
    zone: Annotated[Line, Field(max_length=64)] = ""
    site_id: ObjectId | None = None
    organisation_id: ObjectId | None = None
    position: AnyPosition | None = None
    division: DeclaredDivision | None = None
    test_until: Moment | None = Field(None, description="In test until then, from the first moment on")


@router.get("", response_model=UnknownPage, responses=READ)
async def list_unknown(request: Request, who: Viewer, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The last to speak first. They have no place yet, so they are the city desk's."""
    before = decode_cursor(cursor, datetime, str, str) or [None, None, None]
    values = {"before": before[0], "publisher": before[1], "child": before[2], "limit": limit + 1}
    async with transaction(request, who, "device.read") as conn:
        rows = await (await conn.execute(devices.SQL["unknown"], values)).fetchall()
    more = encode_cursor(*rows[limit - 1][:3]) if len(rows) > limit else None
    return {"items": [orjson.loads(row[3]) for row in rows[:limit]], "links": next_links(request, more)}


@router.post("/adopt", status_code=201, response_model=Device, responses=WRITE)
def adopt_device(request: Request, who: Writer, body: AdoptBody) -> Response:
    """Register it; its next message is a signal. Answers the device."""
    now = datetime.now(UTC)
    check_test_until(body.test_until, now)
    values = body.model_dump(exclude={"publisher", "child", "position", "division", "test_until"})
    new = NewDevice(**values, placing=placing_of(body.position, body.division))
    with registering(request, who, "device.write") as conn:
        number = devices.adopt(conn, body.publisher, body.child, new, actor_of(who), now)
        if body.test_until is not None:
            devices.set_status(
                conn, number, DeviceStatus.TEST, body.test_until, "adopted for a test", actor_of(who), now
            )
        row = conn.execute(devices.SQL["document"], {"id": number}).fetchone()
    assert row is not None
    headers = {"Location": f"/api/v1/devices/{number}"}
    return Response(row[0], 201, headers, media_type="application/json")
