"""Devices from the command line: registered, placed and given a login in one transaction, as the owner."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.rows import class_row, scalar_row

from alarms.receiving.protocols import DECODERS
from alarms.registry import devices as registry
from alarms.registry.audit import Actor
from alarms.registry.errors import RegistryError
from alarms.registry.sites import Placing
from gis import coordinates, divisions
from gis.load_rows import DEVICE_KINDS, kind_of
from gis.model import Position

COMMAND_LINE = Actor(user_id=None, username="command line")


class DeviceError(Exception):
    """What was asked of a device cannot be; the message says why and what would be right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A line of `lianfang device list`."""

    device_id: str
    kind: str
    status: str
    village: str | None
    name: str


def parse_position(text: str, crs: str = coordinates.WGS84) -> Position:
    """``111.2,34.8``, longitude first, in that coordinate system. Raises ``DeviceError``."""
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError as error:
        raise DeviceError(
            f"{text!r} is no position: LON,LAT in degrees is right, for example 111.20,34.78"
        ) from error
    try:
        return coordinates.position(lon, lat, crs)
    except coordinates.CoordinateError as error:
        raise DeviceError(f"{text!r} is no position, longitude first: {error}") from error


def stands_in(conn: psycopg.Connection, device_id: str) -> str | None:
    """The divisions that a device stands in, by their names, outermost first; None: no boundary covers it."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        names = cursor.execute(
            "SELECT v.name FROM devices d JOIN divisions v ON v.code IN (d.county, d.township, d.village)"
            " WHERE d.device_id = %s AND v.valid_to IS NULL ORDER BY v.tier",
            [device_id],
        ).fetchall()
    return " ".join(names) or None


def add_device(
    conn: psycopg.Connection,
    device_id: str,
    kind: str,
    *,
    name: str = "",
    protocol: str = "lianfang",
    site_id: int | None = None,
    position: Position | None = None,
) -> str:
    """Register, place and let in; returns the password, which is kept nowhere. Raises ``DeviceError``."""
    known = kind_of(kind, DEVICE_KINDS)
    if known is None:
        kinds = ", ".join(dict.fromkeys(DEVICE_KINDS.values()))
        raise DeviceError(f"there is no kind of device {kind!r}: right would be one of {kinds}")
    if protocol not in DECODERS:
        raise DeviceError(
            f"no device here speaks {protocol!r}: right would be one of {', '.join(sorted(DECODERS))}"
        )
    new = registry.NewDevice(
        device_id=device_id,
        kind=known,
        name=name,
        protocol=protocol,
        site_id=site_id,
        placing=Placing(position=position),
    )
    now = datetime.now(UTC)
    try:
        with conn.transaction():
            number = registry.register(conn, new, COMMAND_LINE, now)
            _, password = registry.issue_credentials(conn, number, COMMAND_LINE, now)
    except RegistryError as error:
        raise DeviceError(str(error)) from error
    return password


def without_login(conn: psycopg.Connection) -> list[int]:
    """The devices that speak for themselves and cannot log in, in the order of their ids: what a file has loaded."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(
            "SELECT id FROM devices d WHERE gateway_id IS NULL AND status <> 'retired'"
            " AND NOT EXISTS (SELECT FROM device_credentials c WHERE c.device_id = d.device_id) ORDER BY device_id"
        ).fetchall()


def make_logins(conn: psycopg.Connection, file: Path) -> int:
    """Give each of those a password and write them down, for nobody else to read; returns how many. A file that is
    there is not written over: it may hold the only copy of others. Raises ``DeviceError``."""
    try:
        out = open(  # noqa: SIM115 - what can go wrong here is told, what comes after is not ours
            file, "x", encoding="utf-8", newline="", opener=lambda path, flags: os.open(path, flags, 0o600)
        )
    except OSError as error:
        raise DeviceError(f"{file} cannot be made: {error.strerror}; name a new file") from error
    now = datetime.now(UTC)
    try:
        with out, conn.transaction():
            writer = csv.writer(out)
            writer.writerow(["device_id", "password"])
            numbers = without_login(conn)
            for number in numbers:
                writer.writerow(registry.issue_credentials(conn, number, COMMAND_LINE, now))
            out.flush()
            os.fsync(out.fileno())
    except BaseException:
        file.unlink()  # passwords that are none
        raise
    return len(numbers)


def list_devices(conn: psycopg.Connection, division: str | None = None, limit: int = 100) -> list[Listed]:
    """The first devices by id, below a division when one is named (4, 6, 9 or 12 digits). Raises ``DeviceError``."""
    try:
        under = divisions.prefix(divisions.parse(division)) if division else None
    except divisions.DivisionCodeError as error:
        raise DeviceError(str(error)) from error
    return (
        conn.cursor(row_factory=class_row(Listed))
        .execute(
            "SELECT device_id, kind, status, village, name FROM devices"
            " WHERE %(under)s::text IS NULL OR starts_with(coalesce(village, township, county), %(under)s)"
            " ORDER BY device_id LIMIT %(limit)s",
            {"under": under, "limit": limit},
        )
        .fetchall()
    )
