"""Each kind of table an operator brings: what of it can be stored, held against what is there already."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from psycopg import Cursor

from gis import coordinates, divisions
from gis.load_rows import (
    DEVICE_KINDS,
    SITE_KINDS,
    Known,
    Registered,
    Rows,
    Wrong,
    armed,
    device_id,
    division_code,
    named_crs,
    phone,
    positions,
)
from gis.sql import load_statements
from gis.tables import LoadError
from gis.wkb import ewkb

SQL = load_statements(Path(__file__).with_name("load.sql"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a file is to be read."""

    crs: str | None = None
    """Coordinate system, over what the file says."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Our column -> the file's heading."""
    all_or_nothing: bool = False
    replaces: str | None = None
    """Of divisions: the 12-digit code of the one below which the file names all that are in force from now on."""
    source: str = ""
    """Where it comes from, kept with boundaries and in devices' history."""
    protocols: Sequence[str] = ("lianfang",)
    """Protocols that a device may speak."""
    reserved: Collection[str] = ()
    """Names that no device may have: logins of the installation itself."""


def _check_divisions(cursor: Cursor[tuple[Any, ...]], rows: Rows, options: Options) -> list[tuple[Any, ...]]:
    rows.need("code", "name")
    seen = _Seen(rows, "code")

    def check(row: int) -> tuple[Any, ...]:
        code = division_code(rows, row, "code")
        if code is None:
            raise Wrong(rows.heading("code"), "", "is empty; every division has a code")
        seen.once(row, code)
        name = rows.text(row, "name", 100, needed=True)
        return row, code, int(divisions.tier(code)), name, rows.text(row, "name_latin", 100)

    return rows.each(check)


def _check_boundaries(cursor: Cursor[tuple[Any, ...]], rows: Rows, options: Options) -> list[tuple[Any, ...]]:
    rows.need("code")
    shapes = rows.table.geometry
    if shapes is None:
        raise LoadError("a CSV has no boundaries: bring a GeoPackage, GeoJSON or Shapefile")
    crs = named_crs(rows.table, options.crs)
    known = {code for (code,) in cursor.execute(SQL["known_divisions"])}
    seen = _Seen(rows, "code")

    def check(row: int) -> tuple[Any, ...]:
        code = division_code(rows, row, "code")
        if code is None:
            raise Wrong(rows.heading("code"), "", "is empty; it says which division this is the boundary of")
        if code not in known:
            raise Wrong(rows.heading("code"), code, "is no division in force; load divisions first")
        seen.once(row, code)
        return row, code, ewkb(_ground(shapes[row], crs))

    return rows.each(check)


