"""Every route, asked by everybody: signed out 401, without the permission 403, elsewhere as if it were not there.

The table names every route; one that is missing fails the test. Entries stand in an order in which the last asker, who
may, succeeds: so each refusal before was for who asked, and not for what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from api import health
from api.auth.permissions import PERMISSIONS, ROLES
from api.routes import ROUTERS
from api.settings import Settings
from tests.integration.route_cases import (
    CASES,
    COUNTY,
    ELSEWHERE,
    OPEN_TO_ALL,
    PLACE,
    SECRET,
    TILE,
    TOWNSHIP,
    Case,
)
from tests.integration.serving import Served
from tests.integration.taking import sees, took
from tests.stories import CITY, NIGHT, VILLAGE, Intake, Seen, World, says, told


def routes() -> Iterator[tuple[str, str]]:
    routers: list[APIRouter] = [health.router, *ROUTERS]
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute), route
            yield from ((method, route.path) for method in sorted(route.methods or ()))


def test_every_route_is_in_the_table() -> None:
    known = list(routes())
    assert len(known) == len(set(known))
    assert set(known) == OPEN_TO_ALL | ELSEWHERE.keys() | CASES.keys()


class Asker:
    """Asks for the one site's, device's, incident's ... as somebody."""

    def __init__(self, client: httpx.Client, ids: dict[str, Any]) -> None:
        self.client = client
        self.ids = dict(ids)
        if "authorization" in client.headers:
            self.ids["scope"] = client.get("/api/v1/session").json()["tiles"]["scope"]

    def asks(self, method: str, path: str, case: Case) -> httpx.Response:
        query = {"scope": self.ids.get("scope", "x")} if path == TILE else case.query
        body = None if case.body is None else self._filled(case.body)
        return self.client.request(method, path.format(**self.ids), json=body, params=query)

    def _filled(self, body: Any) -> Any:
        match body:
            case dict():
                return {name: self._filled(value) for name, value in body.items()}
            case list():
                return [self._filled(value) for value in body]
            case str() if body.startswith("{"):
                return self.ids[body.strip("{}")]
        return body

    def sees(self, answer: httpx.Response, shows: str) -> bool:
        return shows.replace("{incident_id}", str(self.ids["incident_id"])).encode() in answer.content


@dataclass(frozen=True)
class Town:
    """What is there, and who asks for it."""

    ids: dict[str, Any]
    users: dict[str, str]


@pytest.fixture
def town(owner_conn: psycopg.Connection, intake_conn: psycopg.Connection, settings: Settings) -> Town:
    world = World(owner_conn)
    world.village(VILLAGE, PLACE[0] - 0.005, PLACE[1] - 0.005)
    company, other = world.organisation("Secret Ltd"), world.organisation("Other Ltd")
    site = world.site(SECRET, village=VILLAGE, organisation=company)
    owner_conn.execute("UPDATE sites SET position = ST_SetSRID(ST_MakePoint(%s, %s), 4326)", PLACE)
    device = world.device("pir-secret", site=site, village=VILLAGE, organisation=company)
    camera = world.device("cam-secret", kind="camera", site=site, village=VILLAGE, organisation=company)
    row = owner_conn.execute(
        "INSERT INTO contacts (site_id, name, phone) VALUES (%s, 'Wang', '13812345678') RETURNING id", [site]
    ).fetchone()
    assert row is not None
    user = world.user("secret-user", division=TOWNSHIP)
    Intake(intake_conn).accept(
        says("pir-secret", "burglary", text="secret words"),
        says("stranger-1", "burglary"),
        told("lianfang/v1/broken-1/signal", b"broken"),
        at=NIGHT + timedelta(seconds=1),
    )
    owner_conn.execute("UPDATE incidents SET caller_name = 'Zhao', caller_phone = '13900001111'")
    seen = Seen(owner_conn)
    sees(owner_conn, camera)
    picture = took(owner_conn, settings, camera, seen.alarms[0]["id"])
    world.user("insider", division=TOWNSHIP)
    world.user("city", division=CITY)
    world.user("township", division="411282101000")
    world.user("county", division="411224000000")
    world.user("company", organisation=other)
    world.user("nobody")
    owner_conn.execute("DELETE FROM grants WHERE user_id = (SELECT id FROM users WHERE username = 'nobody')")
    for name in ("insider", "city", "township", "county", "company"):
        for role in ROLES:
            owner_conn.execute(
                "INSERT INTO grants (user_id, role, division_code, organisation_id)"
                " SELECT user_id, %s, division_code, organisation_id FROM grants JOIN users u ON u.id = user_id"
                " WHERE u.username = %s AND role = 'dispatcher' ON CONFLICT DO NOTHING",
                [role, name],
            )
    grant = owner_conn.execute("SELECT id FROM grants WHERE user_id = %s", [user]).fetchone()
    assert grant is not None
    owner_conn.commit()
    z = 14
    ids = {
        "site_id": site,
        "contact_id": row[0],
        "number": device,
        "camera_id": camera,
        "sha256": picture.sha256,
        "incident_id": seen.incidents[0]["id"],
        "alarm_id": seen.alarms[0]["id"],
        "user_id": user,
        "search_id": 1,
        "grant_id": grant[0],
        "organisation_id": company,
        "code": COUNTY,
        "version": seen.rows("SELECT version FROM layer_versions WHERE layer = 'sites'")[0]["version"],
        "layer": "sites",
        "z": z,
        "x": int((PLACE[0] + 180) / 360 * 2**z),
        "y": 6506,
    }
    return Town(ids, {})


