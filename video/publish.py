"""Detections on their way to the intake: over MQTT at QoS 1, sent again until the intake says that they are stored.

The broker's acknowledgement is not enough: killed, it loses what it had just confirmed. What the device's ``ack`` topic
says came after the commit. The same id again is the same signal, so sending twice does no harm.

A camera's detections go in the order in which it made them, the next when the one before is stored: a loss that came
again after its end would be an alarm that nothing ends.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from video.model import Detection

log = structlog.get_logger(__name__)

FIRST_AGAIN_S, MOST_AGAIN_S = 5.0, 60.0
"""When an unanswered detection is sent again: after 5 s, then twice as long each time, up to a minute."""
GIVEN_UP_S = 3600.0
"""After so long it is given up, and the log says so; a camera's last word never is."""
MOST_WAITING = 10_000
"""So many wait at most; a newer one drops the oldest that is nobody's last word, and the log says so."""
HOLDS_SENT = 3
"""Sent so often without an answer (35 s), it holds the camera's next one back no longer."""
LOOK_S = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """Where the broker is, and the worker's own login there."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    tls: bool = False


@dataclass(kw_only=True, slots=True)
class _Waiting:
    detection: Detection
    stored: Callable[[], None]
    since: float
    again_at: float
    again_s: float = FIRST_AGAIN_S
    sent: int = 0


class Outbox:
    """What was seen and is not yet stored. Its own thread sends; ``put`` never waits."""

    def __init__(
        self, broker: Broker, name: str, clock: Callable[[], float] = time.monotonic, look_s: float = LOOK_S
    ) -> None:
        self._broker = broker
        self._clock = clock
        self._look_s = look_s
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._speakers: set[str] = set()
        self._stop = threading.Event()
        self._wake = threading.Event()
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"lianfang-video-{name}", protocol=mqtt.MQTTv5
        )
        client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            client.tls_set()
        client.reconnect_delay_set(1, 15)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        self._client = client
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker lets us in."""
        return self._client.is_connected()

    @property
    def waiting(self) -> int:
        """How many are not stored yet."""
        with self._lock:
            return len(self._waiting)

    def start(self) -> None:
        """Connect, now or when the broker is there."""
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=30)
        self._client.loop_start()
        self._thread.start()

    def stop(self, flush_s: float = 3.0) -> None:
        """Wait a little for what is on its way, then go."""
        deadline = time.monotonic() + flush_s
        while self.waiting and self.connected and time.monotonic() < deadline:
            self._stop.wait(0.05)
        self._stop.set()
        self._wake.set()
        self._thread.join(5)
        self._client.disconnect()
        self._client.loop_stop()
        if left := self.waiting:
            log.warning("detections_left_unsent", number=left)

    def listen_for(self, device_id: str) -> None:
        """Hear what the intake answers to this camera's messages."""
        with self._lock:
            self._speakers.add(device_id)
        if self.connected:
            self._client.subscribe(f"lianfang/v1/{device_id}/ack", qos=1)

    def put(self, detection: Detection, stored: Callable[[], None] = lambda: None) -> None:
        """Send it, and again until it is stored; then ``stored`` is called, in another thread: it must not wait."""
        now = self._clock()
        with self._lock:
            if len(self._waiting) >= MOST_WAITING and (passed := self._passed()):
                self._drop(passed[0], "too many wait")
            self._waiting[detection.id] = _Waiting(
                detection=detection, stored=stored, since=now, again_at=now
            )
        self._wake.set()

    def tell_state(self, device_id: str, *, online: bool) -> None:
        """The camera's retained state, as devices tell their own."""
        payload = json.dumps({"online": online})
        self._client.publish(f"lianfang/v1/{device_id}/state", payload, qos=1, retain=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(self._look_s)
            self._wake.clear()
            if self.connected:
                self._send_due()

    def _send_due(self) -> None:
        now = self._clock()
        with self._lock:
            for message_id in self._passed():
                if now - self._waiting[message_id].since > GIVEN_UP_S:
                    self._drop(message_id, f"not stored within {GIVEN_UP_S:g} s")
            due, held_back = [], set()
            for one in self._waiting.values():
                device_id = one.detection.device_id
                if one.again_at <= now and device_id not in held_back:
                    due.append(one)
                if one.sent < HOLDS_SENT:
                    held_back.add(device_id)
        for one in due:
            sent = self._client.publish(one.detection.topic, one.detection.payload(), qos=1)
            if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return  # away again: what is due stays due
            if one.sent:
                log.info("detection_sent_again", device_id=one.detection.device_id, times=one.sent + 1)
            one.sent += 1
            one.again_at = now + one.again_s
            one.again_s = min(one.again_s * 2, MOST_AGAIN_S)

    def _passed(self) -> list[str]:
        """The messages after which the same camera said something newer of the same thing, oldest first."""
        last = {
            (one.detection.device_id, one.detection.what.about_stream): message_id
            for message_id, one in self._waiting.items()
        }
        kept = set(last.values())
        return [message_id for message_id in self._waiting if message_id not in kept]

    def _drop(self, message_id: str, why: str) -> None:
        one = self._waiting.pop(message_id)
        log.error("detection_given_up", device_id=one.detection.device_id, what=one.detection.what, why=why)

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            log.error("broker_refuses_the_login", why=str(reason))
            return
        with self._lock:
            topics = [(f"lianfang/v1/{device_id}/ack", 1) for device_id in sorted(self._speakers)]
            for one in self._waiting.values():
                one.again_at = self._clock()
        for n in range(0, len(topics), 100):
            client.subscribe(topics[n : n + 100])
        self._wake.set()

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _data: object,
        _id: int,
        reasons: Sequence[ReasonCode],
        _properties: object,
    ) -> None:
        if refused := [reason for reason in reasons if reason.is_failure]:
            log.error("broker_refuses_the_answers", number=len(refused), why=str(refused[0]))

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            answer = json.loads(message.payload)
            message_id, status = str(answer["id"]), answer["status"]
        except (ValueError, TypeError, KeyError):
            log.warning("answer_unreadable", topic=message.topic)
            return
        with self._lock:
            one = self._waiting.pop(message_id, None)
        if one is None:
            return
        self._wake.set()  # the next of this camera may go
        if status == "stored":
            one.stored()
        else:
            log.error(
                "detection_refused", device_id=one.detection.device_id, why=str(answer.get("reason"))[:200]
            )
