"""Brings an operator's own divisions, boundaries, sites and devices in, and says row by row what it refused and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from gis import coordinates, divisions, feed
from gis.load_checks import CHECKS, Options
from gis.load_rows import (
    Refusal,
    Rows,
    named_crs,
)
from gis.sql import load_statements
from gis.tables import LoadError, Table
from gis.tiles import refresh_shapes

SQL = load_statements(Path(__file__).with_suffix(".sql"))
WHAT = ("divisions", "boundaries", "sites", "devices")


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What became of a file."""

    read: int
    added: int
    changed: int
    refused: list[Refusal]
    stored: bool = True
    """False: nothing was loaded."""
    notes: Sequence[str] = ()
    """What whoever brought the file should know of what was loaded: how places were read, what lies nowhere."""

    @property
    def same(self) -> int:
        """Rows that were there already, just so."""
        if not self.stored:
            return 0
        return self.read - self.added - self.changed - len({one.row for one in self.refused})


def load(
    conn: Connection[Any],
    what: str,
    table: Table,
    options: Options,
    progress: Callable[[str], None] = lambda _: None,
) -> Loaded:
    """Load a table as ``what`` (one of ``WHAT``) on an owner's connection, in one transaction.

    A row whose key is there already updates it in what the file has columns for: an empty cell empties, a missing
    column leaves alone. Refused rows are left out; with ``all_or_nothing`` one is enough for nothing to be loaded.
    Raises LoadError where the file as a whole cannot be used.
    """
    rows = Rows(table, options.columns)
    with conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        progress(f"checking {len(table):,} rows")
        good = CHECKS[what](cursor, rows, options)
        rows.refused.sort(key=lambda one: one.row)
        whole = options.all_or_nothing or options.replaces is not None  # else what was refused would end
        if not good or (whole and rows.refused):
            return Loaded(read=len(table), added=0, changed=0, refused=rows.refused, stored=False)
        progress(f"storing {len(good):,} {what}")
        cursor.execute(SQL[f"stage_{what}"])
        with cursor.copy(SQL["copy"]) as copy:
            for row in good:
                copy.write_row(row)
        cursor.execute(SQL["ready"])
        added, changed = _STORES[what](conn, cursor, rows, options, progress)
        if options.replaces is not None:
            progress("ending what the file does not name")
        notes = [
            *_end_others(conn, cursor, options),
            *_how_read(what, rows, options),
            *_what_lies_nowhere(cursor, what),
            *_not_read(rows),
        ]
        cursor.execute(SQL["unstage"])
    return Loaded(read=len(table), added=added, changed=changed, refused=rows.refused, notes=notes)


def _end_others(conn: Connection[Any], cursor: Cursor[tuple[Any, ...]], options: Options) -> list[str]:
    """End the divisions that a whole list names no longer; what was theirs falls to the tier above."""
    if options.replaces is None:
        return []
    under = {"whole": options.replaces, "under": divisions.prefix(options.replaces)}
    if cursor.execute(SQL["names_below"], under).fetchone() is None:
        raise LoadError(f"the file names no division below {options.replaces}: nothing would be left of it")
    feed.watch(cursor, None)
    ended = [code for (code,) in cursor.execute(SQL["end_divisions"], under)]
    if ended:
        cursor.execute(SQL["leave_ended_sites"], {"codes": ended})
        cursor.execute(SQL["leave_ended_devices"], {"codes": ended})
        refresh_shapes(conn)
        cursor.execute(SQL["place_all"])
        cursor.execute(SQL["place_all_devices"])
        cursor.execute(SQL["new_versions"], {"layers": ["grid_cells", "sites"]})
    feed.tell(cursor)
    if not ended:
        return ["every division that was in force still is"]
    first = ", ".join(ended[:5]) + (" ..." if len(ended) > 5 else "")
    notes = [f"divisions that are in force no longer: {len(ended):,} ({first}). Their grid cells are closed"]
    (users,) = cursor.execute(SQL["users_of_ended"], {"codes": ended}).fetchone() or (0,)
    if users:
        notes.append(f"{users:,} users have grants for one of them, which open nothing new: give them others")
    return notes


def _how_read(what: str, rows: Rows, options: Options) -> list[str]:
    """In which system positions were taken to be: the numbers do not show it, and a wrong one is half a kilometre."""
    if what == "divisions" or not rows.placed:
        return []
    crs = named_crs(rows.table, options.crs)
    if options.crs is not None:
        return [f"positions were read as {crs}, as --crs says"]
    hint = (
        ". Of maps by AMap, Tencent or DataV this is not true: they are GCJ-02 and do not say so; load those again "
        "with --crs GCJ-02"
    )
    return [f"positions were read as {crs}, as the file says{hint if crs == coordinates.WGS84 else ''}"]


