"""What happens at a device, in the words of its maker: the other way round from ``receiving/protocols``.

The messages carry what the makers' documents show, and no sign of a simulator. An encoder keeps what a device
keeps: its battery, the state of its contacts, its counters.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import orjson

from alarms.simulator.device import Happening, Publication, SimulatedDevice
from alarms.simulator.words import CONTACT_ID, LORA_CHANGES, SHELLY1_WORDS, Z2M_CHANGES, Z2M_STATES

H = Happening
ZONE_OF_CITY = timezone(timedelta(hours=8))


@dataclass(slots=True)
class _Memory:
    """What a device remembers between its messages."""

    battery: int
    rssi: int
    linkquality: int
    counter: int = 0
    state: dict[str, Any] = field(default_factory=dict)


class Encoder:
    """Turns happenings into messages; one for a whole run.

    ``boot`` tells this run's message ids from those of an earlier run with the same seed, as a restarted device's
    would differ: seconds since 1970 will do.
    """

    def __init__(self, rng: Random, *, boot: int) -> None:
        self._rng = rng
        self._boot = boot
        self._memory: dict[str, _Memory] = {}

    def encode(self, device: SimulatedDevice, what: Happening, now: datetime) -> tuple[Publication, ...]:
        """The messages that this device sends when this happens; none when it has no word for it."""
        memory = self._memory.get(device.device_id)
        if memory is None:
            memory = _Memory(
                battery=self._rng.randint(55, 100),
                rssi=self._rng.randint(-92, -48),
                linkquality=self._rng.randint(40, 220),
            )
            self._memory[device.device_id] = memory
        memory.counter += 1
        if what is H.BATTERY_LOW:
            memory.battery = self._rng.randint(3, 9)
        elif what is H.BATTERY_CHANGED:
            memory.battery = 100
        return tuple(_ENCODERS[device.protocol](self, device, what, memory, now))

    def knows(self, protocol: str) -> bool:
        """Whether devices of this protocol can be simulated."""
        return protocol in _ENCODERS

    # --- one method a protocol ---

    def _lianfang(
        self, device: SimulatedDevice, what: Happening, memory: _Memory, now: datetime
    ) -> list[Publication]:
        base = (
            f"lianfang/v1/{device.publisher}"
            if device.child is None
            else f"gw/{device.publisher}/lianfang/v1/{device.child}"
        )
        if what in (H.OFFLINE, H.ONLINE):
            return [Publication(f"{base}/state", _json({"online": what is H.ONLINE}), retain=True)]
        event, qualifier = CONTACT_ID[what]
        body: dict[str, Any] = {
            "id": f"{self._boot:x}-{memory.counter}",
            "event": event,
            "time": now.astimezone(ZONE_OF_CITY).isoformat(timespec="seconds"),
            "qualifier": qualifier,
        }
        if device.zones:
            if qualifier == "new":
                memory.state[event] = device.zones[memory.counter % len(device.zones)]
            body["zone"] = memory.state.get(event, device.zones[0])
        if device.kind not in ("alarm_panel", "camera"):
            body["battery"] = memory.battery
        body["rssi"] = memory.rssi + self._rng.randint(-3, 3)
        if device.kind == "camera" and what is H.MOTION:
            body["verdict"] = {"class": "person", "confidence": round(self._rng.uniform(0.55, 0.98), 2)}
        return [Publication(f"{base}/signal", _json(body))]

    def _zigbee2mqtt(
        self, device: SimulatedDevice, what: Happening, memory: _Memory, now: datetime
    ) -> list[Publication]:
        base = f"gw/{device.publisher}/zigbee2mqtt"
        if device.child is None:
            if what not in (H.OFFLINE, H.ONLINE):
                return []
            return [Publication(f"{base}/bridge/state", _online(what), retain=True)]
        topic = f"{base}/{device.child}"
        if what in (H.OFFLINE, H.ONLINE):
            return [Publication(f"{topic}/availability", _online(what), retain=True)]
        state = memory.state
        if not state:
            state.update(Z2M_STATES.get(device.kind, {"tamper": False}))
            state["battery_low"] = False
        if what is H.PANIC:
            message: dict[str, Any] = {"action": "emergency", "battery": memory.battery}
            return [Publication(topic, _json({**message, "linkquality": memory.linkquality}))]
        change = Z2M_CHANGES.get(what)
        if change is not None:
            name, value = change
            if name not in state and name not in ("tamper", "battery_low"):
                return []
            state[name] = value
        elif what is not H.ALIVE:
            return []
        linkquality = max(10, min(255, memory.linkquality + self._rng.randint(-12, 12)))
        message = {
            **state,
            "battery": memory.battery,
            "linkquality": linkquality,
            "voltage": 2400 + 6 * memory.battery,
        }
        return [Publication(topic, _json(message))]

    def _tasmota(
        self, device: SimulatedDevice, what: Happening, memory: _Memory, now: datetime
    ) -> list[Publication]:
        base, name = f"gw/{device.publisher}", "tasmota_" + _hex(device.device_id, 6).upper()
        if what in (H.OFFLINE, H.ONLINE):
            word = b"Online" if what is H.ONLINE else b"Offline"
            return [Publication(f"{base}/tele/{name}/LWT", word, retain=True)]
        if what is H.PANIC:
            return [Publication(f"{base}/stat/{name}/RESULT", _json({"Button1": {"Action": "HOLD"}}))]
        if what in (H.MOTION, H.OPENED, H.MOTION_END, H.CLOSED):
            action = "ON" if what in (H.MOTION, H.OPENED) else "OFF"
            return [Publication(f"{base}/stat/{name}/RESULT", _json({"Switch1": {"Action": action}}))]
        if what is H.ALIVE:
            uptime = 3600 + memory.counter * 300
            wifi = {
                "AP": 1,
                "SSId": "lianfang",
                "Channel": 6,
                "RSSI": 2 * (memory.rssi + 100),
                "Signal": memory.rssi,
            }
            body = {"Time": _local(now), "UptimeSec": uptime, "Heap": 25, "POWER": "OFF", "Wifi": wifi}
            return [Publication(f"{base}/tele/{name}/STATE", _json(body))]
        return []

    def _shelly1(
        self, device: SimulatedDevice, what: Happening, memory: _Memory, now: datetime
    ) -> list[Publication]:
        base = f"gw/{device.publisher}/shellies/{device.child or device.publisher}"
        if what in (H.OFFLINE, H.ONLINE):
            return [Publication(f"{base}/online", b"true" if what is H.ONLINE else b"false", retain=True)]
        if what in (H.MOTION, H.MOTION_END):
            body = {
                "motion": what is H.MOTION, "timestamp": int(now.timestamp()), "active": True, "vibration": False,
                "lux": self._rng.randint(0, 300), "bat": memory.battery,
            }  # fmt: skip
            return [Publication(f"{base}/status", _json(body))]
        if what is H.PANIC:
            return [Publication(f"{base}/input_event/0", _json({"event": "L", "event_cnt": memory.counter}))]
        word = SHELLY1_WORDS.get(what)
        if word is not None:
            return [Publication(f"{base}/sensor/{word[0]}", word[1])]
        if what in (H.ALIVE, H.BATTERY_LOW, H.BATTERY_CHANGED):
            return [Publication(f"{base}/sensor/battery", str(memory.battery).encode())]
        return []

    def _shelly2(
        self, device: SimulatedDevice, what: Happening, memory: _Memory, now: datetime
    ) -> list[Publication]:
        prefix = device.publisher if device.child is None else f"{device.publisher}/{device.child}"
        if what in (H.OFFLINE, H.ONLINE):
            return [
                Publication(f"gw/{prefix}/online", b"true" if what is H.ONLINE else b"false", retain=True)
            ]
        stamp = round(now.timestamp(), 2)
        source = device.child or device.publisher
        frame: dict[str, Any] = {"src": source, "dst": f"gw/{prefix}/events", "method": "NotifyStatus"}
        params: dict[str, Any] = {"ts": stamp}
        if what is H.PANIC:
            frame["method"] = "NotifyEvent"
            params["events"] = [{"component": "input:0", "id": 0, "event": "long_push", "ts": stamp}]
        elif what in (H.MOTION, H.MOTION_END, H.OPENED, H.CLOSED):
            params["input:0"] = {"id": 0, "state": what in (H.MOTION, H.OPENED)}
        elif what in (H.SMOKE, H.SMOKE_END):
            params["smoke:0"] = {"id": 0, "alarm": what is H.SMOKE, "mute": False}
        elif what in (H.WATER, H.WATER_END):
            params["flood:0"] = {"id": 0, "alarm": what is H.WATER, "mute": False}
        elif what in (H.ALIVE, H.BATTERY_LOW, H.BATTERY_CHANGED):
            cell = {"V": round(2.0 + memory.battery / 100, 2), "percent": memory.battery}
            params["devicepower:0"] = {"id": 0, "battery": cell, "external": {"present": False}}
        else:
            return []
        return [Publication(f"gw/{prefix}/events/rpc", _json({**frame, "params": params}))]

    def _frigate(
        self, device: SimulatedDevice, what: Happening, memory: _Memory, now: datetime
    ) -> list[Publication]:
        base = f"gw/{device.publisher}/frigate"
        if what in (H.OFFLINE, H.ONLINE):
            if device.child is not None:
                return []
            return [
                Publication(f"{base}/available", b"online" if what is H.ONLINE else b"offline", retain=True)
            ]
        if device.child is None or what not in (H.MOTION, H.MOTION_END):
            return []
        if what is H.MOTION or "id" not in memory.state:
            token = "".join(self._rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=6))
            memory.state.update(id=f"{now.timestamp():.6f}-{token}", start=now.timestamp())
        kind = "new" if what is H.MOTION else "end"
        after = _frigate_object(device.child, memory.state, self._rng, now, ended=kind == "end")
        before = {**after, "end_time": None}
        return [Publication(f"{base}/events", _json({"type": kind, "before": before, "after": after}))]

    def _ttn(
        self, device: SimulatedDevice, what: Happening, memory: _Memory, now: datetime
    ) -> list[Publication]:
        decoded = _lora_object(device, what, memory)
        if decoded is None or device.child is None:
            return []
        stamp = now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        eui = _hex(device.device_id, 16).upper()
        session = _hex(f"{self._boot}/{device.device_id}", 22)
        uplink = {
            "session_key_id": f"{session}==", "f_port": 85, "f_cnt": memory.counter, "frm_payload": "AXVkA2cA",
            "decoded_payload": decoded,
            "rx_metadata": [{"gateway_ids": {"gateway_id": device.publisher}, "rssi": memory.rssi, "snr": 7.5}],
            "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7}}, "frequency": "470300000"},
            "received_at": stamp,
        }  # fmt: skip
        ids = {
            "device_id": device.child, "application_ids": {"application_id": "village"}, "dev_eui": eui,
        }  # fmt: skip
        body = {"end_device_ids": ids, "received_at": stamp, "uplink_message": uplink}
        return [Publication(f"gw/{device.publisher}/ttn/up", _json(body))]

    def _chirpstack(
        self, device: SimulatedDevice, what: Happening, memory: _Memory, now: datetime
    ) -> list[Publication]:
        decoded = _lora_object(device, what, memory)
        if decoded is None or device.child is None:
            return []
        tenant = str(uuid.UUID(_hex(device.publisher, 32)))
        unique = uuid.UUID(_hex(f"{self._boot}/{device.device_id}/{memory.counter}", 32), version=4)
        body = {
            "deduplicationId": str(unique), "time": now.astimezone(UTC).isoformat(timespec="microseconds"),
            "deviceInfo": {"tenantId": tenant, "applicationName": "village", "deviceName": device.device_id,
                           "devEui": device.child},
            "devAddr": _hex(device.device_id, 8), "adr": True, "dr": 5, "fCnt": memory.counter, "fPort": 85,
            "confirmed": False, "data": "AXVkA2cA", "object": decoded,
            "rxInfo": [{"gatewayId": _hex(tenant, 16), "rssi": memory.rssi, "snr": 9.25}],
        }  # fmt: skip
        topic = f"gw/{device.publisher}/application/{tenant}/device/{device.child}/event/up"
        return [Publication(topic, _json(body))]


_Method = Callable[[Encoder, SimulatedDevice, Happening, _Memory, datetime], list[Publication]]
_ENCODERS: dict[str, _Method] = {
    "lianfang": Encoder._lianfang,
    "zigbee2mqtt": Encoder._zigbee2mqtt,
    "tasmota": Encoder._tasmota,
    "shelly1": Encoder._shelly1,
    "shelly2": Encoder._shelly2,
    "frigate": Encoder._frigate,
    "ttn": Encoder._ttn,
    "chirpstack": Encoder._chirpstack,
}


def _lora_object(device: SimulatedDevice, what: Happening, memory: _Memory) -> dict[str, Any] | None:
    if what is H.PANIC:
        return {"battery": memory.battery, "sos": 1}
    change = LORA_CHANGES.get(what)
    if change is not None:
        return {"battery": memory.battery, change[0]: change[1]}
    if what in (H.ALIVE, H.BATTERY_LOW, H.BATTERY_CHANGED):
        return {"battery": memory.battery}
    return None


def _frigate_object(
    camera: str, state: dict[str, Any], rng: Random, now: datetime, *, ended: bool
) -> dict[str, Any]:
    left, top = rng.randint(0, 900), rng.randint(200, 500)
    box = [left, top, left + rng.randint(60, 160), top + rng.randint(150, 350)]
    score = round(rng.uniform(0.7, 0.97), 6)
    return {
        "id": state["id"], "camera": camera, "frame_time": round(now.timestamp(), 6), "label": "person",
        "sub_label": None, "top_score": score, "false_positive": False, "start_time": state["start"],
        "end_time": round(now.timestamp(), 6) if ended else None, "score": score, "box": box,
        "area": (box[2] - box[0]) * (box[3] - box[1]), "current_zones": [] if ended else ["yard"],
        "entered_zones": ["yard"], "has_snapshot": True, "has_clip": True, "stationary": False,
        "motionless_count": 0, "position_changes": 2,
    }  # fmt: skip


def _online(what: Happening) -> bytes:
    return b'{"state":"online"}' if what is H.ONLINE else b'{"state":"offline"}'


def _json(body: object) -> bytes:
    return orjson.dumps(body)


def _local(now: datetime) -> str:
    return now.astimezone(ZONE_OF_CITY).replace(tzinfo=None).isoformat(timespec="seconds")


def _hex(name: str, digits: int) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:digits]
