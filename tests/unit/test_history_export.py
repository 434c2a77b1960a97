"""Files to take away: what a spreadsheet would run is harmless, codes stay text, and each file says what it answers."""

from __future__ import annotations

import csv
import errno
import io
import re
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import orjson
import pyogrio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.history import export, table, words
from alarms.history.export import About

NAMES = {"411282000000": "灵宝市", "411282100201": "孟村村民委员会"}
EVIL = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "'=1",
    "＝1",
    "\ufeff=1",
    '=cmd|" /C calc"!A0',
]
DOCUMENT: dict[str, Any] = {
    "id": 7, "version": 3, "source": "device", "state": "closed", "category": "burglary", "priority": 3,
    "verification_level": 2, "title": "翻墙进院", "site": {"id": 1, "name": "王家", "kind": "household",
    "address": "3组5号", "unit": "", "synthetic": False}, "position": [111.105, 34.705],
    "grid_cell": "411282100201-001",
    "county": "411282000000", "township": "411282100000", "village": "411282100201", "organisation_id": None,
    "opened_at": "2026-03-02T18:10:00+00:00", "last_alarm_at": "2026-03-02T18:10:00+00:00", "alarm_count": 1,
    "active_alarm_count": 0, "handler": {"id": 2, "name": "李接警"}, "acknowledged_at": None, "dispatched_at": None,
    "on_scene_at": None, "resolved_at": None, "closed_at": "2026-03-02T19:10:00.5+00:00",
    "disposition": "actual", "reopened_count": 0,
}  # fmt: skip
ENTRIES: list[dict[str, Any]] = [
    {"at": "2026-03-02T18:10:00+00:00", "kind": "alarm", "text": "", "user": None, "handler": None,
     "details": {"event": "130", "category": "burglary", "device_id": 5}},
    {"at": "2026-03-02T18:12:00+00:00", "kind": "handed_over", "text": "", "user": "李接警", "handler": "王巡逻",
     "details": {"before": None, "after": 3}},
    {"at": "2026-03-02T18:40:00+00:00", "kind": "verified", "text": "院里有人", "user": "王巡逻", "handler": None,
     "details": {"before": 0, "after": 3}},
    {"at": "2026-03-02T18:50:00+00:00", "kind": "note", "text": "=HYPERLINK(\"x\")", "user": "@li", "handler": None,
     "details": {}},
    {"at": "2026-03-02T19:10:00.5+00:00", "kind": "closed", "text": "411282100201", "user": "李接警", "handler": None,
     "details": {"disposition": "actual"}},
]  # fmt: skip
TOLD = [
    ("alarm", "新警报", "入侵报警", None, None),
    ("handed_over", "移交", "王巡逻", None, "李接警"),
    ("verified", "核实", "核实等级3", "院里有人", "王巡逻"),
    ("note", "备注", None, '=HYPERLINK("x")', "@li"),
    ("closed", "结案", "属实", "411282100201", "李接警"),
]
ABOUT = About(
    installation="三门峡市",
    search_id=12,
    purpose="=case 2026-0311",
    question="在灵宝市",
    query={"division": "411282000000"},
    searched_at=datetime(2026, 3, 4, 1, tzinfo=UTC),
    exported_at=datetime(2026, 3, 4, 2, tzinfo=UTC),
    user="赵侦查 (zhao)",
    count=2,
    entries=5,
    zone=ZoneInfo("Asia/Shanghai"),
)


def written(
    kind: export.Format, path: Path, *documents: dict[str, Any], told: list[dict[str, Any]] | None = None
) -> Path:
    def cases() -> Iterator[table.Case]:
        for one in documents:
            yield table.case({"incident": one, "entries": told or []}, NAMES, "zh")

    export.write(kind, path, cases, ABOUT)
    return path


def read_csv(path: Path, name: str = "incidents.csv") -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        raw = archive.read(name)
    assert raw.startswith(b"\xef\xbb\xbf"), "or Excel shows Chinese as something else"
    return list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


def xlsx_cells(path: Path, sheet: str = "incidents") -> Iterator[Any]:
    book = openpyxl.load_workbook(path)
    for line in book[sheet].iter_rows():
        yield from line


