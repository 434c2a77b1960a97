"""An investigator's searches: against a purpose, within the scope, and exactly what was found as files."""

from __future__ import annotations

import asyncio
import csv
import errno
import io
import os
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import orjson
import psycopg
import pyogrio
import pytest

from alarms.history import export, search
from api import jobs
from api.routes import searches
from tests.integration.serving import Served, wait_until
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
    """Two counties with a story each."""

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


@pytest.fixture
def past(owner_conn: psycopg.Connection[Any], intake_conn: psycopg.Connection[Any]) -> Past:
    return Past(owner_conn, intake_conn)


def asks(client: httpx.Client, purpose: str = PURPOSE, limit: int = 100, **query: Any) -> dict[str, Any]:
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


def test_a_search_takes_a_purpose_and_leaves_it_in_the_audit_log(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    zhao = served.client(owner_conn, "zhao")
    for body in (
        {},
        {"purpose": ""},
        {"purpose": "  "},
        {"purpose": " a "},
        {"purpose": "ab"},
        {"purpose": None},
    ):
        answer = zhao.post("/api/v1/searches", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["where"] == "body.purpose"
    assert audited(owner_conn) == []
    found = asks(zhao, division="411282", hours={"from": "22:00", "to": "06:00"})
    assert names(found) == ["王家大院"]
    assert found["search"]["words"]["en"].startswith("in county 411282000000; at 22:00 to 06:00")
    assert found["search"]["purpose"] == PURPOSE
    [line] = audited(owner_conn)
    assert line == {
        "username": "zhao",
        "action": "search.open",
        "object": f"search/{found['search']['id']}",
        "reason": PURPOSE,
        "details": {"query": {"division": COUNTY, "hours": {"from": "22:00", "to": "06:00"}}},
    }


def test_an_investigator_finds_nothing_of_another_county(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    everybody = {"zhao": ["函谷关小卖部", "王家大院"], "qian": ["Zhao's shop"]}
    everybody["sun"] = ["函谷关小卖部", "Zhao's shop", "王家大院"]
    for name, expected in everybody.items():
        client = served.client(owner_conn, name)
        found = asks(client, area=ACROSS)
        assert names(found) == expected, "a polygon over the border shows one's own side"
        number = found["search"]["id"]
        assert names(client.get(f"/api/v1/searches/{number}").json()) == expected
        file = client.get(f"/api/v1/searches/{number}/export?format=geojson").json()
        assert [one["properties"]["site"] for one in file["features"]] == expected
        for device, incident in past.ids.items():
            inside = {"zhao": device.endswith("-here"), "qian": device.endswith("-there"), "sun": True}[name]
            case = client.get(f"/api/v1/searches/{number}/incidents/{incident}")
            assert case.status_code == (200 if inside else 404)
            assert client.get(f"/api/v1/incidents/{incident}").status_code == 403, "not without a purpose"
    assert names(asks(served.client(owner_conn, "qian"), division=COUNTY)) == []
    assert names(asks(served.client(owner_conn, "qian"), text="王家")) == []
    assert names(asks(served.client(owner_conn, "sun"), division="411300000000")) == []


def test_a_search_is_its_own_users_and_ends(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any], settings: Any
) -> None:
    sun = served.client(owner_conn, "sun")
    number = asks(sun)["search"]["id"]
    paths = [
        f"/api/v1/searches/{number}",
        f"/api/v1/searches/{number}/export?format=csv",
        f"/api/v1/searches/{number}/incidents/{past.ids['pir-here']}",
    ]
    past.world.user("admin", role="admin")
    for path in paths:
        assert sun.get(path).status_code == 200
        for other in ("zhao", "admin"):
            assert served.client(owner_conn, other).get(path).status_code == 404
    owner_conn.execute("UPDATE searches SET expires_at = now() - interval '1 second'")
    owner_conn.commit()
    assert [sun.get(path).status_code for path in paths] == [404, 404, 404]
    assert jobs.forget_searches(owner_conn, settings, datetime.now(UTC)) == 1
    assert len(audited(owner_conn)) == 3, "what was asked is not forgotten with it"


def test_what_a_grant_that_was_revoked_showed_is_not_shown_by_an_earlier_search(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    sun = served.client(owner_conn, "sun")
    number = asks(sun)["search"]["id"]
    owner_conn.execute(
        "UPDATE grants SET division_code = %s FROM users u WHERE u.id = user_id AND u.username = 'sun'",
        [OTHER_COUNTY],
    )
    owner_conn.commit()
    assert names(sun.get(f"/api/v1/searches/{number}").json()) == ["Zhao's shop"]
    file = sun.get(f"/api/v1/searches/{number}/export?format=geojson").json()
    assert [one["properties"]["site"] for one in file["features"]] == ["Zhao's shop"]


NEAR_MIDNIGHT = [
    ("21:59", False),
    ("22:00", True),
    ("23:59", True),
    ("00:00", True),
    ("05:59", True),
    ("06:00", False),
]


def test_each_part_of_a_question_limits_what_is_found(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    past.close("pir-here", "false_environment", "A stray dog 流浪狗翻墙 was seen")
    sun = served.client(owner_conn, "sun")
    every = ["函谷关小卖部", "Zhao's shop", "王家大院"]
    questions: list[tuple[dict[str, Any], list[str]]] = [
        ({}, every),
        ({"area": box(BORDER, 34, 112, 35)}, every[1:2]),
        (
            {"area": {"type": "MultiPolygon", "coordinates": [box(BORDER, 34, 112, 35)["coordinates"]]}},
            every[1:2],
        ),
        ({"area": box(110, 34, 111, 35)}, []),
        ({"division": "4112"}, every),
        ({"division": "411282100"}, [every[0], every[2]]),
        ({"division": THERE}, every[1:2]),
        ({"from": NIGHT.isoformat(), "to": (NIGHT + timedelta(seconds=30)).isoformat()}, every[2:]),
        ({"hours": {"from": "22:00", "to": "06:00"}}, every[1:]),
        ({"hours": {"from": "14:00", "to": "14:01"}}, every[:1]),
        ({"category": ["panic", "fire"]}, every[:1]),
        ({"priority": [3]}, every[1:]),
        ({"disposition": ["false_environment"]}, every[2:]),
        ({"state": ["new"]}, every[:2]),
        ({"text": "函谷关"}, every[:1]),
        ({"text": "王家"}, every[2:]),
        ({"text": "王"}, every[2:]),
        ({"text": "流浪狗"}, every[2:]),
        ({"text": "狗翻"}, every[2:]),
        ({"text": "STRAY dog"}, every[2:]),
        ({"text": "zhao's"}, every[1:2]),
        ({"text": "3组5号"}, every[2:]),
        ({"text": "%"}, []),
        ({"text": "李"}, []),
    ]
    for query, expected in questions:
        assert names(asks(sun, **query)) == expected, query


def test_hours_of_the_day_are_those_of_the_installations_zone(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    sun = served.client(owner_conn, "sun")
    for clock, inside in NEAR_MIDNIGHT:
        owner_conn.execute("UPDATE incidents SET opened_at = %s", [local(clock)])
        owner_conn.commit()
        found = asks(sun, hours={"from": "22:00", "to": "06:00"})
        assert bool(found["features"]) == inside, clock


def test_pages_go_on_to_the_end(past: Past, served: Served, owner_conn: psycopg.Connection[Any]) -> None:
    sun = served.client(owner_conn, "sun")
    page = asks(sun, limit=1)
    walked = names(page)
    while page["links"]:
        page = sun.get(page["links"][0]["href"]).json()
        walked += names(page)
    assert walked == ["函谷关小卖部", "Zhao's shop", "王家大院"]


WRONG = [
    (
        {"area": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}},
        "body.query.area",
    ),
    (
        {"area": {"type": "Polygon", "coordinates": [[[n / 2000, n % 2] for n in range(1001)]]}},
        "body.query.area",
    ),
    ({"area": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}}, "body.query.area"),
    ({"division": "41128"}, "body.query.division"),
    ({"hours": {"from": "22:00", "to": "22:00"}}, "body.query.hours"),
    ({"hours": {"from": "10", "to": "22:00"}}, "body.query.hours.from"),
    ({"from": "2026-03-03T00:00:00Z", "to": "2026-03-02T00:00:00Z"}, "body.query.to"),
    ({"from": "yesterday"}, "body.query.from"),
    ({"category": ["ghosts"]}, "body.query.category"),
    ({"text": "  "}, "body.query.text"),
    ({"text": "a\x00"}, "body.query.text"),
    ({"where": "1=1"}, "body.query.where"),
]


@pytest.mark.parametrize(("query", "where"), WRONG)
def test_what_is_no_question_is_refused_and_not_audited(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any], query: dict[str, Any], where: str
) -> None:
    answer = served.client(owner_conn, "sun").post(
        "/api/v1/searches", json={"purpose": PURPOSE, "query": query}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"].startswith(where)
    assert audited(owner_conn) == []


def test_a_case_is_read_against_the_searchs_purpose(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    sun = served.client(owner_conn, "sun")
    number = asks(sun, text="王家")["search"]["id"]
    case = sun.get(f"/api/v1/searches/{number}/incidents/{past.ids['pir-here']}").json()
    assert [entry["kind"] for entry in case["entries"]] == ["alarm"]
    assert sun.get(f"/api/v1/searches/{number}/incidents/{past.ids['pir-there']}").status_code == 404
    lines = audited(owner_conn)[1:]
    assert [(one["action"], one["object"], one["reason"], one["details"]) for one in lines] == [
        ("search.case", f"incident/{past.ids['pir-here']}", PURPOSE, {"search": number})
    ]


def test_an_old_case_tells_what_the_site_had_seen_by_then(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    then = NIGHT - timedelta(days=700)
    rows = owner_conn.execute(
        "INSERT INTO incidents (source, state, category, priority, title, site_id, opened_at, last_alarm_at,"
        " acknowledged_at, closed_at, disposition)"
        " SELECT 'device', 'closed', 'burglary', 3, 'old', i.site_id, t, t, t, t + interval '1 hour', 'actual'"
        " FROM incidents i, unnest(%s::timestamptz[]) t WHERE i.id = %s RETURNING id",
        [[then, then - timedelta(days=30), then - timedelta(days=100)], past.ids["pir-here"]],
    ).fetchall()
    owner_conn.commit()
    sun = served.client(owner_conn, "sun")
    number = asks(sun)["search"]["id"]
    case = sun.get(f"/api/v1/searches/{number}/incidents/{rows[0][0]}").json()
    assert case["history"]["incidents_90d"] == 1
    assert [one["id"] for one in case["history"]["last"]] == [rows[1][0]]


def read_back(kind: str, content: bytes, folder: Path) -> tuple[list[int], list[str | None], dict[str, str]]:
    """The ids, the villages' codes and what the file says of itself."""
    path = folder / {"csv": "f.zip"}.get(kind, f"f.{kind}")
    path.write_bytes(content)
    match kind:
        case "geojson":
            found = orjson.loads(content)
            values = [one["properties"] for one in found["features"]]
            return [one["id"] for one in values], [one["village"] for one in values], found["about"]
        case "gpkg":
            info = pyogrio.read_info(path, layer="incidents")
            assert (info["crs"], info["geometry_type"]) == ("EPSG:4326", "Point")
            frame = pyogrio.read_dataframe(path, layer="incidents")
            said = pyogrio.read_dataframe(path, layer="about", read_geometry=False)
            return (
                list(frame["id"]),
                list(frame["village"]),
                dict(zip(said["name"], said["text"], strict=True)),
            )
        case "csv":
            with zipfile.ZipFile(path) as archive:
                tables = [
                    list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"), newline="")))
                    for name in ("incidents.csv", "about.csv")
                ]
            about = {one["name"]: one["text"] for one in tables[1]}
            return [int(one["id"]) for one in tables[0]], [one["village"] for one in tables[0]], about
        case _:
            book = openpyxl.load_workbook(path)
            head, *rows = book["incidents"].iter_rows(values_only=True)
            values = [dict(zip(head, row, strict=True)) for row in rows]
            about = {str(name): str(text) for name, text in book["about"].iter_rows(values_only=True)}
            return [one["id"] for one in values], [one["village"] for one in values], about


@pytest.mark.parametrize("kind", ["geojson", "gpkg", "csv", "xlsx"])
def test_a_file_holds_exactly_what_was_found_and_says_what_it_answers(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any], tmp_path: Path, kind: str
) -> None:
    zhao = served.client(owner_conn, "zhao")
    found = asks(zhao, area=ACROSS, hours={"from": "13:00", "to": "06:00"})
    number = found["search"]["id"]
    answer = zhao.get(f"/api/v1/searches/{number}/export", params={"format": kind, "language": "en"})
    assert answer.status_code == 200, answer.text
    ids, villages, about = read_back(kind, answer.content, tmp_path)
    assert ids == [one["id"] for one in found["features"]]
    assert villages == [HERE, HERE]
    assert about["purpose"] == PURPOSE
    assert about["question"] == found["search"]["words"]["en"]
    assert (about["user"], about["time_zone"]) == ("zhao (zhao)", "Asia/Shanghai")
    assert "EPSG:4326" in about["crs"]
    assert about["exported_at"].endswith("+08:00")
    assert datetime.fromisoformat(about["exported_at"]) <= datetime.now(UTC)
    line = audited(owner_conn)[-1]
    assert (line["action"], line["object"], line["reason"], line["details"]) == (
        "search.export", f"search/{number}", PURPOSE, {"format": kind, "count": 2, "timeline_entries": 2},
    )  # fmt: skip


def test_a_file_holds_what_is_there_when_it_is_made(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    sun = served.client(owner_conn, "sun")
    number = asks(sun)["search"]["id"]
    past.tell("late", "新房", HERE, BORDER - 0.004, "burglary", datetime.now(UTC))
    file = sun.get(f"/api/v1/searches/{number}/export?format=geojson").json()
    assert file["features"][0]["properties"]["site"] == "新房"
    assert file["about"]["count"] == 4


def test_what_was_done_is_taken_away_too(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    past.close("pir-here", "false_environment", "流浪狗翻墙")
    sun = served.client(owner_conn, "sun")
    number = asks(sun, text="王家")["search"]["id"]
    [feature] = sun.get(f"/api/v1/searches/{number}/export?format=geojson&language=en").json()["features"]
    told = feature["properties"]["timeline"]
    assert [(one["kind"], one["about"], one["text"], one["user"]) for one in told] == [
        ("alarm", "Burglary", None, None),
        ("note", None, "流浪狗翻墙", None),
    ]
    assert audited(owner_conn)[-1]["details"] == {"format": "geojson", "count": 1, "timeline_entries": 2}


def test_too_many_lines_of_timelines_are_refused_too(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_ENTRIES", 2)
    sun = served.client(owner_conn, "sun")
    number = asks(sun)["search"]["id"]
    answer = sun.get(f"/api/v1/searches/{number}/export?format=csv")
    assert answer.json()["type"] == "/problems/too-many-rows"
    assert len(audited(owner_conn)) == 1, "nothing was taken away"


def test_those_who_wait_for_a_file_keep_nobody_else_waiting(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thread that waited would be one less for all who acknowledge and close."""
    monkeypatch.setattr(searches, "EXPORTING", asyncio.Semaphore(0))  # one is being made, and goes on
    monkeypatch.setattr(searches, "EXPORT_WAIT_S", 5.0)
    sun = served.client(owner_conn, "sun")
    past.world.user("li", division=COUNTY, role="dispatcher")
    li = served.client(owner_conn, "li")
    number = asks(sun)["search"]["id"]
    with ThreadPoolExecutor(50) as many:
        waiting = [many.submit(sun.get, f"/api/v1/searches/{number}/export?format=csv") for _ in range(50)]
        version = li.get(f"/api/v1/incidents/{past.ids['pir-here']}").json()["version"]
        answer = li.post(f"/api/v1/incidents/{past.ids['pir-here']}/acknowledge", json={"version": version})
        assert answer.status_code == 200
        assert not any(one.done() for one in waiting)
        answers = [one.result() for one in waiting]
    assert {one.status_code for one in answers} == {503}
    assert answers[0].json()["type"] == "/problems/busy"


def test_many_slow_searches_leave_room_for_those_who_answer_alarms(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    sun = served.client(owner_conn, "sun")
    past.world.user("li", division=COUNTY, role="dispatcher")
    li = served.client(owner_conn, "li")
    owner_conn.execute("LOCK TABLE searches")  # so that each takes as long as we like
    with ThreadPoolExecutor(12) as many:
        waiting = [many.submit(asks, sun) for _ in range(12)]
        at_it = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'searches'::regclass"
        wait_until(lambda: owner_conn.execute(at_it).fetchone() == (3,), what="three of them to look")
        assert li.get("/api/v1/incidents").status_code == 200
        assert not any(one.done() for one in waiting)
        owner_conn.rollback()
        assert len({one.result()["search"]["id"] for one in waiting}) == 12


def test_a_file_that_cannot_be_made_leaves_its_line_and_nothing_else(
    past: Past,
    served: Served,
    owner_conn: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The line comes first: no file without its line, rather a line without its file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sun = served.client(owner_conn, "sun")
    number = asks(sun)["search"]["id"]

    def full(_kind: str, path: Path, *_: object) -> None:
        path.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(export, "write", full)
        answer = sun.get(f"/api/v1/searches/{number}/export?format=csv")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/fault")
    assert str(tmp_path) not in answer.text
    assert audited(owner_conn)[-1]["action"] == "search.export"
    assert list(tmp_path.iterdir()) == []
    assert sun.get(f"/api/v1/searches/{number}/export?format=csv").status_code == 200


def test_what_a_killed_export_left_is_removed_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, made, other = (tmp_path / f"{name}-1" for name in ("lianfang-export", "lianfang-export-2", "other"))
    for folder in (left, made, other):
        folder.mkdir()
        (folder / "cases").write_bytes(b"{}")
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    for folder in (left, other):
        os.utime(folder, (long_ago.timestamp(), long_ago.timestamp()))
    searches.forget_leftovers(datetime.now(UTC))
    assert sorted(tmp_path.iterdir()) == sorted([made, other])


def test_a_server_without_room_for_files_starts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", list)
    with pytest.raises(FileNotFoundError):
        tempfile.gettempdir()
    searches.forget_leftovers(datetime.now(UTC))


def test_too_much_for_a_file_is_refused_and_not_cut_off(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_ROWS", 2)
    sun = served.client(owner_conn, "sun")
    number = asks(sun)["search"]["id"]
    answer = sun.get(f"/api/v1/searches/{number}/export?format=csv")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/too-many-rows")
    assert "more than 2 incidents" in answer.json()["detail"]
    assert len(audited(owner_conn)) == 1, "nothing was taken away"
    number = asks(sun, division="411282")["search"]["id"]
    assert sun.get(f"/api/v1/searches/{number}/export?format=csv").status_code == 200


def test_many_rows_are_all_in_each_file(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    owner_conn.execute(
        "INSERT INTO incidents (source, state, category, priority, opened_at, last_alarm_at, county, township, village)"
        " SELECT 'device', 'new', 'burglary', 3, timestamptz '2025-01-01' + n %% 7 * interval '1 day', now(),"
        " %s, %s, %s FROM generate_series(1, 6000) n",
        [COUNTY, HERE[:9] + "000", HERE],
    )
    owner_conn.commit()
    sun = served.client(owner_conn, "sun")
    number = asks(sun, limit=1)["search"]["id"]
    for kind in ("geojson", "gpkg", "csv", "xlsx"):
        answer = sun.get(f"/api/v1/searches/{number}/export?format={kind}")
        ids, _, about = read_back(kind, answer.content, tmp_path)
        assert len(ids) == len(set(ids)) == int(about["count"]) == 6003
