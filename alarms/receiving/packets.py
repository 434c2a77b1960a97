"""The two MQTT 5 packets that the receiver sends by the hundred after a commit, as bytes.

paho writes, and wakes its thread, once a packet: 60 us of Python for each message, as much as storing it takes. Packets
follow one another without anything between, so those of a batch are one write.
"""

from __future__ import annotations

_PUBACK = 0x40
_PUBLISH_QOS_0 = 0x30


def puback(packet_id: int) -> bytes:
    """PUBACK with reason code Success, which is left out with the properties (MQTT 5.0, 3.4.2.1)."""
    return bytes((_PUBACK, 2)) + packet_id.to_bytes(2)


def publish(topic: str, payload: bytes) -> bytes:
    """PUBLISH at QoS 0, without properties (MQTT 5.0, 3.3); ``topic`` is at most 65,535 bytes of UTF-8."""
    name = topic.encode()
    rest = len(name).to_bytes(2) + name + b"\0" + payload
    return bytes((_PUBLISH_QOS_0,)) + _length(len(rest)) + rest


def _length(number: int) -> bytes:
    """Variable byte integer: seven bits a byte, the lowest first (MQTT 5.0, 1.5.5)."""
    encoded = bytearray()
    while True:
        number, low = divmod(number, 128)
        encoded.append(low | 0x80 if number else low)
        if not number:
            return bytes(encoded)
