"""The shapes that the OpenAPI document tells are those that the database makes: no field more, none less."""

from __future__ import annotations

from datetime import timedelta
from types import NoneType
from typing import Any, get_args

import psycopg
import pytest
from pydantic import BaseModel

from api.routes.registry_models import Device
from api.routes.sites import Site
from api.schemas import Alarm, Incident, IncidentCase, SignalProperties, Snapshot
from tests.integration.serving import Served
from tests.stories import NIGHT, Intake, World, says


def holds(model: type[BaseModel], document: dict[str, Any], where: str = "") -> None:
    """Both have the same fields, all the way down, and the values are of the fields' kinds."""
    assert set(document) == set(model.model_fields), where or model.__name__
    for name, field in model.model_fields.items():
        inner = [one for one in (field.annotation, *get_args(field.annotation)) if one is not NoneType]
        models = [one for one in inner if isinstance(one, type) and issubclass(one, BaseModel)]
        values = document[name] if isinstance(document[name], list) else [document[name]]
        for value in values if models else []:
            if value is not None:
                holds(models[0], value, f"{where or model.__name__}.{name}")
    model.model_validate(document)


@pytest.fixture
def world(owner_conn: psycopg.Connection, intake_conn: psycopg.Connection) -> World:
    """An incident that somebody handles, with everything filled in, and one with nothing."""
    world = World(owner_conn)
    world.user("city", role="admin")
    company = world.organisation()
    site = world.site("Shop", kind="shop", organisation=company, armed="21:00-08:00")
    world.device("pir-1", site=site, organisation=company)
    world.device("lost-1", village=None)
    owner_conn.execute(
        "INSERT INTO contacts (site_id, name, phone, relation) VALUES (%s, 'Wang', '13812345678', 'owner')",
        [site],
    )
    owner_conn.commit()
    Intake(intake_conn).accept(
        says("pir-1", "panic", text="words", battery=50, rssi=-60),
        says("lost-1", "fire"),
        says("pir-1", "panic", qualifier="restore", at=NIGHT + timedelta(seconds=9)),
    )
    return world


def test_documents_have_the_shapes_that_are_told(world: World, served: Served) -> None:
    client = served.client(world.conn, "city")

    def get(path: str) -> Any:
        return client.get(f"/api/v1/{path}").raise_for_status().json()

    snapshot = get("live/snapshot")
    holds(Snapshot, snapshot)
    assert len(snapshot["incidents"]) == len(snapshot["alarms"]) == 2
    for incident in snapshot["incidents"]:
        answer = client.post(f"/api/v1/incidents/{incident['id']}/acknowledge").raise_for_status()
        holds(Incident, answer.json())
        holds(IncidentCase, get(f"incidents/{incident['id']}"))
    for alarm in snapshot["alarms"]:
        holds(Alarm, get(f"alarms/{alarm['id']}"))
    for device in get("devices")["features"]:
        holds(Device, get(f"devices/{device['id']}"))
    site = get("sites/1")
    holds(Site, {name: value for name, value in site.items() if name != "contacts"})
    signals = get("signals")["features"]
    assert len(signals) == 3
    for signal in signals:
        holds(SignalProperties, signal["properties"])
