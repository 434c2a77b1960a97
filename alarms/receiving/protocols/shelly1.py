"""Shelly, first generation: ``shellies/{id}/...``, described in ``docs/protocols/shelly.md``.

These devices publish below ``shellies/`` and nowhere else, so a broker on the premises passes them on below
``gw/{gateway}/``. A Shelly whose id is the gateway's own speaks for itself; any other is a child.
"""

from __future__ import annotations

from typing import Any

from alarms.model import Qualifier, RawMessage, Signal
from alarms.receiving.protocols import conditions
from alarms.receiving.protocols.conditions import Condition, Report
from alarms.receiving.protocols.message import Decoded, UndecodableMessage, excerpt, presence, read
from alarms.receiving.protocols.payload import child_name, epoch, json_object, number, percent, plain_text

NAME = "shelly1"

_SENSORS: dict[str, tuple[Condition, dict[str, bool]]] = {
    "motion": (conditions.MOTION, {"true": True, "false": False, "1": True, "0": False}),
    "flood": (conditions.WATER, {"true": True, "false": False}),
    "smoke": (conditions.SMOKE, {"true": True, "false": False}),
    "state": (conditions.CONTACT, {"open": True, "close": False}),
    "vibration": (conditions.VIBRATION, {"true": True, "false": False, "1": True, "0": False}),
    "gas": (conditions.GAS, {"mild": True, "heavy": True, "none": False}),
    "tamper": (conditions.TAMPER, {"true": True, "false": False, "1": True, "0": False}),
}
_UNKNOWN_YET = ("-1", "unknown", "null")
_NUMBERS = ("tilt", "lux", "temperature", "humidity", "concentration")
_LONG_PUSH = ("L", "SL", "LS")


def decode(publisher: str, rest: list[str], message: RawMessage) -> Decoded:
    """Read a message of a first-generation Shelly; ``rest`` is what follows ``gw/{publisher}``."""
    if rest[:1] == ["shellies"]:
        rest = rest[1:]
    if rest in (["announce"], ["command"]):
        return _nothing("an announcement, nothing to report")
    if len(rest) < 2:
        raise UndecodableMessage(
            f"topic {excerpt(message.topic)}: shellies/{{id}}/... was expected at its end"
        )
    child = None if rest[0] == publisher else child_name(rest[0])
    report = Report(publisher=publisher, child=child)
    match rest[1:]:
        case ["online"]:
            return _online(report, plain_text(message.payload))
        case _ if not message.payload:
            return _nothing("a retained message was cleared")
        case ["sensor", name]:
            return _sensor(report, name, message.payload)
        case ["input", index]:
            return _input(report, index, plain_text(message.payload))
        case ["input_event", index]:
            return _input_event(report, index, json_object(message.payload))
        case ["longpush", index]:
            long = plain_text(message.payload) == "1"
            return _one(report.signal("120", zone=f"input {index}")) if long else _nothing("a short push")
        case ["status"]:
            return _status(report, json_object(message.payload))
        case ["relay" | "light" | "color" | "white" | "roller", *_]:
            return _nothing("the state of an output")
        case _:
            return _nothing(f"{excerpt('/'.join(rest[1:]))}: nothing to report")


def _nothing(note: str) -> Decoded:
    return Decoded(protocol=NAME, signals=(), note=note)


def _one(signal: Signal) -> Decoded:
    return Decoded(protocol=NAME, signals=(signal,))


def _online(report: Report, word: str) -> Decoded:
    if not word:
        return _nothing("a retained message was cleared")
    if word not in ("true", "false"):
        raise UndecodableMessage(f"online: true or false was expected, not {excerpt(word)}")
    return _one(presence(publisher=report.publisher, child=report.child, online=word == "true"))


def _sensor(report: Report, name: str, payload: bytes) -> Decoded:
    word = plain_text(payload)
    known = _SENSORS.get(name)
    if known is not None:
        condition, words = known
        if word in _UNKNOWN_YET:
            return _nothing(f"sensor/{name}: the device does not know yet")
        if name == "gas" and word == "test":
            return _one(report.condition(conditions.TEST, True))
        if word not in words:
            raise UndecodableMessage(
                f"sensor/{name}: one of {', '.join(words)} was expected, not {excerpt(word)}"
            )
        return _one(report.condition(condition, words[word]))
    if name == "battery":
        level = number(_as_number(word, "sensor/battery"), "sensor/battery", 0, 100)
        return _one(Report(publisher=report.publisher, child=report.child, battery_percent=level).alive())
    if name in _NUMBERS:
        value = _as_number(word, f"sensor/{name}")
        return _one(Report(publisher=report.publisher, child=report.child, details={name: value}).alive())
    return _nothing(f"sensor/{excerpt(name)}: nothing to report")


def _as_number(word: str, field: str) -> float:
    try:
        value = float(word)
    except ValueError as error:
        raise UndecodableMessage(f"{field}: a number was expected, not {excerpt(word)}") from error
    return number(value, field, -1_000_000, 1_000_000)


def _input(report: Report, index: str, word: str) -> Decoded:
    """Told at each change and again every half minute."""
    if word not in ("0", "1"):
        raise UndecodableMessage(f"input/{excerpt(index)}: 0 or 1 was expected, not {excerpt(word)}")
    condition = conditions.wired_input(word == "1", as_state=True)
    return _one(report.condition(condition, word == "1", zone=f"input {index[:8]}"))


def _input_event(report: Report, index: str, body: dict[str, Any]) -> Decoded:
    event = body.get("event")
    if not isinstance(event, str):
        raise UndecodableMessage(f'input_event: {{"event": "S"}} or "L" was expected, not {excerpt(event)}')
    if event in _LONG_PUSH:
        return _one(report.signal("120", zone=f"input {index[:8]}"))
    return _nothing(f"a push {excerpt(event)}: nothing to report")


def _status(report: Report, body: dict[str, Any]) -> Decoded:
    """The motion sensor reports all that it knows at once."""
    lux = body.get("lux")
    report = Report(
        publisher=report.publisher,
        child=report.child,
        occurred_at=epoch(body.get("timestamp")),
        battery_percent=percent(body.get("bat")),
        details={"lux": lux} if isinstance(lux, int | float) and not isinstance(lux, bool) else {},
    )
    signals = []
    doubts = []
    for name, condition in (
        ("motion", conditions.MOTION),
        ("vibration", conditions.VIBRATION),
        ("tamper", conditions.TAMPER),
    ):
        active = body.get(name)
        if active is None:
            continue
        if active not in (True, False):
            doubts.append(f"status.{name}: true or false was expected, not {excerpt(active)}")
            continue
        signals.append(report.condition(condition, bool(active)))
    if not signals and not doubts:
        return Decoded(
            protocol=NAME, signals=(report.signal("information", Qualifier.STATUS),), note="status"
        )
    return read(NAME, signals, doubts)
