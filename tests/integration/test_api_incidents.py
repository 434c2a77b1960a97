"""Incidents over HTTP: reported by hand, handed over, their callers' numbers revealed against a reason."""

from __future__ import annotations

import httpx
import psycopg
import pytest

from tests.integration.serving import Served, problem
from tests.stories import OTHER_VILLAGE, VILLAGE, Intake, Seen, World, says

INSIDE, OTHER_INSIDE = [111.105, 34.705], [111.305, 34.705]
TOWNSHIP, COUNTY = VILLAGE[:9] + "000", VILLAGE[:6] + "000000"
CALL = {"category": "fire", "title": "smoke", "caller_name": "赵敏", "caller_phone": "13800001234"}
INCIDENTS = "/api/v1/incidents"


@pytest.fixture
def given(owner_conn: psycopg.Connection) -> World:
    world = World(owner_conn)
    world.village(VILLAGE, 111.10, 34.70)
    world.village(OTHER_VILLAGE, 111.30, 34.70)
    world.user("desk", division=VILLAGE)
    return world


@pytest.fixture
def desk(given: World, served: Served) -> httpx.Client:
    return served.client(given.conn, "desk")


def reported(client: httpx.Client, **different: object) -> dict[str, object]:
    answer = client.post(INCIDENTS, json=CALL | different)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_call_from_nowhere_stands_at_the_reporters_own_division(
    desk: httpx.Client, given: World, served: Served
) -> None:
    incident = reported(desk)
    assert (incident["village"], incident["township"], incident["position"]) == (VILLAGE, TOWNSHIP, None)
    user = given.user("two", division=COUNTY)
    given.conn.execute(
        "INSERT INTO grants (user_id, role, division_code) VALUES (%s, 'patrol', %s)", [user, TOWNSHIP]
    )
    given.user("city")
    tight = reported(served.client(given.conn, "two"))
    assert (tight["township"], tight["village"]) == (TOWNSHIP, None), "the tightest"
    assert reported(served.client(given.conn, "city"))["county"] is None, "the city's"


def test_a_companys_desk_reports_too(given: World, served: Served) -> None:
    company = given.organisation()
    given.user("guard", organisation=company)
    given.user("local-guard", division=VILLAGE, organisation=company)
    for name, body, village in (
        ("guard", {}, None),
        ("guard", {"position": OTHER_INSIDE}, OTHER_VILLAGE),
        ("local-guard", {}, VILLAGE),
        ("local-guard", {"position": INSIDE}, VILLAGE),
    ):
        incident = reported(served.client(given.conn, name), **body)
        assert (incident["village"], incident["organisation_id"]) == (village, company)


def test_a_place_outside_the_scope_is_refused_in_plain_words(desk: httpx.Client, seen: Seen) -> None:
    assert reported(desk, position=INSIDE)["village"] == VILLAGE
    for outside in (OTHER_INSIDE, [120.0, 30.0]):
        refused = problem(desk.post(INCIDENTS, json=CALL | {"position": outside}), 403, "not-permitted")
        assert refused == "The place is outside your scope: choose a site or a point within it."
    assert seen.count("incidents") == 1


def test_an_incident_is_handed_to_whom_may_handle_it_there_and_nobody_else_is_told_of(
    desk: httpx.Client, given: World, served: Served, seen: Seen
) -> None:
    company = given.organisation()
    mate, chief = given.user("mate", division=TOWNSHIP), given.user("chief", role="admin")
    out = [
        given.user("far", division=OTHER_VILLAGE),
        given.user("patrol", division=VILLAGE, role="patrol"),
        given.user("guard", division=VILLAGE, organisation=company),
        given.user("gone", division=VILLAGE),
    ]
    given.conn.execute("UPDATE users SET disabled_at = now() WHERE username = 'gone'")
    given.conn.commit()
    incident = reported(desk)["id"]
    path = f"{INCIDENTS}/{incident}/handle"
    for user in (mate, chief):
        answer = desk.post(path, json={"user_id": user})
        assert (answer.status_code, answer.json()["handler"]["id"]) == (200, user)
    before = seen.rows("SELECT version, handler_id FROM incidents")
    for user in (*out, 999_999):
        words = problem(desk.post(path, json={"user_id": user}), 404, "not-found")
        assert words == f"There is no incident {incident} in your scope, or no user {user} who may handle it."
    far = served.client(given.conn, "far")
    problem(far.post(path, json={"user_id": mate}), 404, "not-found")
    assert seen.rows("SELECT version, handler_id FROM incidents") == before
    assert desk.post(path).json()["handler"]["name"] == "desk"


def test_a_caller_is_masked_until_somebody_says_why(
    desk: httpx.Client, given: World, served: Served, seen: Seen
) -> None:
    path = f"{INCIDENTS}/{reported(desk)['id']}"
    case = desk.get(path)
    assert case.json()["caller"] == {"name_masked": "赵**", "phone_masked": "138****1234"}
    assert "赵敏" not in case.text
    assert desk.post(f"{path}/caller/reveal", json={"reason": ""}).status_code == 422
    shown = desk.post(f"{path}/caller/reveal", json={"reason": "call back"})
    assert shown.json() == {"name": "赵敏", "phone": "13800001234"}
    assert shown.headers["Cache-Control"] == "no-store"
    [line] = seen.rows("SELECT * FROM audit_log")
    assert (line["action"], line["username"], line["object"], line["reason"]) == (
        "caller.reveal",
        "desk",
        path.removeprefix("/api/v1/").replace("incidents", "incident"),
        "call back",
    )
    silent = reported(desk, caller_name=None, caller_phone=None)["id"]
    assert desk.get(f"{INCIDENTS}/{silent}").json()["caller"] is None
    problem(desk.post(f"{INCIDENTS}/{silent}/caller/reveal", json={"reason": "who"}), 404, "not-found")
    given.user("far", division=OTHER_VILLAGE)
    far = served.client(given.conn, "far")
    problem(far.post(f"{path}/caller/reveal", json={"reason": "curious"}), 404, "not-found")
    assert seen.count("audit_log") == 1


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13812345678", "138****5678"),
        ("0398-2223344", "039*****3344"),
        ("28223344", "******44"),
        ("82234", "***34"),
        ("110", "***"),
    ],
)
def test_a_mask_never_leaves_a_number_to_guess(
    owner_conn: psycopg.Connection, phone: str, masked: str
) -> None:
    assert owner_conn.execute("SELECT mask_phone(%s)", [phone]).fetchone() == (masked,)


def test_a_sensor_that_restores_itself_all_night_does_not_drown_what_people_wrote(
    desk: httpx.Client, given: World, seen: Seen, intake_conn: psycopg.Connection
) -> None:
    given.device("pir-1", site=given.site(village=VILLAGE))
    given.device("pir-2", site=given.site(village=VILLAGE))
    intake = Intake(intake_conn)
    flaps = [says("pir-1", "130", qualifier=word) for _ in range(20) for word in ("new", "restore")]
    intake.accept(*flaps, says("pir-2", "130"), says("pir-2", "130", qualifier="restore"))
    [incident, _] = seen.incidents
    path = f"{INCIDENTS}/{incident['id']}"
    assert desk.post(f"{path}/notes", json={"text": "the owner does not answer"}).status_code == 200
    assert [entry["kind"] for entry in desk.get(path).json()["entries"]] == ["alarm", "restored", "note"]
    assert seen.timeline.count("restored") == 21, "all of them are kept"
