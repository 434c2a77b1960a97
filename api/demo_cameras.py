"""The demo's cameras: a real CCTV clip, played for ever by a real RTSP server, and two devices that look at it.

The clip is ``vtest.avi`` of Debian's package opencv-doc (people cross a square); ``./run`` puts it below ``var/video``.
Here it is encoded once as a camera would send it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg.rows import tuple_row

from api.embedded.ports import any_free
from api.services import Service
from video import cameras

PROGRAM = Path(__file__).with_name("demo_rtsp.py")
SYSTEM_PYTHON = "/usr/bin/python3"
CLIP = "vtest.avi"
WIDTH, HEIGHT, FPS, GOP = 640, 480, 10, 20
"""The clip's own rate; a keyframe in two seconds, as cameras send."""

CAMERAS = (
    # device id, name, bearing, view angle, range: they stand on two sides of one square
    ("demo-cam-1", "广场北侧摄像机（演示）", 160.0, 70.0, 60.0),
    ("demo-cam-2", "广场东侧摄像机（演示）", 250.0, 60.0, 45.0),
)

_SITE = """
SELECT id FROM sites WHERE synthetic AND position IS NOT NULL AND armed_schedule IS NULL AND retired_at IS NULL
   AND kind IN ('key_site', 'public_place', 'market') ORDER BY kind DESC, id LIMIT 1"""
_DEVICE = """
INSERT INTO devices (device_id, kind, name, site_id, organisation_id, grid_cell_id, grid_cell, county, township,
                     village)
SELECT %(device_id)s, 'camera', %(name)s, id, organisation_id, grid_cell_id, grid_cell, county, township, village
  FROM sites WHERE id = %(site)s
    ON CONFLICT (device_id) DO NOTHING"""


class ClipError(Exception):
    """There is nothing to play; the message says why."""


def prepare_clip(folder: Path) -> Path:
    """The clip as H.264, encoded the first time. Raises ``ClipError``."""
    source, coded = folder / CLIP, folder / "demo.h264"
    if coded.exists():
        return coded
    if not source.exists():
        raise ClipError(f"{source} is missing; ./run demo brings it when Debian's packages can be reached")
    encode(source, coded, WIDTH, HEIGHT, FPS, GOP)
    return coded


def encode(source: Path, coded: Path, width: int, height: int, fps: int, gop: int) -> None:
    """A clip's pictures as H.264 by OpenH264 in a process of the system's Python. Raises ``ClipError``."""
    import av

    half = coded.with_suffix(".new")
    command = [SYSTEM_PYTHON, str(PROGRAM), "encode", *(str(n) for n in (width, height, fps, gop)), str(half)]
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as encoder:
            assert encoder.stdin is not None
            with av.open(str(source)) as clip:
                for frame in clip.decode(video=0):
                    small = frame.reformat(width, height, "yuv420p")
                    encoder.stdin.write(small.to_ndarray().tobytes())
            _, said = encoder.communicate()
        if encoder.returncode != 0:
            words = said.decode(errors="replace").strip().rpartition("\n")[2]
            raise ClipError(f"the clip could not be encoded: {words}; ./run demo brings GStreamer")
        half.rename(coded)
    except (OSError, av.FFmpegError) as error:
        raise ClipError(f"the clip could not be encoded: {error}") from error
    finally:
        half.unlink(missing_ok=True)


def rtsp_server(coded: Path, port: int, count: int = len(CAMERAS), fps: int = FPS) -> Service:
    """The server that plays it, kept running."""
    return Service(
        name="demo-rtsp",
        command=lambda: [
            "setpriv",
            "--pdeathsig=TERM",
            "--",
            SYSTEM_PYTHON,
            str(PROGRAM),
            "serve",
            str(port),
            str(fps),
            str(count),
            str(coded),
        ],
        is_ready=lambda: True,  # cameras wait for it, and the demo goes on without
        stop_timeout_s=5.0,
    )


def free_port() -> int:
    """A port for the RTSP server."""
    return any_free("127.0.0.1")


def unplug(conn: psycopg.Connection) -> None:
    """What an earlier demo's cameras showed is not there any more: nobody is to miss it. ``conn``: as the owner."""
    with conn.transaction():
        conn.execute(
            "UPDATE cameras SET stream_url = NULL, state = 'unknown', fault = NULL WHERE device_id IN"
            " (SELECT id FROM devices WHERE device_id = ANY (%s))",
            [[device_id for device_id, *_ in CAMERAS]],
        )


def register(conn: psycopg.Connection, port: int, say: Callable[[str], None]) -> bool:
    """Let the demo's two cameras stand at one guarded place of the city; at each start, for the port is another.

    ``conn``: as the owner. False when there is no such place.
    """
    cursor = conn.cursor(row_factory=tuple_row)
    with conn.transaction():
        site = cursor.execute(_SITE).fetchone()
        if site is None:
            say("the demo's cameras find no place in this city")
            return False
        for number, (device_id, name, bearing_deg, view_angle_deg, range_m) in enumerate(CAMERAS, 1):
            cursor.execute(_DEVICE, {"device_id": device_id, "name": name, "site": site[0]})
            row = cursor.execute("SELECT id FROM devices WHERE device_id = %s", [device_id]).fetchone()
            assert row is not None
            view = cameras.View(bearing_deg=bearing_deg, view_angle_deg=view_angle_deg, range_m=range_m)
            cameras.put(conn, row[0], view, (f"rtsp://127.0.0.1:{port}/cam{number}",))
    return True
