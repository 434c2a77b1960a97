"""Tells the live feed what became of devices when many were placed anew at once: by a file, a boundary, new cells.

What the registry does to one device it tells by itself. Here devices are watched before and told of after, as the last
act of the same transaction, so that whoever cannot see one any longer is told that it is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from psycopg import Cursor

from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_suffix(".sql"))


def watch(cursor: Cursor[Any], device_ids: Sequence[int] | None) -> None:
    """Note how these devices are and who can see them (None: all), and let nobody else change them until the end."""
    cursor.execute(SQL["watched"])
    cursor.execute(SQL["watch"], {"ids": None if device_ids is None else list(device_ids)})


def tell(cursor: Cursor[Any], new_devices: Sequence[int] = (), shown_sites: Sequence[int] = ()) -> None:
    """Append a change for each watched device that is another now, for new ones, and for what shows a renamed one.

    ``shown_sites``: sites of which open incidents show another name, kind, address or unit than before.
    """
    cursor.execute(SQL["watch_new"], {"ids": list(new_devices)})
    # incidents and alarms first: who changes them locks them before the feed's position, and so must we
    cursor.execute(SQL["tell_shown"], {"sites": list(shown_sites)})
    cursor.execute(SQL["tell_devices"])
    cursor.execute(SQL["forget"])
