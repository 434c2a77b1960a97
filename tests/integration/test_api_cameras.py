"""Where cameras look, who may see it, and their pictures: by name, for a reason, until their day comes."""

from __future__ import annotations

import json
import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api import jobs
from api.settings import Settings
from tests.integration.serving import Served
from tests.integration.taking import STREAM, sees, took
from tests.stories import VILLAGE, Intake, Seen, World, says
from video.evidence import EVIDENCE, EvidenceError, Shelf

VIEW = {"bearing_deg": 90.0, "view_angle_deg": 60.0, "range_m": 100.0}


@pytest.fixture
def world(owner_conn: psycopg.Connection) -> World:
    world = World(owner_conn)
    world.user("wang", role="installer")
    world.user("li")
    return world


@pytest.fixture
def camera(world: World) -> int:
    return world.device("cam-1", kind="camera", site=world.site("Market"))


def test_the_documented_body_is_right(camera: int, served: Served, owner_conn: psycopg.Connection) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cameras.md").read_text(encoding="utf-8")
    body = json.loads(page.partition("```json")[2].partition("```")[0])
    answer = installer(served, owner_conn).put(f"/api/v1/cameras/{camera}", json=body)
    assert answer.status_code == 200, answer.text


def installer(served: Served, conn: psycopg.Connection) -> httpx.Client:
    return served.client(conn, "wang")


def sector_holds(conn: psycopg.Connection, east_m: float, north_m: float) -> bool:
    """Whether the only camera sees the point that lies so far from where it stands."""
    row = conn.execute(
        "SELECT ST_Covers(c.sector, ST_Project(s.position::geography, %s, %s)::geometry)"
        "  FROM cameras c JOIN devices d ON d.id = c.device_id JOIN sites s ON s.id = d.site_id",
        [math.hypot(east_m, north_m), math.atan2(east_m, north_m)],
    ).fetchone()
    conn.commit()
    assert row is not None
    return bool(row[0])


def test_a_view_sector_is_drawn_where_the_camera_looks(
    camera: int, served: Served, owner_conn: psycopg.Connection
) -> None:
    client = installer(served, owner_conn)
    answer = client.put(f"/api/v1/cameras/{camera}", json=VIEW).raise_for_status().json()
    assert answer["sector"]["type"] == "Polygon"
    assert answer == client.get(f"/api/v1/cameras/{camera}").json()
    area = owner_conn.execute("SELECT ST_Area(sector::geography) FROM cameras").fetchone()
    assert area is not None
    assert area[0] == pytest.approx(math.pi * 100**2 * 60 / 360, rel=0.01)
    assert sector_holds(owner_conn, 90, 0), "it looks to the east"
    assert sector_holds(owner_conn, 80, 40)
    assert not sector_holds(owner_conn, 0, 90)
    assert not sector_holds(owner_conn, -5, 0)
    assert not sector_holds(owner_conn, 110, 0)
    client.put(f"/api/v1/cameras/{camera}", json=VIEW | {"view_angle_deg": 360.0}).raise_for_status()
    assert all(
        sector_holds(owner_conn, east, north) for east, north in ((0, 90), (-90, 0), (0, -90), (90, 0))
    )


def test_it_follows_its_device_and_its_site(
    camera: int, world: World, served: Served, owner_conn: psycopg.Connection
) -> None:
    client = installer(served, owner_conn)
    client.put(f"/api/v1/cameras/{camera}", json=VIEW).raise_for_status()
    for move in (
        {"position": [111.2, 34.8], "site_id": None},
        {"site_id": world.site("Elsewhere")},
    ):
        body = move | {"reason": "moved"}
        client.post(f"/api/v1/devices/{camera}/move", json=body).raise_for_status()
        place = client.get(f"/api/v1/cameras/{camera}").json()
        first = place["sector"]["coordinates"][0][0]
        assert first == pytest.approx(place["position"], abs=1e-6)
    owner_conn.execute("UPDATE sites SET position = ST_SetSRID(ST_MakePoint(111.3, 34.6), 4326)")
    owner_conn.commit()
    assert client.get(f"/api/v1/cameras/{camera}").json()["sector"]["coordinates"][0][0] == [111.3, 34.6]


