"""The embedded mosquitto: who may say and hear what, what it keeps, what it does with new logins."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import time
from pathlib import Path

import pytest

from api.embedded.mosquitto import EmbeddedMosquitto, Login
from api.services import Supervisor
from api.up import server
from tests.integration.processes import is_gone
from tests.integration.servers import Broker, start
from tests.integration.talking import WAIT_S, talking


def device(broker: Broker, name: str, password: str) -> Login:
    return Login(broker.host, broker.port, name, password)


def test_nobody_comes_in_without_a_login(broker: Broker) -> None:
    for login in (
        Login(broker.host, broker.port, "", ""),
        device(broker, "intake", "wrong"),
        device(broker, "x", "y"),
    ):
        with talking(login) as talker:
            assert talker.code is not None
            assert talker.code.is_failure


def test_a_device_speaks_for_itself_only(broker: Broker) -> None:
    broker.add_devices({"ir-1": "hush-1", "ir-2": "hush-2"})
    with talking(broker.login("intake")) as intake, talking(device(broker, "ir-1", "hush-1")) as sensor:
        for topic in ("lianfang/v1/+/signal", "lianfang/v1/+/state", "gw/#"):
            intake.subscribe(topic)
        allowed = ("lianfang/v1/ir-1/signal", "lianfang/v1/ir-1/state", "gw/ir-1/zigbee/door")
        refused = (
            "lianfang/v1/ir-2/signal",
            "lianfang/v1/ir-1/ack",
            "lianfang/v1/ir-1/command",
            "gw/ir-2/x",
            "enrol/x",
        )
        for topic in refused:
            assert sensor.publish(topic).getName() == "Not authorized", topic
        for topic in allowed:
            assert not sensor.publish(topic).is_failure, topic
        intake.until(lambda: len(intake.heard) >= len(allowed))
        assert [topic for topic, _ in intake.heard] == list(allowed)


def test_a_device_hears_only_what_is_said_to_it(broker: Broker) -> None:
    broker.add_devices({"ir-3": "hush-3", "ir-4": "hush-4"})
    with talking(broker.login("intake")) as intake, talking(device(broker, "ir-3", "hush-3")) as sensor:
        sensor.subscribe("#")
        for topic in (
            "lianfang/v1/ir-4/ack",
            "lianfang/v1/ir-4/command",
            "lianfang/v1/ir-3/ack",
            "lianfang/v1/ir-3/command",
        ):
            assert not intake.publish(topic).is_failure
        sensor.until(lambda: len(sensor.heard) >= 2)
        assert [topic for topic, _ in sensor.heard] == ["lianfang/v1/ir-3/ack", "lianfang/v1/ir-3/command"]


def test_a_strangers_device_may_enrol_and_nothing_else(broker: Broker) -> None:
    with talking(broker.login("enrol")) as stranger:
        assert not stranger.publish("enrol/0x00158d0001").is_failure
        for topic in ("lianfang/v1/ir-1/signal", "gw/ir-1/x"):
            assert stranger.publish(topic).is_failure, topic


def test_new_logins_work_at_once_and_connections_stay(broker: Broker) -> None:
    with talking(broker.login("demo")) as old:
        broker.add_devices({"ir-5": "hush-5"})
        with talking(device(broker, "ir-5", "hush-5")) as sensor:
            assert sensor.code is not None
            assert not sensor.code.is_failure
        assert not old.publish("lianfang/v1/ir-5/signal").is_failure
        assert old.client.is_connected()


def test_what_waits_for_the_intake_outlives_a_restart(fresh_broker: Broker) -> None:
    """5,000 messages (the default would drop past 1,000) wait for a session that is away, over a clean restart."""
    login = fresh_broker.login("intake")
    with talking(login, "lianfang-intake", persistent=True) as intake:
        intake.subscribe("lianfang/v1/+/signal")
    with talking(fresh_broker.login("demo")) as demo:
        last = None
        for number in range(5_000):
            last = demo.client.publish("lianfang/v1/ir-1/signal", b"%d" % number, qos=1)
        assert last is not None
        last.wait_for_publish(30)
        assert last.is_published()
    os.kill(fresh_broker.pid, signal.SIGTERM)
    os.waitpid(fresh_broker.pid, 0)
    again = EmbeddedMosquitto(fresh_broker.folder)
    process = start(again)
    try:
        assert again.port == fresh_broker.port
        with talking(login, "lianfang-intake", persistent=True) as intake:
            assert intake.session_present
            intake.until(lambda: len(intake.heard) >= 5_000)
            assert [int(payload) for _, payload in intake.heard] == list(range(5_000))
    finally:
        process.terminate()
        process.wait()


def test_what_was_saved_outlives_kill_9(fresh_broker: Broker) -> None:
    """What the broker confirmed before its last saving (every second) is there again after kill -9."""
    login = fresh_broker.login("intake")
    with talking(login, "lianfang-intake", persistent=True) as intake:
        intake.subscribe("lianfang/v1/+/signal")
    with talking(fresh_broker.login("demo")) as demo:
        for number in range(200):
            assert not demo.publish("lianfang/v1/ir-1/signal", b"%d" % number).is_failure
    confirmed = time.time()
    store = fresh_broker.folder / "store" / "mosquitto.db"
    deadline = confirmed + WAIT_S
    while not store.exists() or store.stat().st_mtime <= confirmed:
        assert time.time() < deadline, "the broker never saved"
        time.sleep(0.05)
    os.kill(fresh_broker.pid, signal.SIGKILL)
    os.waitpid(fresh_broker.pid, 0)
    again = EmbeddedMosquitto(fresh_broker.folder)
    process = start(again)
    try:
        with talking(login, "lianfang-intake", persistent=True) as intake:
            assert intake.session_present
            intake.until(lambda: len(intake.heard) >= 200)
    finally:
        process.terminate()
        process.wait()


def test_started_by_root_it_does_not_run_as_root(broker: Broker) -> None:
    with open(f"/proc/{broker.pid}/status") as status:  # noqa: PTH123 - not a file
        uid = next(line.split()[1] for line in status if line.startswith("Uid:"))
    assert int(uid) == (os.geteuid() or pwd.getpwnam("mosquitto").pw_uid)


def test_an_earlier_broker_that_is_still_there_is_stopped_first(fresh_broker: Broker) -> None:
    """Two on one store would write over each other; and devices hold on to the port."""
    second = EmbeddedMosquitto(fresh_broker.folder)
    process = start(second)
    try:
        assert second.port == fresh_broker.port
        assert is_gone(fresh_broker.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


@pytest.mark.parametrize("left", ["half", "zeros"])
async def test_a_store_that_cannot_be_read_is_put_aside(
    fresh_broker: Broker, tmp_path: Path, left: str
) -> None:
    """A broker that never starts again loses more than what it held."""
    login = fresh_broker.login("intake")
    with talking(login, "lianfang-intake", persistent=True) as intake:
        intake.subscribe("lianfang/v1/+/signal")
    with talking(fresh_broker.login("demo")) as demo:
        for _ in range(50):
            demo.publish("lianfang/v1/ir-1/signal", b"x" * 100)
    os.kill(fresh_broker.pid, signal.SIGTERM)
    await asyncio.to_thread(os.waitpid, fresh_broker.pid, 0)
    store = fresh_broker.folder / "store" / "mosquitto.db"
    whole = store.read_bytes()
    broken = whole[: len(whole) // 2] if left == "half" else bytes(len(whole))
    store.write_bytes(broken)

    said: list[str] = []
    supervisor = Supervisor(tmp_path, said.append)
    again = EmbeddedMosquitto(fresh_broker.folder)
    await supervisor.start(server(again))
    try:
        assert again.is_ready()
        (told,) = said
        assert "cannot read what it kept" in told
        (aside,) = store.parent.glob("mosquitto.db.broken-*")
        assert str(aside) in told
        assert aside.read_bytes() == broken
    finally:
        await supervisor.stop()
