"""Bytes in, signals out: one file a protocol. Pure: no input or output, no clock, no database.

``decode`` reads the topic, finds who speaks, and hands the message to the decoder of that publisher's protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from alarms.model import RawMessage
from alarms.receiving.protocols import (
    chirpstack,
    enrol,
    frigate,
    native,
    shelly1,
    shelly2,
    tasmota,
    ttn,
    zigbee2mqtt,
)
from alarms.receiving.protocols.message import Decoded, UndecodableMessage, as_state, excerpt

__all__ = ["DECODERS", "Decoded", "UndecodableMessage", "decode", "publisher_of"]

Decoder = Callable[[str, list[str], RawMessage], Decoded]
"""Publisher, what follows ``gw/{publisher}`` in the topic, the message."""

DECODERS: dict[str, Decoder] = {
    native.NAME: native.decode_behind_gateway,
    zigbee2mqtt.NAME: zigbee2mqtt.decode,
    tasmota.NAME: tasmota.decode,
    shelly1.NAME: shelly1.decode,
    shelly2.NAME: shelly2.decode,
    frigate.NAME: frigate.decode,
    ttn.NAME: ttn.decode,
    chirpstack.NAME: chirpstack.decode,
}
"""By the name that a gateway or device is registered with."""

_DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def publisher_of(topic: str) -> str | None:
    """The ``device_id`` that a topic belongs to, or None where there is none (``enrol/...``, junk)."""
    parts = topic.split("/", 3)
    if len(parts) >= 4 and parts[0] == "lianfang" and parts[1] == "v1":
        name = parts[2]
    elif len(parts) >= 2 and parts[0] == "gw":
        name = parts[1]
    else:
        return None
    return name if _DEVICE_ID.fullmatch(name) else None


def decode(message: RawMessage, protocol_of: Callable[[str], str | None]) -> Decoded:
    """Read one message.

    ``protocol_of`` tells which protocol a publisher below ``gw/{publisher}/`` was registered with, or None when
    it is not registered. A retained message is a state: its signals have qualifier ``status``, so that
    yesterday's panic does not ring tonight. Raises UndecodableMessage when the message cannot be read, and
    nothing else.
    """
    parts = message.topic.split("/")
    if parts[0] == "lianfang":
        if len(parts) < 3 or parts[1] != "v1":
            raise UndecodableMessage(f"topic {excerpt(message.topic)}: lianfang/v1/... was expected")
        _check_device_id(parts[2], message.topic)
        decoded = native.decode_topic(parts, message)
    elif parts[0] == "gw":
        decoded = _decode_below_gateway(parts, message, protocol_of)
    elif parts[0] == "enrol":
        name = parts[1] if len(parts) > 1 else ""
        _check_device_id(name, message.topic)
        return enrol.decode_stranger(name, parts[2:])
    else:
        raise UndecodableMessage(
            f"topic {excerpt(message.topic)}: it must begin with lianfang/v1/, gw/{{device_id}}/ or enrol/"
        )
    if message.retained and decoded.signals:
        return replace(decoded, signals=tuple(as_state(signal) for signal in decoded.signals))
    return decoded


def _decode_below_gateway(
    parts: list[str], message: RawMessage, protocol_of: Callable[[str], str | None]
) -> Decoded:
    publisher = parts[1] if len(parts) > 1 else ""
    _check_device_id(publisher, message.topic)
    protocol = protocol_of(publisher)
    if protocol is None:
        raise UndecodableMessage(f"{excerpt(publisher)} is not registered; register it with its protocol")
    decoder = DECODERS.get(protocol)
    if decoder is None:
        raise UndecodableMessage(
            f"{excerpt(publisher)} is registered with protocol {excerpt(protocol)}; "
            f"known are {', '.join(sorted(DECODERS))}"
        )
    return decoder(publisher, parts[2:], message)


def _check_device_id(name: str, topic: str) -> None:
    if not _DEVICE_ID.fullmatch(name):
        raise UndecodableMessage(
            f"topic {excerpt(topic)}: a device id is 1 to 64 of A-Z, a-z, 0-9, _ and -, not {excerpt(name)}"
        )
