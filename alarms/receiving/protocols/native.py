"""The native protocol ``lianfang/v1``: one JSON object a signal, described in ``docs/protocols/lianfang.md``.

This is the hot path: plain checks in one pass, no schema library.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alarms.model import Category, Qualifier, RawMessage, Signal
from alarms.receiving.codes import is_known_sia_code
from alarms.receiving.protocols.message import Decoded, UndecodableMessage, excerpt, presence, read
from alarms.receiving.protocols.payload import child_name, json_object, kind_of, number, rfc3339, text_of
from gis import coordinates
from gis.model import Position

NAME = "lianfang"

ID_LIMIT, ZONE_LIMIT, TEXT_LIMIT = 128, 64, 1000
EXTRA_LIMIT, EXTRA_TEXT_LIMIT = 16, 200

_WORDS = frozenset(category.value for category in Category)
_QUALIFIERS = {qualifier.value: qualifier for qualifier in Qualifier}
_COMMON = frozenset({"event", "id", "time", "qualifier", "zone", "partition", "battery", "rssi"})
_KNOWN = _COMMON | {"position", "text", "picture", "verdict"}
_VERDICTS = frozenset({"person", "vehicle", "neither", "unknown"})
_CRS = {
    "EPSG:4326": "EPSG:4326", "WGS84": "EPSG:4326", "EPSG:4490": "EPSG:4490", "CGCS2000": "EPSG:4490",
    "GCJ-02": "GCJ-02", "BD-09": "BD-09",
}  # fmt: skip
_SHA256_LENGTH = 64


def decode_topic(parts: list[str], message: RawMessage) -> Decoded:
    """Read a message of ``lianfang/v1/{device_id}/{what}``; ``parts`` is the topic, split."""
    if len(parts) != 4:
        raise UndecodableMessage(
            f"topic {excerpt(message.topic)}: lianfang/v1/{{device_id}}/signal, /state or /position was expected"
        )
    return _decode_one(parts[2], None, parts[3], message)


def decode_behind_gateway(publisher: str, rest: list[str], message: RawMessage) -> Decoded:
    """Read a native message that a gateway passes on: ``[lianfang/v1/]{child}/{what}`` below its own topic."""
    if rest[:2] == ["lianfang", "v1"]:
        rest = rest[2:]
    if not rest:
        raise UndecodableMessage("the topic ends after the gateway; {child}/signal or signal was expected")
    child = child_name("/".join(rest[:-1])) if len(rest) > 1 else None
    return _decode_one(publisher, child, rest[-1], message)


def _decode_one(publisher: str, child: str | None, what: str, message: RawMessage) -> Decoded:
    if what == "signal":
        if not message.payload:
            return Decoded(protocol=NAME, signals=(), note="a retained signal was cleared")
        doubts: list[str] = []
        signal = _signal(publisher, child, json_object(message.payload), doubts)
        return read(NAME, (signal,), doubts)
    if what == "state":
        if not message.payload:
            return Decoded(protocol=NAME, signals=(), note="a retained state was cleared")
        online = json_object(message.payload).get("online")
        if online is not True and online is not False:
            raise UndecodableMessage(
                f'online: {{"online": true}} or false was expected, not {excerpt(online)}'
            )
        return Decoded(protocol=NAME, signals=(presence(publisher=publisher, child=child, online=online),))
    if what == "position":
        return Decoded(protocol=NAME, signals=(), note="a patrol's position; patrols are not followed yet")
    raise UndecodableMessage(f"topic {excerpt(message.topic)}: it must end in /signal, /state or /position")


def _signal(publisher: str, child: str | None, body: dict[str, Any], doubts: list[str]) -> Signal:
    """Which alarm it is must be right: event, qualifier, id, zone. All else that cannot be read is left out."""
    event = body.get("event")
    if type(event) is not str or not (
        (len(event) == 3 and event.isascii() and event.isdigit())
        or event in _WORDS
        or is_known_sia_code(event)
    ):
        if event is None:
            raise UndecodableMessage('event: is missing; a code such as "130" or a word such as "burglary"')
        raise UndecodableMessage(
            f'event: {excerpt(event)} is neither a Contact ID code such as "130" nor a SIA code such as "BA" '
            'nor a word such as "burglary", "panic", "fire", "tamper", "test"'
        )
    details: dict[str, Any] = {}
    known = 1  # fields recognised so far; the rest of them, if any, are looked at one by one
    qualifier = Qualifier.NEW
    if (value := body.get("qualifier")) is not None:
        known += 1
        found = _QUALIFIERS.get(value) if type(value) is str else None
        if found is None:
            raise UndecodableMessage(f'qualifier: "new", "restore" or "status", not {excerpt(value)}')
        qualifier = found
    message_id: str | None = None
    if (value := body.get("id")) is not None:
        known += 1
        # "" is none: twice the same it would be a duplicate.
        message_id = text_of(value, "id", ID_LIMIT) or None
    occurred_at: datetime | None = None
    if (value := body.get("time")) is not None:
        known += 1
        try:
            occurred_at = rfc3339(value, "time")
            if occurred_at is None:
                details["device_time"] = value
        except UndecodableMessage as doubt:
            doubts.append(str(doubt))
    zone = partition = ""
    if (value := body.get("zone")) is not None:
        known += 1
        zone = text_of(value, "zone", ZONE_LIMIT)
    if (value := body.get("partition")) is not None:
        known += 1
        partition = text_of(value, "partition", ZONE_LIMIT)
    battery: float | None = None
    if (value := body.get("battery")) is not None:
        known += 1
        try:
            battery = number(value, "battery", 0, 100)
        except UndecodableMessage as doubt:
            doubts.append(str(doubt))
    rssi: float | None = None
    if (value := body.get("rssi")) is not None:
        known += 1
        try:
            rssi = number(value, "rssi", -200, 50)
        except UndecodableMessage as doubt:
            doubts.append(str(doubt))
    position: Position | None = None
    text: str | None = None
    if known < len(body):
        position, text = _rest(body, details, doubts)
    return Signal(
        publisher=publisher,
        child=child,
        event=event,
        qualifier=qualifier,
        zone=zone,
        partition=partition,
        message_id=message_id,
        occurred_at=occurred_at,
        position=position,
        battery_percent=battery,
        rssi_dbm=rssi,
        text=text,
        details=details,
    )


def _rest(
    body: dict[str, Any], details: dict[str, Any], doubts: list[str]
) -> tuple[Position | None, str | None]:
    """The fields that few signals have."""
    position: Position | None = None
    text: str | None = None
    for name, value in body.items():
        if value is None or name in _COMMON:
            continue
        try:
            if name == "position":
                position = _position(value)
            elif name == "text":
                text = text_of(value, "text", TEXT_LIMIT)
            elif name == "picture":
                details["picture"] = _picture(value)
            elif name == "verdict":
                details["verdict"] = _verdict(value)
            else:
                _keep_extra(details, name, value)
        except UndecodableMessage as doubt:
            doubts.append(str(doubt))
    return position, text


def _object(value: object, field: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise UndecodableMessage(f"{field}: an object {{...}} was expected, not {kind_of(value)}")
    return value


def _position(value: object) -> Position | None:
    """A point in WGS 84. 0, 0 is what a device without a fix says: no position, and no reason to lose an alarm."""
    body = _object(value, "position")
    lon = number(body.get("lon"), "position.lon", -180, 180)
    lat = number(body.get("lat"), "position.lat", -90, 90)
    name = body.get("crs", "EPSG:4326")
    crs = _CRS.get(name) if type(name) is str else None
    if crs is None:
        raise UndecodableMessage(f"position.crs: one of {', '.join(_CRS)} was expected, not {excerpt(name)}")
    if lon == 0 and lat == 0:
        return None
    if crs in ("EPSG:4326", "EPSG:4490"):
        return Position(lon=lon, lat=lat, source_crs=crs)
    try:
        return coordinates.position(lon, lat, crs)
    except coordinates.CoordinateError as error:
        raise UndecodableMessage(f"position: {error}") from error


def _picture(value: object) -> dict[str, Any]:
    body = _object(value, "picture")
    digest = body.get("sha256")
    if type(digest) is not str or len(digest) != _SHA256_LENGTH or not set(digest) <= set("0123456789abcdef"):
        raise UndecodableMessage("picture.sha256: 64 lower-case hexadecimal digits were expected")
    return {
        "sha256": digest,
        "width_px": int(number(body.get("width_px"), "picture.width_px", 1, 100_000)),
        "height_px": int(number(body.get("height_px"), "picture.height_px", 1, 100_000)),
    }


def _verdict(value: object) -> dict[str, Any]:
    body = _object(value, "verdict")
    seen = body.get("class")
    if type(seen) is not str or seen not in _VERDICTS:
        raise UndecodableMessage(
            f"verdict.class: one of {', '.join(sorted(_VERDICTS))} was expected, not {excerpt(seen)}"
        )
    verdict: dict[str, Any] = {"class": seen}
    if body.get("confidence") is not None:
        verdict["confidence"] = number(body["confidence"], "verdict.confidence", 0, 1)
    if body.get("incident") is not None:
        verdict["incident"] = text_of(body["incident"], "verdict.incident", ID_LIMIT)
    return verdict


def _keep_extra(details: dict[str, Any], name: str, value: object) -> None:
    """A field that the protocol does not know: a plain value is kept and shown."""
    if isinstance(value, dict | list):
        raise UndecodableMessage(
            f"{excerpt(name)}: an unknown field must be a plain value, not {kind_of(value)}; "
            f"known fields are {', '.join(sorted(_KNOWN))}"
        )
    extra = details.setdefault("extra", {})
    if len(extra) >= EXTRA_LIMIT:
        raise UndecodableMessage(f"more than {EXTRA_LIMIT} unknown fields")
    if len(name) > ZONE_LIMIT or (isinstance(value, str) and len(value) > EXTRA_TEXT_LIMIT):
        raise UndecodableMessage(f"{excerpt(name)}: an unknown field must be short")
    extra[name] = value
