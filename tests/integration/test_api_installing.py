"""What the installer's page asks: where a point is and who is near, what to type in, consent, a test from the start."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import httpx
import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import scalar_row

from alarms.registry import credentials
from alarms.registry.setup import HIDDEN
from gis import coordinates
from tests.integration.registering import installers, registered
from tests.integration.scoped_rows import READERS, begin, fill
from tests.integration.serving import Served, problem, serve
from tests.stories import CITY, OTHER_VILLAGE, VILLAGE, ZONE, Intake, Seen, World, says

LON, LAT = 111.105, 34.705


@pytest.fixture
def given(owner_conn: psycopg.Connection) -> World:
    """The same people; their villages are neighbours, and the city is there."""
    owner_conn.execute("INSERT INTO divisions (code, tier, name) VALUES (%s, 1, 'city')", [CITY])
    return installers(owner_conn, other_west=111.11)


def site(world: World, name: str, lon: float, lat: float, village: str = VILLAGE, **more: Any) -> int:
    number = world.site(name, village=village, **more)
    world.conn.execute(
        "UPDATE sites SET position = ST_SetSRID(ST_MakePoint(%s, %s), 4326) WHERE id = %s", [lon, lat, number]
    )
    world.conn.commit()
    return number


def located(client: httpx.Client, lon: float = LON, lat: float = LAT, **query: object) -> dict[str, Any]:
    answer = client.get("/api/v1/locate", params={"lon": lon, "lat": lat} | query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_point_is_told_from_the_city_down_to_its_cell(city: httpx.Client) -> None:
    found = located(city)
    assert [(one["tier"], one["code"]) for one in found["tiers"]] == [
        (1, CITY), (2, "411282000000"), (3, "411282100000"), (4, VILLAGE),
    ]  # fmt: skip
    assert found["grid_cell"]["code"] == f"{VILLAGE}-001"
    assert (found["village"], found["may_place"], found["organisation_id"]) == (VILLAGE, True, None)


@pytest.mark.parametrize("crs", ["GCJ-02", "BD-09", "gcj02"])
def test_a_phone_maps_coordinates_are_converted(city: httpx.Client, crs: str) -> None:
    x, y = coordinates.from_wgs84(LON, LAT, crs)
    found = located(city, float(x), float(y), crs=crs)
    assert found["position"] == [LON, LAT]
    assert found["source_crs"] == coordinates.crs_name(crs)
    assert coordinates.distance_m(LON, LAT, float(x), float(y)) > 400, "unconverted it would be another place"


def test_outside_every_boundary_nothing_is_told_and_only_the_city_may_place(
    city: httpx.Client, here: httpx.Client
) -> None:
    found = located(city, 100.0, 30.0)
    assert (found["tiers"], found["grid_cell"], found["village"]) == ([], None, None)
    assert found["may_place"]
    assert not located(here, 100.0, 30.0)["may_place"]


BARE_COUNTY, BARE_TOWNSHIP = "411271000000", "411271001000"


@pytest.fixture
def bare(given: World) -> World:
    """The city has a boundary; a county-level zone and its township have none, as in the reference city."""
    given.conn.execute(
        "UPDATE divisions SET boundary = ST_Multi(ST_MakeEnvelope(110, 34, 112, 35, 4326)) WHERE code = %s",
        [CITY],
    )
    given.conn.execute(
        "INSERT INTO divisions (code, tier, name, parent_code) VALUES (%s, 2, 'zone', %s), (%s, 3, 'estate', %s)",
        [BARE_COUNTY, CITY, BARE_TOWNSHIP, BARE_COUNTY],
    )
    given.conn.commit()
    given.user("estate", role="installer", division=BARE_TOWNSHIP)
    return given


def test_a_point_is_told_as_it_would_be_placed_in_a_division_without_boundary(
    bare: World, served: Served
) -> None:
    client, lon = served.client(bare.conn, "estate"), 111.5
    assert not located(client, lon)["may_place"], "no boundary covers it"
    found = located(client, lon, division=BARE_TOWNSHIP)
    assert [one["code"] for one in found["tiers"]] == [CITY, BARE_COUNTY, BARE_TOWNSHIP]
    assert (found["county"], found["township"], found["village"]) == (BARE_COUNTY, BARE_TOWNSHIP, None)
    assert found["may_place"]
    body = {"kind": "household", "name": "Li", "position": [lon, LAT], "division": BARE_TOWNSHIP}
    added = client.post("/api/v1/sites", json=body)
    assert added.status_code == 201, added.text
    assert added.json()["township"] == BARE_TOWNSHIP
    problem(
        client.get("/api/v1/locate", params={"lon": lon, "lat": LAT, "division": "41"}), 422, "wrong-input"
    )


@pytest.mark.parametrize(
    ("lon", "division"), [(LON, OTHER_VILLAGE), (100.0, BARE_TOWNSHIP), (111.5, "999999")]
)
def test_a_declared_division_that_the_point_contradicts_does_not_stand(
    bare: World, served: Served, lon: float, division: str
) -> None:
    client = served.client(bare.conn, "installer")
    assert located(client, lon, division=division) == located(client, lon)


@pytest.mark.parametrize(
    ("lon", "lat", "crs", "what"),
    [
        (0, 0, "WGS84", "Gulf of Guinea"),
        (34.7, 111.1, "WGS84", "swapped"),
        (200, 95, "WGS84", "not on the globe"),
        (111.1, 34.7, "EPSG:999999", "no coordinate system"),
    ],
)
def test_a_wrong_point_is_refused_with_what_would_be_right(
    city: httpx.Client, lon: float, lat: float, crs: str, what: str
) -> None:
    answer = city.get("/api/v1/locate", params={"lon": lon, "lat": lat, "crs": crs})
    problem(answer, 422, "wrong-input")
    [error] = answer.json()["errors"]
    assert what in error["what"]
    assert error["right"]


def test_neighbours_come_with_their_distance_the_nearest_first(city: httpx.Client, given: World) -> None:
    far = site(given, "far", LON + 0.002, LAT)
    near = site(given, "near", LON, LAT + 0.0005)
    site(given, "too far", LON, LAT + 0.004)
    retired = site(given, "retired", LON, LAT)
    given.conn.execute("UPDATE sites SET retired_at = now() WHERE id = %s", [retired])
    given.conn.commit()
    given.device("pir-1", site=near)
    found = located(city)["neighbours"]
    assert [(one["id"], one["devices"]) for one in found] == [(near, 1), (far, 0)]
    for one, (lon, lat) in zip(found, ((LON, LAT + 0.0005), (LON + 0.002, LAT)), strict=True):
        metres = float(coordinates.distance_m(LON, LAT, lon, lat)[()])
        assert abs(one["distance_m"] - metres) < 0.1
    assert [one["id"] for one in located(city, within_m=100)["neighbours"]] == [near]
    assert [one["id"] for one in located(city, limit=1)["neighbours"]] == [near]


def test_neighbours_of_another_scope_are_not_shown(
    here: httpx.Client, city: httpx.Client, given: World, served: Served
) -> None:
    company, other = given.organisation("Ours"), given.organisation("Theirs")
    border = 111.1099
    ours = site(given, "ours", border, LAT, organisation=company)
    over_there = site(given, "over there", border + 0.0005, LAT, village=OTHER_VILLAGE)
    given.user("company", role="installer", organisation=company)
    given.user("others", role="installer", organisation=other, division=VILLAGE)
    assert [one["id"] for one in located(city, border)["neighbours"]] == [ours, over_there]
    assert [one["id"] for one in located(here, border)["neighbours"]] == [ours]
    told = located(served.client(given.conn, "company"), border)
    assert [one["id"] for one in told["neighbours"]] == [ours]
    assert (told["may_place"], told["organisation_id"]) == (True, company), "what it adds has to be its own"
    assert located(served.client(given.conn, "others"), border)["neighbours"] == []
    beyond = located(here, border + 0.001)
    assert (beyond["may_place"], [one["id"] for one in beyond["neighbours"]]) == (False, [ours])


def test_near_sites_are_those_that_row_security_shows(owner_conn: Connection, api_conn: Connection) -> None:
    """The function runs as the owner, so row security does not filter for it."""
    fill(owner_conn, 1500)
    compared = 0
    cursor = api_conn.cursor(row_factory=scalar_row)
    point = "ST_SetSRID(ST_MakePoint(111.5, 34.03), 4326)"
    for reader in READERS:
        begin(api_conn, owner_conn, reader)
        found = cursor.execute(f"SELECT id FROM sites_near({point}, 4000, 1000)".encode()).fetchall()
        expected = cursor.execute(
            f"SELECT id FROM sites WHERE ST_Distance(position::geography, {point}::geography) <= 4000"
            f" ORDER BY ST_Distance(position::geography, {point}::geography), id".encode()
        ).fetchall()
        assert found == expected, reader
        compared += len(found)
        api_conn.rollback()
    assert compared > 50, "there was something to compare"


def test_near_sites_are_found_by_index(
    explaining: tuple[Connection, list[str]], owner_conn: Connection
) -> None:
    conn, plans = explaining
    for reader in ("city", "village"):
        begin(conn, owner_conn, reader)
        plans.clear()
        conn.execute("SELECT * FROM sites_near(ST_SetSRID(ST_MakePoint(111.12, 34.72), 4326), 200, 20)")
        conn.rollback()
        [plan] = [one for one in plans if "FROM sites s, LATERAL" in one]
        assert re.search(r"Index Scan[^\n]* sites_(position|scope)", plan), plan
        assert "Seq Scan on sites" not in plan


def test_what_to_type_in_holds_the_password_once(city: httpx.Client, given: World) -> None:
    number = registered(city, "yard-1", division=VILLAGE)["id"]
    before = city.get(f"/api/v1/devices/{number}/setup").json()
    assert (before["login_issued"], before["through"]) == (False, None)
    issued = city.post(f"/api/v1/devices/{number}/setup")
    assert (issued.status_code, issued.headers["cache-control"]) == (201, "no-store")
    told = issued.json()
    values = {one["name"]: one["value"] for one in told["values"]}
    assert (told["username"], values["user"], values["password"]) == ("yard-1", "yard-1", told["password"])
    assert told["password"] in told["paste"]
    row = given.conn.execute(
        "SELECT password_line FROM device_credentials WHERE device_id = 'yard-1'"
    ).fetchone()
    assert row is not None
    assert credentials.verify_password(told["password"], row[0])
    again = city.get(f"/api/v1/devices/{number}/setup")
    assert told["password"] not in again.text
    assert again.json()["login_issued"]
    assert {one["name"]: one["value"] for one in again.json()["values"]}["password"] == HIDDEN
    line = given.conn.execute("SELECT action, object FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
    assert line == ("device.credentials", "device/yard-1")


def test_the_qr_code_is_an_image_that_needs_no_request_and_no_inline_style(city: httpx.Client) -> None:
    number = registered(city, "yard-1", protocol="zigbee2mqtt", division=VILLAGE)["id"]
    told = city.post(f"/api/v1/devices/{number}/setup").json()
    kind, _, data = told["qr"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    image = ElementTree.fromstring(base64.b64decode(data))  # noqa: S314 - our own server's
    assert image.tag.endswith("svg")
    assert not [one for one in image.iter() if "style" in one.attrib]
    assert told["password"].encode() not in base64.b64decode(data)


def test_what_speaks_through_a_gateway_has_its_name_there_and_no_login(city: httpx.Client) -> None:
    gateway = registered(city, "zb-gw", kind="gateway", protocol="zigbee2mqtt", division=VILLAGE)["id"]
    child = registered(city, "west-1", gateway_id=gateway, external_id="西屋/红外", division=VILLAGE)["id"]
    told = city.get(f"/api/v1/devices/{child}/setup").json()
    assert (told["through"]["device_id"], told["external_id"]) == ("zb-gw", "西屋/红外")
    assert (told["values"], told["paste"], told["qr"]) == ([], "", "")
    problem(city.post(f"/api/v1/devices/{child}/setup"), 409, "conflict")


def test_a_taken_id_is_told_of_the_field_whoever_has_it(city: httpx.Client) -> None:
    """Not even a retired device's id is given twice: its history would become another's."""
    gone = registered(city, "pir-1", division=VILLAGE)["id"]
    assert city.post(f"/api/v1/devices/{gone}/retire", json={"reason": "broken"}).status_code == 200
    again = city.post("/api/v1/devices", json={"device_id": "pir-1", "kind": "siren", "division": VILLAGE})
    problem(again, 409, "conflict")
    assert "perhaps by a retired device" in again.json()["detail"]
    assert [one["where"] for one in again.json()["errors"]] == ["body.device_id"]
    gateway = registered(city, "zb-gw", kind="gateway", protocol="zigbee2mqtt", division=VILLAGE)["id"]
    child = {"gateway_id": gateway, "external_id": "door", "division": VILLAGE}
    registered(city, "door-1", **child)
    twice = city.post("/api/v1/devices", json={"device_id": "door-2", "kind": "door_contact"} | child)
    problem(twice, 409, "conflict")
    assert [one["where"] for one in twice.json()["errors"]] == ["body.external_id"]


def test_devices_are_told_the_name_that_the_operator_set(given: World, served: Served) -> None:
    settings = served.settings.model_copy(update={"mqtt_public_host": "broker.example"})
    with serve(settings) as running:
        client = running.client(given.conn, "installer")
        number = registered(client, "yard-1", division=VILLAGE)["id"]
        told = client.get(f"/api/v1/devices/{number}/setup").json()
    values = {one["name"]: one["value"] for one in told["values"]}
    assert values["host"] == "broker.example"
    assert told["broker_reachable"]


def test_a_contacts_consent_tells_when_and_who_recorded_it(
    city: httpx.Client, given: World, served: Served
) -> None:
    def consent(contact: dict[str, Any]) -> tuple[datetime, str]:
        return datetime.fromisoformat(contact["consent_at"]), contact["consent_by"]["name"]

    number = given.site()
    at = datetime(2026, 3, 1, 8, 30, tzinfo=ZONE)
    body = {"name": "Wang", "phone": "13812345678", "consent_at": at.isoformat()}
    added = city.post(f"/api/v1/sites/{number}/contacts", json=body).json()
    assert consent(added) == (at, "installer")
    [seen] = served.client(given.conn, "desk").get(f"/api/v1/sites/{number}").json()["contacts"]
    assert consent(seen) == (at, "installer")
    path = f"/api/v1/sites/{number}/contacts/{added['id']}"
    assert consent(city.patch(path, json={"relation": "owner"}).json()) == (at, "installer")
    ahead = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    problem(city.patch(path, json={"consent_at": ahead}), 422, "wrong-input")
    withdrawn = city.patch(path, json={"consent_at": None}).json()
    assert (withdrawn["consent_at"], withdrawn["consent_by"]) == (None, None)


def test_a_device_is_in_test_from_its_first_moment_and_rings_when_the_test_is_over(
    city: httpx.Client, given: World, intake_conn: psycopg.Connection
) -> None:
    now = datetime.now(UTC)
    until = now + timedelta(minutes=30)
    device = registered(city, "pir-1", site_id=given.site(), test_until=until.isoformat())
    assert device["status"] == "test"
    intake, seen = Intake(intake_conn), Seen(given.conn)
    assert intake.accept(says("pir-1", "130", at=now)) == ["stored"]
    assert (len(seen.signals), seen.count("incidents")) == (1, 0)
    assert intake.accept(says("pir-1", "130", at=until + timedelta(seconds=1))) == ["stored"]
    assert seen.count("incidents") == 1, "nobody had to end the test"


def test_what_was_received_in_a_test_and_is_stored_after_it_was_ended_rings_nowhere(
    city: httpx.Client, given: World, intake_conn: psycopg.Connection
) -> None:
    """The intake may be behind when the installer presses "in service"."""
    until = datetime.now(UTC) + timedelta(minutes=30)
    device = registered(city, "pir-1", site_id=given.site(), test_until=until.isoformat())
    heard = datetime.now(UTC)
    done = city.post(
        f"/api/v1/devices/{device['id']}/status", json={"status": "in_service", "reason": "works"}
    )
    assert done.json()["status"] == "in_service"
    intake, seen = Intake(intake_conn), Seen(given.conn)
    assert intake.accept(says("pir-1", "130", at=heard)) == ["stored"]
    assert (len(seen.signals), seen.count("incidents")) == (1, 0)
    assert intake.accept(says("pir-1", "130", at=datetime.now(UTC))) == ["stored"]
    assert seen.count("incidents") == 1


@pytest.mark.parametrize("days", [-1, 8])
def test_a_test_ends_within_a_week(city: httpx.Client, given: World, days: int) -> None:
    until = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    body = {"device_id": "pir-1", "kind": "siren", "division": VILLAGE, "test_until": until}
    problem(city.post("/api/v1/devices", json=body), 422, "wrong-input")
    assert Seen(given.conn).count("devices") == 0


def test_a_signal_is_on_the_phone_no_earlier_than_it_is_committed(here: httpx.Client, given: World) -> None:
    number = given.device("pir-1", site=given.site())
    at = datetime.now(UTC)
    query = {"device_id": number, "from": (at - timedelta(minutes=1)).isoformat()}
    with given.conn.transaction():
        given.conn.execute(
            "INSERT INTO signals (id, raw_id, device_id, received_at, event, category, priority, qualifier, zone,"
            " partition, judgement, county, township, village)"
            " SELECT 1, 1, id, %s, '130', 'burglary', 3, 'new', '', '', 'test', county, township, village"
            " FROM devices",
            [at],
        )
        assert here.get("/api/v1/signals", params=query).json()["features"] == []  # type: ignore[arg-type]
    [signal] = here.get("/api/v1/signals", params=query).json()["features"]  # type: ignore[arg-type]
    assert signal["properties"]["event"] == "130"
