"""What a file changes is told: screens that are open show it, and who cannot see a device any more is told so."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from shapely.geometry import box, mapping

from alarms.receiving.intake import Status
from gis.grids import draw
from tests.integration.listening import Listener, documents_of
from tests.integration.loading import NEXT_VILLAGE, VILLAGE, ground, load_file, rows
from tests.integration.serving import Served, wait_until
from tests.stories import Intake, World, says

__all__ = ["ground"]

HEAD = "external_ref,kind,name,lon,lat\n"


@pytest.fixture
def town(ground: psycopg.Connection[Any], tmp_path: Path) -> psycopg.Connection[Any]:
    """A site on a village's border side with a device, another device with a place of its own, and who watches."""
    _load(ground, "sites", tmp_path, HEAD + "a,household,李家,111.199,34.75\n")
    _load(ground, "devices", tmp_path, "device_id,kind,site,lon,lat\npir-1,infrared_sensor,a,,\n"
                                       "cam-1,camera,,111.199,34.76\n")  # fmt: skip
    ground.commit()
    world = World(ground)
    world.user("city")
    world.user("village", division=VILLAGE)
    return ground


def _load(conn: psycopg.Connection[Any], what: str, folder: Path, text: str) -> None:
    file = folder / f"{what}.csv"
    file.write_text(text, encoding="utf-8")
    assert load_file(conn, what, file, crs="WGS84").refused == []
    conn.commit()


def _boundaries(conn: psycopg.Connection[Any], folder: Path) -> None:
    """The border between the villages moves west, over what stands there."""
    features = [
        {"type": "Feature", "properties": {"code": code}, "geometry": mapping(shape)}
        for code, shape in (
            (VILLAGE, box(111.1, 34.7, 111.19, 34.8)),
            (NEXT_VILLAGE, box(111.19, 34.7, 111.3, 34.8)),
        )
    ]
    file = folder / "moved.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    assert load_file(conn, "boundaries", file).changed == 2
    conn.commit()


@pytest.fixture
def listening(served: Served, town: psycopg.Connection[Any]) -> Iterator[Callable[[str], Listener]]:
    listeners: list[Listener] = []

    def listen(username: str) -> Listener:
        listeners.append(Listener(served.client(town, username)))
        return listeners[-1]

    yield listen
    for one in listeners:
        one.close()


def test_a_renamed_site_and_device_are_renamed_on_every_screen(
    town: psycopg.Connection[Any],
    intake_conn: psycopg.Connection[Any],
    served: Served,
    listening: Callable[[str], Listener],
    tmp_path: Path,
) -> None:
    assert Intake(intake_conn).accept(says("pir-1", "burglary")) == [Status.STORED.value]
    listener = listening("city")
    _load(town, "sites", tmp_path, HEAD + "a,shop,李家超市,111.199,34.75\n")
    _load(town, "devices", tmp_path, "device_id,kind,name\npir-1,door_contact,院门\n")
    fresh = served.client(town, "city").get("/api/v1/live/snapshot").raise_for_status().json()
    assert fresh["incidents"][0]["site"]["name"] == "李家超市"
    assert fresh["alarms"][0]["device"]["name"] == "院门"
    listener.comes_to(documents_of(fresh))


@pytest.mark.parametrize("by", ["devices", "sites", "boundaries", "cells"])
def test_who_cannot_see_a_device_any_more_is_told_that_it_is_gone(
    town: psycopg.Connection[Any], listening: Callable[[str], Listener], tmp_path: Path, by: str
) -> None:
    numbers = dict(rows(town, "SELECT device_id, id FROM devices"))
    moved = {numbers["pir-1"], numbers["cam-1"]}
    if by == "cells":  # there are none yet, and the border has moved meanwhile
        town.execute(
            "UPDATE divisions d SET boundary = ST_Multi(ST_MakeEnvelope(CASE code WHEN %s THEN 111.1 ELSE 111.19 END,"
            " 34.7, CASE code WHEN %s THEN 111.19 ELSE 111.3 END, 34.8, 4326)) WHERE tier = 4 AND boundary IS NOT NULL",
            [VILLAGE, VILLAGE],
        )
    town.commit()
    watching, everybody = listening("village"), listening("city")
    if by == "devices":
        moved = {numbers["cam-1"]}
        _load(
            town,
            "devices",
            tmp_path,
            "device_id,kind,lon,lat\ncam-1,camera,111.25,34.76\nnew,siren,111.15,34.75\n",
        )
    elif by == "sites":
        moved = {numbers["pir-1"]}
        _load(town, "sites", tmp_path, HEAD + "a,household,李家,111.25,34.75\n")
    elif by == "boundaries":
        _boundaries(town, tmp_path)
    else:
        draw(town, 130)
        town.commit()

    def told(listener: Listener, name: str) -> set[int]:
        return {data["id"] for event, data in listener.events if event == name and data["kind"] == "device"}

    wait_until(lambda: told(watching, "gone") == moved, what=f"{moved} to be gone, not {watching.events}")
    wait_until(lambda: told(everybody, "change") >= moved, what="the change")
    assert told(everybody, "gone") == set()
    if by == "devices":
        [new] = rows(town, "SELECT id FROM devices WHERE device_id = 'new'")
        wait_until(lambda: set(new) <= told(watching, "change"), what="the new device")


def test_a_site_that_moves_inside_its_cell_moves_its_devices_on_screens(
    town: psycopg.Connection[Any], listening: Callable[[str], Listener], tmp_path: Path
) -> None:
    listener = listening("village")
    _load(town, "sites", tmp_path, HEAD + "a,household,李家,111.150,34.75\n")
    wait_until(lambda: listener.events, what="the device's change")
    [(name, change)] = listener.events
    assert (name, change["document"]["device_id"], change["document"]["position"]) == (
        "change",
        "pir-1",
        [111.15, 34.75],
    )


@pytest.mark.parametrize("by", ["boundaries", "cells"])
def test_tiles_of_sites_have_another_address_when_their_tiers_may_have_changed(
    town: psycopg.Connection[Any], served: Served, tmp_path: Path, by: str
) -> None:
    client = served.client(town, "village")

    def address() -> str:
        tiles = client.get("/api/v1/session").raise_for_status().json()["tiles"]
        return f"/tiles/v{tiles['version']['sites']}/sites/14/13250/6496.mvt?scope={tiles['scope']}"

    before = address()
    assert client.get(before).status_code == 200
    if by == "boundaries":
        _boundaries(town, tmp_path)
    else:
        draw(town, 130)
        town.commit()
    assert address() != before
    wait_until(
        lambda: client.get(before).status_code == 307, what="the version that a process keeps for a second"
    )
    assert client.get(before).headers["location"] == address()
