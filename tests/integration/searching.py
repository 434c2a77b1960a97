"""Two counties with a story each, and what an investigator asks of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg

from tests.stories import NIGHT, Intake, Seen, World, local, says

HERE, THERE = "411282100201", "411224100205"
COUNTY, OTHER_COUNTY = "411282000000", "411224000000"
PURPOSE = "case 2026-0311, burglaries at night"
BORDER = 111.5
"""The two counties meet at this longitude."""


def box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


ACROSS = box(BORDER - 0.1, 34.0, BORDER + 0.1, 35.0)


class Past:
    """Three incidents on both sides of a border, and an investigator for each side and for both."""

    def __init__(self, owner: psycopg.Connection[Any], intake: psycopg.Connection[Any]) -> None:
        self.owner = owner
        self.world = World(owner)
        self.world.village(HERE, BORDER - 0.01, 34.7)
        self.world.village(THERE, BORDER, 34.7)
        self.ids: dict[str, int] = {}
        self.intake = Intake(intake)
        self.tell("pir-here", "王家大院", HERE, BORDER - 0.005, "burglary", NIGHT, "3组5号")
        self.tell("pir-there", "Zhao's shop", THERE, BORDER + 0.005, "burglary", NIGHT + timedelta(minutes=1))
        self.tell("panic-here", "函谷关小卖部", HERE, BORDER - 0.006, "panic", local("14:00"), "函谷关路1号")
        for name, division in (("zhao", COUNTY), ("qian", OTHER_COUNTY), ("sun", None)):
            self.world.user(name, division=division, role="investigator")

    def tell(
        self, device: str, name: str, village: str, lon: float, event: str, at: datetime, address: str = ""
    ) -> None:
        """A site whose device spoke once."""
        site = self.world.site(name, village=village)
        self.owner.execute(
            "UPDATE sites SET position = ST_SetSRID(ST_MakePoint(%s, 34.705), 4326), address = %s WHERE id = %s",
            [lon, address, site],
        )
        self.owner.commit()
        self.world.device(device, site=site, village=village)
        assert self.intake.accept(says(device, event, at=at)) == ["stored"]
        self.ids[device] = Seen(self.owner).incidents[-1]["id"]

    def close(self, device: str, disposition: str, note: str) -> None:
        """It was closed, and somebody wrote why."""
        self.owner.execute(
            "UPDATE incidents SET state = 'closed', acknowledged_at = opened_at, closed_at = opened_at,"
            " disposition = %s WHERE id = %s",
            [disposition, self.ids[device]],
        )
        self.owner.execute(
            "INSERT INTO incident_entries (incident_id, at, kind, text) VALUES (%s, now(), 'note', %s)",
            [self.ids[device], note],
        )
        self.owner.commit()


def asks(client: httpx.Client, purpose: str = PURPOSE, limit: int = 100, **query: Any) -> dict[str, Any]:
    """A search, and its first page."""
    answer = client.post(
        "/api/v1/searches", params={"limit": limit}, json={"purpose": purpose, "query": query}
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [one["properties"]["site"]["name"] for one in found["features"]]


def audited(conn: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    return Seen(conn).rows(
        "SELECT username, action, object, reason, details FROM audit_log WHERE action LIKE 'search.%%' ORDER BY seq"
    )
