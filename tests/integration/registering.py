"""Villages in which sites and devices are registered, and by whom."""

from __future__ import annotations

from typing import Any

import httpx
from psycopg import Connection

from tests.stories import OTHER_VILLAGE, VILLAGE, World

INSIDE, OTHER_INSIDE = [111.105, 34.705], [111.305, 34.705]
"""A point in each village."""


def installers(owner: Connection[Any], other_west: float = 111.30) -> World:
    """Two villages, the installers of the city and of the first village ("here"), a dispatcher of its township."""
    world = World(owner)
    world.village(VILLAGE, 111.10, 34.70)
    world.village(OTHER_VILLAGE, other_west, 34.70)
    world.user("installer", role="installer")
    world.user("here", role="installer", division=VILLAGE)
    world.user("desk", division=VILLAGE[:9] + "000")
    return world


def registered(client: httpx.Client, device_id: str = "pir-1", **different: object) -> dict[str, Any]:
    """A device that this client registers."""
    body = {"device_id": device_id, "kind": "infrared_sensor"} | different
    answer = client.post("/api/v1/devices", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/api/v1/devices/{answer.json()['id']}"
    return dict(answer.json())
