"""Every route of the interface: what is asked of it, by whom, and what they get. See test_scope_routes.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.stories import VILLAGE

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
    # tests/integration/test_searches.py: a search is its own user's, and each writes a line
    ("POST", "/api/v1/searches"): "history.search",
    ("GET", "/api/v1/searches/{search_id}"): "history.search",
    ("GET", "/api/v1/searches/{search_id}/incidents/{incident_id}"): "history.search",
    ("GET", "/api/v1/searches/{search_id}/export"): "history.search",
}
I = "/api/v1/incidents/{incident_id}"  # noqa: E741
D = "/api/v1/devices/{number}"
S = "/api/v1/sites/{site_id}"
C = "/api/v1/cameras/{camera_id}"
U = "/api/v1/users/{user_id}"
TILE = "/tiles/v{version}/{layer}/{z}/{x}/{y}.mvt"

CASES: dict[tuple[str, str], Case] = {
    ("GET", "/api/v1/session"): Case(outsiders=()),
    ("GET", "/api/v1/divisions"): Case(permission="division.read", outsiders=()),
    ("GET", "/api/v1/divisions/{code}/boundary"): Case(permission="division.read", outsiders=()),
    ("GET", "/api/v1/grid-cells"): Case(permission="division.read", outsiders=()),
    ("GET", TILE): Case(shows=SECRET),
    # what happened
    ("GET", "/api/v1/live/snapshot"): Case(permission="incident.read", shows=SECRET),
    ("GET", "/api/v1/incidents"): Case(permission="incident.read", shows=SECRET),
    ("GET", "/api/v1/alarms"): Case(permission="incident.read", shows="pir-secret"),
    ("GET", "/api/v1/signals"): Case(permission="signal.read", shows="secret words"),
    ("GET", I): Case(permission="incident.read"),
    ("GET", "/api/v1/alarms/{alarm_id}"): Case(permission="incident.read"),
    ("GET", "/api/v1/evidence/{sha256}"): Case(permission="evidence.read", query={"reason": REASON}),
    # what is done about it
    ("POST", "/api/v1/incidents"): Case(
        permission="incident.open", body={"category": "panic", "site_id": "{site_id}"}, right=201
    ),
    ("POST", "/api/v1/incidents/acknowledge"): Case(
        permission="incident.acknowledge",
        body={"ids": ["{incident_id}"]},
        shows='"done":[{"id":{incident_id},',
    ),
    ("POST", f"{I}/acknowledge"): Case(permission="incident.acknowledge", right=409),
    ("POST", f"{I}/handle"): Case(permission="incident.handle"),
    ("POST", f"{I}/dispatch"): Case(permission="incident.dispatch", body={"text": "car 3"}),
    ("POST", f"{I}/on-scene"): Case(permission="incident.on-scene"),
    ("POST", f"{I}/resolve"): Case(permission="incident.resolve"),
    ("POST", f"{I}/verify"): Case(permission="incident.verify", body={"level": 3}),
    ("POST", f"{I}/notes"): Case(permission="incident.notes", body={"text": "a note"}),
    ("POST", f"{I}/caller/reveal"): Case(permission="caller.reveal", body={"reason": REASON}),
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
    ("GET", f"{D}/setup"): Case(permission="device.write"),
    ("POST", f"{D}/setup"): Case(permission="device.write", right=201),
    ("GET", "/api/v1/locate"): Case(
        permission="site.write", query={"lon": PLACE[0], "lat": PLACE[1]}, shows=SECRET
    ),
    ("POST", f"{D}/replace"): Case(
        permission="device.write", body={"device_id": "new-2", "reason": REASON}, right=201
    ),
    ("GET", "/api/v1/cameras"): Case(permission="camera.read", shows="cam-secret"),
    ("GET", C): Case(permission="camera.read"),
    ("PUT", C): Case(
        permission="camera.write",
        body={"bearing_deg": 90.0, "view_angle_deg": 60.0, "range_m": 40.0, "stream_url": None},
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
