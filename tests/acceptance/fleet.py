"""Devices that wait for the server's own ``ack`` and send the same id again until they get it; and a live listener."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import httpx
import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from api.embedded.mosquitto import Login

RESEND_S = 1.0


def until(holds: Callable[[], object], why: str, timeout_s: float = 60.0) -> None:
    """Wait for a condition; fail with ``why`` when it does not come true."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain: {why}"
        time.sleep(0.02)


class Fleet:
    """Devices on one connection, speaking at a steady rate, each message with an id of its own."""

    def __init__(self, login: Login, devices: list[str], rate_per_s: float) -> None:
        self._login = login
        self._devices = devices
        self._interval = 1 / rate_per_s
        self.sent: set[tuple[str, str]] = set()
        self.acked: set[tuple[str, str]] = set()
        self.refused: list[bytes] = []
        self._waiting: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._talking = True
        self._over = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"fleet-{id(self)}", protocol=mqtt.MQTTv5
        )
        self._client.username_pw_set(login.username, login.password)
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_connect = lambda client, *_: client.subscribe("lianfang/v1/+/ack", qos=1)
        self._client.on_message = self._on_ack
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def __enter__(self) -> Fleet:
        self._client.connect_async(self._login.host, self._login.port, keepalive=10)
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()

    def _on_ack(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        answer = json.loads(message.payload)
        if answer["status"] != "stored":
            self.refused.append(bytes(message.payload))
            return
        key = (message.topic.split("/")[2], answer["id"])
        with self._lock:
            self._waiting.pop(key, None)
            self.acked.add(key)

    def _talk(self) -> None:
        number = 0
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            due = now + self._interval
            with self._lock:
                again = [key for key, at in self._waiting.items() if now - at > RESEND_S]
            for key in again:
                self._send(key)
            if self._talking:
                key = (self._devices[number % len(self._devices)], f"{id(self):x}-{number}")
                number += 1
                self.sent.add(key)
                self._send(key)

    def _send(self, key: tuple[str, str]) -> None:
        device, message_id = key
        with self._lock:
            self._waiting[key] = time.monotonic()
        # A device without a network does not queue: it tries again later.
        if self._client.is_connected():
            self._client.publish(
                f"lianfang/v1/{device}/signal", json.dumps({"event": "130", "id": message_id}), qos=1
            )

    def falls_silent(self, timeout_s: float = 90.0) -> None:
        """No new messages; wait until each that was sent is acked."""
        self._talking = False
        until(lambda: self.acked >= self.sent, "devices still wait for their ack", timeout_s)


class Listener:
    """A browser's connection to the live feed: resumes with Last-Event-ID, asks for nothing else."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=15)
        answer = self._client.post("/api/v1/token", data={"username": username, "password": password})
        answer.raise_for_status()
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        snapshot = self._client.get("/api/v1/live/snapshot", headers=self._headers)
        snapshot.raise_for_status()
        self.seqs: list[int] = []
        self.first: int = snapshot.json()["seq"]
        self.incidents: dict[int, object] = {d["id"]: d for d in snapshot.json()["incidents"]}
        self.alarms: dict[int, object] = {d["id"]: d for d in snapshot.json()["alarms"]}
        self.interruptions = 0
        self.resets = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def last(self) -> int:
        """The newest number heard."""
        return self.seqs[-1] if self.seqs else self.first

    def close(self) -> None:
        """Leave."""
        self._over.set()
        self._thread.join(20)
        self._client.close()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                headers = self._headers | {"Last-Event-ID": str(self.last)}
                with self._client.stream("GET", "/api/v1/live", headers=headers) as stream:
                    stream.raise_for_status()
                    self._hear(stream)
            except httpx.HTTPError:
                self.interruptions += 1
                self._over.wait(0.2)

    def _hear(self, stream: httpx.Response) -> None:
        event = ""
        for line in stream.iter_lines():
            if self._over.is_set():
                return
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: ") and event == "change":
                self._apply(orjson.loads(line.removeprefix("data: ")))
            elif line.startswith("data: ") and event == "reset":
                self.resets += 1

    def _apply(self, change: dict[str, object]) -> None:
        shelf = {"incident": self.incidents, "alarm": self.alarms}.get(str(change["kind"]))
        number, document = change["id"], change["document"]
        if shelf is not None and isinstance(number, int) and isinstance(document, dict):
            if document["closed_at"] is None:
                shelf[number] = document
            else:
                shelf.pop(number, None)
        self.seqs.append(int(str(change["seq"])))
