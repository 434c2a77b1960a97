"""Commands that bring an operator's own ground in: ``load`` and ``grids``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from api.cli_errors import fail, plain_errors, say, settings_or_exit

if TYPE_CHECKING:
    from psycopg import Connection

    from gis.load_rows import Refusal

load_app = typer.Typer(
    help="Load divisions, boundaries, sites and devices from GeoPackage, GeoJSON, Shapefile and CSV.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
grids_app = typer.Typer(help="Grid cells of villages.", no_args_is_help=True, rich_markup_mode=None)
SHOWN = 20
"""Refused rows that are shown on the screen; ``--refused`` writes all."""

FileArgument = Annotated[
    Path, typer.Argument(help="GeoPackage, GeoJSON, Shapefile or CSV.", show_default=False)
]
Crs = Annotated[
    str | None,
    typer.Option(help="Coordinate system, over what the file says: WGS84, CGCS2000, GCJ-02, BD-09, EPSG:n."),
]
Column = Annotated[
    list[str] | None,
    typer.Option("--column", help="Which heading is which: name=户名. May stand several times."),
]
Encoding = Annotated[
    str | None, typer.Option(help="Of the file's text: utf-8, gbk. Found out by itself for CSV.")
]
Layer = Annotated[str | None, typer.Option(help="Layer of a GeoPackage with several.")]
RefusedFile = Annotated[Path | None, typer.Option("--refused", help="Write the refused rows here, as CSV.")]
AllOrNothing = Annotated[bool, typer.Option("--all-or-nothing", help="Load nothing if any row is refused.")]


@load_app.command()
def divisions(
    file: FileArgument, column: Column = None, encoding: Encoding = None, layer: Layer = None,
    refused: RefusedFile = None, all_or_nothing: AllOrNothing = False,
    replaces: Annotated[
        str | None,
        typer.Option(help="The file names all divisions below this one (4, 6, 9 or 12 digits): end the others."),
    ] = None,
) -> None:  # fmt: skip
    """Codes and names of divisions: columns code, name, name_latin."""
    from gis import divisions as codes

    try:
        whole = codes.parse(replaces) if replaces else None
    except codes.DivisionCodeError as error:
        raise fail(str(error), 2) from error
    _load("divisions", file, None, column, encoding, layer, refused, all_or_nothing, whole)


@load_app.command()
def boundaries(
    file: FileArgument, crs: Crs = None, column: Column = None, encoding: Encoding = None, layer: Layer = None,
    refused: RefusedFile = None, all_or_nothing: AllOrNothing = False,
) -> None:  # fmt: skip
    """Boundaries of divisions that are loaded: polygons with a column code."""
    _load("boundaries", file, crs, column, encoding, layer, refused, all_or_nothing)


@load_app.command()
def sites(
    file: FileArgument, crs: Crs = None, column: Column = None, encoding: Encoding = None, layer: Layer = None,
    refused: RefusedFile = None, all_or_nothing: AllOrNothing = False,
) -> None:  # fmt: skip
    """Protected places: columns external_ref, kind, name, lon, lat; address, village, organisation, armed ..."""
    _load("sites", file, crs, column, encoding, layer, refused, all_or_nothing)


@load_app.command()
def devices(
    file: FileArgument, crs: Crs = None, column: Column = None, encoding: Encoding = None, layer: Layer = None,
    refused: RefusedFile = None, all_or_nothing: AllOrNothing = False,
) -> None:  # fmt: skip
    """Devices: columns device_id, kind; name, protocol, site, gateway, external_id, organisation, zone, lon, lat."""
    _load("devices", file, crs, column, encoding, layer, refused, all_or_nothing)


@grids_app.callback()
def _grids() -> None:
    """Grid cells of villages."""


@grids_app.command()
def draw(
    division: Annotated[
        str | None, typer.Option(help="Only villages in this division (4, 6, 9 or 12 digits).")
    ] = None,
    sites_per_cell: Annotated[int, typer.Option(min=1, help="About so many sites in each cell.")] = 130,
) -> None:
    """Divide villages into grid cells that follow their borders; close the old ones; join sites and devices again."""
    from alarms.registry import audit
    from api.devices import COMMAND_LINE
    from gis import divisions as codes
    from gis import grids
    from gis.mesh import DrawingError

    with plain_errors(), _owner() as conn:
        try:
            code = codes.parse(division) if division else None
            with conn.transaction():
                done = grids.draw(conn, sites_per_cell, code, progress=say)
                faults = grids.check_grid_cells(conn, code)
                drawn = {"drawn": done.drawn}
                audit.write(conn, COMMAND_LINE, "grids.draw", f"division/{code or 'all'}", details=drawn)
        except codes.DivisionCodeError as error:
            raise fail(str(error), 2) from error
        except DrawingError as error:
            raise fail(str(error)) from error
        conn.commit()
    say(
        f"{done.drawn:,} cells drawn in {done.villages:,} villages, {done.closed:,} closed; "
        f"{done.sites_moved:,} sites and {done.devices_moved:,} devices are in another cell now"
    )
    if done.without_boundary:
        say(
            f"{done.without_boundary:,} villages have no boundary and so no cells: `lianfang load boundaries`"
        )
    for fault in faults[:SHOWN]:
        say(f"  {fault.code}: {fault.what}")


def _load(
    what: str, file: Path, crs: str | None, column: Sequence[str] | None, encoding: str | None, layer: str | None,
    refused: Path | None, all_or_nothing: bool, replaces: str | None = None,
) -> None:  # fmt: skip
    from alarms.receiving.protocols import DECODERS
    from alarms.registry import audit
    from alarms.registry.credentials import RESERVED_USERNAMES
    from api.devices import COMMAND_LINE, without_login
    from gis.load import load
    from gis.load_checks import Options
    from gis.tables import LoadError, read_table

    options = Options(
        crs=crs,
        columns=_columns(column or []),
        all_or_nothing=all_or_nothing,
        replaces=replaces,
        source=file.name,
        protocols=sorted(DECODERS),
        reserved=RESERVED_USERNAMES,
    )
    with plain_errors(), _refusals(refused) as out, _owner() as conn:
        try:
            say(f"reading {file}")
            table = read_table(file, encoding=encoding, layer=layer)
            with conn.transaction():  # nothing is loaded without its line
                done = load(conn, what, table, options, say)
                if done.stored:
                    counts = {"read": done.read, "added": done.added, "changed": done.changed}
                    audit.write(conn, COMMAND_LINE, f"load.{what}", f"file/{file.name}", details=counts)
        except LoadError as error:
            raise fail(str(error)) from error
        conn.commit()
        say("counting anew what queries are planned by")
        conn.execute("ANALYZE divisions, grid_cells, sites, contacts, devices")
        conn.commit()
        _tell_refused(done.refused, out)
        missing = len(without_login(conn)) if what == "devices" else 0
    rows = len({one.row for one in done.refused})
    say(
        f"{done.read:,} rows read: {done.added:,} added, {done.changed:,} changed, {done.same:,} were there already, "
        f"{rows:,} refused"
    )
    for note in done.notes:
        say(note)
    if not done.stored and done.read:
        hint = " or leave out --all-or-nothing" if all_or_nothing and replaces is None else ""
        raise fail(f"nothing was loaded: mend the rows above{hint}")
    if what == "devices" and done.added and missing:
        say(
            f"{missing:,} devices that speak for themselves cannot log in yet: `lianfang device passwords FILE` makes "
            "their passwords"
        )
    if what == "boundaries" and done.changed:
        say(
            "grid cells of villages whose boundary changed are closed: draw new ones with `lianfang grids draw`"
        )


@contextmanager
def _refusals(file: Path | None) -> Iterator[TextIO | None]:
    """The file for refused rows, opened before anything is loaded: nothing is stored whose refusals cannot be kept."""
    if file is None:
        yield None
        return
    try:
        out = file.open("w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise fail(
            f"--refused {file} cannot be written: {error.strerror}; name a file in a folder that is there"
        ) from error
    with out:
        yield out


def _tell_refused(found: Sequence[Refusal], out: TextIO | None) -> None:
    for one in found[:SHOWN]:
        say(f"  row {one.row}, {one.column} {json.dumps(one.value, ensure_ascii=False)}: {one.why}")
    if len(found) > SHOWN:
        say(f"  ... and {len(found) - SHOWN:,} more{'' if out else '; --refused FILE writes them all'}")
    if out is not None:
        writer = csv.writer(out)
        writer.writerow(["row", "column", "value", "why"])
        writer.writerows((one.row, one.column, one.value, one.why) for one in found)
        say(f"refused rows are in {out.name}")


def _columns(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        ours, equals, theirs = one.partition("=")
        if not equals or not ours.strip() or not theirs.strip():
            raise fail(f"--column {one}: right is --column name=<the file's heading>", 2)
        found[ours.strip()] = theirs.strip()
    return found


@contextmanager
def _owner() -> Iterator[Connection[Any]]:
    from api.database.pool import connect

    with connect(settings_or_exit(), "owner", application_name="lianfang-load") as conn:
        yield conn