@given(text=st.text() | st.sampled_from(EVIL) | st.builds(str.__add__, st.sampled_from(EVIL), st.text()))
def test_no_text_is_a_formula_in_csv(text: str) -> None:
    cell = table.harmless(text)
    assert cell.lstrip(" \u3000\ufeff\u200b")[:1] not in {
        "=",
        "+",
        "-",
        "@",
        "\t",
        "\r",
        "\n",
        "＝",
        "＋",
        "－",
        "＠",
    }
    assert cell in (text, "'" + text), "what was written can be read"


@settings(max_examples=25, deadline=None)
@given(title=st.text(max_size=60) | st.builds(str.__add__, st.sampled_from(EVIL), st.text(max_size=20)))
def test_no_text_is_a_formula_in_xlsx(title: str) -> None:
    with TemporaryDirectory() as folder:
        path = written("xlsx", Path(folder) / "f.xlsx", DOCUMENT | {"title": title})
        cells = list(xlsx_cells(path))
        assert {cell.data_type for cell in cells} <= {"s", "n", "d", "inlineStr"}, "no formula, no error"
        shown = cells[len(table.COLUMNS) + [c.name for c in table.COLUMNS].index("title")]
        assert (shown.value or "").replace("\r", "\n") == table.printable(title).replace("\r", "\n")
        with zipfile.ZipFile(path) as archive:
            assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize("text", EVIL)
def test_evil_names_stay_words_everywhere(tmp_path: Path, text: str) -> None:
    site = DOCUMENT["site"] | {"name": text}
    found = read_csv(written("csv", tmp_path / "f.zip", DOCUMENT | {"site": site}))
    assert found[1][found[0].index("site")] == "'" + text
    sheet = openpyxl.load_workbook(written("xlsx", tmp_path / "f.xlsx", DOCUMENT | {"site": site}))[
        "incidents"
    ]
    cell = sheet.cell(2, found[0].index("site") + 1)
    assert cell.data_type in ("s", "inlineStr")
    assert cell.quotePrefix


def test_codes_stay_text_and_chinese_stays_chinese(tmp_path: Path) -> None:
    head, line = read_csv(written("csv", tmp_path / "f.zip", DOCUMENT))
    of = dict(zip(head, line, strict=True))
    assert (of["village"], of["village_name"], of["site"]) == ("411282100201", "孟村村民委员会", "王家")
    assert (of["opened_at"], of["category_name"], of["disposition_name"]) == (
        "2026-03-03T02:10:00+08:00", "入侵报警", "属实",
    )  # fmt: skip
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        raw = archive.read("incidents.csv").decode("utf-8-sig")
        assert ',"411282100201",' in raw
        types = archive.read("incidents.csvt").decode().strip().split(",")
        assert archive.read("incidents.prj").startswith(b'GEOGCS["GCS_WGS_1984"')
    assert dict(zip(head, types, strict=True))["village"] == '"String"'
    assert dict(zip(head, types, strict=True))["lon"] == '"CoordX"'

    sheet = openpyxl.load_workbook(written("xlsx", tmp_path / "f.xlsx", DOCUMENT))["incidents"]
    cells = {c.value: sheet.cell(2, n) for n, c in enumerate(sheet[1], 1)}
    assert (cells["village"].value, cells["village"].number_format) == ("411282100201", "@")
    assert cells["opened_at"].value == datetime(2026, 3, 3, 2, 10)  # noqa: DTZ001 - Excel knows no zones
    assert (cells["lon"].value, cells["id"].value) == (111.105, 7)


def test_gdal_reads_the_zipped_csv_with_its_types_and_points(tmp_path: Path) -> None:
    written("csv", tmp_path / "f.zip", DOCUMENT)
    info = pyogrio.read_info(f"/vsizip/{tmp_path}/f.zip/incidents.csv")
    assert info["geometry_type"] == "Point"
    assert dict(zip(info["fields"], info["dtypes"], strict=True))["village"] == "object"


