"""What to type into a device so that it speaks to this server: per protocol, as values and as a block to paste.

Pure: what each protocol's page under ``docs/protocols/`` says, with this device's own values. A test holds them equal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

HIDDEN = "••••••••"
"""Stands where a password would: it is shown once, when it is made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerAddress:
    """Where a device reaches the broker."""

    host: str
    port: int
    tls: bool = False

    @property
    def at(self) -> str:
        """Host and port in one."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What to type in. ``values``: (name, value), in the order of typing; ``paste``: the same for who can paste it."""

    base_topic: str
    values: tuple[tuple[str, str], ...]
    paste: str


def setup_of(protocol: str, device_id: str, broker: BrokerAddress, password: str | None = None) -> Setup:
    """What to type into a device that logs in itself. An unknown protocol is told the general rule."""
    base, extra, paste = _PROTOCOLS.get(protocol, _general)(device_id, broker, password or HIDDEN)
    values = (
        ("host", broker.host),
        ("port", str(broker.port)),
        ("tls", "on" if broker.tls else "off"),
        ("user", device_id),
        ("password", password or HIDDEN),
        ("base_topic", base),
        *extra,
    )
    return Setup(base_topic=base, values=values, paste=paste)


Told = tuple[str, tuple[tuple[str, str], ...], str]
"""The base topic, what else to type, the block to paste."""


def _general(device_id: str, broker: BrokerAddress, password: str) -> Told:
    base = f"gw/{device_id}"
    return base, (), _lines(server=broker.at, user=device_id, password=password, base_topic=base)


def _native(device_id: str, broker: BrokerAddress, password: str) -> Told:
    base = f"lianfang/v1/{device_id}"
    text = _lines(
        server=broker.at,
        user=device_id,
        password=password,
        topic=f"{base}/signal",
        will_topic=f"{base}/state",
        will='{"online": false}',
    )
    return base, (("topic", f"{base}/signal"), ("will_topic", f"{base}/state")), text


def _zigbee2mqtt(device_id: str, broker: BrokerAddress, password: str) -> Told:
    base = f"gw/{device_id}/zigbee2mqtt"
    return (
        base,
        (),
        "\n".join(
            [
                "mqtt:",
                f"  server: {'mqtts' if broker.tls else 'mqtt'}://{broker.at}",
                f"  base_topic: {base}",
                f"  user: {device_id}",
                f"  password: {_yaml(password)}",
                "availability:",
                "  enabled: true",
            ]
        ),
    )


def _tasmota(device_id: str, broker: BrokerAddress, password: str) -> Told:
    full = f"gw/{device_id}/%prefix%/%topic%/"
    port = "" if broker.port == 1883 else f" MqttPort {broker.port};"
    text = "\n".join(
        [
            f"Backlog MqttHost {broker.host};{port} MqttUser {device_id}; MqttPassword {password}",
            f"FullTopic {full}",
            "Backlog SetOption114 1; SwitchMode1 1; SetOption73 1",
        ]
    )
    return f"gw/{device_id}", (("full_topic", full),), text


def _shelly2(device_id: str, broker: BrokerAddress, password: str) -> Told:
    base = f"gw/{device_id}"
    config = {
        "enable": True,
        "server": broker.at,
        "user": device_id,
        "pass": password,
        "topic_prefix": base,
        "rpc_ntf": True,
        "status_ntf": True,
    }
    return (
        base,
        (("rpc_notifications", "on"), ("status_updates", "on")),
        json.dumps(config, ensure_ascii=False),
    )


def _shelly1(device_id: str, broker: BrokerAddress, password: str) -> Told:
    base = f"gw/{device_id}/"
    return (
        base,
        (("bridge_topic", f'shellies/# out 1 "" {base}'),),
        "\n".join(
            [
                "connection lianfang",
                f"address {broker.at}",
                f"remote_username {device_id}",
                f"remote_password {password}",
                f'topic shellies/# out 1 "" {base}',
            ]
        ),
    )


def _frigate(device_id: str, broker: BrokerAddress, password: str) -> Told:
    base = f"gw/{device_id}/frigate"
    port = [] if broker.port == 1883 else [f"  port: {broker.port}"]
    return (
        base,
        (("client_id", device_id),),
        "\n".join(
            [
                "mqtt:",
                "  enabled: true",
                f"  host: {_yaml(broker.host) if ':' in broker.host else broker.host}",
                *port,
                f"  user: {device_id}",
                f"  password: {_yaml(password)}",
                f"  topic_prefix: {base}",
                f"  client_id: {device_id}",
            ]
        ),
    )


def _ttn(device_id: str, broker: BrokerAddress, password: str) -> Told:
    base = f"gw/{device_id}/ttn"
    text = _lines(
        server=broker.at, user=device_id, password=password, format="JSON", base_topic=base, uplink="up"
    )
    return base, (("uplink", "up"), ("format", "JSON")), text


def _chirpstack(device_id: str, broker: BrokerAddress, password: str) -> Told:
    base = f"gw/{device_id}"
    topic = base + "/application/{{application_id}}/device/{{dev_eui}}/event/{{event}}"
    return (
        base,
        (("event_topic", topic),),
        "\n".join(
            [
                "[integration.mqtt]",
                f'  server="{"ssl" if broker.tls else "tcp"}://{broker.at}/"',
                f'  username="{device_id}"',
                f'  password="{password}"',
                "  json=true",
                f'  event_topic="{topic}"',
            ]
        ),
    )


def _lines(**values: str) -> str:
    return "\n".join(f"{name}: {value}" for name, value in values.items())


def _yaml(text: str) -> str:
    """A scalar that no reader of YAML takes for something else: a password may be all digits, or begin with a dash."""
    return json.dumps(text, ensure_ascii=False)


_PROTOCOLS: dict[str, Callable[[str, BrokerAddress, str], Told]] = {
    "lianfang": _native,
    "zigbee2mqtt": _zigbee2mqtt,
    "tasmota": _tasmota,
    "shelly1": _shelly1,
    "shelly2": _shelly2,
    "frigate": _frigate,
    "ttn": _ttn,
    "chirpstack": _chirpstack,
}
