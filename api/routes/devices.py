"""Devices and gateways: list, register, change, move, replace, retire, test; their history and their logins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from psycopg import Connection
from pydantic import BaseModel, Field

from alarms.model import DeviceStatus
from alarms.registry import devices
from alarms.registry.devices import NewDevice
from api.auth.dependencies import Reader, require, transaction
from api.errors import FieldError, Problem
from api.inputs import Body, DivisionFilter, Id, Line, Moment, ObjectId, QueryText, Reason
from api.paging import (
    MAX_ID,
    BboxText,
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
    next_links,
)
from api.routes.registering import (
    READ,
    WRITE,
    AnyPosition,
    Count,
    DeclaredDivision,
    Version,
    actor_of,
    left_out,
    page_of,
    placing_of,
    registering,
)
from api.routes.registry_models import (
    Device,
    DeviceCollection,
    DeviceId,
    DeviceKind,
    ExternalId,
    HistoryPage,
    Protocol,
)

router = APIRouter(prefix="/api/v1/devices", tags=["registry"])

Viewer = Annotated[Reader, Depends(require("device.read"))]
Writer = Annotated[Reader, Depends(require("device.write"))]

LONGEST_TEST = timedelta(days=7)
"""Test mode ends by itself: a device that is forgotten in it would never ring."""


class DeviceBody(Body):
    """A device to register: at a site, or at a place of its own, or in a declared division."""

    device_id: DeviceId
    kind: DeviceKind
    name: Line = ""
    zone: Annotated[Line, Field(max_length=64)] = ""
    protocol: Protocol = "lianfang"
    site_id: ObjectId | None = None
    organisation_id: ObjectId | None = None
    gateway_id: ObjectId | None = None
    external_id: ExternalId | None = None
    position: AnyPosition | None = None
    division: DeclaredDivision | None = None
    test_until: Moment | None = Field(None, description="In test until then, from the first moment on")


class DevicePatch(Body):
    """What is to be different; what is left out stays. Places and states have acts of their own."""

    version: Version | None = None
    kind: DeviceKind = left_out("other")
    name: Line = left_out("")
    zone: Annotated[Line, Field(max_length=64)] = left_out("")
    protocol: Protocol = left_out("lianfang")
    organisation_id: ObjectId | None = None


class MoveBody(Body):
    """Where it stands from now on: a site, a place of its own, a declared division, or none of them."""

    site_id: ObjectId | None = None
    position: AnyPosition | None = None
    division: DeclaredDivision | None = None
    reason: Reason


class ReplaceBody(Body):
    """The new device in its stead."""

    device_id: DeviceId
    external_id: ExternalId | None = None
    reason: Reason


class RetireBody(Body):
    """Why."""

    reason: Reason


class StatusBody(Body):
    """In service, in test until a time (at most 7 days ahead), or out of service."""

    status: Literal["registered", "test", "in_service", "out_of_service"]
    test_until: Moment | None = None
    reason: Reason


class Credentials(BaseModel):
    """An MQTT login. The password is shown this once and kept nowhere."""

    username: str
    password: str


@router.get("", response_model=DeviceCollection, response_model_exclude_unset=True, responses=READ)
async def list_devices(
    request: Request,
    who: Viewer,
    division: DivisionFilter,
    bbox: BboxText = None,
    kind: Annotated[list[DeviceKind] | None, Query(max_length=14)] = None,
    state: Annotated[list[DeviceStatus] | None, Query(max_length=5)] = None,
    site_id: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    q: QueryText = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    count: Count = False,
) -> Any:
    """Devices in scope by number, as GeoJSON; ``q`` looks into device id and name."""
    wanted = {
        "division": division,
        "kinds": kind,
        "statuses": [one.value for one in state] if state else None,
        "site_id": site_id,
        "q": q,
    }
    async with transaction(request, who, "device.read") as conn:
        return await page_of(request, conn, devices.SQL, wanted, bbox, limit, cursor, count)


@router.post("", status_code=201, response_model=Device, responses=WRITE)
def register_device(request: Request, who: Writer, body: DeviceBody) -> Response:
    """Register a device, in service; PostGIS joins it to its grid cell and tiers."""
    if (body.gateway_id is None) != (body.external_id is None):
        raise _wrong(
            "external_id", "a gateway's child has both gateway_id and external_id, others have neither"
        )
    values = body.model_dump(exclude={"position", "division", "test_until"})
    now = datetime.now(UTC)
    check_test_until(body.test_until, now)
    new = NewDevice(**values, placing=placing_of(body.position, body.division))
    with registering(request, who, "device.write") as conn:
        number = devices.register(conn, new, actor_of(who), now)
        if body.test_until is not None:
            devices.set_status(
                conn, number, DeviceStatus.TEST, body.test_until, "registered for a test", actor_of(who), now
            )
        return _document(conn, number, 201)


@router.get("/{number}", response_model=Device, responses=READ)
async def get_device(request: Request, who: Viewer, number: Id) -> Response:
    """One device, as it last told of itself."""
    async with transaction(request, who, "device.read") as conn:
        row = await (await conn.execute(devices.SQL["document"], {"id": number})).fetchone()
    if row is None:
        raise Problem("not-found", f"There is no device {number} in your scope.")
    return Response(row[0], media_type="application/json")


@router.get("/{number}/history", response_model=HistoryPage, responses=READ)
async def get_history(
    request: Request, who: Viewer, number: Id, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """Each place, owner and status that it has had, newest first."""
    before = decode_cursor(cursor, int)
    values = {"device_id": number, "before": before[0] if before else None, "limit": limit + 1}
    async with transaction(request, who, "device.read") as conn:
        known = await (await conn.execute(devices.SQL["document"], {"id": number})).fetchone()
        rows = await (await conn.execute(devices.SQL["history"], values)).fetchall()
    if known is None:
        raise Problem("not-found", f"There is no device {number} in your scope.")
    more = encode_cursor(rows[limit - 1][0]) if len(rows) > limit else None
    return {"items": [orjson.loads(row[1]) for row in rows[:limit]], "links": next_links(request, more)}


@router.patch("/{number}", response_model=Device, responses=WRITE)
def change_device(request: Request, who: Writer, number: Id, body: DevicePatch) -> Response:
    """Change what it is called, what it is and whose it is."""
    values = body.model_dump(include=body.model_fields_set & set(devices.FIELDS))
    with registering(request, who, "device.write") as conn:
        now = datetime.now(UTC)
        devices.change(conn, number, values, actor_of(who), now, expected_version=body.version)
        return _document(conn, number)


@router.post("/{number}/move", response_model=Device, responses=WRITE)
def move_device(request: Request, who: Writer, number: Id, body: MoveBody) -> Response:
    """It stands elsewhere; whoever cannot see it there is told by the feed that it is gone."""
    placing = placing_of(body.position, body.division)
    with registering(request, who, "device.write") as conn:
        devices.move(conn, number, body.site_id, placing, body.reason, actor_of(who), datetime.now(UTC))
        return _document(conn, number)


@router.post("/{number}/replace", status_code=201, response_model=Device, responses=WRITE)
def replace_device(request: Request, who: Writer, number: Id, body: ReplaceBody) -> Response:
    """Put a new device in its stead; the old one is retired. Answers the new one."""
    with registering(request, who, "device.write") as conn:
        now = datetime.now(UTC)
        new = devices.replace(conn, number, body.device_id, body.external_id, body.reason, actor_of(who), now)
        return _document(conn, new, 201)


@router.post("/{number}/retire", response_model=Device, responses=WRITE)
def retire_device(request: Request, who: Writer, number: Id, body: RetireBody) -> Response:
    """Out of use for good: its login is gone, its history stays."""
    with registering(request, who, "device.write") as conn:
        devices.retire(conn, number, body.reason, actor_of(who), datetime.now(UTC))
        return _document(conn, number)


@router.post("/{number}/status", response_model=Device, responses=WRITE)
def set_status(request: Request, who: Writer, number: Id, body: StatusBody) -> Response:
    """In service, in test for a while, or out of service."""
    now = datetime.now(UTC)
    if body.status == "test":
        check_test_until(body.test_until or now, now)
    if body.status != "test" and body.test_until is not None:
        raise _wrong("test_until", "only a test has an end: leave it out")
    with registering(request, who, "device.write") as conn:
        status = DeviceStatus(body.status)
        devices.set_status(conn, number, status, body.test_until, body.reason, actor_of(who), now)
        return _document(conn, number)


@router.post("/{number}/credentials", status_code=201, response_model=Credentials, responses=WRITE)
def issue_credentials(request: Request, response: Response, who: Writer, number: Id) -> Credentials:
    """A new MQTT login, shown this once; the earlier one is void."""
    with registering(request, who, "device.write") as conn:
        username, password = devices.issue_credentials(conn, number, actor_of(who), datetime.now(UTC))
    response.headers["Cache-Control"] = "no-store"
    return Credentials(username=username, password=password)


def _document(conn: Connection[Any], number: int, status: int = 200) -> Response:
    row = conn.execute(devices.SQL["document"], {"id": number}).fetchone()
    assert row is not None
    headers = {"Location": f"/api/v1/devices/{number}"} if status == 201 else None
    return Response(row[0], status, headers, media_type="application/json")


def check_test_until(test_until: datetime | None, now: datetime) -> None:
    """Raise a problem unless a test that is asked for ends soon enough."""
    if test_until is not None and not now < test_until <= now + LONGEST_TEST:
        raise _wrong("test_until", "a time within the next 7 days, when the test ends by itself")


def _wrong(field: str, right: str) -> Problem:
    error = FieldError(where=f"body.{field}", what="does not fit the rest", right=right)
    return Problem("wrong-input", "Some values are wrong; see errors.", [error])
