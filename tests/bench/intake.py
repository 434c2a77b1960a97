"""`./run bench intake`: how many signals a second the intake stores, beside its limit and its peer, in one run.

Limit: a bare paho subscriber that stores nothing and drains the same backlog. Peer: Node-RED 4, an insert a message.
All three drain what waits in the broker, in turn and several rounds, so that no publisher is the bottleneck; broker,
intake and PostGIS share the machine. Then the intake beside a publisher. The mix: 10 % open an alarm (and its
incident), 30 % repeat an open alarm, 15 % restore, 45 % status.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from statistics import median

import orjson
import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from api.embedded.mosquitto import Login
from tests.bench import node_red
from tests.bench.report import report, warn_if_busy
from tests.bench.world import World, fill, world

LIMIT_CLIENT = "bench-limit"
TOPIC = "lianfang/v1/+/signal"
UNCONFIRMED = 5000
"""Most messages that a publisher has on the way: more only fill its memory."""


def messages(count: int, devices: int, seed: int = 1) -> list[tuple[str, bytes]]:
    """The signals of a busy hour, in order: (topic, payload)."""
    rng = random.Random(seed)  # a repeatable mix
    unopened = list(range(1, devices + 1))
    rng.shuffle(unopened)
    opened: list[int] = []
    result = []
    for number in range(count):
        fields: dict[str, str | int]
        draw = rng.random()
        if draw < 0.10 or not opened:
            device, fields = unopened.pop(), {"event": "130", "zone": "1"}
            opened.append(device)
        elif draw < 0.40:
            device, fields = rng.choice(opened), {"event": "130", "zone": "1"}
        elif draw < 0.55:
            device, fields = rng.choice(opened), {"event": "130", "zone": "1", "qualifier": "restore"}
        else:
            device = rng.randint(1, devices)
            fields = {"event": "602", "qualifier": "status", "battery": rng.randint(20, 100), "rssi": -70}
        payload = {
            "id": f"m{number}",
            "time": f"2026-11-23T10:{number // 60 % 60:02d}:{number % 60:02d}+08:00",
        }
        result.append((f"lianfang/v1/bench-{device}/signal", orjson.dumps(payload | fields)))
    return result


def session(login: Login, client_id: str, receive_maximum: int) -> mqtt.Client:
    """A client with a persistent session that acknowledges by hand."""
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, manual_ack=True
    )
    client.username_pw_set(login.username, login.password)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 0xFFFFFFFF
    properties.ReceiveMaximum = receive_maximum
    client.connect(login.host, login.port, clean_start=False, properties=properties)
    return client


def open_session(login: Login, client_id: str, topics: list[str]) -> None:
    """Subscribe once and leave, so that the broker queues for this client from now on."""
    client = session(login, client_id, 100)
    subscribed = []
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.subscribe([(topic, 1) for topic in topics])
    while not subscribed:
        client.loop(0.1)
    client.disconnect()
    client.loop(0.1)


def forget_session(login: Login, client_id: str) -> None:
    """End a session: the broker keeps nothing for it any more."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
    client.username_pw_set(login.username, login.password)
    connected = []
    client.on_connect = lambda *_: connected.append(True)
    client.connect(login.host, login.port, clean_start=True)
    while not connected:
        client.loop(0.1)
    client.disconnect()
    client.loop(0.1)


def publish(
    login: Login, batch: list[tuple[str, bytes]], rate: float | None = None, begin: float | None = None
) -> float:
    """Publish at QoS 1, at most ``rate`` a second; returns the seconds it took until the last was confirmed.

    With ``begin`` (seconds since 1970) message n is due at ``begin + n / rate``, however late those before it were.
    """
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.username_pw_set(login.username, login.password)
    client.max_inflight_messages_set(1000)
    client.connect(login.host, login.port)
    client.loop_start()
    began = time.monotonic() + (0.0 if begin is None else begin - time.time())
    waiting: deque[mqtt.MQTTMessageInfo] = deque()
    for number, (topic, payload) in enumerate(batch):
        if rate is not None and (ahead := number / rate - (time.monotonic() - began)) > 0:
            time.sleep(ahead)
        waiting.append(client.publish(topic, payload, qos=1))
        if len(waiting) > UNCONFIRMED:
            waiting.popleft().wait_for_publish()
    for info in waiting:
        info.wait_for_publish()
    took = time.monotonic() - began
    client.disconnect()
    client.loop_stop()
    return took


