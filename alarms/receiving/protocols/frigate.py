"""Frigate: MQTT topic prefix ``gw/{gateway}/frigate``, described in ``docs/protocols/frigate.md``.

A camera that sees a person come gives a new event, and a restore when the person is gone. A second person who is still
there says so with the next update, which is a state: no news while the alarm is active. We watch places, not people:
names of faces, plates and sub-labels are never read; the messages that carry nothing else are ignored, and the bytes
of both are not kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from alarms.model import Qualifier, RawMessage
from alarms.receiving.protocols.conditions import Report
from alarms.receiving.protocols.message import Decoded, UndecodableMessage, excerpt, presence
from alarms.receiving.protocols.payload import child_name, epoch, json_object, kind_of, plain_text

NAME = "frigate"

_VEHICLES = frozenset({"car", "truck", "bus", "motorcycle", "bicycle", "boat", "vehicle"})
_DANGERS = {"fire": "111", "smoke": "111"}
"""Labels of models trained for it."""
_WATCHED_PEOPLE = frozenset({"tracked_object_update", "triggers"})
_ABOUT_PEOPLE = ("sub_label", "recognized_license_plate", "description", "thumbnail")
"""Fields of an event that name or show somebody once Frigate was taught to."""
_ZONES_LIMIT = 8


def decode(publisher: str, rest: list[str], message: RawMessage) -> Decoded:
    """Read a message below a Frigate's topic; ``rest`` is what follows ``gw/{publisher}``."""
    if rest[:1] == ["frigate"]:
        rest = rest[1:]
    match rest:
        case ["available"]:
            return _available(publisher, plain_text(message.payload))
        case _ if not message.payload:
            return _nothing("a retained message was cleared")
        case ["events"]:
            try:
                return _event(publisher, json_object(message.payload))
            except UndecodableMessage as error:
                # Whoever looks at what was rejected must not find a name either.
                raise UndecodableMessage(str(error), keep=False) from error
        case ["reviews"]:
            return _nothing("a review groups events that came on their own")
        case [what] if what in _WATCHED_PEOPLE:
            return _nothing("recognition of faces, plates or descriptions: not read, on principle")
        case []:
            raise UndecodableMessage("the topic ends after the gateway; frigate/events was expected")
        case _:
            return _nothing(f"{excerpt('/'.join(rest))}: nothing to report")


def _nothing(note: str) -> Decoded:
    """Snapshots, faces, plates, speech: what of a Frigate reports nothing is about people, and is not kept either."""
    return Decoded(protocol=NAME, signals=(), note=note, keep=False)


def _available(publisher: str, word: str) -> Decoded:
    if word not in ("online", "offline", "stopped"):
        raise UndecodableMessage(f"available: online, offline or stopped was expected, not {excerpt(word)}")
    return Decoded(
        protocol=NAME, signals=(presence(publisher=publisher, child=None, online=word == "online"),)
    )


def _event(publisher: str, body: dict[str, Any]) -> Decoded:
    kind, after = body.get("type"), body.get("after")
    if kind not in ("new", "update", "end"):
        raise UndecodableMessage(f"type: new, update or end was expected, not {excerpt(kind)}")
    if not isinstance(after, dict):
        raise UndecodableMessage(f"after: an object was expected, not {kind_of(after)}")
    camera, event_id, label = (_word(after, name) for name in ("camera", "id", "label"))
    code = _code(label)
    if kind == "update" and (code == "activity" or after.get("stationary") is True):
        return _nothing("an update of what rings nothing, or of what only stands there: a parked car")
    if after.get("false_positive") is True:
        return _nothing("Frigate itself calls it a false positive")
    report = Report(
        publisher=publisher,
        child=child_name(camera),
        message_id=None if kind == "update" else f"{event_id}:{kind}",
        occurred_at=epoch(after.get("end_time") if kind == "end" else _seen_at(after)),
        details=_details(after, event_id, label),
    )
    signal = report.signal(code, Qualifier.RESTORE if kind == "end" else Qualifier.NEW)
    keep = not any(_names_people(body.get(state)) for state in ("before", "after"))
    return Decoded(protocol=NAME, signals=(replace(signal, lasting=kind != "new"),), keep=keep)


def _names_people(state: object) -> bool:
    return isinstance(state, dict) and any(state.get(name) for name in _ABOUT_PEOPLE)


def _seen_at(after: dict[str, Any]) -> object:
    """The picture's own time. An event begins some frames before Frigate is sure of it and tells of it."""
    seen = after.get("frame_time")
    return after.get("start_time") if seen is None else seen


def _word(after: dict[str, Any], name: str) -> str:
    value = after.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 100:
        raise UndecodableMessage(f"after.{name}: a short text was expected, not {excerpt(value)}")
    return value


def _code(label: str) -> str:
    """What is tracked is the installer's choice in Frigate; an animal is activity, and no alarm."""
    if label == "person" or label in _VEHICLES:
        return "130"
    return _DANGERS.get(label, "activity")


def _verdict(label: str) -> str:
    if label == "person":
        return "person"
    return "vehicle" if label in _VEHICLES else "neither"


def _details(after: dict[str, Any], event_id: str, label: str) -> dict[str, Any]:
    """A camera's verdict. Picked field by field, so that names and plates cannot slip through."""
    verdict: dict[str, Any] = {"class": _verdict(label)}
    score = after.get("top_score")
    if isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1:
        verdict["confidence"] = round(float(score), 3)
    zones = after.get("entered_zones")
    details: dict[str, Any] = {"verdict": verdict, "label": label, "frigate_event": event_id}
    if isinstance(zones, list):
        details["camera_zones"] = [zone[:64] for zone in zones if isinstance(zone, str)][:_ZONES_LIMIT]
    return details