def grant_only(conn: psycopg.Connection[Any], name: str, *grants: tuple[str, str | None]) -> str:
    """A user with these (role, division)."""
    conn.execute(
        "INSERT INTO users (username, display_name, password_hash) VALUES (%s, %s, '')", [name, name]
    )
    for role, division in grants:
        conn.execute(
            "INSERT INTO grants (user_id, role, division_code)"
            " SELECT id, %s, %s FROM users WHERE username = %s",
            [role, division, name],
        )
    conn.commit()
    return name


def test_each_route_opens_to_whom_it_should_only(
    town: Town, served: Served, owner_conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    seen = Seen(owner_conn)
    without = {
        permission: grant_only(
            owner_conn, f"without-{permission}", *((role, None) for role in set(ROLES) - set(roles))
        )
        for permission, roles in PERMISSIONS.items()
        if set(roles) != set(ROLES)
    }
    # the permission elsewhere, and another role here: what a grant opens, it opens where it was given
    divided = {
        permission: grant_only(
            owner_conn,
            f"divided-{permission}",
            *((role, "411224000000") for role in roles),
            *((role, TOWNSHIP) for role in set(ROLES) - set(roles)),
        )
        for permission, roles in PERMISSIONS.items()
        if set(roles) != set(ROLES)
    }
    askers = {
        name: Asker(served.client(owner_conn, name), town.ids)
        for name in (
            "insider", "city", "township", "county", "company", "nobody", *without.values(), *divided.values()
        )
    }  # fmt: skip
    out = Asker(served.anybody(), town.ids)

    for (method, path), permission in ELSEWHERE.items():
        with subtests.test(path=path, method=method):
            assert out.asks(method, path, Case()).status_code == 401
            if permission:
                assert askers[without[permission]].asks(method, path, Case()).status_code == 403

    for (method, path), case in CASES.items():
        with subtests.test(path=path, method=method):
            before = state(seen)
            assert out.asks(method, path, case).status_code == 401
            for name in [without[case.permission]] if case.permission in without else []:
                answer = askers[name].asks(method, path, case)
                assert (name, answer.status_code) == (name, 403)
                assert answer.json()["type"] == "/problems/not-permitted"
            if case.permission:
                assert askers["nobody"].asks(method, path, case).status_code == 403
            outsiders = [*case.outsiders, *(["insider"] if case.city else [])]
            if case.permission in divided and "county" in outsiders:
                outsiders.append(divided[case.permission])
            for name in outsiders:
                answer = askers[name].asks(method, path, case)
                if case.shows is not None:
                    assert (name, answer.status_code) == (name, case.right)
                    assert not askers[name].sees(answer, case.shows), name
                else:
                    assert (name, answer.status_code) == (name, case.outside), answer.text
                assert SECRET.encode() not in answer.content
            assert state(seen) == before, "a refused request changed something"
            for name in ["city"] if case.city else ["city", "insider"] if method == "GET" else ["insider"]:
                answer = askers[name].asks(method, path, case)
                assert (name, answer.status_code) == (name, case.right), answer.text
                if case.shows is not None:
                    assert askers[name].sees(answer, case.shows), name


def state(seen: Seen) -> list[dict[str, Any]]:
    """What a request that was refused must not have touched."""
    return seen.rows(
        "SELECT (SELECT last_seq FROM feed_position), (SELECT count(*) FROM audit_log) AS lines,"
        " (SELECT json_agg(s) FROM sites s)::text AS sites, (SELECT json_agg(d) FROM devices d)::text AS devices,"
        " (SELECT json_agg(c) FROM contacts c)::text AS contacts,"
        " (SELECT json_agg(u ORDER BY id) FROM users u)::text AS users,"
        " (SELECT json_agg(g ORDER BY id) FROM grants g)::text AS grants,"
        " (SELECT json_agg(o) FROM organisations o)::text AS organisations,"
        " (SELECT json_agg(c) FROM device_credentials c)::text AS credentials,"
        " (SELECT json_agg(i) FROM incidents i)::text AS incidents,"
        " (SELECT count(*) FROM incident_entries) AS entries"
    )