def test_a_geopackage_has_the_layer_its_fields_its_crs_and_what_it_answers(tmp_path: Path) -> None:
    placeless = DOCUMENT | {
        "id": 6,
        "position": None,
        "county": None,
        "township": None,
        "village": None,
        "site": None,
    }
    path = written("gpkg", tmp_path / "f.gpkg", DOCUMENT, placeless)
    with closing(sqlite3.connect(path)) as file:
        [(version,)] = file.execute("PRAGMA user_version")
    assert version == 10_300, "GDAL 3.6, which Debian 12 has, warns of what is newer"
    assert dict(pyogrio.list_layers(path)) == {"incidents": "Point", "timeline": None, "about": None}
    info = pyogrio.read_info(path, layer="incidents")
    assert (info["crs"], info["features"]) == ("EPSG:4326", 2)
    types = dict(zip(info["fields"], info["dtypes"], strict=True))
    assert set(types) == {column.name for column in table.COLUMNS}
    assert (types["county"], types["priority"], types["lon"]) == ("object", "int64", "float64")
    assert types["opened_at"].startswith("datetime64")
    frame = pyogrio.read_dataframe(path, layer="incidents")
    assert list(frame["village"].fillna("")) == ["411282100201", ""]
    assert [point and (point.x, point.y) for point in frame.geometry] == [(111.105, 34.705), None]
    assert str(frame["opened_at"][0]) == "2026-03-02 18:10:00+00:00"
    said = pyogrio.read_dataframe(path, layer="about", read_geometry=False)
    assert list(zip(said["name"], said["text"], strict=True)) == ABOUT.lines()


def test_geojson_says_what_it_answers_at_the_top(tmp_path: Path) -> None:
    placeless = DOCUMENT | {"id": 6, "position": None}
    found = orjson.loads(written("geojson", tmp_path / "f.geojson", DOCUMENT, placeless).read_bytes())
    assert found["about"] == dict(ABOUT.lines()) | {"query": ABOUT.query, "count": 2, "timeline_entries": 5}
    first, second = found["features"]
    assert first["geometry"] == {"type": "Point", "coordinates": [111.105, 34.705]}
    assert first["properties"]["county"] == "411282000000"
    assert second["geometry"] is None


@pytest.mark.parametrize("kind", list(export.MEDIA_TYPES))
def test_a_file_without_rows_is_whole(tmp_path: Path, kind: export.Format) -> None:
    path = written(kind, tmp_path / f"f.{export.SUFFIXES[kind]}")
    match kind:
        case "geojson":
            assert orjson.loads(path.read_bytes())["features"] == []
        case "gpkg":
            assert pyogrio.read_info(path, layer="incidents")["features"] == 0
        case "csv":
            assert read_csv(path) == [[column.name for column in table.COLUMNS]]
        case "xlsx":
            assert openpyxl.load_workbook(path)["incidents"].max_row == 1