def _ground(shape: Any, crs: str) -> shapely.MultiPolygon:
    """A boundary in WGS 84, mended where that changes nothing. Raises Wrong."""
    if shape is None or shape.is_empty or not isinstance(shape, shapely.Polygon | shapely.MultiPolygon):
        kind = "" if shape is None else shape.geom_type
        raise Wrong("geometry", kind, "is no boundary: a polygon or multipolygon is right")
    flat = shapely.force_2d(shape)
    moved = shapely.transform(flat, lambda xy: np.column_stack(coordinates.to_wgs84(xy[:, 0], xy[:, 1], crs)))
    for lon, lat in shapely.get_coordinates(moved)[:: max(1, shapely.get_num_coordinates(moved) // 50)]:
        wrong = coordinates.problem(float(lon), float(lat))
        if wrong is not None:
            raise Wrong("geometry", f"{lon:g}, {lat:g}", wrong)
    if not moved.is_valid:
        why = shapely.is_valid_reason(moved)
        before = abs(moved.area)
        mended = shapely.make_valid(moved, method="structure")
        parts = [one for one in shapely.get_parts(mended) if isinstance(one, shapely.Polygon)]
        moved = shapely.MultiPolygon(parts)
        if moved.is_empty or abs(moved.area - before) > 0.001 * moved.area:
            raise Wrong(
                "geometry", shape.geom_type, f"is not valid ({why}); mend it first, for instance in QGIS"
            )
    return moved if isinstance(moved, shapely.MultiPolygon) else shapely.MultiPolygon([moved])


def _check_sites(cursor: Cursor[tuple[Any, ...]], rows: Rows, options: Options) -> list[tuple[Any, ...]]:
    rows.need("external_ref", "kind", "name")
    known = _known(cursor, rows, "external_ref")
    crs = named_crs(rows.table, options.crs) if rows.placed else coordinates.WGS84
    lon, lat = positions(rows, crs, known.bounds, needed=rows.placed and not rows.has("village"))
    seen = _Seen(rows, "external_ref")

    def check(row: int) -> tuple[Any, ...]:
        ref = rows.text(row, "external_ref", needed=True)
        assert ref is not None
        if ref in known.retired_sites:
            raise Wrong(
                rows.heading("external_ref"), ref, "is retired: what is protected there now needs another one"
            )
        kind = rows.kind(row, SITE_KINDS, "kind of site")
        name = rows.text(row, "name", needed=True)
        address, unit = rows.text(row, "address", 300) or "", rows.text(row, "unit", 60) or ""
        village = division_code(rows, row, "village")
        if village is not None and village not in known.divisions:
            raise Wrong(rows.heading("village"), village, "is no division in force; load divisions first")
        here = not np.isnan(lon[row])
        if not here and village is None and rows.has("village"):
            raise Wrong(
                rows.heading("village"),
                "",
                "is empty, and there is no position either; one of them is needed",
            )
        if not rows.placed and not rows.has("village") and ref not in known.sites:
            raise Wrong(
                rows.heading("external_ref"),
                ref,
                "is no site yet, and a new one needs a place: columns lon and lat, a geometry, or a village. "
                "Say --column lon=...",
            )
        organisation = rows.optional(
            row, "organisation", known.organisations, "organisation that is known here"
        )
        number = phone(rows, row)
        person = rows.text(row, "contact_name", 100) or (name if number else None)
        seen.once(row, ref)
        return (row, ref, kind, name, address, unit, float(lon[row]) if here else None,
                float(lat[row]) if here else None, crs, village, organisation, person, number,
                armed(rows, row))  # fmt: skip

    return rows.each(check)


def _check_devices(cursor: Cursor[tuple[Any, ...]], rows: Rows, options: Options) -> list[tuple[Any, ...]]:
    rows.need("device_id", "kind")
    crs = named_crs(rows.table, options.crs) if rows.placed else coordinates.WGS84
    known = _known_to_devices(cursor, rows)
    lon, lat = positions(rows, crs, known.bounds, needed=False)
    protocols = {name: name for name in options.protocols}
    seen, children = _Seen(rows, "device_id"), _Seen(rows, "external_id")

    def check(row: int) -> tuple[Any, ...]:
        name = device_id(rows, row, "device_id")
        assert name is not None
        if name in options.reserved:
            raise Wrong(
                rows.heading("device_id"), name, "is a login of the installation itself: choose another"
            )
        before = known.devices.get(name)
        if before is not None and before.retired:
            raise Wrong(
                rows.heading("device_id"), name, "is retired: what stands there now needs another device id"
            )
        kind = rows.kind(row, DEVICE_KINDS, "kind of device")
        protocol = rows.optional(row, "protocol", protocols, "protocol that is spoken here") or "lianfang"
        gateway = device_id(rows, row, "gateway", needed=False)
        child = rows.text(row, "external_id")
        if (gateway is None) != (child is None):
            missing = "gateway" if gateway is None else "external_id"
            raise Wrong(
                rows.heading(missing),
                "",
                "is empty: a device behind a gateway needs the gateway and its name there",
            )
        if gateway is not None and child is not None:
            if before is not None and before.leads:
                raise Wrong(
                    rows.heading("gateway"), gateway, f"cannot be: {name} is the gateway of others itself"
                )
            owner = known.children.get((gateway, child))
            if owner not in (None, name):
                raise Wrong(
                    rows.heading("external_id"), child, f"belongs to the device {owner} behind that gateway"
                )
        site = rows.optional(row, "site", known.sites, "site that is known here; load sites first")
        organisation = rows.optional(
            row, "organisation", known.organisations, "organisation that is known here"
        )
        seen.once(row, name)
        if gateway is not None:
            children.once(row, f"{gateway} / {child}")
        here = not np.isnan(lon[row])
        return (row, name, kind, rows.text(row, "name") or "", protocol, gateway, child, site, organisation,
                rows.text(row, "zone", 40) or "", float(lon[row]) if here else None,
                float(lat[row]) if here else None, crs if here else coordinates.WGS84)  # fmt: skip

    return _with_gateways(rows, rows.each(check), known)


def _with_gateways(rows: Rows, good: list[tuple[Any, ...]], known: Known) -> list[tuple[Any, ...]]:
    """Refuse whose gateway will be none. That may take another row's gateway away, so it is done until all fit."""
    while True:
        will_be = dict(known.devices)
        for _, name, kind, _, _, gateway, *_ in good:
            will_be[name] = Registered(kind=kind, gateway=gateway)
        kept = []
        for values in good:
            row, _, _, _, _, gateway, *_ = values
            why = None if gateway is None else _why_no_gateway(will_be.get(gateway))
            if why is None:
                kept.append(values)
            else:
                rows.refuse(row, rows.heading("gateway"), gateway, why)
        if len(kept) == len(good):
            return good
        good = kept


def _why_no_gateway(one: Registered | None) -> str | None:
    if one is None:
        return "is no gateway, neither here nor among the good rows of this file"
    if one.retired:
        return "is retired"
    if one.kind != "gateway":
        return f"is no gateway but of the kind {one.kind}"
    if one.gateway is not None:
        return f"speaks through a gateway itself ({one.gateway}) and cannot be one"
    return None


class _Seen:
    """Keys of a file, to find the second of two."""

    def __init__(self, rows: Rows, column: str) -> None:
        self._rows = rows
        self._column = column
        self._first: dict[str, int] = {}

    def once(self, row: int, key: str) -> None:
        """Raises Wrong if the key was seen in an earlier row."""
        first = self._first.setdefault(key, row)
        if first != row:
            number = self._rows.table.numbers[first]
            raise Wrong(
                self._rows.heading(self._column), key, f"stands in row {number} already; it may stand once"
            )


def _known(cursor: Cursor[tuple[Any, ...]], rows: Rows, column: str) -> Known:
    """``column``: where the rows name sites."""
    box = cursor.execute(SQL["city"]).fetchone()
    sites = cursor.execute(SQL["known_sites"], {"refs": _named(rows, column)}).fetchall()
    return Known(
        bounds=None if box is None else (box[0], box[1], box[2], box[3]),
        organisations=dict(cursor.execute(SQL["organisations"]).fetchall()),
        divisions=frozenset(code for (code,) in cursor.execute(SQL["known_divisions"])),
        sites={ref: number for ref, number, retired in sites if not retired},
        retired_sites=frozenset(ref for ref, _, retired in sites if retired),
    )


def _known_to_devices(cursor: Cursor[tuple[Any, ...]], rows: Rows) -> Known:
    gateways = _named(rows, "gateway")
    devices = cursor.execute(SQL["known_devices"], {"ids": _named(rows, "device_id") + gateways}).fetchall()
    taken = cursor.execute(SQL["taken_children"], {"gateways": gateways}).fetchall()
    return replace(
        _known(cursor, rows, "site"),
        devices={
            name: Registered(kind=kind, retired=retired, gateway=gateway, leads=leads)
            for name, kind, retired, gateway, leads in devices
        },
        children={(gateway, child): owner for gateway, child, owner in taken},
    )


def _named(rows: Rows, column: str) -> list[str]:
    """The different values of a column."""
    return sorted({text for row in range(len(rows.table)) if (text := _quietly(rows, row, column))})


def _quietly(rows: Rows, row: int, name: str) -> str | None:
    """A value for looking things up; what is wrong with it is said later."""
    try:
        return rows.text(row, name)
    except Wrong:
        return None


CHECKS = {
    "divisions": _check_divisions,
    "boundaries": _check_boundaries,
    "sites": _check_sites,
    "devices": _check_devices,
}
