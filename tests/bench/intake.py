"""`./run bench intake`: how many signals a second the intake stores, beside its limit and its peer, in one run.

Limit: a bare paho subscriber that stores nothing and drains the same backlog. Peer: Node-RED 4 with an insert a message.
All three drain what waits in the broker, so that no publisher is the bottleneck; broker, intake and PostGIS share the
machine. The mix: 10 % open an alarm (and its incident), 30 % repeat an open alarm, 15 % restore, 45 % status.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import orjson
import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from api.embedded.mosquitto import Login
from tests.bench.report import report
from tests.bench.world import World, fill, world

LIMIT_CLIENT = "bench-limit"
TOPIC = "lianfang/v1/+/signal"


def messages(count: int, devices: int, seed: int = 1) -> list[tuple[str, bytes]]:
    """The signals of a busy hour, in order: (topic, payload)."""
    rng = random.Random(seed)  # noqa: S311 - a repeatable mix, not a secret
    unopened = list(range(1, devices + 1))
    rng.shuffle(unopened)
    opened: list[int] = []
    result = []
    for number in range(count):
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
    properties = Properties(PacketTypes.CONNECT)
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


def publish(login: Login, batch: list[tuple[str, bytes]], rate: float | None = None) -> float:
    """Publish at QoS 1, at most ``rate`` a second; returns the seconds it took until the last was confirmed."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.username_pw_set(login.username, login.password)
    client.max_inflight_messages_set(1000)
    client.connect(login.host, login.port)
    client.loop_start()
    began = time.monotonic()
    last = None
    for number, (topic, payload) in enumerate(batch):
        if rate is not None and (ahead := number / rate - (time.monotonic() - began)) > 0:
            time.sleep(ahead)
        while (last := client.publish(topic, payload, qos=1)).rc == mqtt.MQTT_ERR_QUEUE_SIZE:
            time.sleep(0.01)
    if last is not None:
        last.wait_for_publish()
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


def drain_intake(w: World, count: int) -> tuple[float, float]:
    """Run the intake as a process of its own until it stored ``count``; returns seconds and its peak memory in MB."""
    command = [sys.executable, "-m", "tests.bench.intake_process", w.postgres.url, str(count)]
    environment = os.environ | {"BENCH_MQTT": json.dumps(asdict(w.mosquitto.login("intake")))}
    process = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603
    figures = json.loads(process.stdout.splitlines()[-1])
    return float(figures["seconds"]), float(figures["peak_rss_mb"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=200_000)
    parser.add_argument("--signals", type=int, default=200_000)
    parser.add_argument("--live-rate", type=float, default=5000)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    from alarms.receiving.mqtt import CLIENT_ID, TOPICS

    with world() as w:
        with psycopg.connect(w.postgres.url) as conn:
            fill(conn, options.devices)
        batch = messages(options.signals, options.devices)
        intake, demo = w.mosquitto.login("intake"), w.mosquitto.login("demo")
        open_session(intake, CLIENT_ID, list(TOPICS))
        open_session(intake, LIMIT_CLIENT, [TOPIC])
        print(f"publishing {len(batch):,} messages at QoS 1 ...", flush=True)
        publish_s = publish(demo, batch)
        limit_s = drain_bare(intake, len(batch))
        stored_s, peak_rss_mb = drain_intake(w, len(batch))
        with psycopg.connect(w.postgres.url) as conn:
            row = conn.execute("SELECT count(*), count(DISTINCT message_id) FROM signals").fetchone()
            assert row is not None
            stored, distinct = row
            counts = conn.execute(
                "SELECT (SELECT count(*) FROM alarms), (SELECT count(*) FROM incidents), (SELECT count(*) FROM changes)"
            ).fetchone()
        print("alarms, incidents, changes:", counts)
        n = len(batch)
        report(
            "intake",
            {
                "stored_per_s": n / stored_s,
                "limit_per_s": n / limit_s,
                "ratio_limit": limit_s / stored_s,
                "publish_per_s": n / publish_s,
                "lost": n - distinct,
                "duplicated": stored - distinct,
                "peak_rss_mb": peak_rss_mb,
            },
        )


if __name__ == "__main__":
    main()