def drain_bare(login: Login, count: int) -> float:
    """The limit: receive and acknowledge, store nothing; returns seconds."""
    client = session(login, LIMIT_CLIENT, 2000)
    received = 0

    def on_message(_: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        nonlocal received
        received += 1
        client.ack(message.mid, 1)

    client.on_message = on_message
    began = time.monotonic()
    while received < count:
        client.loop(1.0)
    took = time.monotonic() - began
    client.disconnect()
    return took


def start_intake(w: World, count: int) -> subprocess.Popen[str]:
    """The intake as a process of its own, until it stored ``count``."""
    command = [sys.executable, "-m", "tests.bench.intake_process", w.postgres.url, str(count)]
    environment = os.environ | {"BENCH_MQTT": json.dumps(asdict(w.mosquitto.login("intake")))}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def finish_intake(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Wait until it is done; returns the seconds from its start to the last stored, and its peak memory in MB."""
    output, _ = process.communicate()
    if process.returncode != 0:
        sys.exit(f"the intake failed with {process.returncode}")
    figures = json.loads(output.splitlines()[-1])
    return float(figures["seconds"]), float(figures["peak_rss_mb"])


def run_live(w: World, batch: list[tuple[str, bytes]], rate: float | None) -> tuple[float, float]:
    """The intake beside its publisher; returns seconds from the first publish to the last stored, and memory in MB."""
    process = start_intake(w, len(batch))
    with psycopg.connect(w.postgres.url, autocommit=True) as conn:
        publish(w.mosquitto.login("demo"), batch[:1])
        first = orjson.loads(batch[0][1])["id"]
        while not conn.execute("SELECT 1 FROM message_ids WHERE message_id = %s", [first]).fetchone():
            time.sleep(0.1)  # it is up when its first signal is in
    began = time.monotonic()
    publish(w.mosquitto.login("demo"), batch[1:], rate)
    _, peak_rss_mb = finish_intake(process)
    return time.monotonic() - began, peak_rss_mb


def stored(conn: psycopg.Connection) -> tuple[int, int]:
    """Signals in the database, and how many distinct ones."""
    row = conn.execute("SELECT count(*), count(DISTINCT message_id) FROM signals").fetchone()
    assert row is not None
    return row[0], row[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=200_000)
    parser.add_argument("--signals", type=int, default=200_000, help="the backlog of each round")
    parser.add_argument(
        "--rounds", type=int, default=3, help="limit, intake and peer in turn; medians are told"
    )
    parser.add_argument(
        "--peer-signals", type=int, default=20_000, help="the peer's backlog, the first of the same"
    )
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument(
        "--live-rate", type=float, default=5000, help="signals/s published beside the intake; 0: all"
    )
    parser.add_argument("--live-signals", type=int, default=50_000)
    options = parser.parse_args()
    warn_if_busy()
    from alarms.receiving.mqtt import TOPICS, Broker

    with world() as w:
        with psycopg.connect(w.postgres.url) as conn:
            fill(conn, options.devices)
        intake, demo = w.mosquitto.login("intake"), w.mosquitto.login("demo")
        everything = messages(options.rounds * options.signals + options.live_signals, options.devices)
        open_session(intake, Broker(**asdict(intake)).client_id, list(TOPICS))
        open_session(intake, LIMIT_CLIENT, [TOPIC])
        peer = None
        if not options.no_peer:
            peer = node_red.NodeRed(Path("var/bench/node-red"), intake, w.postgres.url)
            peer.prepare()
            peer.open_session()
        rates: dict[str, list[float]] = {"publish": [], "limit": [], "stored": [], "peer": []}
        peaks = []
        for number in range(options.rounds):
            batch = everything[number * options.signals :][: options.signals]
            rates["publish"].append(len(batch) / publish(demo, batch))
            rates["limit"].append(len(batch) / drain_bare(intake, len(batch)))
            took, peak = finish_intake(start_intake(w, len(batch)))
            rates["stored"].append(len(batch) / took)
            peaks.append(peak)
            if peer is not None:
                batch = [
                    (topic.replace("/signal", "/position"), payload)
                    for topic, payload in batch[: options.peer_signals]
                ]
                publish(demo, batch)
                rates["peer"].append(len(batch) / peer.drain(len(batch)))
            told = ", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in rates.items() if values)
            print(
                f"round {number + 1} of {options.rounds}: {told}; load {os.getloadavg()[0]:.1f}", flush=True
            )
        forget_session(intake, LIMIT_CLIENT)
        live = everything[options.rounds * options.signals :]
        live_s, peak = run_live(w, live, options.live_rate or None)
        peaks.append(peak)
        with psycopg.connect(w.postgres.url) as conn:
            rows, distinct = stored(conn)
            counts = conn.execute(
                "SELECT (SELECT count(*) FROM alarms), (SELECT count(*) FROM incidents), (SELECT count(*) FROM changes)"
            ).fetchone()
        print("alarms, incidents, changes:", counts)
        figures = {
            "stored_per_s": median(rates["stored"]),
            "limit_per_s": median(rates["limit"]),
            "ratio_limit": median(a / b for a, b in zip(rates["stored"], rates["limit"], strict=True)),
            "publish_per_s": median(rates["publish"]),
            "live_per_s": len(live) / live_s,
            "lost": len(everything) - distinct,
            "duplicated": rows - distinct,
            "peak_rss_mb": max(peaks),
        }
        notes = {
            "stored_per_s": f"backlog of {options.signals:,}, median of {options.rounds} rounds",
            "limit_per_s": "a bare subscriber that stores nothing, the same backlog",
            "live_per_s": f"published at {options.live_rate or 'most'} /s beside it",
        }
        if peer is not None:
            figures["peer_per_s"] = median(rates["peer"])
            figures["ratio_peer"] = median(a / b for a, b in zip(rates["stored"], rates["peer"], strict=True))
            notes["peer_per_s"] = (
                f"Node-RED, the first {options.peer_signals:,} of the same, on a topic of its own"
            )
        report("intake", figures, notes)


if __name__ == "__main__":
    main()
