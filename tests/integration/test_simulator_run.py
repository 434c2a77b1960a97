"""The simulator through a real broker: all arrives once, at the rate asked for; a broker that dies is survived."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from alarms.simulator.device import SimulatedDevice
from alarms.simulator.devices import read_devices
from alarms.simulator.run import Connection, Options, Progress, SimulatorError, simulate
from api.embedded.mosquitto import EmbeddedMosquitto, Login
from tests.integration.servers import Broker, start

WAIT_S = 20.0


def devices(prefix: str, count: int = 50) -> list[SimulatedDevice]:
    return [
        SimulatedDevice(device_id=f"{prefix}-{n}", publisher=f"{prefix}-{n}", child=None, protocol="lianfang",
                        kind="door_contact", site_id=n // 3)
        for n in range(count)
    ]  # fmt: skip


def connection(login: Login) -> Connection:
    return Connection(host=login.host, port=login.port, username=login.username, password=login.password)


class Listener:
    """What the intake's login hears of some devices."""

    def __init__(self, login: Login, prefix: str) -> None:
        self.payloads: list[tuple[str, bytes]] = []
        self.changed = threading.Condition()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.username_pw_set(login.username, login.password)
        self.client.on_message = self._on_message
        self.subscribed = threading.Event()
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.prefix = prefix
        self.client.connect(login.host, login.port)
        self.client.loop_start()
        self.client.subscribe("lianfang/v1/+/signal", qos=1)
        assert self.subscribed.wait(WAIT_S)

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.startswith(f"lianfang/v1/{self.prefix}"):
            with self.changed:
                self.payloads.append((message.topic, bytes(message.payload)))
                self.changed.notify_all()

    def until(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.payloads) >= count, WAIT_S), len(self.payloads)


@contextmanager
def listening(login: Login, prefix: str) -> Iterator[Listener]:
    listener = Listener(login, prefix)
    try:
        yield listener
    finally:
        listener.client.disconnect()
        listener.client.loop_stop()


def test_in_a_closed_loop_every_message_arrives_once(broker: Broker) -> None:
    with listening(broker.login("intake"), "closed") as listener:
        told: list[Progress] = []
        options = Options(scenario="day", closed_loop=True, window=20, messages=2000)
        progress = simulate(
            connection(broker.login("demo")), options, devices("closed"), on_progress=told.append
        )
        listener.until(2000)
    assert (progress.published, progress.acknowledged, progress.refused) == (2000, 2000, 0)
    assert len(listener.payloads) == len(set(listener.payloads)) == 2000
    assert told[-1].published == 2000


def test_an_open_loop_keeps_its_rate(broker: Broker) -> None:
    """By its own schedule: a machine that is too slow for it is behind, and says by how much."""
    options = Options(scenario="day", rate_per_s=200, messages=400)
    progress = simulate(connection(broker.login("demo")), options, devices("open"))
    assert (progress.published, progress.acknowledged) == (400, 400)
    assert progress.elapsed_s >= 399 / 200, "not faster"
    assert progress.elapsed_s - progress.behind_s < 2 * 399 / 200, "nor planned slower"


def test_by_the_scenarios_clock_a_faster_speed_plays_more(broker: Broker) -> None:
    slow, fast = (
        simulate(
            connection(broker.login("demo")),
            Options(scenario="day", speed=speed, duration_s=1.5),
            devices("clock"),
        )
        for speed in (20_000, 100_000)
    )
    assert slow.published * 2 < fast.published


def test_it_stops_when_told(broker: Broker) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    began = time.monotonic()
    progress = simulate(
        connection(broker.login("demo")), Options(scenario="day", rate_per_s=50), devices("stop"), stop=stop
    )
    assert time.monotonic() - began < 5
    assert progress.acknowledged == progress.published > 5


def test_ctrl_c_stops_it_cleanly(broker: Broker) -> None:
    def interrupt(progress: Progress) -> None:
        if not interrupted:
            interrupted.append(progress)
            raise KeyboardInterrupt

    interrupted: list[Progress] = []
    progress = simulate(
        connection(broker.login("demo")),
        Options(scenario="day", rate_per_s=50),
        devices("ctrl-c"),
        on_progress=interrupt,
    )
    assert progress.interrupted
    assert progress.acknowledged == progress.published > 0