def test_what_stands_in_its_stead_looks_where_it_looked(
    camera: int, served: Served, owner_conn: psycopg.Connection
) -> None:
    client = installer(served, owner_conn)
    before = client.put(f"/api/v1/cameras/{camera}", json=VIEW | {"stream_url": STREAM}).json()
    body = {"device_id": "cam-9", "reason": "struck by lightning"}
    new = client.post(f"/api/v1/devices/{camera}/replace", json=body).raise_for_status().json()
    after = client.get(f"/api/v1/cameras/{new['id']}").json()
    kept = (*VIEW, "sector", "has_stream")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert [one["id"] for one in client.get("/api/v1/cameras").json()["features"]] == [new["id"]]


def test_its_stream_is_written_and_never_shown(
    camera: int, served: Served, owner_conn: psycopg.Connection, api_conn: psycopg.Connection
) -> None:
    client = installer(served, owner_conn)
    path = f"/api/v1/cameras/{camera}"
    told = [client.put(path, json=VIEW | {"stream_url": STREAM}).text]
    assert client.get(path).json()["has_stream"] is True
    client.put(path, json=VIEW | {"range_m": 30.0}).raise_for_status()
    assert client.get(path).json()["has_stream"] is True, "left out, it stays"
    assert owner_conn.execute("SELECT stream_url FROM cameras").fetchone() == (STREAM,)
    owner_conn.commit()
    told += [client.get(path).text, client.get("/api/v1/cameras").text]
    told += [
        str(Seen(owner_conn).rows("SELECT * FROM audit_log")),
        str(Seen(owner_conn).rows("SELECT * FROM changes")),
    ]
    assert not [text for text in told if "hidden" in text or "rtsp" in text]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        api_conn.execute("SELECT stream_url FROM cameras")
    client.put(path, json=VIEW | {"stream_url": None}).raise_for_status()
    assert client.get(path).json()["has_stream"] is False


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("RTSP://u:P%40ss@10.0.0.7/One", "rtsp://u:P%40ss@10.0.0.7/One"), ("rtsps://[fe80::7]:554/", None)],
)
def test_an_address_as_people_type_it(
    camera: int, served: Served, owner_conn: psycopg.Connection, typed: str, kept: str | None
) -> None:
    answer = installer(served, owner_conn).put(f"/api/v1/cameras/{camera}", json=VIEW | {"stream_url": typed})
    assert answer.status_code == 200, answer.text
    assert owner_conn.execute("SELECT stream_url FROM cameras").fetchone() == (kept or typed,)


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://viewer:hidden#1@10.0.0.7/one",
        "rtsp://viewer:hidden/1@10.0.0.7/one",
        "rtsp://viewer:hidden@10.0.0.7:99999/",
        "rtsp://viewer:hidden@[10.0.0.7/",
        "rtsp://viewer:hidden@10.0.0.7/\x00",
        "http://viewer:hidden@10.0.0.7/",
        "rtsp://viewer:hidden@10.0.0.7/" + "a" * 500,
    ],
)
def test_a_wrong_address_is_refused_without_a_word_of_it(
    camera: int, served: Served, owner_conn: psycopg.Connection, address: str
) -> None:
    client = installer(served, owner_conn)
    answer = client.put(f"/api/v1/cameras/{camera}", json=VIEW | {"stream_url": address})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["where"] == "body.stream_url"
    assert "hidden" not in answer.text


def test_nobody_knows_how_a_stream_stands_that_nobody_reads(
    camera: int, served: Served, owner_conn: psycopg.Connection
) -> None:
    sees(owner_conn, camera)
    client = served.client(owner_conn, "li")

    def shown() -> tuple[str, list[int]]:
        lost = client.get("/api/v1/cameras", params={"state": "lost"}).json()["features"]
        return client.get(f"/api/v1/cameras/{camera}").json()["state"], [one["id"] for one in lost]

    for until, expected in (("1 minute", ("lost", [camera])), ("-1 second", ("unknown", []))):
        owner_conn.execute(
            "UPDATE cameras SET state = 'lost', leased_by = 'one', leased_until = now() + %s::interval",
            [until],
        )
        owner_conn.commit()
        assert shown() == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"bearing_deg": 360.0},
        {"bearing_deg": -1.0},
        {"view_angle_deg": 0.0},
        {"range_m": 2001.0},
        {"range_m": "far"},
        {"stream_url": "http://127.0.0.1/admin"},
        {"stream_url": "rtsp://"},
        {"stream_url": "file:///etc/passwd"},
        {"stream_url": "rtsp://a b/c"},
        {"leased_by": "me"},
    ],
)
def test_what_cannot_be_is_refused(
    camera: int, served: Served, owner_conn: psycopg.Connection, wrong: dict[str, Any]
) -> None:
    answer = installer(served, owner_conn).put(f"/api/v1/cameras/{camera}", json=VIEW | wrong)
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/wrong-input"


