"""A burglary end to end: real devices' formats and logins, a real broker, the receiver, a real PostGIS."""

from __future__ import annotations

import json

import psycopg
import pytest

from api.database.pool import connect
from api.embedded.mosquitto import Login
from api.settings import load_settings
from tests.acceptance.fleet import until
from tests.integration.receiving import receiving_from
from tests.integration.servers import Broker
from tests.integration.talking import Talker
from tests.stories import Seen, World


@pytest.fixture
def home(owner_conn: psycopg.Connection) -> World:
    world = World(owner_conn)
    site = world.site("Zhang's farm")
    gateway = world.device("zb-zhang", kind="gateway", protocol="zigbee2mqtt", site=site)
    for name, kind in (("yard door", "door_contact"), ("hall", "infrared_sensor")):
        world.device(name.replace(" ", "-"), kind=kind, site=site, gateway=gateway, external_id=name)
    world.device("sos-zhang", kind="panic_button", site=site)
    return world


def test_door_motion_and_panic_become_one_incident_of_a_person_in_danger(
    home: World, fresh_broker: Broker, database_url: str
) -> None:
    """How soon is measured by `./run bench latency`: the one-key alarm standard DB15/T 3968-2025 asks for 2 s."""
    fresh_broker.add_devices({"zb-zhang": "gate way", "sos-zhang": "press me"})
    seen = Seen(home.conn)
    where = (fresh_broker.host, fresh_broker.port)
    gateway = button = None
    with receiving_from(fresh_broker, lambda: connect(load_settings(database_url=database_url), "intake")):
        try:
            gateway = Talker(Login(*where, "zb-zhang", "gate way"))
            button = Talker(Login(*where, "sos-zhang", "press me"))
            button.subscribe("lianfang/v1/sos-zhang/ack")

            gateway.publish("gw/zb-zhang/zigbee2mqtt/yard door", b'{"contact": false, "linkquality": 80}')
            gateway.publish("gw/zb-zhang/zigbee2mqtt/hall", b'{"occupancy": true, "battery": 64}')
            until(
                lambda: [i["verification_level"] for i in seen.incidents] == [2],
                "door and motion are not one case",
            )

            button.publish("lianfang/v1/sos-zhang/signal", json.dumps({"event": "panic", "id": "1"}).encode())
            until(lambda: [i["priority"] for i in seen.incidents] == [1], "the button does not ring")
            button.until(lambda: button.heard)
            assert json.loads(button.heard[0][1]) == {"id": "1", "status": "stored"}

            gateway.publish("gw/zb-zhang/zigbee2mqtt/yard door", b'{"contact": true, "linkquality": 80}')
            gateway.publish("gw/zb-zhang/zigbee2mqtt/hall", b'{"occupancy": false, "battery": 64}')
            until(lambda: seen.incidents[0]["active_alarm_count"] == 1, "the restores do not come")
        finally:
            for talker in (gateway, button):
                if talker is not None:
                    talker.close()
    [case] = seen.incidents
    assert (case["state"], case["category"], case["alarm_count"]) == ("new", "panic", 3)
    assert {a["device"]: a["active"] for a in seen.alarms} == {
        "yard-door": False, "hall": False, "sos-zhang": True,
    }  # fmt: skip
    assert seen.feed_has_no_gap()
    assert seen.feed_equals_a_snapshot()
