"""The receiver's client reads all that one read of the socket brought, and then lets paho write."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from alarms.receiving import mqtt as receiving
from alarms.receiving.buffered_socket import BufferedSocket
from alarms.receiving.mqtt import Client
from alarms.receiving.packets import publish


@pytest.fixture
def wire() -> Iterator[tuple[Client, socket.socket, list[bytes]]]:
    """A client, what the broker writes to, and the payloads that the client has read."""
    here, there = socket.socketpair()
    here.setblocking(False)
    with here, there:
        client = Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client._sock = BufferedSocket(here)
        read: list[bytes] = []

        def keep(_: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
            read.append(bytes(message.payload))

        client.on_message = keep
        yield client, there, read


def test_a_read_takes_all_that_is_there(wire: tuple[Client, socket.socket, list[bytes]]) -> None:
    client, there, read = wire
    sent = [str(number).encode() for number in range(500)]
    packets = [publish("lianfang/v1/pir-1/signal", one) for one in sent]
    there.sendall(b"".join(packets) + packets[0][:7])
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert read == sent
    there.sendall(packets[0][7:])
    client.loop_read()
    assert read == [*sent, sent[0]], "a packet that came in two pieces"


def test_reading_pauses_for_what_has_to_be_written(
    wire: tuple[Client, socket.socket, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, there, read = wire
    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) * receiving.READ_S / 3)
    there.sendall(publish("lianfang/v1/pir-1/signal", b"{}") * 10)
    client.loop_read()
    assert 1 < len(read) < 10
    while len(read) < 10:
        client.loop_read()


def test_the_end_of_the_connection_is_told(wire: tuple[Client, socket.socket, list[bytes]]) -> None:
    client, there, read = wire
    there.sendall(publish("lianfang/v1/pir-1/signal", b"{}"))
    there.close()
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert read == [b"{}"]
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_CONN_LOST
