"""A client of a broker, as a device or a reader has one: what it said, what it heard, what it was answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from api.embedded.mosquitto import Login

WAIT_S = 10.0


class Talker:
    """A client that remembers what happened to it."""

    def __init__(self, login: Login, client_id: str = "", *, persistent: bool = False) -> None:
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        self.client.username_pw_set(login.username, login.password)
        self.heard: list[tuple[str, bytes]] = []
        self.code: ReasonCode | None = None
        self.session_present = False
        self._happened = threading.Condition()
        self._answered: dict[int, ReasonCode] = {}
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message
        self.client.on_publish = self._on_publish
        self.client.on_subscribe = self._on_subscribe
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        if persistent:
            properties.SessionExpiryInterval = 0xFFFFFFFF
        self.client.connect(login.host, login.port, clean_start=not persistent, properties=properties)
        self.client.loop_start()
        self.until(lambda: self.code is not None)

    def until(self, holds: object) -> None:
        assert callable(holds)
        with self._happened:
            assert self._happened.wait_for(holds, WAIT_S), "waited in vain"

    def publish(self, topic: str, payload: bytes = b"{}") -> ReasonCode:
        """Publish at QoS 1 and return the broker's answer."""
        sent = self.client.publish(topic, payload, qos=1)
        self.until(lambda: sent.mid in self._answered)
        return self._answered[sent.mid]

    def subscribe(self, topic: str) -> None:
        result, mid = self.client.subscribe(topic, qos=1)
        assert result == mqtt.MQTT_ERR_SUCCESS
        self.until(lambda: mid in self._answered)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _note(self) -> None:
        with self._happened:
            self._happened.notify_all()

    def _on_connect(
        self, _c: object, _d: object, flags: mqtt.ConnectFlags, code: ReasonCode, _p: object
    ) -> None:
        self.code, self.session_present = code, flags.session_present
        self._note()

    def _on_message(self, _c: object, _d: object, message: mqtt.MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))
        self._note()

    def _on_publish(self, _c: object, _d: object, mid: int, code: ReasonCode, _p: object) -> None:
        self._answered[mid] = code
        self._note()

    def _on_subscribe(self, _c: object, _d: object, mid: int, codes: list[ReasonCode], _p: object) -> None:
        self._answered[mid] = codes[0]
        self._note()


@contextmanager
def talking(login: Login, client_id: str = "", *, persistent: bool = False) -> Iterator[Talker]:
    talker = Talker(login, client_id, persistent=persistent)
    try:
        yield talker
    finally:
        talker.close()
