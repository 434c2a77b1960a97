"""Which registered devices to speak for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from alarms.simulator.device import SimulatedDevice
from gis import divisions
from gis.sql import load_statements

_SQL = load_statements(Path(__file__).with_name("devices.sql"))


def read_devices(
    connection: psycopg.Connection[Any], *, limit: int | None = None, division: str | None = None
) -> list[SimulatedDevice]:
    """Devices in service, in the order of registration.

    ``division``: only those in this one, by its 12-digit code.
    """
    under = divisions.prefix(division) if division else None
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_SQL["devices_to_simulate"], {"limit": limit, "under": under})
        return [SimulatedDevice(**{**row, "zones": tuple(row["zones"])}) for row in cursor]