@pytest.mark.parametrize("kind", list(export.MEDIA_TYPES))
def test_what_is_interrupted_leaves_nothing_outside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: export.Format
) -> None:
    system, own = tmp_path / "system", tmp_path / "own"
    system.mkdir()
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(system))

    def cases() -> Iterator[table.Case]:
        yield table.case({"incident": DOCUMENT, "entries": ENTRIES}, NAMES, "zh")
        raise OSError(errno.EIO, "the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        export.write(kind, own / f"f.{export.SUFFIXES[kind]}", cases, ABOUT)
    assert list(system.iterdir()) == []


def test_a_question_of_many_points_is_whole_in_a_spreadsheet(tmp_path: Path) -> None:
    ring = [[111 + n / 1e7, 34 + n / 1e7] for n in range(2000)]
    about = replace(ABOUT, query={"area": {"type": "Polygon", "coordinates": [ring]}})
    export.write("xlsx", tmp_path / "f.xlsx", list, about)
    lines = list(openpyxl.load_workbook(tmp_path / "f.xlsx")["about"].iter_rows(values_only=True))
    assert orjson.loads("".join(str(text) for name, text in lines if name == "query")) == about.query


@pytest.mark.parametrize("text", ["#N/A", "#REF!", "000123", "1E5", "３月"])
def test_what_looks_like_a_number_or_an_error_is_text(tmp_path: Path, text: str) -> None:
    sheet = openpyxl.load_workbook(written("xlsx", tmp_path / "f.xlsx", DOCUMENT | {"title": text}))[
        "incidents"
    ]
    cell = sheet.cell(2, [column.name for column in table.COLUMNS].index("title") + 1)
    assert (cell.value, cell.data_type) == (text, "s")


def test_what_tables_say_of_themselves_is_harmless_too(tmp_path: Path) -> None:
    said = dict(read_csv(written("csv", tmp_path / "f.zip"), "about.csv")[1:])
    assert said["purpose"] == "'=case 2026-0311"
    assert said["crs"] == table.CRS_IN_WORDS
    cells = [cell for cell in xlsx_cells(written("xlsx", tmp_path / "f.xlsx"), "about") if cell.column == 2]
    assert [cell.value for cell in cells] == [text for _, text in ABOUT.lines()]
    assert {cell.data_type for cell in cells} == {"s"}


def read_timeline(kind: str, path: Path) -> list[dict[str, Any]]:
    """The rows of the timeline, by column."""
    match kind:
        case "geojson":
            features = orjson.loads(path.read_bytes())["features"]
            return [
                {"incident": one["id"]} | row for one in features for row in one["properties"]["timeline"]
            ]
        case "gpkg":
            frame = pyogrio.read_dataframe(path, layer="timeline", read_geometry=False)
            return [
                {name: None if cell != cell else cell for name, cell in one.items()}
                for one in frame.to_dict("records")
            ]
        case "csv":
            head, *lines = read_csv(path, "timeline.csv")
            return [
                dict(zip(head, (cell or None for cell in line), strict=True)) | {"incident": int(line[0])}
                for line in lines
            ]
        case _:
            head, *lines = openpyxl.load_workbook(path)["timeline"].iter_rows(values_only=True)
            return [dict(zip(head, line, strict=True)) for line in lines]


@pytest.mark.parametrize("kind", list(export.MEDIA_TYPES))
def test_what_was_done_is_in_every_file_a_row_for_each_line(tmp_path: Path, kind: export.Format) -> None:
    path = written(
        kind, tmp_path / f"f.{export.SUFFIXES[kind]}", DOCUMENT | {"id": 6}, DOCUMENT, told=ENTRIES
    )
    found = read_timeline(kind, path)
    mark = "'" if kind == "csv" else ""
    told = [tuple(mark + cell if cell and cell[0] in "=@" else cell for cell in one) for one in TOLD]
    assert [
        (one["kind"], one["kind_name"], one["about"], one["text"], one["user"]) for one in found
    ] == told * 2
    assert [one["incident"] for one in found] == [6] * 5 + [7] * 5
    shown = {
        "gpkg": "2026-03-02 18:10:00+00:00",
        "xlsx": "2026-03-03 02:10:00",
    }.get(kind, "2026-03-03T02:10:00+08:00")
    assert str(found[0]["at"]) == shown


def test_what_people_wrote_is_harmless_and_digits_stay_text(tmp_path: Path) -> None:
    cells = list(xlsx_cells(written("xlsx", tmp_path / "f.xlsx", DOCUMENT, told=ENTRIES), "timeline"))
    assert {cell.data_type for cell in cells} <= {"s", "n", "d", "inlineStr"}, "no formula, no error"
    of = {cell.value: cell for cell in cells}
    assert of["411282100201"].number_format == "@"
    assert of['=HYPERLINK("x")'].quotePrefix
    written("csv", tmp_path / "f.zip", DOCUMENT, told=ENTRIES)
    types = dict(
        zip(
            *(
                pyogrio.read_info(f"/vsizip/{tmp_path}/f.zip/timeline.csv")[key]
                for key in ("fields", "dtypes")
            ),
            strict=True,
        )
    )
    assert (types["incident"], types["text"]) == ("int64", "object")


def test_every_kind_of_line_that_the_database_takes_has_words() -> None:
    text = (Path(export.__file__).parents[2] / "api/database/migrations/0004_journey.sql").read_text("utf-8")
    [kinds] = re.findall(r"kind +text NOT NULL CHECK \(kind IN \(([^)]*'called'[^)]*)\)", text)
    for said in words.ENTRIES.values():
        assert list(said) == re.findall(r"'(\w+)'", kinds)
