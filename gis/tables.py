"""Reads the files that operators bring: GeoPackage, GeoJSON, Shapefile and CSV, in UTF-8 or GBK."""

from __future__ import annotations

import csv
import glob
import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import pyogrio.raw
import shapely
from numpy.typing import NDArray

TEXT_SUFFIXES = {".csv", ".txt", ".tsv"}
MAP_SUFFIXES = {".gpkg", ".geojson", ".json", ".shp"}


class LoadError(Exception):
    """A file or a wish that cannot be met at all; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row cannot be read."""

    column: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Table:
    """A file as columns of equal length, in the file's order."""

    columns: Mapping[str, Sequence[Any]]
    """Values as the file has them; None where empty."""
    geometry: NDArray[np.object_] | None
    """Shapes, None where a row has none; None altogether for a file without a map."""
    crs: str | None
    """What the file says of its coordinates; None where it says nothing."""
    numbers: Sequence[int]
    """Each row's number for people: in a CSV, as a spreadsheet counts, the heading is 1 and empty rows count."""
    faults: Mapping[int, Fault] = field(default_factory=dict)
    """Rows that are here and could not be read."""

    def __len__(self) -> int:
        return len(self.numbers)


def read_table(path: Path, *, encoding: str | None = None, layer: str | None = None) -> Table:
    """Read a whole file. ``encoding``: of the text in it; None finds out. Raises LoadError."""
    if not path.is_file():
        raise LoadError(f"there is no file {path}")
    suffix = path.suffix.lower()
    if suffix in TEXT_SUFFIXES:
        return _read_csv(path, encoding)
    if suffix in MAP_SUFFIXES:
        return _read_map(path, encoding, layer)
    known = ", ".join(sorted(MAP_SUFFIXES | TEXT_SUFFIXES))
    raise LoadError(f"{path.name}: files of this kind are not read; {known} are")


def _read_csv(path: Path, encoding: str | None) -> Table:
    text = _decode(path, encoding)
    if "\x00" in text:
        raise LoadError(
            f"{path.name} holds NUL characters: it is no text file, or UTF-16; save it as CSV UTF-8"
        )
    heading = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=heading.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise LoadError(f"{path.name} is no CSV: {error}") from error
    if not rows or not any(cell.strip() for cell in rows[0]):
        raise LoadError(f"{path.name} is empty: line 1 must name the columns")
    names = [name.strip() for name in rows[0]]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise LoadError(f"{path.name}: the column {double[0]!r} stands twice in line 1")
    width = len(names)
    columns: list[list[str | None]] = [[] for _ in names]
    numbers: list[int] = []
    faults: dict[int, Fault] = {}
    for number, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        beyond = [cell for cell in cells[width:] if cell]
        if beyond:
            faults[len(numbers)] = Fault(
                f"after {names[-1]}",
                beyond[0],
                f"stands in a cell of its own, and line 1 names {width} columns only: a text with {delimiter!r} in it "
                "belongs between double quotes",
            )
        # spreadsheets leave empty cells at the end of a row out: nothing is lost with those
        cells += [""] * (width - len(cells))
        for n in range(width):
            columns[n].append(cells[n] or None)
        numbers.append(number)
    return Table(dict(zip(names, columns, strict=True)), None, None, numbers, faults)


def _decode(path: Path, encoding: str | None) -> str:
    data = path.read_bytes()
    # utf-8-sig first: GB 18030 takes almost anything, so it may only come after UTF-8 has refused
    for one in [encoding] if encoding else ["utf-8-sig", "gb18030"]:
        try:
            return data.decode(one).removeprefix("\ufeff")  # which utf-8-sig alone takes away by itself
        except UnicodeDecodeError:
            continue
        except LookupError as error:
            raise LoadError(f"no encoding is called {encoding!r}: say utf-8 or gbk") from error
    tried = encoding or "UTF-8 or GBK"
    raise LoadError(f"{path.name} is not text in {tried}: say which with --encoding")


def _read_map(path: Path, encoding: str | None, layer: str | None) -> Table:
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        if layer is None and len(layers) > 1:
            raise LoadError(f"{path.name} has the layers {', '.join(layers)}: say which with --layer")
        meta, wkb, values = _read_features(path, encoding, layer)
    except pyogrio.errors.DataSourceError as error:
        raise LoadError(f"{path.name} cannot be read: {error}") from error
    except pyogrio.errors.DataLayerError as error:
        raise LoadError(f"{path.name} has no layer {layer!r}") from error
    except UnicodeDecodeError as error:
        raise LoadError(
            f"{path.name}: its text is not in the encoding it says; say --encoding gbk"
        ) from error
    columns = {
        str(name): _plain(pd.Series(column)) for name, column in zip(meta["fields"], values, strict=True)
    }
    if wkb is None:
        return Table(columns, None, None, range(1, len(next(iter(columns.values()), ())) + 1))
    geometry = shapely.from_wkb(wkb, on_invalid="ignore")
    faults = {
        row: Fault("geometry", "", "is broken: a ring must have four points or more and end where it began")
        for row, (bytes_, shape) in enumerate(zip(wkb, geometry, strict=True))
        if bytes_ is not None and shape is None
    }
    return Table(columns, geometry, meta["crs"], range(1, len(geometry) + 1), faults)


def _read_features(
    path: Path, encoding: str | None, layer: str | None
) -> tuple[Mapping[str, Any], NDArray[np.object_] | None, Sequence[NDArray[Any]]]:
    """The layer's description, shapes as WKB (None: it has none), and columns."""
    tries = [encoding]
    if encoding is None and _shapefile_says_no_encoding(path):
        tries = ["utf-8", "gb18030"]  # in this order, as for CSV: GB 18030 takes almost anything
    for one in tries:
        try:
            with warnings.catch_warnings():
                # GDAL's, of single broken shapes: each such row is refused by its number
                warnings.simplefilter("ignore", RuntimeWarning)
                meta, _, wkb, values = pyogrio.raw.read(
                    path, layer=layer, encoding=one, datetime_as_string=True
                )
        except UnicodeDecodeError:
            if one == tries[-1]:
                raise
        else:
            return meta, wkb, values
    raise AssertionError("the last try returns or raises")


def _shapefile_says_no_encoding(path: Path) -> bool:
    """Whether neither a .cpg nor the .dbf's language byte tells how the text is written.

    GDAL then reads ISO-8859-1, which never fails and makes nonsense of Chinese. The byte's value 0x57 stands for
    "the system's own code page" and tells nothing either.
    """
    if path.suffix.lower() != ".shp":
        return False
    beside = {one.suffix.lower(): one for one in path.parent.glob(f"{glob.escape(path.stem)}.*")}
    if ".cpg" in beside or ".dbf" not in beside:
        return False
    with beside[".dbf"].open("rb") as file:
        header = file.read(32)
    return len(header) == 32 and header[29] in (0x00, 0x57)


def _plain(series: Any) -> list[Any]:
    """A column as Python values, None for all that pandas means by nothing."""
    values = series.astype(object)
    return [None if empty else value for value, empty in zip(values, values.isna(), strict=True)]


def points_of(geometry: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of points; NaN for an empty or missing one and for anything else than a point."""
    kinds = shapely.get_type_id(geometry)
    points = np.full(len(geometry), None, dtype=object)
    points[kinds == 0] = geometry[kinds == 0]
    alone = (kinds == 4) & (shapely.get_num_geometries(geometry) == 1)
    points[alone] = shapely.get_geometry(geometry[alone], 0)
    return np.asarray(shapely.get_x(points)), np.asarray(shapely.get_y(points))
