"""What a killed mosquitto loses of messages that it has confirmed, by its persistence settings.

    python -m tests.acceptance.measure_broker_loss

The figures stand in ``docs/decisions/broker-persistence.md``. For each setting: a persistent session like the
intake's, either away (its messages wait in the broker) or there and acknowledging at once; a publisher with QoS 1 at a
steady rate; kill -9 on the broker; started again, what does the session get of what the broker had confirmed?
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from api.embedded.mosquitto import EmbeddedMosquitto
from tests.integration.servers import run_folder, start

TOPIC = "lianfang/v1/{}/signal"
PAYLOAD = b'{"event": "130", "time": "2026-03-02T18:10:00Z", "battery": 87, "n": %d}'
SETTINGS: dict[str, tuple[str, ...]] = {
    "mosquitto's default (each 1,800 s)": ("autosave_on_changes false", "autosave_interval 1800"),
    "each 10 s": ("autosave_on_changes false", "autosave_interval 10"),
    "each 1 s": ("autosave_on_changes false", "autosave_interval 1"),
    "each 20,000 changes": ("autosave_on_changes true", "autosave_interval 20000"),
    "each 1,000 changes": ("autosave_on_changes true", "autosave_interval 1000"),
    "each 100 changes": ("autosave_on_changes true", "autosave_interval 100"),
    "each change": ("autosave_on_changes true", "autosave_interval 1"),
}


class Broker(EmbeddedMosquitto):
    """The embedded broker with other persistence settings."""

    autosave: tuple[str, ...] = ()

    def prepare(self) -> None:
        super().prepare()
        file = self.folder / "mosquitto.conf"
        kept = [line for line in file.read_text().splitlines() if not line.startswith("autosave")]
        self.account.write(file, "\n".join([*kept, *self.autosave]) + "\n")


@dataclass
class Session:
    """A persistent session like the intake's, which notes what it gets."""

    broker: Broker
    got: set[int] = field(default_factory=set)
    copies: int = 0
    client: mqtt.Client | None = None
    present: bool = False

    def connect(self) -> None:
        login = self.broker.login("intake")
        ready = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="measure", protocol=mqtt.MQTTv5)
        client.username_pw_set(login.username, login.password)

        def on_connect(_: mqtt.Client, __: object, flags: mqtt.ConnectFlags, *___: object) -> None:
            self.present = flags.session_present
            client.subscribe("lianfang/v1/+/signal", qos=1)

        def on_message(_: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
            number = int(bytes(message.payload).rpartition(b" ")[2][:-1])
            self.copies += number in self.got
            self.got.add(number)

        client.on_connect = on_connect
        client.on_message = on_message
        client.on_subscribe = lambda *_: ready.set()
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0xFFFFFFFF
        client.connect(login.host, login.port, clean_start=False, properties=properties)
        client.loop_start()
        assert ready.wait(20)
        self.client = client

    def leave(self) -> None:
        assert self.client is not None
        self.client.disconnect()
        self.client.loop_stop()


class Publisher:
    """Publishes numbered messages and notes which the broker confirmed."""

    def __init__(self, broker: Broker) -> None:
        login = broker.login("demo")
        self.confirmed: set[int] = set()
        self.sent = 0
        self._number_of: dict[int, int] = {}
        self._lock = threading.Lock()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="publisher", protocol=mqtt.MQTTv5)
        self.client.username_pw_set(login.username, login.password)
        self.client.max_inflight_messages_set(200)
        self.client.on_publish = self._on_publish
        self.client.connect(login.host, login.port)
        self.client.loop_start()

    def publish(self, rate_per_s: float, seconds: float) -> None:
        begin = time.monotonic()
        while (now := time.monotonic()) < begin + seconds:
            while self.sent < (now - begin) * rate_per_s:
                self.publish_one()
            time.sleep(0.002)

    def publish_one(self) -> None:
        with self._lock:
            info = self.client.publish(TOPIC.format(f"d{self.sent % 500}"), PAYLOAD % self.sent, qos=1)
            self._number_of[info.mid] = self.sent
            self.sent += 1

    def _on_publish(self, _: mqtt.Client, __: object, mid: int, *___: object) -> None:
        with self._lock:  # not before its number is known
            self.confirmed.add(self._number_of[mid])


@contextlib.contextmanager
def running(broker: Broker) -> Iterator[list[int]]:
    """The broker, with its pid, which may change; killed at the end."""
    pid = [start(broker).pid]
    try:
        yield pid
    finally:
        os.kill(pid[0], signal.SIGKILL)
        os.waitpid(pid[0], 0)


def measure(
    root: Path, name: str, autosave: tuple[str, ...], *, away: bool, rate: float, seconds: float
) -> str:
    """One row of the table."""
    broker = Broker(root / f"b{time.monotonic_ns()}" / "mosquitto")
    broker.folder.parent.mkdir(mode=0o755)
    broker.autosave = autosave
    with running(broker) as pid:
        session = Session(broker)
        session.connect()
        if away:
            session.leave()
        publisher = Publisher(broker)
        cpu = cpu_s(pid[0])
        publisher.publish(rate, seconds)
        cpu = cpu_s(pid[0]) - cpu
        os.kill(pid[0], signal.SIGKILL)
        os.waitpid(pid[0], 0)
        confirmed = set(publisher.confirmed)
        publisher.client.loop_stop()
        if session.client is not None and not away:
            session.client.loop_stop()
        pid[0] = start(broker).pid
        session.connect()
        quiet_since, had = time.monotonic(), -1
        while time.monotonic() - quiet_since < 1.5:  # nothing new for so long: that was all
            if len(session.got) != had:
                quiet_since, had = time.monotonic(), len(session.got)
            time.sleep(0.05)
        session.leave()
    lost = len(confirmed - session.got)
    return (
        f"| {name} | {'away' if away else 'there'} | {len(confirmed):,} | {lost:,} | {session.copies:,} "
        f"| {'yes' if session.present else 'no'} | {1000 * cpu / seconds:.0f} |"
    )


def cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print the table."""
    print("| saved | intake | confirmed | lost | came twice | session kept | broker's CPU, ms per s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with run_folder(f"loss-{os.getpid()}") as root:
        for away in (False, True):
            for name, autosave in SETTINGS.items():
                print(measure(root, name, autosave, away=away, rate=1000, seconds=7.3), flush=True)


if __name__ == "__main__":
    main()
