"""Devices over HTTP: registered, placed, moved, replaced, retired, tested, adopted, with history and logins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import psycopg

from alarms.registry import credentials
from tests.integration.registering import INSIDE, OTHER_INSIDE, registered
from tests.integration.serving import Served, problem
from tests.stories import OTHER_VILLAGE, VILLAGE, Intake, Seen, World, says, told

WHY = {"reason": "as the story has it"}


def test_a_device_stands_where_its_site_stands(city: httpx.Client, given: World, seen: Seen) -> None:
    company = given.organisation()
    site = given.site(village=VILLAGE, organisation=company)
    device = registered(city, site_id=site, zone="3")
    assert (device["village"], device["organisation_id"]) == (VILLAGE, company)
    assert (device["position"], device["status"], device["zone"]) == ([111.1, 34.7], "in_service", "3")
    own = registered(city, "pir-2", site_id=site, position=OTHER_INSIDE)
    assert (own["village"], own["grid_cell"]) == (OTHER_VILLAGE, f"{OTHER_VILLAGE}-001")
    assert [one["kind"] for one in seen.changes] == ["device", "device"]
    assert seen.feed_has_no_gap()


def test_what_is_taken_unknown_or_reserved_is_refused(city: httpx.Client, given: World) -> None:
    registered(city, position=INSIDE)

    def refused(**different: object) -> httpx.Response:
        return city.post("/api/v1/devices", json={"device_id": "pir-2", "kind": "camera"} | different)

    assert "pir-1 is taken" in problem(refused(device_id="pir-1"), 409, "conflict")
    assert "no site 99" in problem(refused(site_id=99), 404, "not-found")
    assert "no organisation 99" in problem(refused(organisation_id=99), 404, "not-found")
    assert "no device 99" in problem(refused(gateway_id=99, external_id="x"), 404, "not-found")
    for wrong in ({"device_id": "intake"}, {"device_id": "a b"}, {"kind": "bomb"}, {"external_id": "x"}):
        problem(refused(**wrong), 422, "wrong-input")


def test_each_step_is_kept_in_its_history_newest_first(city: httpx.Client, given: World) -> None:
    device = registered(city, position=INSIDE)
    path = f"/api/v1/devices/{device['id']}"
    city.patch(path, json={"name": "hall", "version": device["version"]})
    city.post(f"{path}/move", json=WHY | {"position": OTHER_INSIDE})
    city.post(f"{path}/status", json=WHY | {"status": "out_of_service"})
    city.post(f"{path}/retire", json=WHY)
    first = city.get(f"{path}/history?limit=2").json()
    assert [line["action"] for line in first["items"]] == ["retired", "status"]
    rest = city.get(first["links"][0]["href"] + "&limit=9").json()["items"]
    assert [line["action"] for line in rest] == ["moved", "changed", "registered"]
    moved, changed, _ = rest
    assert (moved["before"]["village"], moved["after"]["village"]) == (VILLAGE, OTHER_VILLAGE)
    assert (moved["reason"], moved["user"]["name"]) == (WHY["reason"], "installer")
    assert (changed["before"], changed["after"]) == ({"name": ""}, {"name": "hall"})


def test_each_step_is_in_the_audit_log_once(city: httpx.Client, seen: Seen) -> None:
    path = f"/api/v1/devices/{registered(city, position=INSIDE)['id']}"
    city.patch(path, json={"name": "hall"})
    city.post(f"{path}/move", json=WHY | {"position": OTHER_INSIDE})
    city.post(f"{path}/status", json=WHY | {"status": "out_of_service"})
    city.post(f"{path}/credentials")
    new = city.post(f"{path}/replace", json=WHY | {"device_id": "pir-2"}).json()
    city.post(f"/api/v1/devices/{new['id']}/retire", json=WHY)
    lines = seen.rows("SELECT action, object, username, reason FROM audit_log ORDER BY seq")
    assert [(one["action"], one["object"]) for one in lines] == [
        ("device.register", "device/pir-1"),
        ("device.change", "device/pir-1"),
        ("device.move", "device/pir-1"),
        ("device.status", "device/pir-1"),
        ("device.credentials", "device/pir-1"),
        ("device.replace", "device/pir-1"),
        ("device.retire", "device/pir-2"),
    ]
    assert {one["username"] for one in lines} == {"installer"}
    assert [one["reason"] for one in lines if one["reason"]] == [WHY["reason"]] * 4


def test_a_late_change_is_refused(city: httpx.Client) -> None:
    path = f"/api/v1/devices/{registered(city, position=INSIDE)['id']}"
    assert city.patch(path, json={"name": "hall", "version": 1}).json()["version"] == 2
    assert "version 2" in problem(
        city.patch(path, json={"zone": "4", "version": 1}), 409, "changed-meanwhile"
    )


def test_moving_tells_those_who_see_it_no_more(city: httpx.Client, here: httpx.Client, seen: Seen) -> None:
    device = registered(city, position=INSIDE)
    path = f"/api/v1/devices/{device['id']}"
    assert here.get(path).status_code == 200
    moved = city.post(f"{path}/move", json=WHY | {"position": OTHER_INSIDE}).json()
    assert seen.rows("SELECT moved_at > created_at AS later FROM devices") == [{"later": True}]
    assert (moved["village"], moved["version"]) == (OTHER_VILLAGE, 2)
    assert here.get(path).status_code == 404
    change = seen.changes[-1]
    assert VILLAGE in change["old_keys"]
    assert VILLAGE not in change["scope_keys"]


def test_nobody_reaches_outside_their_scope(city: httpx.Client, here: httpx.Client, given: World) -> None:
    elsewhere = given.site("elsewhere", village=OTHER_VILLAGE)
    outside = registered(city, "out-1", site_id=elsewhere)
    path = f"/api/v1/devices/{outside['id']}"
    for answer in (
        here.get(path),
        here.get(f"{path}/history"),
        here.patch(path, json={"name": "mine"}),
        here.post(f"{path}/move", json=WHY | {"position": INSIDE}),
        here.post(f"{path}/replace", json=WHY | {"device_id": "mine"}),
        here.post(f"{path}/retire", json=WHY),
        here.post(f"{path}/status", json=WHY | {"status": "in_service"}),
        here.post(f"{path}/credentials"),
        here.post("/api/v1/devices", json={"device_id": "x", "kind": "camera", "site_id": elsewhere}),
    ):
        problem(answer, 404, "not-found")
    for place in ({}, {"position": OTHER_INSIDE}, {"division": OTHER_VILLAGE}):
        body = {"device_id": "x", "kind": "camera"} | place
        assert "outside your scope" in problem(here.post("/api/v1/devices", json=body), 403, "not-permitted")
    inside = registered(here, position=INSIDE)
    out = here.post(f"/api/v1/devices/{inside['id']}/move", json=WHY | {"position": OTHER_INSIDE})
    problem(out, 403, "not-permitted")
    listed = here.get("/api/v1/devices?count=true").json()
    assert ([one["id"] for one in listed["features"]], listed["count"]) == ([inside["id"]], 1)


def test_a_company_sees_its_own_devices_in_every_division(
    city: httpx.Client, given: World, served: Served
) -> None:
    company = given.organisation()
    given.user("guard", role="installer", organisation=company)
    guard = served.client(given.conn, "guard")
    own = registered(city, "own-1", position=OTHER_INSIDE, organisation_id=company)
    foreign = registered(city, "foreign-1", position=OTHER_INSIDE)
    assert [one["id"] for one in guard.get("/api/v1/devices").json()["features"]] == [own["id"]]
    assert guard.get(f"/api/v1/devices/{foreign['id']}").status_code == 404
    given_away = guard.patch(f"/api/v1/devices/{own['id']}", json={"organisation_id": None})
    problem(given_away, 403, "not-permitted")


def test_lists_filter_by_box_state_kind_site_and_words(city: httpx.Client, given: World) -> None:
    site = given.site(village=VILLAGE)
    registered(city, "door-1", kind="door_contact", site_id=site, name="后门")
    registered(city, "pir-2", position=OTHER_INSIDE)

    def found(query: str) -> list[str]:
        answer = city.get(f"/api/v1/devices?{query}")
        assert answer.status_code == 200, answer.text
        return [one["properties"]["device_id"] for one in answer.json()["features"]]

    assert found("") == ["door-1", "pir-2"]
    assert found("bbox=111.09,34.69,111.11,34.71") == ["door-1"], "found at its site's position"
    assert found("bbox=111.29,34.69,111.32,34.72") == ["pir-2"]
    assert found("kind=door_contact&kind=camera") == ["door-1"]
    assert found(f"site_id={site}") == ["door-1"]
    assert found("q=后门") == found("q=DOOR") == ["door-1"]
    assert found(f"division={OTHER_VILLAGE[:9]}") == ["pir-2"]
    assert found("state=retired") == []


def test_a_replacement_takes_the_place_and_the_children(city: httpx.Client, given: World, seen: Seen) -> None:
    gateway = registered(city, "gw-1", kind="gateway", protocol="zigbee2mqtt", position=INSIDE)
    child = registered(city, "child-1", gateway_id=gateway["id"], external_id="0x01", position=INSIDE)
    city.post(f"/api/v1/devices/{gateway['id']}/credentials")
    path = f"/api/v1/devices/{gateway['id']}"
    assert "child-1" in problem(city.post(f"{path}/retire", json=WHY), 409, "conflict")
    answer = city.post(f"{path}/replace", json=WHY | {"device_id": "gw-2"})
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert (new["device_id"], new["kind"], new["protocol"]) == ("gw-2", "gateway", "zigbee2mqtt")
    assert (new["village"], new["position"]) == (VILLAGE, INSIDE)
    assert city.get(f"/api/v1/devices/{child['id']}").json()["gateway_id"] == new["id"]
    assert city.get(path).json()["status"] == "retired"
    assert seen.count("device_credentials") == 0, "the old one's login is gone"
    [old] = seen.rows("SELECT replaced_by FROM devices WHERE device_id = 'gw-1'")
    assert old["replaced_by"] == new["id"]
    assert "retired" in problem(
        city.post(f"{path}/replace", json=WHY | {"device_id": "gw-3"}), 409, "conflict"
    )
    own = f"/api/v1/devices/{child['id']}/replace"
    assert "external_id" in problem(city.post(own, json=WHY | {"device_id": "child-2"}), 409, "conflict")
    second = city.post(own, json=WHY | {"device_id": "child-2", "external_id": "0x02"}).json()
    assert (second["gateway_id"], second["external_id"]) == (new["id"], "0x02")


def test_a_broken_button_is_swapped_under_the_name_that_it_had_and_the_new_one_rings(
    city: httpx.Client, intake_conn: psycopg.Connection, seen: Seen
) -> None:
    gateway = registered(city, "gw-1", kind="gateway", protocol="zigbee2mqtt", position=INSIDE)
    behind = {"gateway_id": gateway["id"], "external_id": "granny's button"}
    old = registered(city, "sos-1", kind="panic_button", position=INSIDE, **behind)
    taken = city.post(
        "/api/v1/devices", json={"device_id": "sos-x", "kind": "panic_button", "position": INSIDE} | behind
    )
    assert "already has a device" in problem(taken, 409, "conflict")
    body = WHY | {"device_id": "sos-2", "external_id": "granny's button"}
    answer = city.post(f"/api/v1/devices/{old['id']}/replace", json=body)
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert (new["status"], new["external_id"], new["village"]) == ("in_service", "granny's button", VILLAGE)
    history = city.get(f"/api/v1/devices/{old['id']}/history").json()["items"]
    assert [line["action"] for line in history] == ["replaced", "registered"]
    assert history[0]["after"]["replaced_by"] == new["id"]

    intake = Intake(intake_conn)
    pressed = told("gw/gw-1/zigbee2mqtt/granny's button", b'{"action": "sos"}')
    assert intake.accept(pressed) == ["stored"]
    assert [one["device_id"] for one in seen.alarms] == [new["id"]]

    city.post(f"/api/v1/devices/{new['id']}/retire", json=WHY)
    assert intake.accept(pressed) == ["unknown_device"], "who speaks under a retired one's name is shown"
    registered(city, "sos-3", kind="panic_button", position=INSIDE, **behind)
    assert intake.accept(pressed) == ["stored"]
    assert len(seen.alarms) == 2


def test_a_gateway_serves_on_whom_its_installer_does_not_see(
    city: httpx.Client, here: httpx.Client, given: World, seen: Seen, intake_conn: psycopg.Connection
) -> None:
    """Else another village's or company's sensor speaks through a gateway that has no login: it never rings again."""
    gateway = registered(city, "gw-1", kind="gateway", protocol="zigbee2mqtt", position=INSIDE)
    company = given.organisation()
    far = registered(city, "far-1", gateway_id=gateway["id"], external_id="0x01", position=OTHER_INSIDE)
    registered(
        city, "own-1", gateway_id=gateway["id"], external_id="0x02", position=INSIDE, organisation_id=company
    )
    path = f"/api/v1/devices/{gateway['id']}"
    assert here.get(f"/api/v1/devices/{far['id']}").status_code == 404
    given.user("guard", role="installer", organisation=company)
    answer = here.post(f"{path}/replace", json=WHY | {"device_id": "gw-2"})
    assert answer.status_code == 201, answer.text
    assert {
        row["gateway_id"] for row in seen.rows("SELECT * FROM devices WHERE external_id IS NOT NULL")
    } == {answer.json()["id"]}
    told_of = [one["object_id"] for one in seen.changes if one["document"]["gateway_id"]][-2:]
    assert far["id"] in told_of, "the feed tells those who see it"
    intake = Intake(intake_conn)
    assert intake.accept(told("gw/gw-2/zigbee2mqtt/0x01", b'{"occupancy": true}')) == ["stored"]
    path = f"/api/v1/devices/{answer.json()['id']}"
    assert "own-1" in problem(here.post(f"{path}/retire", json=WHY), 409, "conflict")
    given.conn.execute("UPDATE devices SET status = 'retired' WHERE device_id = 'own-1'")
    given.conn.commit()
    refused = problem(here.post(f"{path}/retire", json=WHY), 409, "conflict")
    assert refused == "It also serves a device outside your scope: the city desk does this."
    assert "far-1" not in refused


def test_a_login_is_shown_once_and_lets_in(city: httpx.Client, seen: Seen) -> None:
    device = registered(city, position=INSIDE)
    path = f"/api/v1/devices/{device['id']}/credentials"
    answer = city.post(path)
    assert (answer.status_code, answer.json()["username"]) == (201, "pir-1")
    assert answer.headers["Cache-Control"] == "no-store"
    [row] = seen.rows("SELECT * FROM device_credentials")
    assert credentials.verify_password(answer.json()["password"], row["password_line"])
    again = city.post(path).json()["password"]
    [row] = seen.rows("SELECT * FROM device_credentials")
    assert credentials.verify_password(again, row["password_line"])
    assert not credentials.verify_password(answer.json()["password"], row["password_line"])
    assert again not in str(seen.rows("SELECT before, after FROM device_history"))
    child = registered(city, "child-1", gateway_id=device["id"], external_id="x", position=INSIDE)
    assert "gateway" in problem(city.post(f"/api/v1/devices/{child['id']}/credentials"), 409, "conflict")


def test_a_test_has_an_end_and_a_retired_device_stays_retired(city: httpx.Client) -> None:
    path = f"/api/v1/devices/{registered(city, position=INSIDE)['id']}"
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for until in (None, "2020-01-01T00:00:00Z", (datetime.now(UTC) + timedelta(days=30)).isoformat()):
        body = WHY | {"status": "test", "test_until": until}
        problem(city.post(f"{path}/status", json=body), 422, "wrong-input")
    problem(
        city.post(f"{path}/status", json=WHY | {"status": "in_service", "test_until": soon}),
        422,
        "wrong-input",
    )
    tested = city.post(f"{path}/status", json=WHY | {"status": "test", "test_until": soon}).json()
    assert (tested["status"], tested["test_until"][:16]) == ("test", soon[:16])
    assert city.post(f"{path}/status", json=WHY | {"status": "in_service"}).json()["test_until"] is None
    city.post(f"{path}/retire", json=WHY)
    problem(city.post(f"{path}/status", json=WHY | {"status": "in_service"}), 409, "conflict")
    problem(city.post(f"{path}/move", json=WHY | {"position": INSIDE}), 409, "conflict")
    problem(city.post(f"{path}/credentials"), 409, "conflict")


def test_an_unknown_child_is_shown_adopted_and_its_next_message_rings(
    city: httpx.Client, here: httpx.Client, intake_conn: psycopg.Connection, seen: Seen
) -> None:
    registered(city, "gw-1", kind="gateway", protocol="zigbee2mqtt", position=INSIDE)
    intake = Intake(intake_conn)
    message = told("gw/gw-1/zigbee2mqtt/kitchen", b'{"occupancy": true, "battery": 80}')
    assert intake.accept(message) != ["stored"]
    [unknown] = city.get("/api/v1/unknown-devices").json()["items"]
    assert (unknown["publisher"], unknown["child"]) == ("gw-1", "kitchen")
    assert unknown["gateway_known"] is True
    assert here.get("/api/v1/unknown-devices").json()["items"] == [], "the city desk's, as it has no place"
    body = {"publisher": "gw-1", "child": "kitchen", "device_id": "kitchen-1", "kind": "infrared_sensor"}
    problem(here.post("/api/v1/unknown-devices/adopt", json=body | {"position": INSIDE}), 404, "not-found")
    answer = city.post("/api/v1/unknown-devices/adopt", json=body | {"position": INSIDE})
    assert answer.status_code == 201, answer.text
    adopted = answer.json()
    assert (adopted["external_id"], adopted["protocol"]) == ("kitchen", "zigbee2mqtt")
    assert city.get("/api/v1/unknown-devices").json()["items"] == []
    problem(city.post("/api/v1/unknown-devices/adopt", json=body | {"device_id": "k-2"}), 404, "not-found")
    assert intake.accept(message) == ["stored"]
    assert [one["device_id"] for one in seen.alarms] == [adopted["id"]]


def test_who_is_registered_by_hand_is_no_longer_unknown(
    city: httpx.Client, intake_conn: psycopg.Connection
) -> None:
    gateway = registered(city, "gw-1", kind="gateway", protocol="zigbee2mqtt", position=INSIDE)
    assert (
        Intake(intake_conn).accept(
            told("gw/gw-1/zigbee2mqtt/kitchen", b'{"occupancy": true}'), says("pir-9", "130")
        )
        == ["unknown_device"] * 2
    )
    registered(city, "kitchen-1", gateway_id=gateway["id"], external_id="kitchen", position=INSIDE)
    registered(city, "pir-9", position=INSIDE)
    assert city.get("/api/v1/unknown-devices").json()["items"] == []


def test_pages_of_unknown_devices_and_messages_miss_nothing(
    city: httpx.Client, here: httpx.Client, intake_conn: psycopg.Connection
) -> None:
    intake = Intake(intake_conn)
    for n in range(5):
        intake.accept(says(f"stranger-{n}", "130"))
    intake.accept(told("lianfang/v1/stranger-0/signal", b"\xff\xfe no json"))
    path, found = "/api/v1/unknown-devices?limit=2", []
    while path:
        page = city.get(path).json()
        found += [one["publisher"] for one in page["items"]]
        path = page["links"][0]["href"] if page["links"] else ""
    assert sorted(found) == [f"stranger-{n}" for n in range(5)]
    path, messages = "/api/v1/messages?limit=2", []
    while path:
        page = city.get(path).json()
        messages += page["items"]
        path = page["links"][0]["href"] if page["links"] else ""
    assert len({one["id"] for one in messages}) == 6
    [broken] = city.get("/api/v1/messages?state=rejected").json()["items"]
    assert (broken["encoding"], broken["payload_bytes"]) == ("base64", 10)
    assert broken["reason"]
    assert here.get("/api/v1/messages").json()["items"] == [], "raw messages are the city desk's"


def test_a_new_name_is_in_the_open_alarms_at_once(city: httpx.Client, given: World, seen: Seen) -> None:
    device = registered(city, position=INSIDE)
    incident = given._id(
        "INSERT INTO incidents (source, state, category, priority, opened_at, last_alarm_at)"
        " VALUES ('device', 'new', 'burglary', 3, now(), now()) RETURNING id",
        {},
    )
    given._id(
        "INSERT INTO alarms (device_id, zone, category, event, priority, incident_id, opened_at, last_at)"
        " VALUES (%(device)s, '', 'burglary', '130', 3, %(incident)s, now(), now()) RETURNING id",
        {"device": device["id"], "incident": incident},
    )
    city.patch(f"/api/v1/devices/{device['id']}", json={"name": "后院"})
    told_of = [one for one in seen.changes if one["kind"] == "alarm"]
    assert [one["document"]["device"]["name"] for one in told_of] == ["后院"]
    assert told_of[0]["version"] == 2
    assert seen.feed_has_no_gap()
