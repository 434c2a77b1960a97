"""What the simulator knows of a device, and what can happen to one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedDevice:
    """A registered device that the simulator speaks for."""

    device_id: str
    publisher: str
    """The device or gateway that logs in: its ``device_id``."""
    child: str | None
    """The device's name behind the gateway, or None when it speaks for itself."""
    protocol: str
    """The publisher's protocol: ``lianfang``, ``zigbee2mqtt`` ..."""
    kind: str
    """As in the registry: ``infrared_sensor``, ``door_contact`` ..."""
    zones: tuple[str, ...] = ()
    site_id: int | None = None
    township: str | None = None
    """12-digit division code: a power cut has an area."""


class Happening(StrEnum):
    """What happens at a device. Each that begins has one that ends it, apart from a button's push."""

    MOTION = "motion"
    MOTION_END = "motion_end"
    OPENED = "opened"
    CLOSED = "closed"
    VIBRATION = "vibration"
    VIBRATION_END = "vibration_end"
    SMOKE = "smoke"
    SMOKE_END = "smoke_end"
    GAS = "gas"
    GAS_END = "gas_end"
    WATER = "water"
    WATER_END = "water_end"
    TAMPER = "tamper"
    TAMPER_END = "tamper_end"
    BATTERY_LOW = "battery_low"
    BATTERY_CHANGED = "battery_changed"
    POWER_LOST = "power_lost"
    POWER_BACK = "power_back"
    PANIC = "panic"
    OFFLINE = "offline"
    ONLINE = "online"
    ALIVE = "alive"
    """The periodic report that nothing happens."""


ENDS: dict[Happening, Happening] = {
    Happening.MOTION: Happening.MOTION_END,
    Happening.OPENED: Happening.CLOSED,
    Happening.VIBRATION: Happening.VIBRATION_END,
    Happening.SMOKE: Happening.SMOKE_END,
    Happening.GAS: Happening.GAS_END,
    Happening.WATER: Happening.WATER_END,
    Happening.TAMPER: Happening.TAMPER_END,
    Happening.BATTERY_LOW: Happening.BATTERY_CHANGED,
    Happening.POWER_LOST: Happening.POWER_BACK,
    Happening.OFFLINE: Happening.ONLINE,
}


@dataclass(frozen=True, slots=True)
class Publication:
    """One MQTT message."""

    topic: str
    payload: bytes
    retain: bool = False
