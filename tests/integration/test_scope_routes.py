"""Every route, asked by everybody: signed out 401, without the permission 403, elsewhere as if it were not there.

The table names every route; one that is missing fails the test. Entries stand in an order in which the last asker, who
may, succeeds: so each refusal before was for who asked, and not for what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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
from tests.integration.serving import Served
from tests.stories import CITY, NIGHT, VILLAGE, Intake, Seen, World, says, told

TOWNSHIP, COUNTY = "411282100000", "411282000000"
REASON = "the owner asked"
SECRET = "Wang secret shop"
PLACE = [111.105, 34.705]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is asked of a route, by whom, and what they get."""

    permission: str | None = None
    """None: any signed-in user."""
    body: Any = None
    shows: str | None = None
    """A list: this text is in what one in scope gets, and not in what others get."""
    outside: int = 404
    """What those of another township, county or company are answered."""
    outsiders: tuple[str, ...] = ("township", "county", "company")
    city: bool = False
    """Only a grant of the whole city opens it."""
    right: int = 200
    query: dict[str, Any] = field(default_factory=dict)


OPEN_TO_ALL = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("POST", "/api/v1/session"),
    ("POST", "/api/v1/token"),
}
ELSEWHERE = {
    ("GET", "/api/v1/live"): "incident.read",  # tests/integration/test_live.py
    ("DELETE", "/api/v1/session"): None,  # tests/integration/test_auth.py
}
I = "/api/v1/incidents/{incident_id}"  # noqa: E741
D = "/api/v1/devices/{number}"
S = "/api/v1/sites/{site_id}"
U = "/api/v1/users/{user_id}"
Z = "/tiles/v{version}/{layer}/{z}/{x}/{y}.mvt"