def _not_read(rows: Rows) -> list[str]:
    """A telephone number whose heading nobody knows must not be missed only when somebody has to be called."""
    if not rows.unused:
        return []
    names = ", ".join(rows.unused[:12]) + (" ..." if len(rows.unused) > 12 else "")
    return [
        f"columns that were not read: {names}. What one means is said by --column, as in contact_phone=手机号"
    ]


def _what_lies_nowhere(cursor: Cursor[tuple[Any, ...]], what: str) -> list[str]:
    """Rows that were taken, and whose place is doubtful all the same."""
    if what == "divisions":
        return []
    found = cursor.execute(SQL[f"doubtful_{what}"]).fetchall()
    if not found:
        return []
    first = ", ".join(str(name) for (name,) in found[:5]) + (" ..." if len(found) > 5 else "")
    if what == "boundaries":
        return [
            f"boundaries that lie outside the division above them by a twentieth or more: {len(found):,} ({first}). "
            "Check their codes, and in which coordinate system the file is"
        ]
    return [
        f"{what} that no boundary covers: {len(found):,} ({first}). They have no tiers and are the city desk's until a "
        "boundary covers them"
    ]


def _store_divisions(
    conn: Connection[Any],
    cursor: Cursor[tuple[Any, ...]],
    rows: Rows,
    options: Options,
    progress: Callable[[str], None],
) -> tuple[int, int]:
    counts = _pair(cursor, "store_divisions", {"source": options.source})
    cursor.execute(SQL["link_parents"])
    cursor.execute(SQL["new_versions"], {"layers": ["divisions"]})
    return counts


def _store_boundaries(
    conn: Connection[Any],
    cursor: Cursor[tuple[Any, ...]],
    rows: Rows,
    options: Options,
    progress: Callable[[str], None],
) -> tuple[int, int]:
    counts = _pair(cursor, "store_boundaries", {"source": options.source})
    progress("simplifying boundaries for the map")
    refresh_shapes(conn)
    progress("joining sites and devices to the new boundaries")
    feed.watch(cursor, None)
    cursor.execute(SQL["place_all"])
    cursor.execute(SQL["place_all_devices"])
    cursor.execute(
        SQL["new_versions"], {"layers": ["grid_cells", "sites"]}
    )  # whose tiles show sites by their tiers
    feed.tell(cursor)
    return counts


def _store_sites(
    conn: Connection[Any],
    cursor: Cursor[tuple[Any, ...]],
    rows: Rows,
    options: Options,
    progress: Callable[[str], None],
) -> tuple[int, int]:
    cursor.execute(SQL["stored_ids"])
    cursor.execute(SQL["lock_sites"])
    feed.watch(cursor, _ids(cursor, "devices_of_sites"))
    cursor.execute(
        SQL["store_sites"], {"given": rows.given("address", "unit", "village", "organisation", "armed")}
    )
    cursor.execute(SQL["correct_contacts"])
    cursor.execute(SQL["add_contacts"])
    cursor.execute(SQL["place_devices_of_sites"])
    counts = _pair(cursor, "count_stored", {})
    cursor.execute(SQL["new_versions"], {"layers": ["sites"]})
    feed.tell(cursor, shown_sites=_ids(cursor, "shown_sites"))
    cursor.execute(SQL["forget_stored"])
    return counts


def _store_devices(
    conn: Connection[Any],
    cursor: Cursor[tuple[Any, ...]],
    rows: Rows,
    options: Options,
    progress: Callable[[str], None],
) -> tuple[int, int]:
    cursor.execute(SQL["stored_ids"])
    feed.watch(cursor, _ids(cursor, "loaded_devices"))
    given = rows.given("name", "protocol", "gateway", "site", "organisation", "zone")
    for children in (False, True):
        cursor.execute(SQL["store_devices"], {"children": children, "given": given})
    cursor.execute(SQL["place_stored_devices"])
    cursor.execute(SQL["device_history"], {"source": options.source})
    counts = _pair(cursor, "count_stored", {})
    feed.tell(cursor, new_devices=_ids(cursor, "new_ids"))
    cursor.execute(SQL["forget_stored"])
    return counts


def _ids(cursor: Cursor[tuple[Any, ...]], statement: str) -> list[int]:
    return [number for (number,) in cursor.execute(SQL[statement])]


def _pair(
    cursor: Cursor[tuple[Any, ...]], statement: str, parameters: Mapping[str, object]
) -> tuple[int, int]:
    row = cursor.execute(SQL[statement], parameters).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


_STORES = {
    "divisions": _store_divisions,
    "boundaries": _store_boundaries,
    "sites": _store_sites,
    "devices": _store_devices,
}
