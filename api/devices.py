"""Devices from the command line: registered, placed and given a login in one transaction, as the owner."""

from __future__ import annotations

import json
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row, tuple_row

from alarms.registry import credentials


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
    try:
        credentials.check_username(device_id)
    except ValueError as error:
        raise DeviceError(str(error)) from error
    password = credentials.make_password()
    lon, lat = position or (None, None)
    cursor = conn.cursor(row_factory=tuple_row)
    try:
        with conn.transaction():
            row = cursor.execute(
                """
                WITH given AS (
                    SELECT CASE WHEN %(lon)s::float8 IS NOT NULL
                                THEN ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) END AS position
                ), placed AS (
                    SELECT g.position, s.id AS site_id, s.organisation_id, c.id AS cell_id, c.code, c.village
                      FROM given g
                      LEFT JOIN sites s ON s.id = %(site)s
                      LEFT JOIN grid_cells c ON c.valid_to IS NULL
                           AND ST_Covers(c.boundary, coalesce(g.position, s.position))
                     ORDER BY c.code LIMIT 1
                )
                INSERT INTO devices (device_id, kind, name, protocol, site_id, organisation_id, position,
                                     grid_cell_id, grid_cell, county, township, village)
                SELECT %(device_id)s, %(kind)s, %(name)s, %(protocol)s, site_id, organisation_id, position,
                       cell_id, code, rpad(left(village, 6), 12, '0'), rpad(left(village, 9), 12, '0'), village
                  FROM placed
                RETURNING id, site_id
                """,
                {
                    "device_id": device_id,
                    "kind": kind,
                    "name": name,
                    "protocol": protocol,
                    "site": site_id,
                    "lon": lon,
                    "lat": lat,
                },
            ).fetchone()
            assert row is not None
            if site_id is not None and row[1] is None:
                raise DeviceError(f"there is no site {site_id}")
            cursor.execute(
                "INSERT INTO device_history (device_id, action, after) VALUES (%s, 'registered', %s)",
                [row[0], json.dumps({"site_id": site_id, "position": position})],
            )
            cursor.execute(
                "INSERT INTO device_credentials (device_id, password_line) VALUES (%s, %s)"
                " ON CONFLICT (device_id) DO UPDATE SET password_line = excluded.password_line, created_at = now()",
                [device_id, credentials.hash_password(password)],
            )
    except psycopg.errors.UniqueViolation as error:
        raise DeviceError(
            f"the device {device_id} is registered already: see `lianfang device list`"
        ) from error
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
