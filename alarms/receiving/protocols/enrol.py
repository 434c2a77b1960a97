"""A stranger's device on the enrolment login: ``enrol/{device_id}/...``. It raises nothing; it waits for adoption."""

from __future__ import annotations

from alarms.receiving.protocols.message import Decoded, UndecodableMessage


def decode_stranger(name: str, rest: list[str]) -> Decoded:
    """Say what a stranger seems to speak; ``rest`` is what follows ``enrol/{name}`` in the topic.

    Raises UndecodableMessage when it speaks nothing that is known: then there is nothing to adopt.
    """
    protocol = recognise([name, *rest])
    if protocol is None:
        raise UndecodableMessage("a stranger's device of an unknown kind; register it by hand to hear it")
    note = f"a stranger's device that seems to speak {protocol}; register it to hear it"
    return Decoded(protocol=protocol, signals=(), note=note, stranger=name, keep=protocol != "frigate")


def recognise(rest: list[str]) -> str | None:
    """The protocol that a topic looks like, or None."""
    last = rest[-1] if rest else ""
    if "shellies" in rest:
        return "shelly1"
    if rest[-2:] == ["events", "rpc"] or (len(rest) >= 2 and rest[-2] == "status" and ":" in last):
        return "shelly2"
    if "frigate" in rest:
        return "frigate"
    if any(part in ("tele", "stat") for part in rest):
        return "tasmota"
    if "zigbee2mqtt" in rest or "bridge" in rest or last == "availability":
        return "zigbee2mqtt"
    if "application" in rest and "event" in rest:
        return "chirpstack"
    if rest[:1] == ["v3"] or (last == "up" and "devices" in rest):
        return "ttn"
    if last in ("signal", "state", "position"):
        return "lianfang"
    return None
