"""Tasmota: FullTopic ``gw/{device_id}/%prefix%/%topic%/``, described in ``docs/protocols/tasmota.md``.

The device logs in as itself and speaks for itself. A switch input is a zone: motion sensors and contacts are
wired to switches. A button that is held is a panic button.
"""

from __future__ import annotations

import re
from typing import Any

from alarms.model import Qualifier, RawMessage, Signal
from alarms.receiving.protocols import conditions
from alarms.receiving.protocols.conditions import Report
from alarms.receiving.protocols.message import Decoded, UndecodableMessage, excerpt, presence, read
from alarms.receiving.protocols.payload import dbm, json_object, json_value, percent, plain_text

NAME = "tasmota"

_PREFIXES = ("tele", "stat", "cmnd")
_SWITCH = re.compile(r"Switch(\d{0,2})", re.ASCII)
_BUTTON = re.compile(r"Button(\d{0,2})", re.ASCII)
_STATES = {"ON": True, "OFF": False}
_PIR = ("PIR", "Motion", "Occupancy")
_MEASUREMENT_LIMIT = 16


def decode(publisher: str, rest: list[str], message: RawMessage) -> Decoded:
    """Read a message below a Tasmota device's topic; ``rest`` is what follows ``gw/{publisher}``."""
    if rest and rest[0] == "discovery":
        return _nothing("Home Assistant discovery")
    prefix = next((part for part in rest[:-1] if part in _PREFIXES), None)
    if prefix is None:
        raise UndecodableMessage(
            f"topic {excerpt(message.topic)}: set FullTopic to gw/{{device_id}}/%prefix%/%topic%/ in Tasmota"
        )
    what = rest[-1].upper()
    if prefix == "cmnd":
        return _nothing("a command to the device, not a report of it")
    if what == "LWT":
        return _last_will(publisher, message.payload)
    if not message.payload:
        return _nothing("a retained message was cleared")
    if what in ("SENSOR", "RESULT", "STATE") or re.fullmatch(r"STATUS(\d{1,2})?", what):
        return _report(publisher, what, json_object(message.payload))
    if re.fullmatch(r"SWITCH\d{0,2}|BUTTON\d{0,2}", what):
        return _input(publisher, what, message.payload)
    if re.fullmatch(r"POWER\d{0,2}", what):
        return _relay(publisher, what, plain_text(message.payload))
    return _nothing(f"{excerpt(what)}: nothing to report")


def _nothing(note: str) -> Decoded:
    return Decoded(protocol=NAME, signals=(), note=note)


def _last_will(publisher: str, payload: bytes) -> Decoded:
    word = plain_text(payload)
    if not word:
        return _nothing("a retained message was cleared")
    if word not in ("Online", "Offline"):
        raise UndecodableMessage(f"LWT: Online or Offline was expected, not {excerpt(word)}")
    return Decoded(
        protocol=NAME, signals=(presence(publisher=publisher, child=None, online=word == "Online"),)
    )


def _relay(publisher: str, name: str, state: str) -> Decoded:
    if state not in _STATES:
        raise UndecodableMessage(f"{name}: ON or OFF was expected, not {excerpt(state)}")
    signal = Report(publisher=publisher, details={name: state}).alive()
    return Decoded(protocol=NAME, signals=(signal,), note="the state of a relay")


def _input(publisher: str, name: str, payload: bytes) -> Decoded:
    """With SetOption4 a switch or button reports on a topic of its own name."""
    value = json_value(payload)
    title = name.capitalize()
    if isinstance(value, dict):
        told = next((value[key] for key in ("Action", "ACTION", "STATE") if key in value), None)
        if told is not None:  # ACTION and STATE: before version 9
            value = {title: {"Action": told}}
        return _report(publisher, name, value)
    raise UndecodableMessage(f"{name}: an object such as {{{title}: {{Action: ON}}}} was expected")


def _report(publisher: str, what: str, body: dict[str, Any]) -> Decoded:
    if isinstance(body.get("StatusSNS"), dict):
        body = body["StatusSNS"]  # the answer to the command Status 10
    details: dict[str, Any] = {}
    device_time = body.get("Time")  # local time without an offset: shown, and not taken for a moment
    if isinstance(device_time, str):
        details["device_time"] = device_time[:32]
    _measurements(body, details)
    wifi = body.get("Wifi")
    battery = body.get("Battery")
    report = Report(
        publisher=publisher,
        battery_percent=percent(body.get("BatteryPercentage", battery)),
        rssi_dbm=dbm(wifi.get("Signal")) if isinstance(wifi, dict) else None,
        details=details,
    )
    as_state = what == "SENSOR" or what.startswith("STATUS")
    signals: list[Signal] = []
    doubts: list[str] = []
    for name, value in body.items():
        try:
            if (match := _SWITCH.fullmatch(name)) is not None:
                signals.extend(_switch(report, match.group(1) or "1", value, name, as_state=as_state))
            elif (match := _BUTTON.fullmatch(name)) is not None:
                signals.extend(_button(report, match.group(1) or "1", value))
            elif name in _PIR:
                signals.append(report.condition(conditions.MOTION, _motion(value, name)))
        except UndecodableMessage as doubt:
            doubts.append(str(doubt))
    if signals or doubts:
        return read(NAME, signals, doubts)
    if what in ("SENSOR", "STATE") or details:
        return Decoded(protocol=NAME, signals=(report.alive(),), note="measurements only")
    return _nothing(f"{excerpt(what)}: nothing to report")


def _switch(report: Report, zone: str, value: object, name: str, *, as_state: bool) -> list[Signal]:
    state = value.get("Action") if isinstance(value, dict) else value
    active = _STATES.get(state) if isinstance(state, str) else None
    if active is None:
        if isinstance(state, str):
            return []  # TOGGLE, HOLD, POWER_INCREMENT ...: a push of a wall switch
        raise UndecodableMessage(f"{name}: ON or OFF was expected, not {excerpt(state)}")
    return [report.condition(conditions.wired_input(active, as_state=as_state), active, zone=zone)]


def _button(report: Report, zone: str, value: object) -> list[Signal]:
    action = value.get("Action") if isinstance(value, dict) else value
    if action == "HOLD":
        return [report.signal("120", Qualifier.NEW, zone=f"button {zone}")]
    return []


def _motion(value: object, name: str) -> bool:
    if value in (0, 1):
        return bool(value)
    active = _STATES.get(value.upper()) if isinstance(value, str) else None
    if active is None:
        raise UndecodableMessage(f"{name}: 0, 1, ON or OFF was expected, not {excerpt(value)}")
    return active


def _measurements(body: dict[str, Any], details: dict[str, Any]) -> None:
    """Numbers one level down, as in ``{"AM2301": {"Temperature": 21.4}}``; a few are worth showing."""
    for sensor, values in body.items():
        if not isinstance(values, dict) or sensor == "Wifi":
            continue
        for name in ("Temperature", "Humidity", "Illuminance", "Pressure", "Gas", "A0", "Power", "Voltage"):
            value = values.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                if len(details) >= _MEASUREMENT_LIMIT:
                    return
                details[f"{sensor[:32]}.{name}"] = value
