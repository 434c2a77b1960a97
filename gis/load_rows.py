"""Checks an operator's rows: what can be stored, and of the rest which value is wrong and what would be right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyproj

from gis import coordinates, divisions
from gis.coordinates import Bounds, CoordinateError
from gis.tables import LoadError, Table, points_of

DBF_NAME = 10
"""Characters of a Shapefile's column names; QGIS cuts the rest off."""
CITY_MARGIN_DEG = 0.02
"""How far outside the city's bounds a point may lie: about 2 km."""

_SITE_WORDS = {
    "household": ("农户", "住户", "户"),
    "shop": ("商户", "店铺"),
    "key_site": ("重点部位",),
    "compound": ("小区",),
    "market": ("市场",),
    "public_place": ("公共场所",),
}
_DEVICE_WORDS = {
    "infrared_sensor": ("红外探测器",),
    "alarm_panel": ("报警主机",),
    "panic_button": ("一键报警",),
    "door_contact": ("门磁",),
    "smoke_detector": ("烟感", "烟感探测器"),
    "gas_detector": ("燃气探测器",),
    "water_detector": ("水浸探测器",),
    "vibration_sensor": ("振动探测器",),
    "camera": ("摄像机",),
    "loudspeaker": ("平安大喇叭", "大喇叭"),
    "siren": ("警号",),
    "tracker": ("定位终端",),
    "gateway": ("网关",),
    "other": ("其他", "其他设备"),
}
SITE_KINDS = {word: kind for kind, words in _SITE_WORDS.items() for word in (kind, *words)}
DEVICE_KINDS = {word: kind for kind, words in _DEVICE_WORDS.items() for word in (kind, *words)}
"""What people write -> the kind."""
ALIASES = {
    "external_ref": ("编号", "唯一编号", "id", "ref"),
    "kind": ("类型", "类别"),
    "name": ("名称", "户名", "姓名", "店名"),
    "address": ("地址", "住址"),
    "unit": ("单元", "门牌", "房号"),
    "lon": ("经度", "lng", "longitude", "x"),
    "lat": ("纬度", "latitude", "y"),
    "village": ("村", "村代码", "村居代码"),
    "organisation": ("单位", "机构", "公司"),
    "armed": ("布防时段", "布防时间", "armed_schedule"),
    "contact_name": ("联系人",),
    "contact_phone": ("电话", "联系电话", "手机"),
    "code": ("代码", "行政区划代码", "adcode"),
    "name_latin": ("拼音",),
    "device_id": ("设备编号", "设备号"),
    "protocol": ("协议",),
    "gateway": ("网关编号",),
    "external_id": ("网关内编号",),
    "site": ("防范点编号", "site_ref"),
    "zone": ("防区",),
}
"""Other headings that are understood without ``--column``."""
_DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PHONE = re.compile(r"\+?[0-9][0-9 \-]{4,19}")
_CLOCK = r"((?:[01]?[0-9]|2[0-3])[:：][0-5][0-9]|24[:：]00)"
_ARMED = re.compile(rf"(?:([1-7](?:[-,，、][1-7])*)\s+)?{_CLOCK}\s*[-–—~～至]\s*{_CLOCK}")
_ALWAYS, _NEVER = frozenset({"always", "全天", "24小时"}), frozenset({"never", "从不"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a row was not loaded."""

    row: int
    column: str
    value: str
    why: str
    """What is wrong, and what would be right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """A device as it is, or as a file will make it."""

    kind: str
    gateway: str | None = None
    """The one that it speaks through."""
    retired: bool = False
    leads: bool = False
    """Others speak through it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the database has that rows can name."""

    bounds: Bounds | None = None
    organisations: Mapping[str, int] = field(default_factory=dict)
    divisions: frozenset[str] = frozenset()
    sites: Mapping[str, int] = field(default_factory=dict)
    """Those in use."""
    retired_sites: frozenset[str] = frozenset()
    devices: Mapping[str, Registered] = field(default_factory=dict)
    children: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(Gateway, name behind it) -> the device that has it."""


def kind_of(text: str, kinds: Mapping[str, str]) -> str | None:
    """The kind that a word stands for, whatever its case, with spaces or hyphens; None: there is none like that."""
    return kinds.get(re.sub(r"[\s_-]+", "_", text.strip().lower()))


class Wrong(ValueError):  # noqa: N818 - said of a value, not of the program
    """A value that cannot be taken."""

    def __init__(self, column: str, value: object, why: str) -> None:
        super().__init__(why)
        self.column = column
        self.value = "" if value is None else str(value)
        self.why = why


class Rows:
    """A table's columns by our names, and what was found wrong so far."""

    def __init__(self, table: Table, columns: Mapping[str, str]) -> None:
        self.table = table
        self.refused: list[Refusal] = []
        self.left_out: set[int] = set()
        """Rows that were refused, by their index."""
        self._names = _headings(table, columns)
        self._columns = {ours: table.columns[theirs] for ours, theirs in self._names.items()}
        for row, fault in table.faults.items():
            self.refuse(row, fault.column, fault.value, fault.why)

    def has(self, name: str) -> bool:
        """Whether the file has this column."""
        return name in self._columns

    @property
    def placed(self) -> bool:
        """Whether the file says positions."""
        return self.table.geometry is not None or (self.has("lon") and self.has("lat"))

    def given(self, *names: str) -> list[str]:
        """Which of these columns the file has, ``position`` among them; what it does not have is to stay as it is."""
        return [name for name in names if self.has(name)] + ["position"] * self.placed

    @property
    def unused(self) -> list[str]:
        """Headings of the file that say nothing to us."""
        read = set(self._names.values())
        return [heading for heading in self.table.columns if heading not in read]

    def need(self, *names: str) -> None:
        """Raises LoadError where the file lacks a column."""
        for name in names:
            if name not in self._columns:
                there = ", ".join(self.table.columns) or "none"
                raise LoadError(
                    f"there is no column {name!r}; the file has {there}. Say --column {name}=<its heading>"
                )

    def text(self, row: int, name: str, longest: int = 200, *, needed: bool = False) -> str | None:
        """A value as text. Raises Wrong if it is too long, holds a NUL, or is needed and empty."""
        column = self._columns.get(name)
        value = column[row] if column is not None else None
        text = _text(value)
        if not text:
            if needed:
                raise Wrong(self._names.get(name, name), "", "is empty; every row needs one")
            return None
        if len(text) > longest:
            raise Wrong(
                self._names[name], text[:40] + "…", f"has {len(text)} characters; {longest} at most are right"
            )
        if "\x00" in text:
            raise Wrong(self._names[name], text.replace("\x00", "\\0"), "holds a NUL character")
        return text

    def choice(self, row: int, name: str, choices: Mapping[str, Any], what: str) -> Any:
        """A value that must be one of the known ones."""
        text = self.text(row, name, needed=True)
        assert text is not None
        if text not in choices:
            right = ", ".join(list(dict.fromkeys(str(one) for one in choices))[:12])
            raise Wrong(
                self._names[name],
                text,
                f"is no {what}; right would be one of: {right or 'none is known yet'}",
            )
        return choices[text]

    def optional(self, row: int, name: str, choices: Mapping[str, Any], what: str) -> Any:
        """The same, or None where it is empty."""
        return self.choice(row, name, choices, what) if self.text(row, name) is not None else None

    def kind(self, row: int, kinds: Mapping[str, str], what: str) -> str:
        """The kind that a row's word stands for: ``key_site``, ``Key site`` and ``重点部位`` are one."""
        text = self.text(row, "kind", needed=True)
        assert text is not None
        found = kind_of(text, kinds)
        if found is None:
            right = ", ".join(dict.fromkeys(kinds.values()))
            raise Wrong(self._names["kind"], text, f"is no {what}; right would be one of: {right}")
        return found

    def heading(self, name: str) -> str:
        """What the file calls this column."""
        return self._names.get(name, name)

    def each(self, check: Callable[[int], tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows as ``check`` makes them; those for which it raises Wrong are refused."""
        good = []
        for row in range(len(self.table)):
            if row in self.left_out:
                continue
            try:
                good.append(check(row))
            except Wrong as wrong:
                self.refuse(row, wrong.column, wrong.value, wrong.why)
        return good

    def refuse(self, row: int, column: str, value: str, why: str) -> None:
        """Leave a row out and note why, by the number that its reader sees."""
        self.left_out.add(row)
        self.refused.append(Refusal(row=self.table.numbers[row], column=column, value=value, why=why))


def positions(rows: Rows, crs: str, within: Bounds | None, *, needed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes in WGS 84 (NaN: none given); rows with wrong ones are refused."""
    x, y, empty = _given(rows)
    for row in np.flatnonzero(empty).tolist():
        if needed and row not in rows.left_out:
            rows.refuse(row, _place_name(rows), "", "has no position; every site needs one, or a village")
    wrong: dict[int, str] = {}
    in_degrees = not crs.startswith("EPSG:") or _is_geographic(crs)
    if in_degrees:
        wrong |= coordinates.problems(x.tolist(), y.tolist())
    lon, lat = coordinates.to_wgs84(x, y, crs)
    roomy = (
        None if within is None else (within[0] - CITY_MARGIN_DEG, within[1] - CITY_MARGIN_DEG,
                                     within[2] + CITY_MARGIN_DEG, within[3] + CITY_MARGIN_DEG)
    )  # fmt: skip
    wrong = coordinates.problems(lon.tolist(), lat.tolist(), roomy) | wrong
    if roomy is not None and not in_degrees:
        wrong |= _turned(wrong, x, y, crs, roomy)
    for row, why in sorted(wrong.items()):
        if row not in rows.left_out and not empty[row]:
            rows.refuse(row, _place_name(rows), f"{x[row]:g}, {y[row]:g}", why)
    return lon, lat


def _turned(
    wrong: Mapping[int, str], x: np.ndarray, y: np.ndarray, crs: str, within: Bounds
) -> dict[int, str]:
    """Of points in metres that are wrong, those which would be right the other way round: China's surveyors call the
    northing X."""
    rows = sorted(wrong)
    lon, lat = coordinates.to_wgs84(y[rows], x[rows], crs)
    still_wrong = coordinates.problems(lon.tolist(), lat.tolist(), within)
    return {
        row: "easting and northing look swapped: lon is the easting, which surveys call Y. Say --column lon=..."
        for n, row in enumerate(rows)
        if n not in still_wrong
    }


def _given(rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates as the file has them, and which rows have none; rows whose are no numbers are refused."""
    if rows.table.geometry is not None:
        x, y = points_of(rows.table.geometry)
        for row, shape in enumerate(rows.table.geometry):
            if shape is not None and not shape.is_empty and np.isnan(x[row]):
                rows.refuse(
                    row, "geometry", shape.geom_type, "is no point; a site or device stands at one point"
                )
        return x, y, np.array([shape is None or shape.is_empty for shape in rows.table.geometry], dtype=bool)
    size = len(rows.table)
    x, y, empty = np.full(size, np.nan), np.full(size, np.nan), np.zeros(size, dtype=bool)
    if not (rows.has("lon") and rows.has("lat")):
        return x, y, ~empty
    for row in range(size):
        if row in rows.left_out:
            continue
        try:
            lon, lat = rows.text(row, "lon"), rows.text(row, "lat")
            if lon is None and lat is None:
                empty[row] = True
            else:
                x[row], y[row] = _number(rows, "lon", lon), _number(rows, "lat", lat)
        except Wrong as wrong:
            rows.refuse(row, wrong.column, wrong.value, wrong.why)
    return x, y, empty


def _number(rows: Rows, name: str, text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError as error:
        raise Wrong(rows.heading(name), text, "is no number; degrees like 111.203 are right") from error


def _headings(table: Table, columns: Mapping[str, str]) -> dict[str, str]:
    """Our name -> the file's heading, as told or as understood."""
    by_lower = {heading.lower(): heading for heading in table.columns}
    found = {}
    for ours, theirs in columns.items():
        if ours not in ALIASES:
            raise LoadError(
                f"--column {ours}=...: there is no column {ours!r}; there are {', '.join(ALIASES)}"
            )
        if theirs not in table.columns:
            raise LoadError(
                f"--column {ours}={theirs}: the file has no {theirs!r}; it has {', '.join(table.columns)}"
            )
        found[ours] = theirs
    for ours, others in ALIASES.items():
        for heading in (ours, ours[:DBF_NAME], *others):
            if ours not in found and heading.lower() in by_lower:
                found[ours] = by_lower[heading.lower()]
    return found


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # codes that a spreadsheet took for numbers
    return str(value).strip()


def _place_name(rows: Rows) -> str:
    if rows.table.geometry is not None:
        return "geometry"
    return f"{rows.heading('lon')}, {rows.heading('lat')}"


def _is_geographic(crs: str) -> bool:
    return bool(pyproj.CRS.from_user_input(crs).is_geographic)


def division_code(rows: Rows, row: int, name: str) -> str | None:
    """A division's code, made 12 digits long. Raises Wrong."""
    text = rows.text(row, name)
    if text is None:
        return None
    try:
        return divisions.parse(text)
    except divisions.DivisionCodeError as error:
        raise Wrong(rows.heading(name), text, str(error)) from error


def device_id(rows: Rows, row: int, name: str, *, needed: bool = True) -> str | None:
    """A device's name in topics. Raises Wrong."""
    text = rows.text(row, name, needed=needed)
    if text is not None and not _DEVICE_ID.fullmatch(text):
        raise Wrong(rows.heading(name), text, "is no device id: 1 to 64 of A-Z, a-z, 0-9, _ and - are right")
    return text


def phone(rows: Rows, row: int) -> str | None:
    """A telephone number. Raises Wrong."""
    text = rows.text(row, "contact_phone")
    if text is not None and not _PHONE.fullmatch(text):
        raise Wrong(
            rows.heading("contact_phone"),
            text,
            "is no telephone number: digits, like 0398-2801234, are right",
        )
    return text


def armed(rows: Rows, row: int) -> str | None:
    """When a site is armed, as ``sites.armed_schedule`` holds it, in JSON; None: always. Raises Wrong."""
    text = rows.text(row, "armed", 300)
    if text is None or text.lower() in _ALWAYS:
        return None
    if text.lower() in _NEVER:
        return "[]"
    intervals = []
    for part in re.split(r"[;；]", text):
        found = _ARMED.fullmatch(part.strip())
        if found is None:
            raise Wrong(
                rows.heading("armed"),
                text,
                "is no time to be armed: 21:00-08:00, or with days (1 is Monday) 1-5 20:30-07:30; 6,7 00:00-24:00, or "
                "always, or never is right",
            )
        days, since, until = found.groups()
        intervals.append({"days": _days(days), "from": _clock(since), "to": _clock(until)})
    return json.dumps(intervals)


def _days(text: str | None) -> list[int]:
    """``1-5,7`` as ISO weekdays; over the week's end too: ``6-1``."""
    if text is None:
        return list(range(1, 8))
    days: set[int] = set()
    for part in re.split(r"[,，、]", text):
        first, last = int(part[0]), int(part[-1])
        days |= {(first - 1 + n) % 7 + 1 for n in range((last - first) % 7 + 1)}
    return sorted(days)


def _clock(text: str) -> str:
    """As the schedule writes a time: 24:00 is the next day's beginning."""
    hours, minutes = text.replace("：", ":").split(":")
    return f"{int(hours) % 24:02d}:{minutes}"


def named_crs(table: Table, told: str | None) -> str:
    """The coordinate system to read a table in: as told, else as the file says. Raises LoadError."""
    if told is None and table.crs is None:
        raise LoadError(
            "the file does not say its coordinate system: say --crs WGS84, CGCS2000, GCJ-02 (most Chinese phone maps), "
            "BD-09 (Baidu) or EPSG:n. A wrong one puts everything half a kilometre off"
        )
    try:
        return coordinates.crs_name(told or table.crs or "")
    except CoordinateError as error:
        raise LoadError(f"{error}. Say it with --crs") from error
