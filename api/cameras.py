"""A camera's settings are changed: ``video`` keeps them, the audit log says who did it. Only here do the two meet."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from alarms.registry import audit
from alarms.registry.audit import Actor
from video import cameras
from video.cameras import View


def change(
    conn: Connection[Any], number: int, view: View, stream: tuple[str | None] | None, actor: Actor
) -> None:
    """Set where a camera looks, and its stream unless ``stream`` is None. The log says that the stream was changed, and
    not to what. Raises ``video.cameras.CameraError``."""
    device_id = cameras.put(conn, number, view, stream)
    details = {
        "bearing_deg": view.bearing_deg,
        "view_angle_deg": view.view_angle_deg,
        "range_m": view.range_m,
        "stream": stream is not None,
    }
    audit.write(conn, actor, "camera.change", f"device/{device_id}", details=details)
