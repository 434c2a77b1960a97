"""Every simulated maker's messages through the intake into PostGIS: understood, placed, and none refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import islice
from random import Random

import psycopg
import pytest

from alarms.model import RawMessage
from alarms.receiving.protocols import DECODERS
from alarms.simulator.device import Happening, SimulatedDevice
from alarms.simulator.devices import read_devices
from alarms.simulator.encoders import Encoder
from alarms.simulator.scenarios import Moment, burglary, day, storm
from tests.stories import NIGHT, Intake, Seen, World

KINDS = ("infrared_sensor", "door_contact", "vibration_sensor", "panic_button", "smoke_detector", "camera")
GATEWAYS = ("zigbee2mqtt", "shelly1", "frigate", "ttn", "chirpstack")


@pytest.fixture
def given(owner_conn: psycopg.Connection) -> World:
    return World(owner_conn)


@pytest.fixture
def intake(intake_conn: psycopg.Connection) -> Intake:
    return Intake(intake_conn)


def _of_every_maker(given: World, conn: psycopg.Connection) -> list[SimulatedDevice]:
    """One site a protocol, with a device of each kind."""
    for protocol in DECODERS:
        site = given.site(protocol)
        gateway = (
            given.device(f"gw-{protocol}", kind="gateway", protocol=protocol)
            if protocol in GATEWAYS
            else None
        )
        for kind in KINDS:
            given.device(
                f"{protocol}-{kind}",
                kind=kind,
                site=site,
                protocol=protocol,
                gateway=gateway,
                external_id=f"{protocol}-{kind}" if gateway is not None else None,
            )
    devices = read_devices(conn)
    assert {device.protocol for device in devices} == set(DECODERS)
    return devices


def _messages(moments: list[Moment], seed: int = 1) -> list[RawMessage]:
    encoder = Encoder(Random(seed), boot=int(NIGHT.timestamp()))
    return [
        RawMessage(source="mqtt", topic=one.topic, payload=one.payload, received_at=at)
        for moment in moments
        for at in [NIGHT + timedelta(seconds=moment.at_s)]
        for one in encoder.encode(moment.device, moment.what, at)
    ]


def test_of_a_days_mix_of_every_maker_nothing_is_refused_or_unknown(
    given: World, intake: Intake, seen: Seen, owner_conn: psycopg.Connection
) -> None:
    devices = _of_every_maker(given, owner_conn)
    moments = [
        replace(moment, at_s=float(second))
        for second, moment in enumerate(islice(day(devices, Random(4)), 400))
    ]
    outcomes = intake.outcomes(*_messages(moments))
    assert len(outcomes) > 200
    assert {(outcome.status.value, outcome.reason) for outcome in outcomes if not outcome.safe} == set()
    assert {outcome.status.value for outcome in outcomes} == {"stored"}
    assert seen.count("unknown_devices") == 0
    assert len(seen.signals) >= len(outcomes)


def test_a_burglary_becomes_one_incident_with_its_call_for_help(
    given: World, intake: Intake, seen: Seen, owner_conn: psycopg.Connection
) -> None:
    devices = [one for one in _of_every_maker(given, owner_conn) if one.protocol == "zigbee2mqtt"]
    messages = _messages(list(burglary(devices, Random(2))))
    assert intake.accept(*messages) == ["stored"] * len(messages)
    [incident] = seen.incidents
    assert incident["priority"] == 1
    categories = [alarm["category"] for alarm in seen.alarms]
    assert {"burglary", "tamper", "panic"} <= set(categories)
    assert incident["alarm_count"] == len(categories)


def test_after_a_storm_nothing_that_lost_power_stays_active(
    given: World, intake: Intake, seen: Seen, owner_conn: psycopg.Connection
) -> None:
    devices = _of_every_maker(given, owner_conn)
    moments = list(storm(devices, Random(3)))
    assert any(moment.what is Happening.POWER_LOST for moment in moments)
    assert any(moment.what is Happening.OFFLINE for moment in moments)
    for message in _messages(moments):
        assert intake.accept(message) == ["stored"]
    alarms = seen.alarms
    assert {"power", "supervision"} <= {alarm["category"] for alarm in alarms}
    assert [alarm for alarm in alarms if alarm["active"]] == []
