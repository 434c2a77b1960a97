"""The Things Stack v3 uplinks, by its Pub/Sub integration or a bridge, described in ``docs/protocols/lorawan.md``.

The kind of a message is the field that it carries beside ``end_device_ids``, whatever topic it came on.
"""

from __future__ import annotations

from typing import Any

from alarms.model import RawMessage
from alarms.receiving.protocols.conditions import Report
from alarms.receiving.protocols.lorawan import signals_of
from alarms.receiving.protocols.message import Decoded, UndecodableMessage, excerpt
from alarms.receiving.protocols.payload import child_name, dbm, json_object, percent, rfc3339_or_doubt

NAME = "ttn"

_TIME_LIMIT = 40
_QUIET = ("join_accept", "location_solved", "service_data", "uplink_normalized")


def decode(publisher: str, rest: list[str], message: RawMessage) -> Decoded:
    """Read a message of The Things Stack; ``rest`` is what follows ``gw/{publisher}``."""
    body = json_object(message.payload)
    quiet = next((name for name in body if name in _QUIET or name.startswith("downlink")), None)
    if quiet is not None:
        return Decoded(protocol=NAME, signals=(), note=f"{excerpt(quiet)}: nothing to report")
    uplink = body.get("uplink_message")
    if not isinstance(uplink, dict):
        raise UndecodableMessage("uplink_message: is missing; an uplink of The Things Stack v3 was expected")
    ids = body.get("end_device_ids")
    device = ids.get("device_id") if isinstance(ids, dict) else None
    if not isinstance(device, str):
        raise UndecodableMessage("end_device_ids.device_id: is missing; a text was expected")
    decoded = uplink.get("decoded_payload")
    if decoded is None:
        if uplink.get("frm_payload"):
            raise UndecodableMessage(
                f"decoded_payload: is missing; give device {excerpt(device)} a payload formatter in The Things Stack"
            )
        decoded = {}
    if not isinstance(decoded, dict):
        raise UndecodableMessage(f"decoded_payload: an object was expected, not {excerpt(decoded)}")
    received_at = _received_at(uplink, body)
    doubts: list[str] = []
    report = Report(
        publisher=publisher,
        child=child_name(device),
        message_id=_message_id(uplink, received_at),
        occurred_at=None if received_at is None else rfc3339_or_doubt(received_at, "received_at", doubts),
        rssi_dbm=_rssi(uplink.get("rx_metadata")),
        battery_percent=_battery(uplink.get("last_battery_percentage")),
        details=_counter(uplink.get("f_cnt")),
    )
    signals, note = signals_of(report, decoded)
    return Decoded(protocol=NAME, signals=signals, note="; ".join(filter(None, [note, *doubts])))


def _message_id(uplink: dict[str, Any], received_at: str | None) -> str | None:
    """Session, frame counter and the network's time, which a redelivery repeats.

    The counter alone does not do: a device activated by personalisation (ABP) keeps its session for ever, and begins to
    count anew when its battery is changed.
    """
    session, counter = uplink.get("session_key_id"), uplink.get("f_cnt", 0)
    if received_at is None or len(received_at) > _TIME_LIMIT:
        return None
    if isinstance(session, str) and 0 < len(session) <= 64 and type(counter) is int and 0 <= counter < 2**32:
        return f"{session}:{counter}:{received_at}"
    return None


def _counter(counter: object) -> dict[str, Any]:
    return {"f_cnt": counter} if type(counter) is int and 0 <= counter < 2**32 else {}


def _received_at(uplink: dict[str, Any], body: dict[str, Any]) -> str | None:
    """By the network's clock: LoRaWAN sensors have none."""
    for where in (uplink, body):
        if isinstance(written := where.get("received_at"), str):
            return written
    return None


def _rssi(receptions: object) -> float | None:
    """The best of the gateways that heard it."""
    if not isinstance(receptions, list):
        return None
    levels = [
        level for one in receptions if isinstance(one, dict) and (level := dbm(one.get("rssi"))) is not None
    ]
    return max(levels, default=None)


def _battery(last: object) -> float | None:
    return percent(last.get("value")) if isinstance(last, dict) else None
