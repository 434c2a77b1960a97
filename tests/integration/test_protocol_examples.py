"""The examples of docs/protocols, typed as they stand there: each device may publish it, and the intake hears it."""

from __future__ import annotations

import re
import shlex
import subprocess
import threading
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.integration.servers import Broker

PAGES = sorted((Path(__file__).parents[2] / "docs" / "protocols").glob("*.md"))
EXAMPLE = re.compile(r"```sh\n(mosquitto_pub[^`]*?)\n```")
WAIT_S = 20.0


def test_the_examples_reach_the_intake_as_their_devices(broker: Broker) -> None:
    examples = [
        shlex.split(command.replace("\\\n", " "))
        for page in PAGES
        for command in EXAMPLE.findall(page.read_text(encoding="utf-8"))
    ]
    wanted = {(words[words.index("-t") + 1], words[words.index("-m") + 1].encode()) for words in examples}
    assert len(wanted) > 15
    users = {words[words.index("-u") + 1] for words in examples}
    broker.add_devices({user: f"password-of-{user}" for user in users})

    heard: set[tuple[str, bytes]] = set()
    changed, subscribed = threading.Condition(), threading.Event()

    def on_message(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with changed:
            heard.add((message.topic, bytes(message.payload)))
            changed.notify_all()

    login = broker.login("intake")
    intake = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    intake.username_pw_set(login.username, login.password)
    intake.on_message = on_message
    intake.on_subscribe = lambda *_: subscribed.set()
    intake.connect(login.host, login.port)
    intake.loop_start()
    try:
        intake.subscribe([("lianfang/v1/#", 1), ("gw/#", 1)])
        assert subscribed.wait(WAIT_S)
        for words in examples:
            user = words[words.index("-u") + 1]
            words[words.index("-h") + 1], words[words.index("-p") + 1] = broker.host, str(broker.port)
            words[words.index("-P") + 1] = f"password-of-{user}"
            subprocess.run(words, check=True, timeout=30)
        with changed:
            assert changed.wait_for(lambda: wanted <= heard, WAIT_S), wanted - heard
    finally:
        intake.disconnect()
        intake.loop_stop()
