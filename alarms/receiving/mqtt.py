"""The MQTT receiver: hands raw messages to the lanes of the intake and acknowledges them after the commit.

QoS 1, manual acknowledgement, a persistent session: what is not stored stays with the broker. The local queues are
bounded by Receive Maximum; a broker that does not keep to it (mosquitto 2.0.11 sends its whole backlog) is slowed by
not reading on, never so long that the keep-alive dies. Acknowledgements go out in
the order of arrival (MQTT-4.6.0-2), and only on the connection that brought the message: a packet id means nothing on
the next one. Retained
messages come once, at the first subscription (retain handling 1), and tell a state.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from alarms.model import RawMessage
from alarms.receiving.buffered_socket import BufferedSocket
from alarms.receiving.intake import Outcome
from alarms.receiving.lane import Lane, Received
from alarms.receiving.packets import puback, publish
from alarms.receiving.storing import Store

TOPICS = ("lianfang/v1/+/signal", "lianfang/v1/+/state", "gw/#", "enrol/#")
NEVER_EXPIRES = 0xFFFFFFFF
KEEP_ALIVE_S = 60
NO_ROOM_S = 10.0
"""How long reading may pause at a time: well below the keep-alive."""
READ_S = 0.1
"""How long reading may go on at a time."""
CAUGHT_UP_S = 5.0
"""So long after we were away or behind for the last time, what comes has not waited at the broker."""
UNNOTICED = timedelta(seconds=2 * KEEP_ALIVE_S)
"""How long a connection may be dead before that is noticed (MQTT 5.0, 3.1.2.10)."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """Where the broker is and how the intake signs in."""

    host: str
    port: int
    username: str
    password: str
    tls: bool = False

    @property
    def client_id(self) -> str:
        """The name of the intake's session, the same at each start and known to nobody without its password: a broker
        gives a session to whoever asks for it by name, and a device that did so would end it with all that waits."""
        digest = hmac.new(self.password.encode(), self.username.encode(), hashlib.sha256).hexdigest()
        return f"lianfang-intake-{digest[:32]}"


class Client(mqtt.Client):
    """paho's client on a buffered socket, of which it reads all that is there before it asks for more.

    paho itself calls ``select`` before each packet, and each call gives the interpreter's lock to a lane that computes,
    for a whole switch interval.
    """

    def _create_socket(self) -> Any:
        return BufferedSocket(super()._create_socket())

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read what is buffered, for a moment at most: acknowledgements and pings are written in between."""
        until = time.monotonic() + READ_S
        code = super().loop_read(max_packets)
        while not code and self._is_buffered() and time.monotonic() < until:
            code = super().loop_read(max_packets)
        return code

    def _is_buffered(self) -> bool:
        return isinstance(self._sock, BufferedSocket) and self._sock.pending() > 0


