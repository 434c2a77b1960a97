"""Zigbee2MQTT: ``gw/{gateway}[/zigbee2mqtt]/{friendly name}``, described in ``docs/protocols/zigbee2mqtt.md``.

Friendly names may hold slashes and any script. Zigbee2MQTT publishes the whole state of a device with each
message (``cache_state``), so one message gives one signal per condition in it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from alarms.model import Qualifier, RawMessage, Signal
from alarms.receiving.protocols import conditions
from alarms.receiving.protocols.conditions import Condition, Report
from alarms.receiving.protocols.message import Decoded, UndecodableMessage, as_state, excerpt, presence, read
from alarms.receiving.protocols.payload import (
    child_name,
    epoch,
    flag_or_doubt,
    json_object,
    json_value,
    percent,
    plain_text,
    rfc3339,
)

NAME = "zigbee2mqtt"

_TRUE_MEANS: dict[str, Condition] = {
    "occupancy": conditions.MOTION,
    "presence": conditions.PRESENCE,
    "vibration": conditions.VIBRATION,
    "smoke": conditions.SMOKE,
    "gas": conditions.GAS,
    "carbon_monoxide": conditions.CARBON_MONOXIDE,
    "water_leak": conditions.WATER,
    "tamper": conditions.TAMPER,
    "battery_low": conditions.BATTERY_LOW,
    "trouble": conditions.TROUBLE,
    "ac_status": conditions.POWER_LOST,
    "sos": conditions.PANIC,
    "emergency": conditions.PANIC,
    "panic": conditions.PANIC,
}
_SELF_TESTED = frozenset({"smoke", "gas", "carbon_monoxide", "water_leak"})
"""What a detector says of itself while its test button is pressed: a state, and no fire."""
_PANIC_ACTIONS = frozenset({"sos", "emergency", "panic", "alarm", "panic_button", "emergency_button"})
_MEASUREMENTS = (
    "temperature", "humidity", "illuminance", "pressure", "voltage", "device_temperature", "co2", "voc", "pm25",
    "smoke_density", "gas_value", "gas", "strength", "angle", "linkquality",
)  # fmt: skip
"""Where they are numbers: ``gas`` is a volume when a meter tells it, and a condition when it is true or false."""
_COMMANDS = ("set", "get")


def decode(publisher: str, rest: list[str], message: RawMessage) -> Decoded:
    """Read a message below a Zigbee2MQTT gateway's topic; ``rest`` is what follows ``gw/{publisher}``."""
    names = rest[1:] if rest[:1] == ["zigbee2mqtt"] else rest
    if not names or names == [""]:
        raise UndecodableMessage("the topic ends after the base topic; a friendly name was expected")
    if names[0] == "bridge":
        return _bridge(publisher, names[1:], message)
    if len(names) > 1 and (names[-1] in _COMMANDS or names[-2] in _COMMANDS):
        return _nothing("a command to a device, not a report of one")
    if not message.payload:
        return _nothing("a retained message was cleared: the device was renamed or removed")
    if len(names) > 1 and names[-1] == "availability":
        child = child_name("/".join(names[:-1]))
        online = _online(message.payload, "availability")
        return Decoded(protocol=NAME, signals=(presence(publisher=publisher, child=child, online=online),))
    return _state(publisher, child_name("/".join(names)), message.payload)


def _nothing(note: str) -> Decoded:
    return Decoded(protocol=NAME, signals=(), note=note)


def _bridge(publisher: str, what: list[str], message: RawMessage) -> Decoded:
    if what == ["state"]:
        if not message.payload:
            return _nothing("a retained message was cleared")
        online = _online(message.payload, "bridge/state")
        return Decoded(protocol=NAME, signals=(presence(publisher=publisher, child=None, online=online),))
    if what == ["devices"]:
        return _nothing("the bridge lists its devices; each is known when it first speaks")
    return _nothing(f"bridge message {excerpt('/'.join(what))}: nothing to report")


def _online(payload: bytes, where: str) -> bool:
    """``online`` or ``offline``: plain (before 2.0), or as ``{"state": "online"}``."""
    word: object = plain_text(payload)
    if isinstance(word, str) and word.startswith("{"):
        word = json_object(payload).get("state")
    if word not in ("online", "offline"):
        raise UndecodableMessage(f'{where}: "online" or "offline" was expected, not {excerpt(word)}')
    return word == "online"


def _state(publisher: str, child: str, payload: bytes) -> Decoded:
    state = json_value(payload)
    if type(state) is not dict:
        raise UndecodableMessage(
            "a JSON object was expected; set mqtt output to json in Zigbee2MQTT (advanced.output: json)"
        )
    details: dict[str, Any] = {
        name: value
        for name in _MEASUREMENTS
        if isinstance(value := state.get(name), int | float) and not isinstance(value, bool)
    }
    doubts: list[str] = []
    action = state.get("action")
    if action is not None and not isinstance(action, str):
        doubts.append(f"action: a word was expected, not {excerpt(action)}")
        action = None
    if action:
        details["action"] = action[:64]
    report = Report(
        publisher=publisher,
        child=child,
        occurred_at=_last_seen(state.get("last_seen")),
        battery_percent=percent(state.get("battery")),
        details=details,
    )
    signals: list[Signal] = []
    testing = flag_or_doubt(state.get("test"), "test", doubts)
    for name, condition in _TRUE_MEANS.items():
        if name in details:
            continue
        active = flag_or_doubt(state.get(name), name, doubts)
        if active is not None:
            signal = report.condition(condition, active)
            signals.append(as_state(signal) if testing and active and name in _SELF_TESTED else signal)
    shut = flag_or_doubt(state.get("contact"), "contact", doubts)
    if shut is not None:  # contact: true means that magnet and reed touch
        signals.append(report.condition(conditions.CONTACT, not shut))
    if testing:
        signals.append(report.condition(conditions.TEST, True))
    if action and _is_panic(action):
        signals.append(report.signal("120", Qualifier.NEW, zone="panic"))
    keep = not state.get("action_code")  # a household's own number, typed into a keypad
    if signals or doubts:
        return replace(read(NAME, signals, doubts), keep=keep)
    note = f"action {excerpt(action)}: nothing to report" if action else "measurements only"
    return Decoded(protocol=NAME, signals=(report.alive(),), note=note, keep=keep)


def _is_panic(action: str) -> bool:
    return action in _PANIC_ACTIONS or action.removeprefix("button_") in _PANIC_ACTIONS


def _last_seen(value: object) -> datetime | None:
    """``last_seen`` when it is switched on: milliseconds, or a time with offset; how it is written is a setting."""
    if isinstance(value, str):
        try:
            return rfc3339(value, "last_seen")
        except UndecodableMessage:
            return None  # ISO_8601_local without an offset: it says no moment, and alarms do not hang on it
    return epoch(value, scale=0.001)
