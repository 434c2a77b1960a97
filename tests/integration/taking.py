"""Cameras that see and pictures that were taken, as the worker leaves them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from psycopg import Connection

from api.settings import Settings
from video import cameras
from video.evidence import EVIDENCE, Shelf
from video.model import Picture
from video.snapshot import jpeg

STREAM = "rtsp://viewer:hidden@127.0.0.1:9/one"


def sees(
    conn: Connection[Any],
    camera: int,
    *,
    bearing_deg: float = 90.0,
    view_angle_deg: float = 60.0,
    range_m: float = 50.0,
    stream: str | None = STREAM,
) -> None:
    """Let this device look. ``conn``: as the owner."""
    view = cameras.View(bearing_deg=bearing_deg, view_angle_deg=view_angle_deg, range_m=range_m)
    cameras.put(conn, camera, view, (stream,))
    conn.commit()


def took(
    conn: Connection[Any],
    settings: Settings,
    camera: int,
    alarm: int | None,
    *,
    message_id: str = "m-1",
    at: datetime | None = None,
) -> Picture:
    """A picture that this camera took, of this alarm. ``conn``: as the owner."""
    at = at or datetime.now(UTC)
    pixels = np.zeros((240, 320, 3), np.uint8)
    pixels[60:180, 100:220] = (40, 180, 240)
    data = jpeg(pixels, {"message": message_id, "camera": camera})
    picture = Shelf(settings.var_dir / EVIDENCE).keep(data, at, 320, 240)
    cameras.keep(conn, camera, message_id, picture, timedelta(days=30))
    conn.execute(
        "UPDATE evidence SET alarm_id = %s, stored_at = %s WHERE sha256 = %s", [alarm, at, picture.sha256]
    )
    conn.commit()
    return picture