class Receiver:
    """Runs the intake: one MQTT session, a few lanes, batch after batch."""

    def __init__(
        self,
        broker: Broker,
        stores: Sequence[Store],
        *,
        batch_size: int = 500,
        receive_maximum: int = 2000,
        away_since: datetime | None = None,
        on_batch: Callable[[Sequence[Outcome], float], None] | None = None,
    ) -> None:
        """A lane for each of the ``stores``, which it closes.

        ``away_since``: when a receiver was last connected before this one, if that is known: what the broker has kept
        since then may have happened at any time between. ``on_batch`` is told each batch's outcomes and how long it
        took, in seconds.
        """
        self._broker = broker
        self._receive_maximum = receive_maximum
        self._client_id = broker.client_id
        self._on_batch = on_batch
        self._away_since = away_since
        self._behind_since: datetime | None = None
        self._behind_until = 0.0
        self._connection = 0
        self._stopped = threading.Event()
        self._fault: BaseException | None = None
        self._lanes = [Lane(store, batch_size, self._stored) for store in stores]
        self._order: deque[Received] = deque()
        self._acknowledging = threading.Lock()
        self._room = threading.Condition(self._acknowledging)
        self._client = self._make_client()

    def _make_client(self) -> mqtt.Client:
        client = Client(
            CallbackAPIVersion.VERSION2, client_id=self._client_id, protocol=mqtt.MQTTv5, manual_ack=True
        )
        client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls:
            client.tls_set()
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        return client

    def run(self) -> None:
        """Receive until ``stop`` is called. A broker or database that goes away is waited for."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = NEVER_EXPIRES
        properties.ReceiveMaximum = self._receive_maximum
        self._client.connect_async(
            self._broker.host,
            self._broker.port,
            keepalive=KEEP_ALIVE_S,
            clean_start=False,
            properties=properties,
        )
        threads = [threading.Thread(target=self._run_lane, args=(lane,)) for lane in self._lanes]
        self._client.loop_start()
        try:
            for thread in threads:
                thread.start()
            self._stopped.wait()
        finally:
            self._stopped.set()
            with self._room:
                self._room.notify()
            for lane in self._lanes:
                lane.stop()
            for thread in threads:
                thread.join()
            self._client.disconnect()
            self._client.loop_stop()
        if self._fault is not None:
            raise self._fault

    def _run_lane(self, lane: Lane) -> None:
        """A lane that fails stops them all: the process ends with its error, and is started again."""
        try:
            lane.run()
        except BaseException as error:
            self._fault = error
            raise
        finally:
            self._stopped.set()

    def stop(self) -> None:
        """Finish the batches at hand and return from ``run``; may be called from a signal handler."""
        self._stopped.set()

    @property
    def connected(self) -> bool:
        """Whether the broker is there and lets us in."""
        return self._client.is_connected()

    def _on_connect(
        self,
        client: mqtt.Client,
        _: object,
        flags: mqtt.ConnectFlags,
        code: ReasonCode,
        __: Properties | None,
    ) -> None:
        if code.is_failure:
            log.error("broker_refuses", why=str(code), host=self._broker.host, port=self._broker.port)
            return
        self._connection += 1
        if self._away_since is not None:
            self._behind_since = min(self._away_since, self._behind_since or self._away_since)
            self._behind_until = time.monotonic() + CAUGHT_UP_S
            self._away_since = None
        log.info("broker_connected", session_present=flags.session_present)
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        client.subscribe([(topic, options) for topic in TOPICS])

    def _on_subscribe(
        self, _: mqtt.Client, __: object, ___: int, codes: list[ReasonCode], ____: Properties | None
    ) -> None:
        refused = [topic for topic, code in zip(TOPICS, codes, strict=True) if code.is_failure]
        if refused:
            log.error("broker_refuses_subscription", topics=refused)

    def _on_disconnect(
        self, _: mqtt.Client, __: object, ___: mqtt.DisconnectFlags, code: ReasonCode, ____: Properties | None
    ) -> None:
        self._away_since = self._away_since or datetime.now(UTC) - UNNOTICED
        if not self._stopped.is_set():
            log.warning("broker_lost", why=str(code))

    def _on_message(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        now = datetime.now(UTC)
        raw = RawMessage(
            source="mqtt",
            topic=message.topic,
            payload=bytes(message.payload),
            received_at=now,
            waiting_since=self._may_have_waited_since(now),
            retained=message.retain,
            redelivered=message.dup,
            session=self._client_id,
            packet_id=message.mid if message.qos else None,
        )
        received = Received(raw, self._connection)
        self._wait_for_room()
        self._order.append(received)
        self._lanes[hash(_publisher(raw.topic)) % len(self._lanes)].put(received)

    def _may_have_waited_since(self, now: datetime) -> datetime | None:
        """The broker does not say when it got a message. It holds them back while we are away, and while it has as many
        unacknowledged as it may: since then, each may have come at any time."""
        if len(self._order) >= self._receive_maximum // 2:
            self._behind_since = self._behind_since or now
            self._behind_until = time.monotonic() + CAUGHT_UP_S
        elif self._behind_since is not None and time.monotonic() >= self._behind_until:
            self._behind_since = None
        return self._behind_since

    def _wait_for_room(self) -> None:
        if len(self._order) < self._receive_maximum:
            return
        with self._room:
            self._room.wait_for(
                lambda: len(self._order) < self._receive_maximum or self._stopped.is_set(), timeout=NO_ROOM_S
            )

    def _is_current(self, received: Received) -> bool:
        return received.connection == self._connection

    def _stored(self, batch: Sequence[Received], outcomes: Sequence[Outcome], seconds: float) -> None:
        """After the commit: acknowledge what is stored up to the first that is not, answer the devices that wait."""
        sent: list[bytes] = []
        with self._acknowledging:
            for received in batch:
                received.stored = True
            while self._order and (self._order[0].stored or not self._is_current(self._order[0])):
                first = self._order.popleft()
                if first.message.packet_id is not None and self._is_current(first):
                    sent.append(puback(first.message.packet_id))
            self._room.notify()
            sent += [_answer(outcome) for outcome in outcomes if _waits_for_answer(outcome)]
            self._send(sent)
            if self._on_batch is not None:
                self._on_batch(outcomes, seconds)

    def _send(self, packets: Sequence[bytes]) -> None:
        """All in one write. Without a connection nobody can be told: the broker hands over again what it has."""
        if packets and self._client.is_connected():
            self._client._packet_queue(mqtt.PUBACK, b"".join(packets), 0, 1)  # as paho's own ways end


def _answer(outcome: Outcome) -> bytes:
    """Tells a device that waits for it that its message is stored, or why not."""
    answer: dict[str, str | None] = {
        "id": outcome.message_id,
        "status": "stored" if outcome.safe else "rejected",
    }
    if outcome.reason:  # of what is stored: what of it could not be read
        answer["reason"] = outcome.reason
    device_id = outcome.message.topic.split("/")[2]
    return publish(f"lianfang/v1/{device_id}/ack", orjson.dumps(answer))


def _waits_for_answer(outcome: Outcome) -> bool:
    """The broker's copy of an old message is a state: nobody waits, and "stored" would say that it rang."""
    message = outcome.message
    return (
        outcome.message_id is not None and not message.retained and message.topic.startswith("lianfang/v1/")
    )


def _publisher(topic: str) -> str:
    """Who sent it: ``lianfang/v1/{device_id}/...`` or ``gw/{device_id}/...``."""
    parts = topic.split("/", 3)
    return parts[2] if parts[0] == "lianfang" and len(parts) > 2 else parts[1] if len(parts) > 1 else topic
