"""Sites and contacts over HTTP: added, placed, found, changed, retired; numbers masked until a reason is given."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.registering import INSIDE, OTHER_INSIDE
from tests.integration.serving import Served, problem
from tests.stories import OTHER_VILLAGE, VILLAGE, Seen, World

SHOP = {"kind": "shop", "name": "王记烟酒", "address": "人民路 7 号", "position": INSIDE}


@pytest.fixture
def desk(given: World, served: Served) -> httpx.Client:
    return served.client(given.conn, "desk")


def added(client: httpx.Client, **different: object) -> dict[str, object]:
    answer = client.post("/api/v1/sites", json=SHOP | different)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/api/v1/sites/{answer.json()['id']}"
    return dict(answer.json())


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [feature["properties"]["name"] for feature in answer.json()["features"]]


def test_a_site_is_joined_to_its_cell_and_tiers_when_it_is_added(city: httpx.Client) -> None:
    site = added(city)
    assert (site["village"], site["grid_cell"]) == (VILLAGE, f"{VILLAGE}-001")
    assert (site["county"], site["township"]) == ("411282000000", "411282100000")
    assert (site["position"], site["source_crs"], site["version"]) == (INSIDE, "EPSG:4326", 1)


def test_a_position_of_a_phone_map_is_converted_and_says_where_it_came_from(city: httpx.Client) -> None:
    site = added(city, position={"lon": INSIDE[0], "lat": INSIDE[1], "crs": "GCJ-02"})
    assert site["source_crs"] == "GCJ-02"
    position = site["position"]
    assert isinstance(position, list)
    lon, lat = position
    assert 0.003 < INSIDE[0] - lon < 0.008
    assert 0.0005 < abs(INSIDE[1] - lat) < 0.003


@pytest.mark.parametrize(
    ("position", "says"),
    [
        ([34.705, 111.105], "swapped"),
        ([0, 0], "Gulf of Guinea"),
        ({"lon": 111.1, "lat": 34.7, "crs": "MARS-3"}, "no coordinate system"),
        ([111.1], "body.position"),
        ("111,34", "body.position"),
    ],
)
def test_a_wrong_position_is_refused_with_what_would_be_right(
    city: httpx.Client, position: object, says: str
) -> None:
    answer = city.post("/api/v1/sites", json=SHOP | {"position": position})
    problem(answer, 422, "wrong-input")
    assert says in answer.text


def test_a_declared_division_places_what_has_no_point(city: httpx.Client) -> None:
    site = added(city, position=None, division=OTHER_VILLAGE)
    assert (site["village"], site["grid_cell"], site["position"]) == (OTHER_VILLAGE, None, None)


def test_a_declared_division_alone_leaves_the_point(city: httpx.Client, given: World) -> None:
    given.conn.execute("INSERT INTO divisions (code, tier, name) VALUES ('411271000000', 2, 'no boundary')")
    given.conn.commit()
    path = f"/api/v1/sites/{added(city, position=None, division=VILLAGE)['id']}"
    contradicted = city.patch(path, json={"position": OTHER_INSIDE}).json()
    assert (contradicted["village"], contradicted["position"]) == (OTHER_VILLAGE, OTHER_INSIDE)
    declared = city.patch(path, json={"division": "411271"}).json()
    assert (declared["county"], declared["village"], declared["position"]) == (
        "411271000000",
        None,
        OTHER_INSIDE,
    )
    renamed = city.patch(path, json={"name": "x"}).json()
    assert (renamed["county"], renamed["position"]) == ("411271000000", OTHER_INSIDE)


def test_lists_take_boxes_divisions_kinds_and_words_and_go_on_where_they_ended(city: httpx.Client) -> None:
    for n in range(5):
        added(city, name=f"店 {n}")
    added(city, name="50% off_", position=OTHER_INSIDE, kind="market")
    assert names(city.get("/api/v1/sites?bbox=111.29,34.69,111.32,34.72")) == ["50% off_"]
    assert names(city.get("/api/v1/sites", params={"division": VILLAGE[:6]})) == [f"店 {n}" for n in range(5)]
    assert names(city.get("/api/v1/sites?kind=market&kind=key_site")) == ["50% off_"]
    assert names(city.get("/api/v1/sites", params={"q": "0% OFF_"})) == ["50% off_"]
    assert names(city.get("/api/v1/sites", params={"q": "%"})) == ["50% off_"], "a wildcard is a letter"
    assert names(city.get("/api/v1/sites?state=retired")) == []
    path, found = "/api/v1/sites?limit=2&kind=shop&count=true", []
    while path:
        page = city.get(path).json()
        assert page["count"] == 5
        found += [feature["id"] for feature in page["features"]]
        path = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
        assert not path or "kind=shop" in path, "the next link keeps the filters"
    assert len(found) == len(set(found)) == 5
    assert "count" not in city.get("/api/v1/sites").json(), "nothing is counted unless asked for"


def test_nothing_outside_the_scope_is_there(
    city: httpx.Client, here: httpx.Client, desk: httpx.Client
) -> None:
    inside, outside = added(city), added(city, name="elsewhere", position=OTHER_INSIDE)
    nowhere = added(city, name="no place", position=None)
    for client in (here, desk):
        assert names(client.get("/api/v1/sites")) == [SHOP["name"]]
        assert names(client.get("/api/v1/sites?q=elsewhere")) == []
        assert names(client.get("/api/v1/sites?bbox=111.0,34.0,112,35")) == [SHOP["name"]]
        assert client.get("/api/v1/sites?count=true").json()["count"] == 1
        assert client.get(f"/api/v1/sites/{inside['id']}").status_code == 200
        for site in (outside, nowhere):
            assert client.get(f"/api/v1/sites/{site['id']}").status_code == 404
    for site in (outside, nowhere):
        path = f"/api/v1/sites/{site['id']}"
        assert here.patch(path, json={"name": "mine"}).status_code == 404
        assert here.post(f"{path}/retire", json={"reason": "mine now"}).status_code == 404
        assert here.post(f"{path}/contacts", json={"name": "x", "phone": "12345"}).status_code == 404


def test_nobody_puts_a_site_outside_their_scope(here: httpx.Client, desk: httpx.Client) -> None:
    for place in ({"position": OTHER_INSIDE}, {"position": None}):
        answer = here.post("/api/v1/sites", json=SHOP | place)
        assert "outside your scope" in problem(answer, 403, "not-permitted")
    site = added(here)
    moved = here.patch(f"/api/v1/sites/{site['id']}", json={"position": OTHER_INSIDE})
    assert moved.status_code == 403
    assert here.get(f"/api/v1/sites/{site['id']}").json()["position"] == INSIDE
    assert desk.post("/api/v1/sites", json=SHOP).status_code == 403, "a dispatcher is no installer"


def test_the_map_gets_new_tiles_when_it_would_show_something_else(city: httpx.Client) -> None:
    def version() -> int:
        return int(city.get("/api/v1/session").json()["tiles"]["version"]["sites"])

    before = version()
    path = f"/api/v1/sites/{added(city)['id']}"
    assert version() == before + 1
    for change, more in (
        ({"armed_override": True}, 0),
        ({"name": SHOP["name"]}, 0),
        ({"name": "x"}, 1),
        ({"position": OTHER_INSIDE}, 1),
    ):
        was = version()
        assert city.patch(path, json=change).status_code == 200
        assert version() == was + more, change
    city.post(f"{path}/retire", json={"reason": "moved away"})
    assert version() == before + 4


def test_a_change_says_which_version_it_saw(city: httpx.Client) -> None:
    site = added(city, external_ref="A-1")
    path = f"/api/v1/sites/{site['id']}"
    changed = city.patch(path, json={"version": 1, "address": "新华路"}).json()
    assert (changed["address"], changed["name"], changed["version"]) == ("新华路", SHOP["name"], 2)
    late = city.patch(path, json={"version": 1, "address": "x"})
    problem(late, 409, "changed-meanwhile")
    other = added(city, external_ref="A-2")
    same = city.patch(f"/api/v1/sites/{other['id']}", json={"external_ref": "A-1"})
    problem(same, 409, "conflict")
    assert city.patch(path, json={"organisation_id": 99}).status_code == 404


def test_open_incidents_show_the_new_name_and_the_feed_tells_it(
    city: httpx.Client, given: World, seen: Seen
) -> None:
    site = added(city)
    incident = given._id(
        "INSERT INTO incidents (source, state, category, priority, site_id, county, township, village, opened_at,"
        " last_alarm_at) SELECT 'device', 'new', 'burglary', 3, id, county, township, village, now(), now()"
        "  FROM sites WHERE id = %(id)s RETURNING id",
        {"id": site["id"]},
    )
    city.patch(f"/api/v1/sites/{site['id']}", json={"name": "新名字"})
    [change] = seen.changes
    assert (change["kind"], change["object_id"], change["version"]) == ("incident", incident, 2)
    assert change["document"]["site"]["name"] == "新名字"


def test_devices_go_with_their_site_and_are_gone_for_who_saw_them_before(
    city: httpx.Client, given: World, seen: Seen
) -> None:
    site = added(city)
    device = given.device("pir-1", site=int(str(site["id"])), village=VILLAGE)
    answer = city.patch(f"/api/v1/sites/{site['id']}", json={"position": OTHER_INSIDE})
    assert answer.json()["village"] == OTHER_VILLAGE
    [row] = seen.rows("SELECT village, grid_cell, version FROM devices")
    assert row == {"village": OTHER_VILLAGE, "grid_cell": f"{OTHER_VILLAGE}-001", "version": 2}
    [change] = [one for one in seen.changes if one["kind"] == "device"]
    assert change["object_id"] == device
    assert VILLAGE in change["old_keys"]
    assert VILLAGE not in change["scope_keys"]
    assert OTHER_VILLAGE in change["scope_keys"]


def test_a_site_with_devices_is_not_retired(city: httpx.Client, given: World, seen: Seen) -> None:
    site = added(city)
    path = f"/api/v1/sites/{site['id']}/retire"
    given.device("pir-1", site=int(str(site["id"])))
    refused = city.post(path, json={"reason": "moved away"})
    assert "pir-1" in problem(refused, 409, "conflict")
    given.conn.execute("UPDATE devices SET status = 'retired'")
    given.conn.commit()
    assert city.post(path, json={"reason": "moved away"}).json()["retired_at"]
    assert city.post(path, json={"reason": "moved away"}).status_code == 409
    assert names(city.get("/api/v1/sites?state=in_use")) == []
    lines = seen.rows("SELECT action, username, reason FROM audit_log ORDER BY seq")
    assert lines[-1] == {"action": "site.retire", "username": "installer", "reason": "moved away"}


def test_another_companys_device_goes_with_its_site_and_keeps_it_in_use(
    city: httpx.Client, given: World, served: Served, seen: Seen
) -> None:
    ours, theirs = given.organisation("Shield"), given.organisation("Lock")
    given.user("guard", role="installer", organisation=ours)
    guard = served.client(given.conn, "guard")
    site = added(city, organisation_id=ours)
    path = f"/api/v1/sites/{site['id']}"
    given.device("lock-1", site=int(str(site["id"])), village=VILLAGE, organisation=theirs)
    assert guard.get("/api/v1/devices").json()["features"] == []
    assert guard.patch(path, json={"position": OTHER_INSIDE}).json()["village"] == OTHER_VILLAGE
    [device] = seen.rows("SELECT village, version FROM devices")
    assert device == {"village": OTHER_VILLAGE, "version": 2}
    [change] = [one for one in seen.changes if one["kind"] == "device"]
    assert f"{VILLAGE}@{theirs}" in change["old_keys"]
    refused = guard.post(f"{path}/retire", json={"reason": "moved away"})
    assert "serves a device outside your scope" in problem(refused, 409, "conflict")
    assert "lock-1" not in refused.text


def test_numbers_are_masked_until_somebody_says_why(
    city: httpx.Client, desk: httpx.Client, given: World, served: Served, seen: Seen
) -> None:
    site = added(city)
    path = f"/api/v1/sites/{site['id']}"
    contact = city.post(
        f"{path}/contacts", json={"name": "王芳", "phone": "13812345678", "relation": "owner"}
    )
    assert (contact.status_code, contact.json()["phone_masked"]) == (201, "138****5678")
    number = contact.json()["id"]
    assert desk.get(path).json()["contacts"][0]["phone_masked"] == "138****5678"
    assert "13812345678" not in desk.get(path).text
    reveal = f"{path}/contacts/{number}/reveal"
    assert desk.post(reveal, json={"reason": ""}).status_code == 422
    assert desk.post(reveal, json={"reason": "call back"}).json() == {"phone": "13812345678"}
    [line] = seen.rows("SELECT * FROM audit_log WHERE action = 'contact.reveal'")
    assert (line["username"], line["reason"], line["object"]) == ("desk", "call back", f"contact/{number}")
    assert "13812345678" not in str(line["details"])
    given.user("far", division=OTHER_VILLAGE)
    far = served.client(given.conn, "far")
    assert far.post(reveal, json={"reason": "curious"}).status_code == 404
    other = added(city, name="other")
    mixed = f"/api/v1/sites/{other['id']}/contacts/{number}"
    assert city.patch(mixed, json={"name": "x"}).status_code == 404, "of another site"
    assert city.delete(mixed).status_code == 404
    changed = city.patch(f"{path}/contacts/{number}", json={"phone": "0398-2223344"}).json()
    assert (changed["name"], changed["phone_masked"]) == ("王芳", "039*****3344")
    assert city.delete(f"{path}/contacts/{number}").status_code == 204
    assert city.get(path).json()["contacts"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a\u0000b"},
        {"name": " "},
        {"name": "x" * 201},
        {"kind": "castle"},
        {"organisation_id": 2**63},
        {"organisation_id": "1"},
        {"armed_schedule": [{"days": [8], "from": "21:00", "to": "08:00"}]},
        {"armed_schedule": [{"days": [1], "from": "9pm", "to": "08:00"}]},
        {"armed_override": "yes"},
        {"colour": "red"},
    ],
)
def test_wrong_input_is_named(city: httpx.Client, body: dict[str, object]) -> None:
    answer = city.post("/api/v1/sites", json=SHOP | body)
    problem(answer, 422, "wrong-input")
    assert all(error["where"].startswith("body.") for error in answer.json()["errors"])


def test_a_schedule_is_kept_as_the_intake_reads_it(city: httpx.Client) -> None:
    schedule = [{"days": [1, 2, 3, 4, 5], "from": "21:00", "to": "08:00"}]
    site = added(city, armed_schedule=schedule)
    assert site["armed_schedule"] == schedule
    cleared = city.patch(f"/api/v1/sites/{site['id']}", json={"armed_schedule": None}).json()
    assert cleared["armed_schedule"] is None
