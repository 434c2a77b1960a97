"""What the registry does not know of a camera: its stream and where it looks; and who reads it now (leases)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row, scalar_row

from gis.sql import load_statements
from video.model import Camera, Picture, State

SQL = load_statements(Path(__file__).with_suffix(".sql"))

LEASE_S = 20.0
"""A worker that is silent for so long loses its cameras to the others."""
UNUSED_KEPT = timedelta(days=3)
"""A picture that no alarm asked for is kept no longer: so far back an alarm may still arrive."""
PICTURES_SHOWN = 12


class CameraError(Exception):
    """What was asked of a camera cannot be; the message says why and what would be right."""


class NoCameraError(CameraError):
    """There is no such device in scope."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Where a camera looks: from true north, clockwise; how wide; how far."""

    bearing_deg: float
    view_angle_deg: float
    range_m: float


def put(conn: Connection[Any], number: int, view: View, stream: tuple[str | None] | None) -> str:
    """Set where a camera looks, and its stream unless ``stream`` is None; returns its device id.

    PostGIS draws its view sector. Raises ``CameraError``.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        device = cursor.execute(SQL["device"], {"id": number}).fetchone()
    if device is None:
        raise NoCameraError(f"there is no device {number} in your scope")
    if device["kind"] != "camera":
        raise CameraError(f"{device['device_id']} is no camera: change its kind first")
    if device["status"] == "retired":
        raise CameraError(f"{device['device_id']} is retired")
    values = {
        "device_id": number,
        "bearing_deg": view.bearing_deg,
        "view_angle_deg": view.view_angle_deg,
        "range_m": view.range_m,
        "stream_url": stream[0] if stream else None,
    }
    conn.execute(SQL["put"], values)
    if stream is not None:
        conn.execute(SQL["put_stream"], values)
    return str(device["device_id"])


def any_to_read(conn: Connection[Any]) -> bool:
    """Whether there is a camera with a stream. ``conn``: as the owner or the worker."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        return bool(cursor.execute(SQL["any"]).fetchone())


def forget_pictures(conn: Connection[Any], now: datetime, kept: timedelta) -> list[str]:
    """Forget the pictures whose day has come; returns the digests of the files to delete. ``conn``: as the owner."""
    values = {"now": now, "kept_since": now - kept, "unused_since": now - UNUSED_KEPT}
    with conn.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(SQL["forget"], values).fetchall()


class Leases:
    """Which cameras a worker reads. ``conn`` has the worker's role and is in autocommit."""

    def __init__(self, worker: str, most: int) -> None:
        self.worker = worker
        self.most = most

    def hold(self, conn: Connection[Any]) -> dict[int, Camera]:
        """Renew what this worker has, and take what nobody reads as long as there is room."""
        values = {"worker": self.worker, "lease_s": LEASE_S}
        with conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(SQL["renew"], values).fetchall()
            room = self.most - len(rows)
            if room > 0:
                rows += cursor.execute(SQL["take"], values | {"most": room}).fetchall()
        return {row["id"]: Camera(**(row | {"state": State(row["state"])})) for row in rows}

    def give_back(self, conn: Connection[Any], cameras: Sequence[int]) -> None:
        """Let others have these at once."""
        conn.execute(SQL["give_back"], {"worker": self.worker, "ids": list(cameras)})

    def set_state(self, conn: Connection[Any], camera: int, state: State, fault: str | None) -> None:
        """Write how its stream stands, unless another worker has it by now."""
        conn.execute(
            SQL["set_state"], {"id": camera, "state": state.value, "fault": fault, "worker": self.worker}
        )


def remembered(conn: Connection[Any], digests: Sequence[str]) -> set[str]:
    """Which of these still have their day before them. ``conn``: as the owner."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        return set(cursor.execute(SQL["remembered"], {"digests": list(digests)}).fetchall())


def keep(conn: Connection[Any], camera: int, message_id: str, picture: Picture, kept: timedelta) -> None:
    """Remember a picture that was written, and for how long it is kept from now on."""
    conn.execute(
        SQL["keep"],
        {
            "sha256": picture.sha256,
            "bytes": picture.bytes,
            "width_px": picture.width_px,
            "height_px": picture.height_px,
            "taken_at": picture.taken_at,
            "device_id": camera,
            "message_id": message_id,
            "kept": kept,
        },
    )
