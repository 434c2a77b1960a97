"""Devices from the command line: registered, placed and given a login in one transaction, as the owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from psycopg.rows import class_row

from alarms.registry import devices as registry
from alarms.registry.audit import Actor
from alarms.registry.errors import RegistryError
from alarms.registry.sites import Placing
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


def parse_position(text: str) -> tuple[float, float]:
    """``111.2,34.8`` as longitude, latitude. Raises ``DeviceError``."""
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError as error:
        raise DeviceError(
            f"{text!r} is no position: LON,LAT in degrees is right, for example 111.20,34.78"
        ) from error
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise DeviceError(f"{text!r} is not on Earth: longitude comes first, then latitude")
    return lon, lat


def add_device(
    conn: psycopg.Connection,
    device_id: str,
    kind: str,
    *,
    name: str = "",
    protocol: str = "lianfang",
    site_id: int | None = None,
    position: tuple[float, float] | None = None,
) -> str:
    """Register, place and let in; returns the password, which is kept nowhere. Raises ``DeviceError``."""
    place = Position(lon=position[0], lat=position[1]) if position else None
    new = registry.NewDevice(
        device_id=device_id,
        kind=kind,
        name=name,
        protocol=protocol,
        site_id=site_id,
        placing=Placing(position=place),
    )
    now = datetime.now(UTC)
    try:
        with conn.transaction():
            number = registry.register(conn, new, COMMAND_LINE, now)
            _, password = registry.issue_credentials(conn, number, COMMAND_LINE, now)
    except RegistryError as error:
        raise DeviceError(str(error)) from error
    except psycopg.errors.CheckViolation as error:
        raise DeviceError(
            f"a device cannot be registered as {kind!r}: {error.diag.constraint_name}"
        ) from error
    return password


def list_devices(conn: psycopg.Connection, division: str = "", limit: int = 100) -> list[Listed]:
    """The first devices by id, below a division when one is named."""
    return (
        conn.cursor(row_factory=class_row(Listed))
        .execute(
            "SELECT device_id, kind, status, village, name FROM devices"
            " WHERE %(code)s = '' OR %(code)s IN (county, township, village)"
            "    OR (%(code)s LIKE '%%00000000' AND left(county, 4) = left(%(code)s, 4))"
            " ORDER BY device_id LIMIT %(limit)s",
            {"code": division, "limit": limit},
        )
        .fetchall()
    )
