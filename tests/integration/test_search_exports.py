"""What was found, taken away as a file: exactly that, with its line in the audit log, and in nobody's way."""

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

import openpyxl
import orjson
import psycopg
import pyogrio
import pytest

from alarms.history import export, search
from api.routes import searches
from tests.integration.searching import (
    ACROSS,
    BORDER,
    COUNTY,
    HERE,
    PURPOSE,
    Past,
    asks,
    audited,
)
from tests.integration.serving import Served


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


def test_too_many_lines_of_timelines_are_refused_too(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_ENTRIES", 2)
    sun = served.client(owner_conn, "sun")
    number = asks(sun)["search"]["id"]
    answer = sun.get(f"/api/v1/searches/{number}/export?format=csv")
    assert answer.json()["type"] == "/problems/too-many-rows"
    assert len(audited(owner_conn)) == 1, "nothing was taken away"


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
