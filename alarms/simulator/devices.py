"""Which registered devices to speak for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from alarms.simulator.device import SimulatedDevice
from gis.sql import load_statements

_SQL = load_statements(Path(__file__).with_name("devices.sql"))


def read_devices(
    connection: psycopg.Connection[Any], *, limit: int | None = None, division: str | None = None
) -> list[SimulatedDevice]:
    """Devices in service, in the order of registration.

    ``division``: only those below a division code, given in full or by its leading digits; trailing groups of
    zeros count as not given (``411200000000`` is the whole city).
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_SQL["devices_to_simulate"], {"limit": limit, "division": significant(division)})
        return [SimulatedDevice(**{**row, "zones": tuple(row["zones"])}) for row in cursor]


def significant(division: str | None) -> str | None:
    """The leading digits of a 12-digit division code that say something: 2+2+2+3+3."""
    if division is None or len(division) != 12:
        return division
    for end in (9, 6, 4, 2):
        if division[end:].strip("0"):
            return division[: {9: 12, 6: 9, 4: 6, 2: 4}[end]]
    return division[:2]
