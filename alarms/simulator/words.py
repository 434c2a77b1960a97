"""Happenings in the makers' words: the tables that the encoders look up."""

from __future__ import annotations

from typing import Any

from alarms.simulator.device import Happening

H = Happening

CONTACT_ID: dict[Happening, tuple[str, str]] = {
    H.MOTION: ("130", "new"), H.MOTION_END: ("130", "restore"),
    H.OPENED: ("131", "new"), H.CLOSED: ("131", "restore"),
    H.VIBRATION: ("131", "new"), H.VIBRATION_END: ("131", "restore"),
    H.SMOKE: ("111", "new"), H.SMOKE_END: ("111", "restore"),
    H.GAS: ("151", "new"), H.GAS_END: ("151", "restore"),
    H.WATER: ("154", "new"), H.WATER_END: ("154", "restore"),
    H.TAMPER: ("137", "new"), H.TAMPER_END: ("137", "restore"),
    H.BATTERY_LOW: ("384", "new"), H.BATTERY_CHANGED: ("384", "restore"),
    H.POWER_LOST: ("301", "new"), H.POWER_BACK: ("301", "restore"),
    H.PANIC: ("120", "new"), H.ALIVE: ("602", "new"),
}  # fmt: skip

Z2M_STATES: dict[str, dict[str, Any]] = {
    "infrared_sensor": {"occupancy": False, "tamper": False},
    "door_contact": {"contact": True, "tamper": False},
    "smoke_detector": {"smoke": False, "tamper": False},
    "gas_detector": {"gas": False},
    "water_detector": {"water_leak": False, "tamper": False},
    "vibration_sensor": {"vibration": False},
    "panic_button": {"battery_low": False},
}
Z2M_CHANGES: dict[Happening, tuple[str, bool]] = {
    H.MOTION: ("occupancy", True), H.MOTION_END: ("occupancy", False),
    H.OPENED: ("contact", False), H.CLOSED: ("contact", True),
    H.VIBRATION: ("vibration", True), H.VIBRATION_END: ("vibration", False),
    H.SMOKE: ("smoke", True), H.SMOKE_END: ("smoke", False),
    H.GAS: ("gas", True), H.GAS_END: ("gas", False),
    H.WATER: ("water_leak", True), H.WATER_END: ("water_leak", False),
    H.TAMPER: ("tamper", True), H.TAMPER_END: ("tamper", False),
    H.BATTERY_LOW: ("battery_low", True), H.BATTERY_CHANGED: ("battery_low", False),
}  # fmt: skip
SHELLY1_WORDS: dict[Happening, tuple[str, bytes]] = {
    H.OPENED: ("state", b"open"), H.CLOSED: ("state", b"close"),
    H.VIBRATION: ("vibration", b"1"), H.VIBRATION_END: ("vibration", b"0"),
    H.SMOKE: ("smoke", b"true"), H.SMOKE_END: ("smoke", b"false"),
    H.WATER: ("flood", b"true"), H.WATER_END: ("flood", b"false"),
    H.GAS: ("gas", b"heavy"), H.GAS_END: ("gas", b"none"),
}  # fmt: skip
LORA_CHANGES: dict[Happening, tuple[str, str]] = {
    H.MOTION: ("pir", "trigger"), H.MOTION_END: ("pir", "normal"),
    H.OPENED: ("magnet_status", "open"), H.CLOSED: ("magnet_status", "close"),
    H.SMOKE: ("smoke_status", "alarm"), H.SMOKE_END: ("smoke_status", "normal"),
    H.GAS: ("gas_status", "alarm"), H.GAS_END: ("gas_status", "normal"),
    H.WATER: ("leakage_status", "leak"), H.WATER_END: ("leakage_status", "normal"),
    H.TAMPER: ("tamper_status", "uninstalled"), H.TAMPER_END: ("tamper_status", "installed"),
    H.VIBRATION: ("vibration_status", "triggered"), H.VIBRATION_END: ("vibration_status", "normal"),
}  # fmt: skip
