"""The MQTT receiver: hands batches of raw messages to the intake and acknowledges them after the commit.

QoS 1, manual acknowledgement, a persistent session: what is not stored stays with the broker. The local queue is
bounded by Receive Maximum, so the callback never blocks (which would kill the keep-alive). Acknowledgements go out in
order, and only on the connection that brought the message: a packet id means nothing on the next one. Retained
messages come once, at the first subscription (retain handling 1), and tell a state.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from psycopg import Connection, OperationalError

from alarms.model import RawMessage
from alarms.receiving import intake, staging
from alarms.receiving.intake import Outcome, Rules

CLIENT_ID = "lianfang-intake"
TOPICS = ("lianfang/v1/+/signal", "lianfang/v1/+/state", "gw/#", "enrol/#")
NEVER_EXPIRES = 0xFFFFFFFF
LINGER_S = 0.005
"""How long a batch that is not full waits for more: short enough that nobody sees it."""
FORGET_EVERY = 200
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """Where the broker is and how the intake signs in."""

    host: str
    port: int
    username: str
    password: str
    tls: bool = False


@dataclass(frozen=True, slots=True)
class _Received:
    message: RawMessage
    connection: int
    """Which connection brought it: its packet id is worth nothing on another."""


class Receiver:
    """Runs the intake: one MQTT session, one database connection, batch after batch."""

    def __init__(
        self,
        broker: Broker,
        connect: Callable[[], Connection[Any]],
        rules: Rules,
        *,
        batch_size: int = 500,
        receive_maximum: int = 2000,
        client_id: str = CLIENT_ID,
        on_batch: Callable[[Sequence[Outcome], float], None] | None = None,
    ) -> None:
        """``connect`` opens a database connection with the intake's role, or raises OperationalError.

        ``on_batch`` is told each batch's outcomes and how long it took, in seconds.
        """
        self._broker = broker
        self._connect_database = connect
        self._rules = rules
        self._batch_size = batch_size
        self._receive_maximum = receive_maximum
        self._client_id = client_id
        self._on_batch = on_batch
        self._received: queue.SimpleQueue[_Received] = queue.SimpleQueue()
        self._connection = 0
        self._stopping = False
        self._batches = 0
        self._database: Connection[Any] | None = None
        self._client = self._make_client()

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(
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
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = NEVER_EXPIRES
        properties.ReceiveMaximum = self._receive_maximum
        self._client.connect_async(
            self._broker.host, self._broker.port, keepalive=30, clean_start=False, properties=properties
        )
        self._client.loop_start()
        try:
            while not self._stopping:
                batch = self._gather()
                if batch:
                    self._handle(batch)
        finally:
            self._client.disconnect()
            self._client.loop_stop()
            if self._database is not None:
                self._database.close()

    def stop(self) -> None:
        """Finish the batch at hand and return from ``run``; may be called from a signal handler."""
        self._stopping = True

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
        if not self._stopping:
            log.warning("broker_lost", why=str(code))

    def _on_message(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        raw = RawMessage(
            source="mqtt",
            topic=message.topic,
            payload=message.payload,
            received_at=datetime.now(UTC),
            retained=message.retain,
            redelivered=message.dup,
            session=self._client_id,
            packet_id=message.mid,
        )
        self._received.put(_Received(raw, self._connection))

    def _gather(self) -> list[_Received]:
        """Wait for a message, then take what comes with it; what an earlier connection brought comes again."""
        batch: list[_Received] = []
        deadline = time.monotonic() + 0.5
        while len(batch) < self._batch_size:
            try:
                received = self._received.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if not batch:
                deadline = time.monotonic() + LINGER_S
            if received.connection == self._connection:
                batch.append(received)
        return batch

    def _handle(self, batch: Sequence[_Received]) -> None:
        began = time.monotonic()
        outcomes = self._store([received.message for received in batch])
        if outcomes is None:
            return
        for received in batch:
            if received.connection == self._connection:
                self._client.ack(received.message.packet_id or 0, 1)
        for outcome in outcomes:
            if outcome.message_id is not None and outcome.message.topic.startswith("lianfang/v1/"):
                self._answer(outcome)
        if self._on_batch is not None:
            self._on_batch(outcomes, time.monotonic() - began)

    def _store(self, messages: Sequence[RawMessage]) -> list[Outcome] | None:
        """Store a batch, however long the database is away; None when asked to stop before that."""
        for attempt in range(1_000_000_000):
            try:
                if self._database is None or self._database.closed:
                    self._database = self._connect_database()
                    staging.prepare(self._database)
                    self._database.commit()
                outcomes = intake.accept(self._database, messages, datetime.now(UTC), self._rules)
                self._batches += 1
                if self._batches % FORGET_EVERY == 0:
                    intake.forget_packets(self._database, self._client_id, 4 * self._receive_maximum)
                return outcomes
            except OperationalError as error:
                log.error(
                    "database_away", why=str(error).splitlines()[0] if str(error) else type(error).__name__
                )
                if self._database is not None:
                    self._database.close()
                if self._wait(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]):
                    return None
        return None

    def _wait(self, seconds: float) -> bool:
        """Wait, but no longer than until asked to stop; tells whether that was asked."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stopping:
            time.sleep(0.05)
        return self._stopping

    def _answer(self, outcome: Outcome) -> None:
        """Tell a device that waits for it that its message is stored, or why not."""
        answer: dict[str, str | None] = {
            "id": outcome.message_id,
            "status": "stored" if outcome.safe else "rejected",
        }
        if not outcome.safe:
            answer["reason"] = outcome.reason
        device_id = outcome.message.topic.split("/")[2]
        info = self._client.publish(f"lianfang/v1/{device_id}/ack", orjson.dumps(answer), qos=0)
        if info.rc not in (mqtt.MQTT_ERR_SUCCESS, mqtt.MQTT_ERR_NO_CONN):
            log.warning("answer_not_sent", device_id=device_id, why=mqtt.error_string(info.rc))
