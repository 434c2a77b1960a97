"""Files to take away: exactly what was found, each with the question, the time, the user and the coordinate system.

Each holds the incidents and what was done about them, a row for each line of a timeline that names its incident.

``geojson``  RFC 7946; what it answers stands in the top-level member ``about``, a timeline in a property.
``gpkg``     layer ``incidents`` (TEXT codes, times in UTC), table ``timeline``, and the same words in ``about``.
``csv``      a ZIP with ``incidents.csv``, whose first row names the columns, as Excel and GIS programs expect
             (comment lines before it would break both), and beside it ``timeline.csv``, ``about.csv``, and
             ``.csvt`` and ``.prj``, which tell GDAL that codes are text and what the coordinates are.
``xlsx``     sheets ``incidents``, ``timeline``, ``about``; times on the clock of the installation's zone, as
             Excel knows no zones.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import orjson

from alarms.history.table import (
    COLUMNS,
    CRS,
    CRS_IN_WORDS,
    ENTRY_COLUMNS,
    Case,
    Column,
    Value,
    harmless,
    printable,
)

Format = Literal["geojson", "gpkg", "csv", "xlsx"]
Rows = Iterable[list[Value]]
Cases = Callable[[], Iterable[Case]]
"""What was found, from its beginning: a format that writes one table after the other reads it twice."""

MEDIA_TYPES: dict[Format, str] = {
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
    "csv": "application/zip",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SUFFIXES: dict[Format, str] = {"geojson": "geojson", "gpkg": "gpkg", "csv": "zip", "xlsx": "xlsx"}
CHUNK = 5000
MOST_IN_CELL = 32_000
"""A cell of a spreadsheet holds 32,767 characters, and openpyxl cuts off the rest without a word."""
_LON, _LAT = (next(n for n, column in enumerate(COLUMNS) if column.name == name) for name in ("lon", "lat"))


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What a file answers."""

    installation: str
    search_id: int
    purpose: str
    question: str
    """The query in words."""
    query: dict[str, Any]
    searched_at: datetime
    exported_at: datetime
    user: str
    count: int
    entries: int
    """Lines of all timelines together."""
    zone: tzinfo

    def lines(self) -> list[tuple[str, str]]:
        """Name and text of each thing that is said, the same in every format."""
        return [
            ("installation", self.installation),
            ("search", str(self.search_id)),
            ("purpose", self.purpose),
            ("question", self.question),
            ("query", orjson.dumps(self.query).decode()),
            ("searched_at", _rfc3339(self.searched_at, self.zone)),
            ("exported_at", _rfc3339(self.exported_at, self.zone)),
            ("user", self.user),
            ("count", str(self.count)),
            ("timeline_entries", str(self.entries)),
            ("crs", CRS_IN_WORDS),
            ("time_zone", str(self.zone)),
        ]


def write(kind: Format, path: Path, cases: Cases, about: About) -> None:
    """Write a file that does not exist yet."""
    writers: dict[Format, Callable[[Path, Cases, About], None]] = {
        "geojson": _geojson,
        "gpkg": _gpkg,
        "csv": _csv,
        "xlsx": _xlsx,
    }
    writers[kind](path, cases, about)


def _rows(cases: Cases) -> Rows:
    return (one.row for one in cases())


def _entries(cases: Cases) -> Rows:
    return (entry for one in cases() for entry in one.timeline)


def _geojson(path: Path, cases: Cases, about: About) -> None:
    head = {
        "type": "FeatureCollection",
        "name": "incidents",
        "about": dict(about.lines())
        | {"query": about.query, "count": about.count, "timeline_entries": about.entries},
    }

    def named(columns: Sequence[Column], cells: Sequence[Value], without: Sequence[str]) -> dict[str, Any]:
        return {
            column.name: _rfc3339(cell, about.zone) if isinstance(cell, datetime) else cell
            for column, cell in zip(columns, cells, strict=True)
            if column.name not in without
        }

    with path.open("wb") as file:
        file.write(orjson.dumps(head)[:-1] + b',"features":[')
        for number, one in enumerate(cases()):
            lon, lat = one.row[_LON], one.row[_LAT]
            properties = named(COLUMNS, one.row, ("lon", "lat"))
            properties["timeline"] = [named(ENTRY_COLUMNS, cells, ("incident",)) for cells in one.timeline]
            feature = {
                "type": "Feature",
                "id": properties["id"],
                "geometry": {"type": "Point", "coordinates": [lon, lat]} if lon is not None else None,
                "properties": properties,
            }
            file.write((b",\n" if number else b"\n") + orjson.dumps(feature))
        file.write(b"\n]}\n")


