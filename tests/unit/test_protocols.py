"""What must hold for every decoder: any bytes decode or are refused with a helpful, bounded reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.model import Category, Qualifier, RawMessage
from alarms.receiving.codes import classify_event
from alarms.receiving.protocols import DECODERS, Decoded, UndecodableMessage, decode, publisher_of
from alarms.receiving.protocols.message import REASON_LIMIT
from alarms.receiving.protocols.payload import PAYLOAD_LIMIT

NOW = datetime(2026, 3, 1, tzinfo=UTC)

# Topics that lead into every branch of every decoder.
TAILS: dict[str, tuple[str, ...]] = {
    "lianfang": ("d/signal", "d/state", "lianfang/v1/d/signal", "x"),
    "zigbee2mqtt": ("zigbee2mqtt/a/b", "zigbee2mqtt/a/availability", "zigbee2mqtt/bridge/state", "zigbee2mqtt"),
    "tasmota": ("tele/x/SENSOR", "stat/x/RESULT", "stat/x/SWITCH1", "stat/x/POWER", "tele/x/LWT", "x"),
    "shelly1": ("shellies/i/status", "shellies/i/sensor/state", "shellies/i/sensor/battery", "shellies/i/online",
                "shellies/i/input/0", "shellies/i/input_event/0", "shellies"),
    "shelly2": ("events/rpc", "status/input:0", "status/devicepower:0", "status/flood:0", "online", "x"),
    "frigate": ("frigate/events", "frigate/available", "frigate/reviews", "frigate/c/person"),
    "ttn": ("ttn/up",),
    "chirpstack": ("application/1/device/2/event/up", "application/1/device/2/event/status", "x"),
}  # fmt: skip

# Names that decoders look for, so that random JSON gets past the first check.
NAMES = st.sampled_from(
    ["event", "id", "time", "zone", "position", "battery", "occupancy", "contact", "smoke", "action", "last_seen",
     "Switch1", "Button1", "Time", "Wifi", "StatusSNS", "motion", "bat", "method", "params", "ts", "events",
     "component", "input:0", "smoke:0", "errors", "alarm", "state", "type", "after", "camera", "label", "top_score",
     "entered_zones", "false_positive", "uplink_message", "end_device_ids", "device_id", "decoded_payload",
     "session_key_id", "f_cnt", "rx_metadata", "rssi", "deviceInfo", "devEui", "object", "rxInfo", "time", "online",
     "verdict", "picture", "lon", "lat", "crs", "qualifier", "class", "start_time", "end_time", "received_at"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["130", "new", "end", "NotifyStatus", "NotifyEvent", "ON", "HOLD", "open", "person", "yes"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
JSON_BYTES = VALUES.map(lambda value: json.dumps(value).encode())
OBJECT_BYTES = st.dictionaries(NAMES, VALUES, max_size=6).map(lambda value: json.dumps(value).encode())


def raw(topic: str, payload: bytes, *, retained: bool = False) -> RawMessage:
    return RawMessage(source="mqtt", topic=topic, payload=payload, received_at=NOW, retained=retained)


def test_the_topics_tried_cover_every_decoder() -> None:
    assert set(TAILS) == set(DECODERS)


def check(protocol: str, topic: str, payload: bytes, retained: bool) -> None:
    decoded: Decoded | None
    try:
        decoded = decode(raw(topic, payload, retained=retained), lambda publisher: protocol)
    except UndecodableMessage as refusal:
        reason = str(refusal)
        decoded = None
    if decoded is None:
        assert 0 < len(reason) <= REASON_LIMIT
        return
    assert decoded.signals or decoded.note
    for signal in decoded.signals:
        assert signal.publisher
        assert signal.child is None or 0 < len(signal.child) <= 200
        assert len(signal.zone) <= 64
        assert signal.message_id is None or len(signal.message_id) <= 200
        assert signal.occurred_at is None or signal.occurred_at.utcoffset() is not None
        assert not retained or signal.qualifier is Qualifier.STATUS
        stored = orjson.dumps(signal.details)  # what PostgreSQL's jsonb must take
        assert b"\\u0000" not in stored
        assert len(stored) < 8192
        assert classify_event(signal.event).name_en


@given(data=st.data(), payload=st.binary(max_size=200) | JSON_BYTES | OBJECT_BYTES, retained=st.booleans())
@pytest.mark.parametrize("protocol", sorted(DECODERS))
def test_any_bytes_decode_or_are_refused(protocol: str, data: Any, payload: bytes, retained: bool) -> None:
    tail = data.draw(st.sampled_from(TAILS[protocol]) | st.text(max_size=30))
    check(protocol, f"gw/g-1/{tail}", payload, retained)


@given(
    payload=st.binary(max_size=200) | OBJECT_BYTES, what=st.sampled_from(["signal", "state", "position", "x"])
)
def test_any_bytes_of_a_native_device_decode_or_are_refused(payload: bytes, what: str) -> None:
    check("lianfang", f"lianfang/v1/d/{what}", payload, False)


@given(topic=st.text(max_size=60))
def test_any_topic_decodes_or_is_refused(topic: str) -> None:
    check("zigbee2mqtt", topic, b'{"occupancy": true}', False)


@pytest.mark.parametrize("protocol", sorted(DECODERS))
def test_deep_nesting_is_refused_and_breaks_nothing(protocol: str) -> None:
    for tail in TAILS[protocol]:
        check(protocol, f"gw/g/{tail}", b'{"a":' * 5000 + b"1" + b"}" * 5000, False)
        check(protocol, f"gw/g/{tail}", b'{"a\\"":' * 900 + b"1" + b"}" * 900, False)
        for depth in (40, 600, 1000):
            lists = b"[" * depth + b"]" * depth
            check(protocol, f"gw/g/{tail}", b'{"event":"130","q":' + lists + b"}", False)
            check(protocol, f"gw/g/{tail}", b'{"event":' + lists + b"}", False)
        check(protocol, f"gw/g/{tail}", b'{"event":"130","q\\"":1e400}', False)
        check(protocol, f"gw/g/{tail}", b'{"battery":' + b"9" * 5000 + b',"q\\"":1}', False)


def test_a_huge_payload_is_refused_before_it_is_parsed() -> None:
    payload = b'{"event":"130","text":"' + b"x" * PAYLOAD_LIMIT + b'"}'
    with pytest.raises(UndecodableMessage, match=r"65\d{3} bytes, at most 65536"):
        decode(raw("lianfang/v1/d/signal", payload), lambda publisher: None)


def test_a_reason_never_holds_the_payload() -> None:
    with pytest.raises(UndecodableMessage) as refusal:
        decode(raw("lianfang/v1/d/signal", b'{"event":"' + b"s3cret" * 500 + b'"}'), lambda publisher: None)
    assert len(str(refusal.value)) <= REASON_LIMIT
    assert "s3cret" * 20 not in str(refusal.value)


def test_an_unknown_publisher_is_told_to_be_registered() -> None:
    with pytest.raises(UndecodableMessage, match='"stranger" is not registered'):
        decode(raw("gw/stranger/zigbee2mqtt/pir", b"{}"), lambda publisher: None)


def test_a_protocol_without_a_decoder_names_those_that_have_one() -> None:
    with pytest.raises(UndecodableMessage, match=r"protocol \"esphome\"; known are chirpstack, frigate"):
        decode(raw("gw/g/x", b"{}"), lambda publisher: "esphome")


@pytest.mark.parametrize(
    ("topic", "protocol"),
    [
        ("enrol/pir/zigbee2mqtt/pir", "zigbee2mqtt"),
        ("enrol/x/shellies/shellydw-1/sensor/state", "shelly1"),
        ("enrol/shellyplus1-1/events/rpc", "shelly2"),
        ("enrol/x/tele/x/LWT", "tasmota"),
        ("enrol/nvr/frigate/events", "frigate"),
        ("enrol/v3/app/devices/d/up", "ttn"),
        ("enrol/application/1/device/2/event/up", "chirpstack"),
        ("enrol/dev-9/signal", "lianfang"),
    ],
)
def test_a_stranger_is_recognised_and_rings_nothing(topic: str, protocol: str) -> None:
    decoded = decode(raw(topic, b'{"event":"120","occupancy":true}'), lambda publisher: None)
    assert decoded.protocol == protocol
    assert decoded.signals == ()
    assert decoded.stranger == topic.split("/")[1]
    assert "register it" in decoded.note


@pytest.mark.parametrize(
    ("topic", "why"),
    [
        ("enrol/what/ever", "unknown kind; register it by hand"),
        ("enrol", "device id"),
        ("enrol/a b/signal", "device id"),
    ],
)
def test_a_stranger_that_nobody_can_name_is_refused_with_the_reason(topic: str, why: str) -> None:
    with pytest.raises(UndecodableMessage, match=why):
        decode(raw(topic, b"{}"), lambda publisher: None)


@pytest.mark.parametrize(
    ("topic", "publisher"),
    [
        ("lianfang/v1/dev-1/signal", "dev-1"),
        ("gw/zb-gw/zigbee2mqtt/西屋/1", "zb-gw"),
        ("gw/zb-gw", "zb-gw"),
        ("enrol/x/y", None),
        ("gw/a b/x", None),
        ("lianfang/v2/dev-1/signal", None),
        ("", None),
    ],
)
def test_who_publishes(topic: str, publisher: str | None) -> None:
    assert publisher_of(topic) == publisher


def test_no_condition_of_one_device_shares_zone_and_category_with_another() -> None:
    """Else the restore of one would end the alarm of the other: an alarm is one device, zone and category."""
    from alarms.receiving.protocols import conditions

    seen: dict[tuple[str, Category], str] = {}
    for name, condition in vars(conditions).items():
        if isinstance(condition, conditions.Condition):
            key = (condition.zone, classify_event(condition.event).category)
            assert key not in seen, f"{name} and {seen[key]}"
            seen[key] = name
