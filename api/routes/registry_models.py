"""The shapes of the registry's devices, as the OpenAPI document tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from alarms.model import DeviceStatus
from alarms.registry.credentials import RESERVED_USERNAMES
from api.inputs import Line
from api.schemas import Link, Person, Point

DeviceKind = Literal[
    "infrared_sensor", "alarm_panel", "panic_button", "door_contact", "smoke_detector", "gas_detector",
    "water_detector", "vibration_sensor", "camera", "loudspeaker", "siren", "tracker", "gateway", "other",
]  # fmt: skip


def _not_reserved(name: str) -> str:
    if name in RESERVED_USERNAMES:
        raise ValueError(f"{name} is a login of the installation itself: choose another device id")
    return name


DeviceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$"), AfterValidator(_not_reserved)]
ExternalId = Annotated[Line, Field(min_length=1)]
Protocol = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")]


class DeviceProperties(BaseModel):
    """A device without its position."""

    id: int
    version: int
    device_id: str
    kind: DeviceKind
    name: str
    protocol: str
    gateway_id: int | None
    external_id: str | None
    site_id: int | None
    organisation_id: int | None
    zone: str
    source_crs: str
    grid_cell: str | None
    county: str | None
    township: str | None
    village: str | None
    status: DeviceStatus
    test_until: datetime | None
    online: bool | None
    last_seen_at: datetime | None
    battery_percent: float | None
    rssi_dbm: float | None


class Device(DeviceProperties):
    """A device; its position is its own, or its site's."""

    position: list[float] | None


class DeviceFeature(BaseModel):
    """A device on the map."""

    type: Literal["Feature"]
    id: int
    geometry: Point | None
    properties: DeviceProperties


class DeviceCollection(BaseModel):
    """A page of devices."""

    type: Literal["FeatureCollection"]
    features: list[DeviceFeature]
    links: list[Link]
    count: int | None = None


class HistoryLine(BaseModel):
    """What was done to a device, by whom."""

    id: int
    at: datetime
    action: Literal["registered", "placed", "moved", "replaced", "status", "changed", "retired"]
    reason: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    user: Person | None


class HistoryPage(BaseModel):
    """A page of a device's history."""

    items: list[HistoryLine]
    links: list[Link]
