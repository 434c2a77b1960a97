"""Shelly, second generation and later: topic prefix ``gw/{device_id}``, described in ``docs/protocols/shelly.md``.

Notifications come on ``events/rpc`` (NotifyStatus, NotifyFullStatus, NotifyEvent) and, when switched on, each
component's status on ``status/{component}``. Both say the same; the intake drops what changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.model import RawMessage, Signal
from alarms.receiving.protocols import conditions
from alarms.receiving.protocols.conditions import Condition, Report
from alarms.receiving.protocols.message import Decoded, UndecodableMessage, excerpt, presence, read
from alarms.receiving.protocols.payload import (
    child_name,
    dbm,
    epoch,
    flag_or_doubt,
    json_object,
    kind_of,
    percent,
    plain_text,
)

NAME = "shelly2"

_QUIET = ("rpc", "debug", "command")


def decode(publisher: str, rest: list[str], message: RawMessage) -> Decoded:
    """Read a message of a Shelly of generation 2 or later; ``rest`` is what follows ``gw/{publisher}``."""
    who, what = _split(rest)
    child = None if who in ("", publisher) else child_name(who)
    report = Report(publisher=publisher, child=child)
    match what:
        case ["online"]:
            return _online(report, plain_text(message.payload))
        case _ if not message.payload:
            return _nothing("a retained message was cleared")
        case ["events", "rpc"]:
            return _notification(report, json_object(message.payload))
        case ["status", component]:
            return _components(report, {component: json_object(message.payload)}, whole=True)
        case ["events" | "status" | "rpc" | "debug" | "command" | "announce", *_]:
            return _nothing(f"{excerpt('/'.join(what))}: nothing to report")
        case _:
            raise UndecodableMessage(
                f"topic {excerpt(message.topic)}: set the topic prefix of the Shelly to gw/{{device_id}}"
            )


def _split(rest: list[str]) -> tuple[str, list[str]]:
    """Who speaks, and about what: the prefix may hold a device id of its own."""
    for at, part in enumerate(rest):
        if part in ("events", "status", "online", "announce", *_QUIET):
            return "/".join(rest[:at]), rest[at:]
    return "", rest


def _nothing(note: str) -> Decoded:
    return Decoded(protocol=NAME, signals=(), note=note)


def _online(report: Report, word: str) -> Decoded:
    if not word:
        return _nothing("a retained message was cleared")
    if word not in ("true", "false"):
        raise UndecodableMessage(f"online: true or false was expected, not {excerpt(word)}")
    online = presence(publisher=report.publisher, child=report.child, online=word == "true")
    return Decoded(protocol=NAME, signals=(online,))


def _notification(report: Report, body: dict[str, Any]) -> Decoded:
    method, params = body.get("method"), body.get("params")
    if method in ("NotifyStatus", "NotifyFullStatus"):
        if not isinstance(params, dict):
            raise UndecodableMessage(f"params: an object was expected, not {kind_of(params)}")
        whole = method == "NotifyFullStatus"
        return _components(report, params, whole=whole, occurred_at=params.get("ts"))
    if method == "NotifyEvent":
        events = params.get("events") if isinstance(params, dict) else None
        if not isinstance(events, list):
            raise UndecodableMessage("params.events: a list was expected")
        return _events(report, events)
    raise UndecodableMessage(f"method: NotifyStatus or NotifyEvent was expected, not {excerpt(method)}")


def _events(report: Report, events: list[Any]) -> Decoded:
    signals: list[Signal] = []
    other: list[str] = []
    doubts: list[str] = []
    for event in events:
        if not isinstance(event, dict):
            doubts.append(f"params.events: an object was expected, not {kind_of(event)}")
            continue
        component, name = event.get("component"), event.get("event")
        if not isinstance(component, str) or not isinstance(name, str):
            doubts.append("params.events: each needs a component and an event")
            continue
        if component.startswith("input:") and name == "long_push":
            pushed = Report(
                publisher=report.publisher, child=report.child, occurred_at=epoch(event.get("ts"))
            )
            signals.append(pushed.signal("120", zone=_zone(component)))
        else:
            other.append(f"{component[:24]} {name[:24]}")
    if doubts:
        return read(NAME, signals, doubts)
    note = f"nothing to report of {', '.join(other[:4])}" if other else ""
    return Decoded(protocol=NAME, signals=tuple(signals), note=note or ("" if signals else "no event"))


def _zone(component: str) -> str:
    return component.replace(":", " ")[:32]


def _components(
    report: Report, status: Mapping[str, Any], *, whole: bool, occurred_at: object = None
) -> Decoded:
    """``whole``: told with all that it is, again and again; else what changed, just now."""
    doubts: list[str] = []
    battery: float | None = None
    rssi: float | None = None
    details: dict[str, Any] = {}
    active: dict[tuple[Condition, str], bool] = {}

    def tell(condition: Condition, state: bool, zone: str = "") -> None:
        """Of two components with one condition (two flood cables) it is active if either says so."""
        key = (condition, zone or condition.zone)
        active[key] = active.get(key, False) or state

    for component, values in status.items():
        if not isinstance(values, dict):
            continue
        kind, _, index = component.partition(":")
        match kind:
            case "input":
                state = flag_or_doubt(values.get("state"), f"{component}.state", doubts)
                if state is not None:
                    tell(conditions.wired_input(state, as_state=whole), state, _zone(component))
            case "smoke" | "flood":
                condition = conditions.SMOKE if kind == "smoke" else conditions.WATER
                alarm = flag_or_doubt(values.get("alarm"), f"{component}.alarm", doubts)
                if alarm is not None:
                    tell(condition, alarm)
                if "errors" in values or (whole and alarm is not None):  # told while there are any
                    tell(conditions.TROUBLE, bool(values.get("errors")))
            case "presencezone":
                present = flag_or_doubt(values.get("value"), f"{component}.value", doubts)
                if present is not None:
                    tell(conditions.PRESENCE, present, f"presence {index}"[:32])
            case "devicepower":
                cell = values.get("battery")
                battery = percent(cell.get("percent")) if isinstance(cell, dict) else None
            case "wifi":
                rssi = dbm(values.get("rssi"))
            case "temperature" | "humidity":
                value = values.get("tC" if kind == "temperature" else "rh")
                if isinstance(value, int | float) and not isinstance(value, bool):
                    details[kind] = value
    full = Report(
        publisher=report.publisher,
        child=report.child,
        occurred_at=epoch(occurred_at),
        battery_percent=battery,
        rssi_dbm=rssi,
        details=details,
    )
    if active or doubts:
        signals = [full.condition(condition, state, zone=zone) for (condition, zone), state in active.items()]
        return read(NAME, signals, doubts)
    if battery is not None or rssi is not None or details:
        return Decoded(protocol=NAME, signals=(full.alive(),), note="measurements only")
    names = ", ".join(name[:24] for name in list(status)[:4])
    return _nothing(f"status of {names or 'nothing'}: nothing to report")
