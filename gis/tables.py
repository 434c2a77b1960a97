"""Reads the files that operators bring: GeoPackage, GeoJSON, Shapefile and CSV, in UTF-8 or GBK."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray

TEXT_SUFFIXES = {".csv", ".txt", ".tsv"}
MAP_SUFFIXES = {".gpkg", ".geojson", ".json", ".shp"}


class LoadError(Exception):
    """A file or a wish that cannot be met at all; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file as columns of equal length, in the file's order."""

    columns: Mapping[str, Sequence[Any]]
    """Values as the file has them; None where empty."""
    geometry: NDArray[np.object_] | None
    """Shapes, None where a row has none; None altogether for a file without a map."""
    crs: str | None
    """What the file says of its coordinates, as WKT; None where it says nothing."""
    first_row: int
    """The number of the first row for people: 2 in a CSV, whose line 1 is the heading; else 1."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), self.geometry if self.geometry is not None else ()))


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
    for row in rows[1:]:
        for n in range(width):
            cell = row[n].strip() if n < len(row) else ""
            columns[n].append(cell or None)
    return Table(dict(zip(names, columns, strict=True)), None, None, 2)


def _decode(path: Path, encoding: str | None) -> str:
    data = path.read_bytes()
    # utf-8-sig first: GB 18030 takes almost anything, so it may only come after UTF-8 has refused
    for one in [encoding] if encoding else ["utf-8-sig", "gb18030"]:
        try:
            return data.decode(one)
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
        frame = geopandas.read_file(path, encoding=encoding, layer=layer, engine="pyogrio")
    except pyogrio.errors.DataSourceError as error:
        raise LoadError(f"{path.name} cannot be read: {error}") from error
    except pyogrio.errors.DataLayerError as error:
        raise LoadError(f"{path.name} has no layer {layer!r}") from error
    except UnicodeDecodeError as error:
        raise LoadError(
            f"{path.name}: its text is not in the encoding it says; say --encoding gbk"
        ) from error
    geometry, crs = None, None
    if isinstance(frame, geopandas.GeoDataFrame):
        geometry = np.array(frame.geometry.to_numpy(), dtype=object)
        crs = frame.crs.to_wkt() if frame.crs is not None else None
        frame = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    columns = {str(name): _plain(frame[name]) for name in frame.columns}
    return Table(columns, geometry, crs, 1)


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
