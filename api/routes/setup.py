"""What to type into a device: its broker, login and topics, as text and as a QR code."""

from __future__ import annotations

import io
from base64 import b64encode
from datetime import UTC, datetime
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from alarms.registry import devices
from alarms.registry.setup import BrokerAddress, setup_of
from api import certs
from api.auth.dependencies import Reader, require, transaction
from api.embedded import endpoints
from api.errors import Problem, documented
from api.inputs import Id
from api.routes.registering import READ, WRITE, actor_of, registering
from api.settings import Settings

router = APIRouter(prefix="/api/v1/devices", tags=["registry"])

Writer = Annotated[Reader, Depends(require("device.write"))]
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Value(BaseModel):
    """One thing to type in."""

    name: str
    value: str


class Authority(BaseModel):
    """The own CA, for what checks certificates."""

    url: str
    sha256: str


class Through(BaseModel):
    """The gateway that a device speaks through; it has the login."""

    id: int
    device_id: str
    name: str


class Setup(BaseModel):
    """What to type in. A device behind a gateway has nothing but its name there (``external_id``)."""

    device_id: str
    protocol: str
    through: Through | None
    external_id: str | None
    values: list[Value]
    paste: str
    qr: str
    """The block to paste as a QR code: an SVG image in a ``data:`` address, empty behind a gateway."""
    ca: Authority | None
    login_issued: bool
    broker_reachable: bool
    """False: the broker listens on the server itself only (``LIANFANG_MQTT_HOST``), so no device can reach it."""


class SetupWithPassword(Setup):
    """The same with a new password in it, which is shown this once and kept nowhere."""

    username: str
    password: str


@router.get("/{number}/setup", response_model=Setup, responses=READ | documented("conflict"))
async def get_setup(request: Request, who: Writer, number: Id) -> Any:
    """What to type into the device, without its password."""
    async with transaction(request, who, "device.write") as conn:
        row = await (await conn.execute(devices.SQL["for_setup"], {"id": number})).fetchone()
    if row is None:
        raise Problem("not-found", f"There is no device {number} in your scope.")
    return _told(request, row[0])


@router.post("/{number}/setup", status_code=201, response_model=SetupWithPassword, responses=WRITE)
def issue_setup(request: Request, response: Response, who: Writer, number: Id) -> Any:
    """A new MQTT login (the earlier one is void), and what to type into the device with its password in it."""
    with registering(request, who, "device.write") as conn:
        username, password = devices.issue_credentials(conn, number, actor_of(who), datetime.now(UTC))
        row = conn.execute(devices.SQL["for_setup"], {"id": number}).fetchone()
    assert row is not None
    response.headers["Cache-Control"] = "no-store"
    return _told(request, row[0], password) | {"username": username, "password": password}


def _told(request: Request, device: dict[str, Any], password: str | None = None) -> dict[str, Any]:
    settings: Settings = request.app.state.settings
    told: dict[str, Any] = {
        name: device[name] for name in ("device_id", "protocol", "external_id", "login_issued")
    }
    ca = certs.own_ca(settings)
    told["ca"] = {"url": "/install/ca.crt", "sha256": certs.fingerprint(ca)} if ca else None
    told["through"] = device["through"]
    if device["through"] is not None:
        return told | {"values": [], "paste": "", "qr": "", "broker_reachable": True}
    broker, reachable = _broker(settings, request.url.hostname or "")
    setup = setup_of(device["protocol"], device["device_id"], broker, password)
    return told | {
        "values": [{"name": name, "value": value} for name, value in setup.values],
        "paste": setup.paste,
        "qr": qr_code(setup.paste),
        "broker_reachable": reachable,
    }


def _broker(settings: Settings, asked_host: str) -> tuple[BrokerAddress, bool]:
    """Where devices reach the broker, and whether they can."""
    try:
        login = endpoints.mqtt_login(settings, "intake")
    except endpoints.NotRunning:
        raise Problem("conflict", "The broker does not run, so nobody knows its port yet.") from None
    host, reachable = login.host, True
    if settings.mqtt_url is None:
        reachable = settings.mqtt_host not in LOOPBACK
        host = asked_host or login.host
    host = settings.mqtt_public_host or host
    if settings.mqtts_port is not None:
        return BrokerAddress(host=host, port=settings.mqtts_port, tls=True), reachable
    return BrokerAddress(host=host, port=login.port, tls=login.tls), reachable


def qr_code(text: str) -> str:
    """A QR code (ISO/IEC 18004, level M) as an SVG image in a ``data:`` address: no request carries the password."""
    image = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        image, kind="svg", scale=4, border=4, light="#ffffff", dark="#000000", svgclass=None, lineclass=None
    )
    return "data:image/svg+xml;base64," + b64encode(image.getvalue()).decode()
