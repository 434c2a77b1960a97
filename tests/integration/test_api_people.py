"""Organisations, users, grants, grid cells and the audit log over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from api.routes import audit
from tests.integration.serving import Served, problem, wait_until
from tests.stories import CITY, OTHER_VILLAGE, VILLAGE, Seen, World

TOWNSHIP = VILLAGE[:9] + "000"


@pytest.fixture
def given(owner_conn: psycopg.Connection) -> World:
    world = World(owner_conn)
    world.village(VILLAGE, 111.10, 34.70)
    world.village(OTHER_VILLAGE, 111.30, 34.70)
    world.conn.execute("INSERT INTO divisions (code, tier, name) VALUES (%s, 1, 'city')", [CITY])
    world.user("chief", role="admin")
    world.user("local", role="admin", division=TOWNSHIP)
    world.user("desk", division=TOWNSHIP)
    world.user("far", division=OTHER_VILLAGE)
    return world


@pytest.fixture
def chief(given: World, served: Served) -> httpx.Client:
    return served.client(given.conn, "chief")


@pytest.fixture
def local(given: World, served: Served) -> httpx.Client:
    return served.client(given.conn, "local")


def id_of(seen: Seen, username: str) -> int:
    return int(seen.rows("SELECT id FROM users WHERE username = %s", username)[0]["id"])


def usernames(client: httpx.Client, query: str = "") -> list[str]:
    answer = client.get(f"/api/v1/users{query}")
    assert answer.status_code == 200, answer.text
    return [one["username"] for one in answer.json()["items"]]


def test_an_administrator_sees_the_users_whose_every_grant_is_in_scope(
    chief: httpx.Client, local: httpx.Client, given: World, seen: Seen, served: Served
) -> None:
    given.conn.execute(
        "INSERT INTO grants (user_id, role, division_code) SELECT id, 'dispatcher', %s FROM users"
        " WHERE username = 'far'",
        [TOWNSHIP],
    )
    given.conn.commit()
    assert usernames(chief) == ["chief", "local", "desk", "far"]
    assert usernames(chief, "?q=DES") == ["desk"]
    assert usernames(local) == ["local", "desk"], "far also has a grant elsewhere"
    for stranger in ("chief", "far"):
        path = f"/api/v1/users/{id_of(seen, stranger)}"
        for answer in (
            local.get(path),
            local.patch(path, json={"display_name": "x"}),
            local.post(f"{path}/password", json={}),
            local.post(f"{path}/disable"),
            local.post(f"{path}/enable"),
            local.post(f"{path}/grants", json={"role": "patrol", "division_code": TOWNSHIP}),
            local.delete(f"{path}/grants/1"),
        ):
            problem(answer, 404, "not-found")
    desk = served.client(given.conn, "desk")
    assert "admin" in problem(desk.get("/api/v1/users"), 403, "not-permitted")


def test_nobody_gives_what_reaches_beyond_their_own_scope(local: httpx.Client, seen: Seen) -> None:
    desk = f"/api/v1/users/{id_of(seen, 'desk')}/grants"
    for beyond in (
        {"role": "admin"},
        {"role": "patrol", "division_code": VILLAGE[:6]},
        {"role": "patrol", "division_code": OTHER_VILLAGE},
        {"role": "patrol", "division_code": VILLAGE[:4]},
    ):
        assert "beyond" in problem(local.post(desk, json=beyond), 403, "not-permitted")
    body = {"username": "new", "display_name": "New"}
    assert "outside your scope" in problem(local.post("/api/v1/users", json=body), 403, "not-permitted")
    beyond_too = body | {"grants": [{"role": "patrol", "division_code": VILLAGE}, {"role": "patrol"}]}
    problem(local.post("/api/v1/users", json=beyond_too), 403, "not-permitted")
    assert seen.count("users", "username = 'new'") == 0, "refused, nothing is left"
    within = local.post(
        "/api/v1/users", json=body | {"grants": [{"role": "patrol", "division_code": VILLAGE}]}
    )
    assert within.status_code == 201, within.text
    assert local.post(desk, json={"role": "patrol", "division_code": VILLAGE}).status_code == 201
    again = local.post(desk, json={"role": "patrol", "division_code": VILLAGE}).json()
    assert [one["role"] for one in again["grants"]] == ["dispatcher", "patrol"], "the same once"


def test_a_new_user_signs_in_with_the_password_shown_once(
    chief: httpx.Client, served: Served, seen: Seen
) -> None:
    body = {
        "username": "li.hua",
        "display_name": "李华",
        "grants": [{"role": "dispatcher", "division_code": "411282"}],
    }
    answer = chief.post("/api/v1/users", json=body)
    assert answer.status_code == 201, answer.text
    password = answer.json()["password"]
    assert len(password) >= 16
    [grant] = answer.json()["grants"]
    assert (grant["role"], grant["division_code"], grant["division_name"]) == (
        "dispatcher",
        "411282000000",
        "county",
    )
    sign_in = {"username": "li.hua", "password": password}
    assert served.anybody().post("/api/v1/token", data=sign_in).status_code == 200
    assert "taken" in problem(chief.post("/api/v1/users", json=body), 409, "conflict")
    path = f"/api/v1/users/{answer.json()['id']}"
    assert "password" not in chief.get(path).json()
    assert password not in str(seen.rows("SELECT * FROM audit_log"))
    given = chief.post(f"{path}/password", json={"password": "correct horse battery"})
    assert given.json() == {"password": None}
    problem(served.anybody().post("/api/v1/token", data=sign_in), 401, "wrong-credentials")
    problem(chief.post(f"{path}/password", json={"password": "short"}), 422, "wrong-input")


def test_a_disabled_user_is_out_at_once_and_can_be_let_in_again(
    chief: httpx.Client, given: World, served: Served, seen: Seen
) -> None:
    served.client(given.conn, "desk")
    path = f"/api/v1/users/{id_of(seen, 'desk')}"
    assert chief.post(f"{path}/disable").json()["disabled_at"]
    assert seen.count("sessions") == 1, "the administrator's own is left"
    assert chief.post(f"{path}/enable").json()["disabled_at"] is None
    own = f"/api/v1/users/{id_of(seen, 'chief')}"
    problem(chief.post(f"{own}/disable"), 409, "conflict")
    [grant] = chief.get(own).json()["grants"]
    problem(chief.delete(f"{own}/grants/{grant['id']}"), 409, "conflict")


def test_a_grant_taken_closes_what_it_opened(
    chief: httpx.Client, given: World, served: Served, seen: Seen
) -> None:
    path = f"/api/v1/users/{id_of(seen, 'desk')}"
    [grant] = chief.get(path).json()["grants"]
    assert chief.delete(f"{path}/grants/{grant['id']}").status_code == 204
    problem(chief.delete(f"{path}/grants/{grant['id']}"), 404, "not-found")
    desk = served.client(given.conn, "desk")
    problem(desk.get("/api/v1/incidents"), 403, "not-permitted")


def test_a_user_is_changed_in_part(chief: httpx.Client, seen: Seen) -> None:
    path = f"/api/v1/users/{id_of(seen, 'desk')}"
    changed = chief.patch(path, json={"display_name": "前台", "locale": "en"}).json()
    assert (changed["display_name"], changed["locale"], changed["phone"]) == ("前台", "en", None)
    [line] = seen.rows("SELECT * FROM audit_log WHERE action = 'user.change'")
    assert line["details"] == {"changed": ["display_name", "locale"]}


def test_a_company_knows_itself_and_the_city_knows_all(
    chief: httpx.Client, local: httpx.Client, given: World, served: Served
) -> None:
    shield = chief.post("/api/v1/organisations", json={"name": "盾", "kind": "security_company"})
    assert shield.status_code == 201, shield.text
    guard_id = shield.json()["id"]
    chief.post("/api/v1/organisations", json={"name": "城南派出所", "kind": "police", "phone": "0398-110"})
    given.user("guard", role="installer", organisation=guard_id)
    guard = served.client(given.conn, "guard")
    assert [one["name"] for one in guard.get("/api/v1/organisations").json()["items"]] == ["盾"]
    assert guard.get(f"/api/v1/organisations/{guard_id + 1}").status_code == 404
    assert [one["name"] for one in local.get("/api/v1/organisations").json()["items"]] == ["盾", "城南派出所"]
    found = chief.get("/api/v1/organisations?kind=police&q=城南").json()["items"]
    assert [one["phone"] for one in found] == ["0398-110"]
    same = {"name": "盾", "kind": "insurer"}
    assert "盾" in problem(chief.post("/api/v1/organisations", json=same), 409, "conflict")
    problem(local.post("/api/v1/organisations", json={"name": "x", "kind": "police"}), 403, "not-permitted")
    problem(local.patch(f"/api/v1/organisations/{guard_id}", json={"name": "x"}), 403, "not-permitted")
    renamed = chief.patch(f"/api/v1/organisations/{guard_id}", json={"name": "神盾"}).json()
    assert renamed == {"id": guard_id, "name": "神盾", "kind": "security_company", "phone": None}


def test_the_log_shows_who_did_what_and_whether_it_was_touched(
    chief: httpx.Client,
    local: httpx.Client,
    given: World,
    served: Served,
    servers: dict[str, str],
    database_url: str,
) -> None:
    for n in range(5):
        chief.post("/api/v1/organisations", json={"name": f"o{n}", "kind": "insurer"})
    path, found = "/api/v1/audit?limit=2&action=organisation.add", []
    while path:
        page = chief.get(path).json()
        found += page["items"]
        path = page["links"][0]["href"] if page["links"] else ""
    assert [one["username"] for one in found] == ["chief"] * 5
    assert [one["seq"] for one in found] == sorted((one["seq"] for one in found), reverse=True)
    verified = chief.get("/api/v1/audit/verification").json()
    newest = {"newest_seq": 5, "newest_hash": verified["newest_hash"]}
    assert verified == {"intact": True, "lines": 5, "broken_at": None} | newest
    assert len(verified["newest_hash"]) == 64
    assert "whole city" in problem(local.get("/api/v1/audit"), 403, "not-permitted")
    assert "whole city" in problem(local.get("/api/v1/audit/verification"), 403, "not-permitted")
    desk = served.client(given.conn, "desk")
    problem(desk.get("/api/v1/audit"), 403, "not-permitted")
    superuser = servers["superuser_url"].rpartition("/")[0] + "/" + database_url.rpartition("/")[2]
    with psycopg.connect(superuser, autocommit=True) as forger:
        forger.execute("SET session_replication_role = replica")  # past the trigger that refuses
        forger.execute("UPDATE audit_log SET username = 'nobody' WHERE seq = 3")
    broken = {"intact": False, "lines": 5, "broken_at": 3}
    assert chief.get("/api/v1/audit/verification").json() == broken | newest


def test_a_line_kept_elsewhere_shows_that_the_logs_end_was_cut_off(
    chief: httpx.Client, given: World, servers: dict[str, str], database_url: str
) -> None:
    def add(*names: str) -> None:
        for name in names:
            chief.post("/api/v1/organisations", json={"name": name, "kind": "insurer"})

    def verified(**known: Any) -> dict[str, Any]:
        return dict(chief.get("/api/v1/audit/verification", params=known).json())

    add("a", "b", "c")
    kept = {"seq": verified()["newest_seq"], "hash": verified()["newest_hash"]}
    add("d")
    assert verified(**kept)["intact"] is True
    assert verified(seq=2, hash=kept["hash"])["broken_at"] == 2, "another line's hash"
    superuser = servers["superuser_url"].rpartition("/")[0] + "/" + database_url.rpartition("/")[2]
    with psycopg.connect(superuser, autocommit=True) as forger:
        forger.execute("SET session_replication_role = replica")
        forger.execute("DELETE FROM audit_log WHERE seq > 1")
    assert (verified()["intact"], verified()["lines"]) == (True, 1), "the chain itself does not show it"
    assert (verified(**kept)["intact"], verified(**kept)["broken_at"]) == (False, 2)
    add("e", "f", "g")
    assert (verified(**kept)["intact"], verified(**kept)["broken_at"]) == (False, 3), "written anew"
    halves: list[dict[str, Any]] = [{"seq": 3}, {"hash": kept["hash"]}, {"seq": 3, "hash": "x"}]
    for half in halves:
        problem(chief.get("/api/v1/audit/verification", params=half), 422, "wrong-input")


def test_the_log_is_looked_through_once_at_a_time(chief: httpx.Client, given: World) -> None:
    """Each look may take minutes and one of four connections, by which dispatchers acknowledge."""
    path = "/api/v1/audit/verification"
    with ThreadPoolExecutor() as elsewhere:
        given.conn.execute("LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE")
        first = elsewhere.submit(chief.get, path)
        wait_until(lambda: audit.VERIFYING.locked(), what="the first look")
        problem(chief.get(path), 503, "busy")
        given.conn.rollback()
        assert first.result(20).status_code == 200
    assert chief.get(path).json()["intact"]


def test_open_incidents_show_their_handlers_new_name_and_the_feed_tells_it(
    chief: httpx.Client, given: World, seen: Seen
) -> None:
    given.conn.execute(
        "INSERT INTO incidents (source, state, category, priority, opened_at, last_alarm_at, acknowledged_at,"
        " closed_at, disposition, handler_id)"
        " SELECT 'operator', state, 'fire', 1, now(), now(), now(), closed, disposition, id FROM users,"
        " (VALUES ('acknowledged', NULL, NULL), ('closed', now(), 'actual')) v (state, closed, disposition)"
        " WHERE username = 'desk'"
    )
    given.conn.commit()
    path = f"/api/v1/users/{id_of(seen, 'desk')}"
    chief.patch(path, json={"locale": "en"})
    assert seen.changes == []
    chief.patch(path, json={"display_name": "前台"})
    [change] = seen.changes
    assert (change["version"], change["document"]["handler"]["name"]) == (2, "前台")
    assert seen.feed_has_no_gap()


def test_grid_cells_come_by_village_box_and_page(chief: httpx.Client) -> None:
    page = chief.get("/api/v1/grid-cells?limit=1").json()
    [cell] = page["features"]
    assert cell["geometry"]["type"] == "MultiPolygon"
    rest = chief.get(page["links"][0]["href"]).json()["features"]
    assert sorted([cell["id"], rest[0]["id"]]) == sorted([f"{VILLAGE}-001", f"{OTHER_VILLAGE}-001"])
    for query in (f"division={VILLAGE}", "bbox=111.09,34.69,111.12,34.72", f"q={VILLAGE}"):
        found = chief.get(f"/api/v1/grid-cells?{query}").json()["features"]
        assert [one["properties"]["village"] for one in found] == [VILLAGE], query