def test_only_cameras_look(world: World, served: Served, owner_conn: psycopg.Connection) -> None:
    siren = world.device("siren-1", kind="siren")
    client = installer(served, owner_conn)
    assert client.put(f"/api/v1/cameras/{siren}", json=VIEW).json()["type"] == "/problems/conflict"
    assert client.put("/api/v1/cameras/4711", json=VIEW).status_code == 404
    assert client.get(f"/api/v1/cameras/{siren}").status_code == 404


def test_which_cameras_see_a_site(world: World, served: Served, owner_conn: psycopg.Connection) -> None:
    market = world.site("Market")
    owner_conn.execute("UPDATE sites SET position = ST_SetSRID(ST_MakePoint(111.1005, 34.7), 4326)")
    gate = world.site("Gate")  # 46 m to the west of it
    towards = world.device("towards", kind="camera", site=gate)
    away = world.device("away", kind="camera", site=gate)
    sees(owner_conn, towards, bearing_deg=90, range_m=60)
    sees(owner_conn, away, bearing_deg=270, range_m=60)
    client = served.client(owner_conn, "li")
    seen = client.get("/api/v1/cameras", params={"sees_site": market}).json()
    assert [one["properties"]["device_id"] for one in seen["features"]] == ["towards"]
    page = client.get("/api/v1/cameras", params={"limit": 1}).json()
    rest = client.get(page["links"][0]["href"]).json()
    assert [one["id"] for one in page["features"] + rest["features"]] == [towards, away]
    assert rest["links"] == []
    assert client.get("/api/v1/cameras", params={"state": "lost"}).json()["features"] == []


@pytest.fixture
def alarm(camera: int, owner_conn: psycopg.Connection, intake_conn: psycopg.Connection) -> dict[str, Any]:
    sees(owner_conn, camera)
    Intake(intake_conn).accept(says("cam-1", "burglary", id="m-0"))
    return Seen(owner_conn).alarms[0]


def test_each_look_is_by_name_for_a_reason_and_in_the_audit_log(
    camera: int, alarm: dict[str, Any], served: Served, settings: Settings, owner_conn: psycopg.Connection
) -> None:
    picture = took(owner_conn, settings, camera, alarm["id"])
    client = served.client(owner_conn, "li")
    path = f"/api/v1/evidence/{picture.sha256}"
    for reason in ({}, {"reason": ""}, {"reason": "   "}):
        assert client.get(path, params=reason).status_code == 422
    assert Seen(owner_conn).count("audit_log", "action = 'evidence.look'") == 0
    answer = client.get(path, params={"reason": "the owner asked"})
    assert (answer.status_code, len(answer.content)) == (200, picture.bytes)
    (line,) = Seen(owner_conn).rows("SELECT * FROM audit_log WHERE action = 'evidence.look'")
    assert (line["username"], line["reason"], line["object"]) == (
        "li",
        "the owner asked",
        f"evidence/{picture.sha256}",
    )
    assert line["details"] == {"incident_id": alarm["incident_id"]}
    Shelf(settings.var_dir / EVIDENCE).path(picture.sha256).write_bytes(b"another")
    changed = client.get(path, params={"reason": "the owner asked"})
    assert (changed.status_code, changed.json()["type"]) == (404, "/problems/not-found"), (
        "nobody is shown what was changed"
    )


def test_a_camera_that_sees_much_leaves_room_for_one_that_saw_something_else(
    camera: int,
    world: World,
    served: Served,
    settings: Settings,
    owner_conn: psycopg.Connection,
    intake_conn: psycopg.Connection,
) -> None:
    row = owner_conn.execute("SELECT site_id FROM devices").fetchone()
    assert row is not None
    other = world.device("cam-2", kind="camera", site=row[0])
    Intake(intake_conn).accept(says("cam-1", "burglary", id="m-0"), says("cam-2", "burglary", id="m-0"))
    one, two = Seen(owner_conn).alarms
    assert one["incident_id"] == two["incident_id"]
    began = datetime.now(UTC)
    took(owner_conn, settings, other, two["id"], at=began)
    for number in range(20):
        at = began + timedelta(minutes=1 + number)
        took(owner_conn, settings, camera, one["id"], message_id=f"m-{number}", at=at)
    case = served.client(owner_conn, "li").get(f"/api/v1/incidents/{one['incident_id']}").json()
    assert len(case["pictures"]) == 12
    assert case["pictures"][-1]["device_id"] == other, "newest first, and each camera's newest in any case"
    times = [picture["taken_at"] for picture in case["pictures"]]
    assert times == sorted(times, reverse=True)


