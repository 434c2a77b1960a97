"""What LoRaWAN sensors' payload formatters call things: the fields of a decoded payload that mean a condition.

Every maker names them differently; the table holds the names seen with common door, motion, water, smoke and
button sensors, and the normalised payload of The Things Stack. ``docs/protocols/lorawan.md`` shows the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alarms.model import Signal
from alarms.receiving.protocols import conditions
from alarms.receiving.protocols.conditions import Condition, Report
from alarms.receiving.protocols.message import UndecodableMessage, excerpt
from alarms.receiving.protocols.payload import percent

FIELDS: dict[str, Condition] = {
    "motion": conditions.MOTION, "pir": conditions.MOTION, "pir_status": conditions.MOTION,
    "motion_detected": conditions.MOTION, "occupancy": conditions.MOTION, "occupied": conditions.MOTION,
    "action.motion.detected": conditions.MOTION, "presence": conditions.PRESENCE,
    "door": conditions.CONTACT, "door_open": conditions.CONTACT, "door_open_status": conditions.CONTACT,
    "door_status": conditions.CONTACT, "window_open": conditions.CONTACT, "open": conditions.CONTACT,
    "magnet_status": conditions.CONTACT, "contact_state": conditions.CONTACT,
    "action.contactstate": conditions.CONTACT,
    "vibration": conditions.VIBRATION, "vibration_status": conditions.VIBRATION,
    "smoke": conditions.SMOKE, "smoke_status": conditions.SMOKE, "smoke_alarm": conditions.SMOKE,
    "gas_alarm": conditions.GAS, "gas_status": conditions.GAS, "co_alarm": conditions.CARBON_MONOXIDE,
    "water_leak": conditions.WATER, "water_leak_status": conditions.WATER, "leak": conditions.WATER,
    "leakage_status": conditions.WATER, "water.leak": conditions.WATER, "flood": conditions.WATER,
    "tamper": conditions.TAMPER, "tamper_status": conditions.TAMPER,
    "battery_low": conditions.BATTERY_LOW, "low_battery": conditions.BATTERY_LOW,
    "sos": conditions.PANIC, "panic": conditions.PANIC, "emergency": conditions.PANIC,
}  # fmt: skip
"""Field names, lower case, nested ones joined by a dot."""

_ACTIVE = frozenset({"open", "opened", "trigger", "triggered", "leak", "alarm", "detected", "on", "true", "yes",
                     "occupied", "motion", "uninstalled", "removed", "tampered", "low", "smoke", "wet",
                     "1"})  # fmt: skip
_INACTIVE = frozenset({"close", "closed", "normal", "idle", "no leak", "clear", "none", "off", "false", "no",
                       "vacant", "installed", "ok", "dry", "0", ""})  # fmt: skip
_PUSHES = frozenset({"press", "button_event.status", "button_event_status", "button_status"})
"""How a button was pushed, in a word: ``long``, ``press_long`` or ``long press``, and others like it."""
_MEASUREMENTS = ("temperature", "humidity", "illuminance", "pressure", "co2", "air.temperature")
_DEPTH = 4
_UNKNOWN_LIMIT = 8


def signals_of(report: Report, decoded: Mapping[str, Any]) -> tuple[tuple[Signal, ...], str]:
    """One signal per condition in a decoded payload, and a note of what was not understood.

    Battery and measurements alone give a sign of life. A word that is not known does not lose the other conditions;
    it is refused when there are none. What is neither a number nor known is shown with the signal: whoever tests a
    sensor must see that it said more than was understood.
    """
    doubt = ""
    details = dict(report.details)
    battery: float | None = None
    active: list[tuple[Condition, bool]] = []
    unknown: dict[str, str | bool] = {}
    for name, value in _flat(decoded, "", 0):
        condition = FIELDS.get(name)
        if condition is not None and value is not None:
            state = _is_active(value)
            if state is None:
                doubt = doubt or (
                    f"{excerpt(name)}: {excerpt(value)} is neither a known word for active (such as open, trigger, "
                    "leak) nor for normal (such as close, normal)"
                )
            else:
                active.append((condition, state))
        elif name in _PUSHES and isinstance(value, str):
            if "long" in value.lower():  # as everywhere: a button that is held calls for help
                active.append((conditions.PANIC, True))
        elif name == "battery":
            battery = percent(value)
        elif name in _MEASUREMENTS and isinstance(value, int | float) and not isinstance(value, bool):
            details[name] = value
        elif isinstance(value, str | bool) and len(unknown) < _UNKNOWN_LIMIT:
            unknown[name[:64]] = value[:64] if isinstance(value, str) else value
    if unknown:
        details["not_understood"] = unknown
    full = Report(
        publisher=report.publisher,
        child=report.child,
        message_id=report.message_id,
        occurred_at=report.occurred_at,
        battery_percent=battery if battery is not None else report.battery_percent,
        rssi_dbm=report.rssi_dbm,
        details=details,
    )
    if doubt and not active:
        raise UndecodableMessage(doubt)
    if not active:
        more = f"; not understood: {', '.join(unknown)}" if unknown else ""
        return (full.alive(),), f"measurements only{more}"
    by_zone: dict[Condition, bool] = {}
    for condition, state in active:  # two names for one thing: active if either says so
        by_zone[condition] = by_zone.get(condition, False) or state
    return tuple(full.condition(condition, state) for condition, state in by_zone.items()), doubt


def _flat(body: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        path = f"{prefix}{name.lower()}"
        if isinstance(value, dict):
            if depth < _DEPTH:
                yield from _flat(value, f"{path}.", depth + 1)
        elif not isinstance(value, list):
            yield path, value


def _is_active(value: object) -> bool | None:
    """Whether a value says that the condition is; None when it says neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    word = value.strip().lower() if isinstance(value, str) else None
    if word in _ACTIVE:
        return True
    return False if word in _INACTIVE else None
