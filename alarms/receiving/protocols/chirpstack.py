"""ChirpStack v4 device events, described in ``docs/protocols/lorawan.md``.

The last segment of the topic is the kind of event: set ``event_topic`` to
``gw/{gateway}/application/{{application_id}}/device/{{dev_eui}}/event/{{event}}``, JSON encoding.
"""

from __future__ import annotations

from typing import Any

from alarms.model import RawMessage
from alarms.receiving.protocols.conditions import Report
from alarms.receiving.protocols.lorawan import signals_of
from alarms.receiving.protocols.message import Decoded, UndecodableMessage, excerpt
from alarms.receiving.protocols.payload import child_name, dbm, json_object, percent, rfc3339_or_doubt

NAME = "chirpstack"

_QUIET = ("join", "ack", "txack", "log", "location", "integration")
_ID_LIMIT = 128


def decode(publisher: str, rest: list[str], message: RawMessage) -> Decoded:
    """Read a device event of ChirpStack; ``rest`` is what follows ``gw/{publisher}``."""
    event = rest[-1] if rest else ""
    if event in _QUIET:
        return _nothing(f"event {event}: nothing to report")
    if "command" in rest:
        return _nothing("a command to a device, not a report of one")
    if event not in ("up", "status"):
        raise UndecodableMessage(
            f"topic {excerpt(message.topic)}: application/{{id}}/device/{{dev_eui}}/event/up was expected at its end"
        )
    body = json_object(message.payload)
    device = body.get("deviceInfo")
    eui = device.get("devEui") if isinstance(device, dict) else None
    if not isinstance(eui, str):
        raise UndecodableMessage(
            "deviceInfo.devEui: is missing; ChirpStack v4 with JSON encoding was expected"
        )
    heard = body.get("time")
    doubts: list[str] = []
    deduplication = body.get("deduplicationId")
    report = Report(
        publisher=publisher,
        child=child_name(eui.lower()),
        message_id=deduplication
        if isinstance(deduplication, str) and 0 < len(deduplication) <= _ID_LIMIT
        else None,
        occurred_at=rfc3339_or_doubt(heard, "time", doubts) if isinstance(heard, str) else None,
        rssi_dbm=_rssi(body.get("rxInfo")),
        battery_percent=_battery(body) if event == "status" else None,
    )
    if event == "status":
        return Decoded(protocol=NAME, signals=_status(report, body), note="the network's view of the device")
    return _uplink(report, eui, body, doubts)


def _nothing(note: str) -> Decoded:
    return Decoded(protocol=NAME, signals=(), note=note)


def _status(report: Report, body: dict[str, Any]) -> tuple[Any, ...]:
    if body.get("externalPowerSource") is True:
        return (report.signal("information", report.alive().qualifier, external_power=True),)
    return (report.alive(),)


def _battery(body: dict[str, Any]) -> float | None:
    """ChirpStack writes 0 for a device on mains or one that cannot measure it (LoRaWAN DevStatusAns 0 and 255)."""
    if body.get("externalPowerSource") is True or body.get("batteryLevelUnavailable") is True:
        return None
    return percent(body.get("batteryLevel"))


def _uplink(report: Report, eui: str, body: dict[str, Any], doubts: list[str]) -> Decoded:
    decoded = body.get("object")
    if decoded is None:
        if body.get("data"):
            raise UndecodableMessage(
                f"object: is missing; give the device profile of {excerpt(eui)} a codec in ChirpStack"
            )
        decoded = {}
    if not isinstance(decoded, dict):
        raise UndecodableMessage(f"object: an object was expected, not {excerpt(decoded)}")
    signals, note = signals_of(report, decoded)
    return Decoded(protocol=NAME, signals=signals, note="; ".join(filter(None, [note, *doubts])))


def _rssi(receptions: object) -> float | None:
    """The best of the gateways that heard it."""
    if not isinstance(receptions, list):
        return None
    levels = [
        level for one in receptions if isinstance(one, dict) and (level := dbm(one.get("rssi"))) is not None
    ]
    return max(levels, default=None)
