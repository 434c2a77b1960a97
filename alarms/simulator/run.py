"""The run: a scenario's messages through the real broker, at the scenario's own pace or at a set rate.

QoS 1, MQTT 5 (so that a broker which refuses a topic says so), a bounded number of messages unacknowledged,
publish's return codes checked, reconnecting, stopped cleanly.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from alarms.simulator.device import Publication, SimulatedDevice
from alarms.simulator.encoders import Encoder
from alarms.simulator.scenarios import SCENARIOS, Moment

CONNECT_TIMEOUT_S = 10.0
FLUSH_S = 10.0
PROGRESS_S = 1.0
NOT_AUTHORISED = 0x87
"""MQTT 5, 3.4.2.1: PUBACK reason code."""
_TAKEN = (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN)
"""NO_CONN: paho has queued it and sends it when it is connected again."""


class SimulatorError(Exception):
    """What kept the simulator from running, in words for the person who started it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """The broker and the login that may publish for every simulated device."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: bool = False
    client_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to play, and how fast."""

    scenario: str = "day"
    duration_s: float | None = None
    """Seconds of real time; None: until the scenario ends or somebody stops it."""
    rate_per_s: float | None = None
    """Messages a second whatever the scenario's clock says; None: by its clock."""
    speed: float = 1.0
    """Seconds of the scenario that pass in one real second; without ``rate_per_s`` only."""
    closed_loop: bool = False
    """As fast as the broker acknowledges, ``window`` at a time: neither clock nor rate."""
    window: int = 100
    """Most messages unacknowledged at a time; paho walks through all of them with each acknowledgement."""
    messages: int | None = None
    """Stop after this many."""
    seed: int = 1

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise SimulatorError(f"no scenario {self.scenario!r}; there are {', '.join(SCENARIOS)}")
        for name in ("duration_s", "rate_per_s", "speed", "window", "messages"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise SimulatorError(f"{name} must be above 0, not {value}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run has come."""

    published: int = 0
    acknowledged: int = 0
    refused: int = 0
    """Acknowledged with an error, such as not authorised."""
    refusal: str = ""
    reconnects: int = 0
    behind_s: float = 0.0
    """How late the newest message left, against its clock or rate."""
    elapsed_s: float = 0.0
    interrupted: bool = False


def simulate(
    connection: Connection,
    options: Options,
    devices: Sequence[SimulatedDevice],
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Progress:
    """Play a scenario until it ends, its duration is over, ``stop`` is set or Ctrl-C is pressed.

    ``on_progress`` is called about once a second. Raises SimulatorError when the broker cannot be reached or
    refuses the login; a connection that breaks later is taken up again.
    """
    encoder = Encoder(Random(f"{options.seed}/encoder"), boot=int(time.time()))
    known = [device for device in devices if encoder.knows(device.protocol)]
    if not known:
        raise SimulatorError("there is no device to simulate; load some first")
    run = _Run(connection, options, stop or threading.Event(), on_progress)
    run.connect()
    try:
        run.play(_Due(moment, encoder) for moment in SCENARIOS[options.scenario](known, Random(options.seed)))
    except KeyboardInterrupt:
        run.interrupted = True
    finally:
        run.close()
    progress = run.progress()
    if run.unauthorised:
        raise SimulatorError(
            f"the broker refused a message ({progress.refusal}): this login may not publish for these devices"
        )
    return progress


@dataclass(frozen=True, slots=True)
class _Due:
    """A moment of the scenario, encoded when it is sent, so that the times in it are those of the sending."""

    moment: Moment
    encoder: Encoder

    def encode(self) -> tuple[Publication, ...]:
        return self.encoder.encode(self.moment.device, self.moment.what, datetime.now(UTC))


class _Run:
    def __init__(
        self,
        connection: Connection,
        options: Options,
        stop: threading.Event,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._connection = connection
        self._options = options
        self._stop = stop
        self._on_progress = on_progress
        self._changed = threading.Condition(threading.RLock())
        self._published = self._acknowledged = self._refused = self._reconnects = 0
        self._refusal = ""
        self.unauthorised = False
        self._behind_s = 0.0
        self._connected: bool | None = None
        self._refused_login = ""
        self._began = self._told = time.monotonic()
        self.interrupted = False
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=connection.client_id or f"devices-{uuid.uuid4().hex[:12]}",
            protocol=mqtt.MQTTv5,
        )
        client.username_pw_set(connection.username, connection.password)
        if connection.tls:
            client.tls_set()
        client.max_inflight_messages_set(min(options.window, 65_000))
        client.max_queued_messages_set(min(options.window, 65_000) + 1)
        client.reconnect_delay_set(1, 15)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        self._client = client

    # --- what paho's thread tells ---

    def _on_connect(
        self, _client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        with self._changed:
            if reason.is_failure:
                self._refused_login = str(reason)
            else:
                if self._connected is not None:
                    self._reconnects += 1
                self._connected = True
            self._changed.notify_all()

    def _on_disconnect(self, *_args: object) -> None:
        with self._changed:
            self._connected = False if self._connected is not None else None
            self._changed.notify_all()

    def _on_publish(
        self, _client: mqtt.Client, _data: object, _mid: int, reason: ReasonCode, _properties: Properties
    ) -> None:
        with self._changed:
            if reason.is_failure:
                self._refused += 1
                self._refusal = str(reason)
                self.unauthorised = self.unauthorised or reason.value == NOT_AUTHORISED
            self._acknowledged += 1
            self._changed.notify_all()

    # --- what our thread does ---

    def connect(self) -> None:
        where = f"{self._connection.host}:{self._connection.port}"
        try:
            self._client.connect(self._connection.host, self._connection.port, keepalive=60)
        except OSError as error:
            raise SimulatorError(f"the broker at {where} cannot be reached: {error}") from error
        self._client.loop_start()
        with self._changed:
            answered = self._changed.wait_for(
                lambda: self._connected or self._refused_login, timeout=CONNECT_TIMEOUT_S
            )
            refused = self._refused_login
        if refused or not answered:
            self._client.disconnect()
            self._client.loop_stop()
            said = f"refuses the login: {refused}" if refused else "does not answer"
            raise SimulatorError(f"the broker at {where} {said}")

    def play(self, dues: Iterable[_Due]) -> None:
        self._began = self._told = time.monotonic()
        sent = 0
        for due in dues:
            due_s = self._due(due.moment.at_s, sent)
            if not self._wait_until(due_s):
                return
            for publication in due.encode():
                if not self._publish(publication):
                    return
                sent += 1
                if sent == self._options.messages:
                    return
            if due_s is not None:
                self._behind_s = max(0.0, self._elapsed() - due_s)

    def _due(self, at_s: float, sent: int) -> float | None:
        """When to send, in seconds since the run began; None: at once."""
        if self._options.closed_loop:
            return None
        if self._options.rate_per_s is not None:
            return sent / self._options.rate_per_s
        return at_s / self._options.speed

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _over(self) -> bool:
        if self.unauthorised:
            return True  # mosquitto 2.0 also closes the connection; going on would only repeat that
        duration = self._options.duration_s
        return self._stop.is_set() or (duration is not None and self._elapsed() >= duration)

    def _wait_until(self, due_s: float | None) -> bool:
        """Wait for the moment; False when the run is over before it comes."""
        while not self._over():
            self._tell()
            left = 0.0 if due_s is None else due_s - self._elapsed()
            if left <= 0:
                return True
            duration = self._options.duration_s
            if duration is not None:
                left = min(left, max(0.0, duration - self._elapsed()))
            self._stop.wait(min(left, PROGRESS_S))
        return False

    def _publish(self, publication: Publication) -> bool:
        """Hand one message to the broker; waits while too many are unacknowledged. False when the run is over."""
        while True:
            with self._changed:
                while self._published - self._acknowledged >= self._options.window:
                    if self._over():
                        return False
                    self._changed.wait(0.2)
                    self._tell()
            info = self._client.publish(
                publication.topic, publication.payload, qos=1, retain=publication.retain
            )
            if info.rc in _TAKEN:
                with self._changed:
                    self._published += 1
                return True
            if info.rc != MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                raise SimulatorError(f"a message could not be published: {mqtt.error_string(info.rc)}")
            if self._over():
                return False
            time.sleep(0.01)

    def close(self) -> None:
        """Wait for what is on its way, as long as that makes sense, then say good-bye."""
        deadline = time.monotonic() + FLUSH_S
        with self._changed:
            while self._acknowledged < self._published and self._connected:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
        self._client.disconnect()
        self._client.loop_stop()
        if self._on_progress is not None:
            self._on_progress(self.progress())

    def _tell(self) -> None:
        now = time.monotonic()
        if self._on_progress is not None and now - self._told >= PROGRESS_S:
            self._told = now
            self._on_progress(self.progress())

    def progress(self) -> Progress:
        with self._changed:
            return Progress(
                published=self._published,
                acknowledged=self._acknowledged,
                refused=self._refused,
                refusal=self._refusal,
                reconnects=self._reconnects,
                behind_s=self._behind_s,
                elapsed_s=self._elapsed(),
                interrupted=self.interrupted,
            )