def test_a_picture_without_an_alarm_is_nobodys(
    camera: int, alarm: dict[str, Any], served: Served, settings: Settings, owner_conn: psycopg.Connection
) -> None:
    picture = took(owner_conn, settings, camera, None)
    client = served.client(owner_conn, "li")
    assert client.get(f"/api/v1/evidence/{picture.sha256}", params={"reason": "curious"}).status_code == 404
    assert client.get(f"/api/v1/incidents/{alarm['incident_id']}").json()["pictures"] == []


def test_no_device_claims_the_picture_of_another(
    camera: int,
    world: World,
    settings: Settings,
    owner_conn: psycopg.Connection,
    intake_conn: psycopg.Connection,
) -> None:
    """It belongs to what its own camera said in the message that told of it."""
    world.device("cam-2", kind="camera", site=world.site(village=VILLAGE))
    picture = took(owner_conn, settings, camera, None, message_id="m-7")
    shown = {"sha256": picture.sha256, "width_px": 320, "height_px": 240}
    intake = Intake(intake_conn)
    intake.accept(says("cam-2", "burglary", id="m-7", picture=shown))
    assert Seen(owner_conn).rows("SELECT alarm_id FROM evidence") == [{"alarm_id": None}]
    intake.accept(says("cam-1", "burglary", id="m-7", picture=shown))
    (alarm,) = [one for one in Seen(owner_conn).alarms if one["device"] == "cam-1"]
    assert Seen(owner_conn).rows("SELECT alarm_id FROM evidence") == [{"alarm_id": alarm["id"]}]


def test_pictures_are_deleted_with_their_files_when_their_day_comes(
    camera: int, alarm: dict[str, Any], settings: Settings, owner_conn: psycopg.Connection
) -> None:
    now = datetime.now(UTC)
    ages = {"old": (31, True), "young": (29, True), "unused": (4, False), "awaited": (2, False)}
    kept = {
        name: took(
            owner_conn,
            settings,
            camera,
            alarm["id"] if used else None,
            message_id=name,
            at=now - timedelta(days=days),
        )
        for name, (days, used) in ages.items()
    }
    assert jobs.forget_evidence(owner_conn, settings, now) == 2
    owner_conn.commit()
    shelf = Shelf(settings.var_dir / EVIDENCE)
    left = {row["message_id"] for row in Seen(owner_conn).rows("SELECT message_id FROM evidence")}
    assert left == {"young", "awaited"}
    for name, picture in kept.items():
        if name in left:
            shelf.read(picture.sha256)
        else:
            with pytest.raises(EvidenceError):
                shelf.read(picture.sha256)


@pytest.mark.parametrize("days", [-400, 400])
def test_a_worker_whose_clock_is_wrong_changes_nothing_of_how_long_pictures_are_kept(
    camera: int,
    alarm: dict[str, Any],
    settings: Settings,
    owner_conn: psycopg.Connection,
    days: int,
) -> None:
    now = datetime.now(UTC)
    picture = took(owner_conn, settings, camera, alarm["id"], at=now + timedelta(days=days))
    owner_conn.execute("UPDATE evidence SET stored_at = now()")
    owner_conn.commit()
    path = Shelf(settings.var_dir / EVIDENCE).path(picture.sha256)
    os.utime(path, (picture.taken_at.timestamp(),) * 2)
    assert jobs.forget_evidence(owner_conn, settings, now) == 0
    assert path.exists()
    assert jobs.forget_evidence(owner_conn, settings, now + timedelta(days=31)) == 1
    assert not path.exists()


def test_a_picture_that_cannot_be_deleted_keeps_no_other_and_no_other_sweep(
    camera: int, alarm: dict[str, Any], settings: Settings, owner_conn: psycopg.Connection
) -> None:
    now = datetime.now(UTC)
    ages = {"stuck": now - timedelta(days=32), "old": now - timedelta(days=31)}
    stuck, old = [
        took(owner_conn, settings, camera, alarm["id"], message_id=name, at=at) for name, at in ages.items()
    ]
    shelf = Shelf(settings.var_dir / EVIDENCE)
    shelf.remove(stuck.sha256)
    shelf.path(stuck.sha256).mkdir()
    assert jobs.forget_evidence(owner_conn, settings, now) == 2
    owner_conn.commit()
    assert Seen(owner_conn).count("evidence") == 0
    assert not shelf.path(old.sha256).exists()