CASES: dict[tuple[str, str], Case] = {
    ("GET", "/api/v1/session"): Case(outsiders=()),
    ("GET", "/api/v1/divisions"): Case(permission="division.read", outsiders=()),
    ("GET", "/api/v1/divisions/{code}/boundary"): Case(permission="division.read", outsiders=()),
    ("GET", "/api/v1/grid-cells"): Case(permission="division.read", outsiders=()),
    ("GET", Z): Case(shows=SECRET),
    # what happened
    ("GET", "/api/v1/live/snapshot"): Case(permission="incident.read", shows=SECRET),
    ("GET", "/api/v1/incidents"): Case(permission="incident.read", shows=SECRET),
    ("GET", "/api/v1/alarms"): Case(permission="incident.read", shows="pir-secret"),
    ("GET", "/api/v1/signals"): Case(permission="signal.read", shows="secret words"),
    ("GET", I): Case(permission="incident.read"),
    ("GET", "/api/v1/alarms/{alarm_id}"): Case(permission="incident.read"),
    # what is done about it
    ("POST", "/api/v1/incidents"): Case(
        permission="incident.open", body={"category": "panic", "site_id": "{site_id}"}, right=201
    ),
    ("POST", "/api/v1/incidents/acknowledge"): Case(
        permission="incident.acknowledge", body={"ids": ["{incident_id}"]}, shows='"done":[{incident_id}]'
    ),
    ("POST", f"{I}/acknowledge"): Case(permission="incident.acknowledge", right=409),
    ("POST", f"{I}/handle"): Case(permission="incident.handle"),
    ("POST", f"{I}/dispatch"): Case(permission="incident.dispatch", body={"text": "car 3"}),
    ("POST", f"{I}/on-scene"): Case(permission="incident.on-scene"),
    ("POST", f"{I}/resolve"): Case(permission="incident.resolve"),
    ("POST", f"{I}/verify"): Case(permission="incident.verify", body={"level": 3}),
    ("POST", f"{I}/notes"): Case(permission="incident.notes", body={"text": "a note"}),
    ("POST", f"{I}/close"): Case(permission="incident.close", body={"disposition": "actual"}),
    ("POST", f"{I}/reopen"): Case(permission="incident.reopen"),
    # the registry
    ("GET", "/api/v1/sites"): Case(permission="site.read", shows=SECRET),
    ("GET", S): Case(permission="site.read"),
    ("POST", "/api/v1/sites"): Case(
        permission="site.write",
        body={"kind": "shop", "name": "new", "division": VILLAGE},
        outside=403,
        right=201,
    ),
    ("PATCH", S): Case(permission="site.write", body={"address": "1 Long Street"}),
    ("POST", f"{S}/contacts"): Case(
        permission="site.write", body={"name": "Li", "phone": "13900000000"}, right=201
    ),
    ("PATCH", f"{S}/contacts/{{contact_id}}"): Case(permission="site.write", body={"relation": "owner"}),
    ("POST", f"{S}/contacts/{{contact_id}}/reveal"): Case(
        permission="contact.reveal", body={"reason": REASON}
    ),
    ("DELETE", f"{S}/contacts/{{contact_id}}"): Case(permission="site.write", right=204),
    ("GET", "/api/v1/devices"): Case(permission="device.read", shows="pir-secret"),
    ("GET", D): Case(permission="device.read"),
    ("GET", f"{D}/history"): Case(permission="device.read"),
    ("POST", "/api/v1/devices"): Case(
        permission="device.write",
        body={"device_id": "new-1", "kind": "siren", "site_id": "{site_id}"},
        right=201,
    ),
    ("PATCH", D): Case(permission="device.write", body={"name": "back door"}),
    ("POST", f"{D}/move"): Case(
        permission="device.write", body={"site_id": "{site_id}", "position": PLACE, "reason": REASON}
    ),
    ("POST", f"{D}/status"): Case(
        permission="device.write", body={"status": "out_of_service", "reason": REASON}
    ),
    ("POST", f"{D}/credentials"): Case(permission="device.write", right=201),
    ("POST", f"{D}/replace"): Case(
        permission="device.write", body={"device_id": "new-2", "reason": REASON}, right=201
    ),
    ("POST", f"{D}/retire"): Case(permission="device.write", body={"reason": REASON}, right=409),
    ("POST", f"{S}/retire"): Case(permission="site.write", body={"reason": REASON}, right=409),
    ("GET", "/api/v1/unknown-devices"): Case(permission="device.read", shows="stranger-1", city=True),
    ("POST", "/api/v1/unknown-devices/adopt"): Case(
        permission="device.write",
        body={"publisher": "stranger-1", "device_id": "stranger-1", "kind": "siren"},
        city=True,
        right=201,
    ),
    ("GET", "/api/v1/messages"): Case(permission="message.read", shows="broken-1", city=True),
    # people
    ("GET", "/api/v1/organisations"): Case(
        permission="organisation.read", shows="Secret Ltd", outsiders=("company",)
    ),
    ("GET", "/api/v1/organisations/{organisation_id}"): Case(
        permission="organisation.read", outsiders=("company",)
    ),
    ("POST", "/api/v1/organisations"): Case(
        permission="organisation.write",
        body={"name": "New Ltd", "kind": "insurer"},
        outside=403,
        city=True,
        right=201,
    ),
    ("PATCH", "/api/v1/organisations/{organisation_id}"): Case(
        permission="organisation.write",
        body={"phone": "110"},
        outside=403,
        outsiders=("township", "county"),
        city=True,
    ),
    ("GET", "/api/v1/users"): Case(permission="user.read", shows="secret-user"),
    ("GET", U): Case(permission="user.read"),
    ("POST", "/api/v1/users"): Case(
        permission="user.write",
        body={
            "username": "new",
            "display_name": "new",
            "grants": [{"role": "dispatcher", "division_code": TOWNSHIP}],
        },
        outside=403,
        right=201,
    ),
    ("PATCH", U): Case(permission="user.write", body={"locale": "en"}),
    ("POST", f"{U}/password"): Case(permission="user.write", body={}),
    ("POST", f"{U}/disable"): Case(permission="user.write"),
    ("POST", f"{U}/enable"): Case(permission="user.write"),
    ("POST", f"{U}/grants"): Case(
        permission="user.write", body={"role": "patrol", "division_code": TOWNSHIP}, right=201
    ),
    ("DELETE", f"{U}/grants/{{grant_id}}"): Case(permission="user.write", right=204),
    ("GET", "/api/v1/audit"): Case(permission="audit.read", outside=403, city=True),
    ("GET", "/api/v1/audit/verification"): Case(permission="audit.read", outside=403, city=True),
}


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
        query = {"scope": self.ids.get("scope", "x")} if path == Z else case.query
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
def town(owner_conn: psycopg.Connection, intake_conn: psycopg.Connection) -> Town:
    world = World(owner_conn)
    world.village(VILLAGE, PLACE[0] - 0.005, PLACE[1] - 0.005)
    company, other = world.organisation("Secret Ltd"), world.organisation("Other Ltd")
    site = world.site(SECRET, village=VILLAGE, organisation=company)
    owner_conn.execute("UPDATE sites SET position = ST_SetSRID(ST_MakePoint(%s, %s), 4326)", PLACE)
    device = world.device("pir-secret", site=site, village=VILLAGE, organisation=company)
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
    seen = Seen(owner_conn)
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
        "incident_id": seen.incidents[0]["id"],
        "alarm_id": seen.alarms[0]["id"],
        "user_id": user,
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
