"""Every telegram gives exactly the signals written beside it, or the error an operator would read."""

from __future__ import annotations

import json
import os
import re
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alarms.model import Qualifier, RawMessage, Signal
from alarms.receiving.protocols import DECODERS, UndecodableMessage, decode
from gis.model import Position

TELEGRAMS = Path(__file__).parents[1] / "telegrams"
SHARED = (
    Path(os.environ.get("LIANFANG_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data")) / "payloads"
)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def message(topic: str, payload: bytes, *, retained: bool = False) -> RawMessage:
    return RawMessage(source="mqtt", topic=topic, payload=payload, received_at=NOW, retained=retained)


def _telegrams() -> list[Any]:
    cases = []
    for path in sorted(TELEGRAMS.glob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        cases += [pytest.param(body, one, id=f"{path.stem}: {one['name']}") for one in body["telegrams"]]
    return cases


def _payload(telegram: dict[str, Any]) -> bytes:
    if "hex" in telegram:
        return bytes.fromhex(telegram["hex"])
    if "text" in telegram:
        return str(telegram["text"]).encode()
    return json.dumps(telegram["json"], ensure_ascii=False).encode()


def _expected(wanted: dict[str, Any], publisher: str) -> Signal:
    values: dict[str, Any] = {"publisher": publisher, **wanted, "qualifier": Qualifier(wanted["qualifier"])}
    if "occurred_at" in values:
        values["occurred_at"] = datetime.fromisoformat(values["occurred_at"])
    if "position" in values:
        lon, lat, crs = values["position"]
        values["position"] = Position(lon=lon, lat=lat, source_crs=crs)
    return Signal(**values)


@pytest.mark.parametrize(("body", "telegram"), _telegrams())
def test_a_telegram_says_what_is_written_beside_it(body: dict[str, Any], telegram: dict[str, Any]) -> None:
    protocol = telegram.get("protocol", body["protocol"])
    raw = message(telegram["topic"], _payload(telegram), retained=telegram.get("retained", False))
    if "error" in telegram:
        with pytest.raises(UndecodableMessage, match=re.escape(telegram["error"])):
            decode(raw, lambda publisher: protocol)
        return
    decoded = decode(raw, lambda publisher: protocol)
    assert list(decoded.signals) == [_expected(one, body["publisher"]) for one in telegram["signals"]]
    assert telegram.get("note", "") in decoded.note
    assert decoded.protocol == protocol
    assert decoded.signals or decoded.note, "understood and nothing to report must say why"


def test_every_decoder_has_telegrams_good_and_broken() -> None:
    for protocol in DECODERS:
        body = json.loads((TELEGRAMS / f"{protocol}.json").read_text(encoding="utf-8"))
        assert body["origin"]
        assert body["licence"]
        kinds = {"error" if "error" in one else "signals" for one in body["telegrams"]}
        assert kinds == {"error", "signals"}, protocol


def test_a_telegram_names_only_fields_that_a_signal_has() -> None:
    known = {field.name for field in fields(Signal)}
    required = {
        field.name
        for field in fields(Signal)
        if field.default is MISSING and field.default_factory is MISSING
    }
    assert required == {"publisher", "event"}
    for case in _telegrams():
        for wanted in case.values[1].get("signals", []):
            assert set(wanted) <= known


# --- The larger collection of makers' documents and captures, where it is at hand. ---


def _without_comments(text: str) -> str:
    return re.sub(r"(^|[\s,{\[])//[^\n]*", r"\1", text)


def _collected() -> list[Any]:
    cases: list[Any] = []
    if not SHARED.is_dir():
        return cases
    updates = SHARED / "zigbee2mqtt" / "state_updates.jsonl"
    for number, line in enumerate(updates.read_text(encoding="utf-8").splitlines()):
        cases.append(pytest.param("zigbee2mqtt", "gw/g/zigbee2mqtt/西屋/1", json.loads(line)["payload"].encode(),
                                  id=f"zigbee2mqtt update {number}"))  # fmt: skip
    for path in sorted((SHARED / "frigate").glob("*.jsonc")):
        kinds = ("tracked_object_update", "events", "reviews", "triggers")
        topic = f"gw/g/frigate/{next(kind for kind in kinds if kind in path.name)}"
        payload = _without_comments(path.read_text(encoding="utf-8")).encode()
        cases.append(pytest.param("frigate", topic, payload, id=path.name))
    cases += [
        pytest.param(protocol, topic, path.read_bytes(), id=path.name)
        for protocol, topic, paths in (
            ("ttn", "gw/g/ttn/up", (SHARED / "lorawan_ttn_v3").glob("*.json")),
            ("tasmota", "gw/g/tele/x/STATE", (SHARED / "tasmota").glob("gohanectl*.json")),
        )
        for path in sorted(paths)
    ]
    for path in sorted((SHARED / "zigbee2mqtt").glob("bridge-*.json")):
        topic = f"gw/g/zigbee2mqtt/{path.stem.replace('-', '/', 1)}"
        cases.append(pytest.param("zigbee2mqtt", topic, path.read_bytes(), id=path.name))
    presence = SHARED / "shelly" / "presence_gen4_status.json"
    params = json.loads(presence.read_text(encoding="utf-8"))
    frame = json.dumps({"src": "s", "method": "NotifyFullStatus", "params": params}).encode()
    cases.append(pytest.param("shelly2", "gw/g/events/rpc", frame, id=presence.name))
    return cases


REFUSED_RIGHTLY = {"2_uplink_messages.json"}
"""A comma is missing in the maker's own document."""


@pytest.mark.parametrize(("protocol", "topic", "payload"), _collected())
def test_collected_messages_are_understood(
    protocol: str, topic: str, payload: bytes, request: pytest.FixtureRequest
) -> None:
    if any(name in request.node.name for name in REFUSED_RIGHTLY):
        with pytest.raises(UndecodableMessage):
            decode(message(topic, payload), lambda publisher: protocol)
        return
    decoded = decode(message(topic, payload), lambda publisher: protocol)
    assert decoded.signals or decoded.note
    assert "John" not in repr(decoded)
    assert "ABC" not in repr(decoded)


# the wider run, where the makers' messages are beside this checkout
test_collected_messages_are_understood.__test__ = bool(_collected())  # type: ignore[attr-defined]


def test_the_set_of_decoders() -> None:
    assert set(DECODERS) == {
        "lianfang", "zigbee2mqtt", "tasmota", "shelly1", "shelly2", "frigate", "ttn", "chirpstack"
    }  # fmt: skip