def _gpkg(path: Path, cases: Cases, about: About) -> None:
    # here, not above: they take a second to import, and only this needs them
    import geopandas
    import numpy as np
    import pandas
    import pyogrio

    types = {"text": "object", "integer": "Int64", "real": "Float64", "time": "datetime64[ms, UTC]"}

    def frame(columns: Sequence[Column], chunk: Sequence[list[Value]]) -> Any:
        series = {}
        for n, column in enumerate(columns):
            cells = [cells[n] for cells in chunk]
            if column.kind == "time":
                cells = [cell.astimezone(UTC) if isinstance(cell, datetime) else None for cell in cells]
            series[column.name] = pandas.Series(cells, dtype=types[column.kind])
        return pandas.DataFrame(series)

    def placed(chunk: Sequence[list[Value]]) -> Any:
        found = frame(COLUMNS, chunk)
        lon, lat = (found[name].to_numpy(dtype=float, na_value=np.nan) for name in ("lon", "lat"))
        points = geopandas.points_from_xy(lon, lat)
        points[np.isnan(lon)] = None
        return geopandas.GeoDataFrame(found, geometry=points, crs=CRS)

    options = {"layer": "incidents", "driver": "GPKG", "geometry_type": "Point"}
    # 1.3: what comes later, GDAL before 3.7 opens with a warning, and that is what Debian 12 has
    pyogrio.write_dataframe(placed([]), path, dataset_options={"VERSION": "1.3"}, **options)
    for chunk in _chunks(_rows(cases)):
        pyogrio.write_dataframe(placed(chunk), path, append=True, **options)
    options = {"layer": "timeline", "driver": "GPKG"}
    pyogrio.write_dataframe(frame(ENTRY_COLUMNS, []), path, **options)
    for chunk in _chunks(_entries(cases)):
        pyogrio.write_dataframe(frame(ENTRY_COLUMNS, chunk), path, append=True, **options)
    said = pandas.DataFrame(about.lines(), columns=["name", "text"])
    pyogrio.write_dataframe(said, path, layer="about", driver="GPKG")


def _csv(path: Path, cases: Cases, about: About) -> None:
    from pyproj import CRS as PROJECTION
    from pyproj.enums import WktVersion

    kinds = {"text": "String", "integer": "Integer64", "real": "Real", "time": "String"}
    special = {"lon": "CoordX", "lat": "CoordY"}
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as archive:
        for name, columns, rows in (
            ("incidents", COLUMNS, _rows(cases)),
            ("timeline", ENTRY_COLUMNS, _entries(cases)),
        ):
            head = [[column.name for column in columns]]
            _put_csv(archive, f"{name}.csv", head, _as_text(rows, about.zone))
            types = ",".join(f'"{special.get(column.name, kinds[column.kind])}"' for column in columns)
            archive.writestr(f"{name}.csvt", types + "\n")
        _put_csv(archive, "about.csv", [["name", "text"]], ([name, text] for name, text in about.lines()))
        archive.writestr("incidents.prj", PROJECTION.from_user_input(CRS).to_wkt(WktVersion.WKT1_ESRI))


def _put_csv(
    archive: zipfile.ZipFile, name: str, head: Iterable[Sequence[Value]], rows: Iterable[Sequence[Value]]
) -> None:
    """RFC 4180, UTF-8 with a byte order mark, without which Excel takes Chinese text for something else."""
    with archive.open(name, "w", force_zip64=True) as raw:
        file = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
        for cells in (*head,):
            writer.writerow(cells)
        for cells in rows:
            writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])
        file.flush()
        file.detach()


def _as_text(rows: Rows, zone: tzinfo) -> Iterator[list[Value]]:
    for cells in rows:
        yield [_rfc3339(cell, zone) if isinstance(cell, datetime) else cell for cell in cells]


def _xlsx(path: Path, cases: Cases, about: About) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.worksheet._writer import ALL_TEMP_FILES, WorksheetWriter

    book = Workbook(write_only=True)

    def text(sheet: Any, value: str) -> Any:
        """A cell of text, whatever it begins with: typed so, and marked so for who edits it."""
        cell = WriteOnlyCell(sheet)
        cell.value = printable(value)
        cell.data_type = "s"
        cell.number_format = "@"
        cell.quotePrefix = True
        return cell

    def one(sheet: Any, value: Value) -> Any:
        match value:
            case str():
                # (a cell of its own costs many times what a plain value does)
                return text(sheet, value) if _is_touchy(value) else printable(value)
            case datetime():
                return value.astimezone(about.zone).replace(tzinfo=None)
        return value

    def begin(sheet: Any) -> None:
        """Write the sheet beside the file, until that is put together. openpyxl itself would take the system's folder,
        and what it leaves there when it fails or is killed tells of people."""
        sheet._writer = WorksheetWriter(sheet, out=str(path.with_name(f"{sheet.title}.xml")))
        sheet._writer.write_top()
        ALL_TEMP_FILES.append(sheet._writer.out)  # from which it is taken once the sheet is in the file

    def put(name: str, columns: Sequence[Column], rows: Rows) -> None:
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "A2"
        for n, column in enumerate(columns):
            sheet.column_dimensions[_letter(n)].width = 20 if column.kind in ("time", "text") else 11
        begin(sheet)
        sheet.append([column.name for column in columns])
        for cells in rows:
            sheet.append([one(sheet, cell) for cell in cells])

    try:
        put("incidents", COLUMNS, _rows(cases))
        put("timeline", ENTRY_COLUMNS, _entries(cases))
        said = book.create_sheet("about")
        said.column_dimensions["A"].width, said.column_dimensions["B"].width = 16, 100
        begin(said)
        for name, value in about.lines():
            # what does not fit one cell goes on in the next: an area of many points is longer
            for start in range(0, len(value) or 1, MOST_IN_CELL):
                said.append([name, text(said, value[start : start + MOST_IN_CELL])])
        book.save(path)
    finally:
        for sheet in book.worksheets:
            if not sheet.closed:
                sheet.close()  # what was interrupted keeps no file open


def _is_touchy(text: str) -> bool:
    """Whether a spreadsheet could take this text for a formula, an error or a number."""
    return harmless(text) != text or text.startswith("#") or text.isdigit()


def _letter(n: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(n + 1))


def _chunks(rows: Rows) -> Iterator[list[list[Value]]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _rfc3339(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="seconds")
