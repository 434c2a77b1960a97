"""What is kept of a message's bytes: all of them, but nothing that names or shows people."""

import json
from typing import Any

import psycopg
import pytest

from tests.stories import Intake, Seen, World, told

EVENT = {"id": "1772325000.1-a", "camera": "gate", "label": "person", "frame_time": 1772325000.0}


def frigate(what: str, payload: bytes | dict[str, Any]) -> Any:
    return told(
        f"gw/nvr-1/frigate/{what}", payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    )


@pytest.fixture
def world(owner_conn: psycopg.Connection) -> World:
    world = World(owner_conn)
    nvr = world.device("nvr-1", kind="gateway", protocol="frigate")
    world.device("gate", kind="camera", gateway=nvr, external_id="gate", site=world.site())
    zigbee = world.device("hub-1", kind="gateway", protocol="zigbee2mqtt")
    world.device("keypad-1", gateway=zigbee, external_id="keypad", site=world.site())
    return world


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        (frigate("tracked_object_update", {"type": "face", "name": "张三", "camera": "gate"}), "ignored"),
        (frigate("reviews", {"type": "new", "after": {"data": {"sub_labels": ["张三"]}}}), "ignored"),
        (frigate("gate/person/snapshot", b"\xff\xd8\xff\xe0 a picture"), "ignored"),
        (frigate("gate/audio/transcription", "张三".encode()), "ignored"),
        (frigate("events", {"type": "new", "after": EVENT | {"sub_label": ["张三", 0.9]}}), "stored"),
        (frigate("events", {"type": "new", "after": EVENT | {"recognized_license_plate": "豫M12345"}}), "stored"),
        (frigate("events", {"type": "new", "after": {"id": 7, "sub_label": ["张三", 0.9]}}), "rejected"),
        (frigate("events", '{"sub_label": "张三"'.encode()), "rejected"),
        (told("enrol/nvr-9/frigate/tracked_object_update", "张三".encode()), "unknown_device"),
        (told("gw/hub-1/zigbee2mqtt/keypad", b'{"action": "panic", "action_code": "1234"}'), "stored"),
    ],
)  # fmt: skip
def test_what_names_or_shows_people_leaves_no_bytes(
    world: World, intake_conn: psycopg.Connection, owner_conn: psycopg.Connection, message: Any, outcome: str
) -> None:
    """Nobody may read it in the database either, not even for the 30 days that bytes are kept."""
    assert Intake(intake_conn).accept(message) == [outcome]
    [raw] = Seen(owner_conn).raw
    assert (bytes(raw["payload"]), raw["outcome"], raw["topic"]) == (b"", outcome, message.topic)
    assert "1234" not in repr(Seen(owner_conn).signals)


def test_an_event_that_names_nobody_is_kept_as_it_was(
    world: World, intake_conn: psycopg.Connection, owner_conn: psycopg.Connection
) -> None:
    message = frigate("events", {"type": "new", "after": EVENT | {"sub_label": None}})
    assert Intake(intake_conn).accept(message) == ["stored"]
    assert [bytes(raw["payload"]) for raw in Seen(owner_conn).raw] == [message.payload]