def test_a_broker_that_dies_and_comes_back_loses_nothing_that_was_published(fresh_broker: Broker) -> None:
    login = fresh_broker.login("demo")
    told: list[Progress] = []
    restarted: list[subprocess.Popen[bytes]] = []

    def kill_once(progress: Progress) -> None:
        told.append(progress)
        if not restarted and progress.acknowledged > 50:
            os.kill(fresh_broker.pid, signal.SIGKILL)
            os.waitpid(fresh_broker.pid, 0)
            restarted.append(start(EmbeddedMosquitto(fresh_broker.folder)))

    try:
        # More than may be unacknowledged at a time: it cannot end before it is connected again.
        options = Options(scenario="day", rate_per_s=200, messages=600, window=100)
        progress = simulate(connection(login), options, devices("dies"), on_progress=kill_once)
    finally:
        for process in restarted:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert restarted
    assert progress.reconnects >= 1
    assert (progress.published, progress.acknowledged) == (600, 600)


def test_topics_that_the_login_may_not_use_are_told(broker: Broker) -> None:
    """MQTT 5: the acknowledgement says not authorised; a simulator that stays silent about it would lie."""
    options = Options(scenario="day", rate_per_s=20)
    with pytest.raises(SimulatorError, match=r"Not authorized.*may not publish for these devices"):
        simulate(connection(broker.login("intake")), options, devices("denied"))


def test_a_wrong_password_is_said_in_words(broker: Broker) -> None:
    login = broker.login("demo")
    wrong = Connection(host=login.host, port=login.port, username="demo", password="wrong")
    with pytest.raises(SimulatorError, match="refuses the login"):
        simulate(wrong, Options(), devices("x"))


def test_a_broker_that_is_not_there_is_said_in_words() -> None:
    with pytest.raises(SimulatorError, match="cannot be reached"):
        simulate(Connection(host="127.0.0.1", port=9), Options(), devices("x"))


def test_no_devices_is_said_in_words() -> None:
    with pytest.raises(SimulatorError, match="no device to simulate"):
        simulate(Connection(host="127.0.0.1", port=9), Options(), [])


def test_devices_are_read_with_the_login_they_speak_through(owner_conn: psycopg.Connection) -> None:
    owner_conn.execute(
        "INSERT INTO divisions (code, tier, name) VALUES ('411200000000', 1, '市'), ('411202000000', 2, '区'),"
        " ('411202100000', 3, '镇'), ('411202100201', 4, '村')"
    )
    owner_conn.execute(
        "INSERT INTO devices (device_id, kind, protocol) VALUES ('gw-1', 'gateway', 'zigbee2mqtt'),"
        " ('horn', 'loudspeaker', 'lianfang')"
    )
    owner_conn.execute(
        "INSERT INTO devices (device_id, kind, protocol, gateway_id, external_id, zone, county, township, village)"
        " SELECT 'pir-1', 'infrared_sensor', 'lianfang', id, '西屋/1', '3', '411202000000', '411202100000',"
        " '411202100201' FROM devices WHERE device_id = 'gw-1'"
    )
    owner_conn.execute(
        "INSERT INTO devices (device_id, kind, status) VALUES ('old', 'door_contact', 'retired')"
    )
    pir = SimulatedDevice(
        device_id="pir-1", publisher="gw-1", child="西屋/1", protocol="zigbee2mqtt", kind="infrared_sensor",
        zones=("3",), township="411202100000",
    )  # fmt: skip
    gateway = SimulatedDevice(
        device_id="gw-1", publisher="gw-1", child=None, protocol="zigbee2mqtt", kind="gateway"
    )
    assert read_devices(owner_conn) == [gateway, pir]
    assert read_devices(owner_conn, limit=1) == [gateway]
    for division in ("411200000000", "411202000000", "411202100000", "411202100201"):
        assert read_devices(owner_conn, division=division) == [pir]
    assert read_devices(owner_conn, division="411221000000") == []
