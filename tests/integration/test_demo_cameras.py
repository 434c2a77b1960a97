"""`./run demo` with its clip: somebody walks through a picture, and an alarm has that picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import psycopg
import pytest

from api.database.pool import connect
from api.demo_cameras import CLIP, FPS, ClipError, prepare_clip
from api.embedded.ports import any_free
from api.settings import load_settings
from tests.integration.serving import wait_until
from tests.integration.terminal import READY_S, Terminal


def film(path: Path) -> None:
    """A square, empty for 6 s, then somebody who crosses it."""
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(5)
    ground = rng.integers(60, 140, (24, 32, 3)).repeat(20, 0).repeat(20, 1).astype(np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (640, 480))
    for n in range(16 * FPS):
        shown = ground.copy()
        if n >= 6 * FPS:
            column = 20 + 5 * (n - 6 * FPS)
            shown[220:360, column : column + 50] = (30, 230, 230)
        writer.write(shown)
    writer.release()


@pytest.mark.timeout(400)
def test_a_person_in_the_clip_raises_an_alarm_with_its_picture(var: Path) -> None:
    film(var / "video" / CLIP)
    settings = load_settings(var_dir=var)
    demo = Terminal("demo", "--households", "300", var=var, port=any_free("127.0.0.1"))
    try:
        demo.until_said("The map:", READY_S * 3)
        with connect(settings, "owner", autocommit=True) as conn:
            wait_until(lambda: alarms_with_pictures(conn), 90, f"an alarm with its picture: {demo.text}")
            assert set(alarms_with_pictures(conn)) <= {"demo-cam-1", "demo-cam-2"}
    finally:
        assert demo.ctrl_c() == 0, demo.text

    quiet = Terminal("demo", "--no-simulator", var=var, port=any_free("127.0.0.1"))
    try:
        quiet.until_said("The map:", READY_S * 2)
        with connect(settings, "owner", autocommit=True) as conn:
            assert conn.execute("SELECT count(*) FROM cameras WHERE has_stream").fetchone() == (0,)
    finally:
        assert quiet.ctrl_c() == 0, quiet.text


def alarms_with_pictures(conn: psycopg.Connection) -> list[str]:
    """Which cameras' alarms have one."""
    rows = conn.execute(
        "SELECT DISTINCT d.device_id FROM evidence e JOIN alarms a ON a.id = e.alarm_id"
        "  JOIN devices d ON d.id = a.device_id"
    )
    return [row[0] for row in rows]


def test_without_a_clip_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"vtest\.avi is missing"):
        prepare_clip(tmp_path)
    (tmp_path / CLIP).write_bytes(b"no film")
    with pytest.raises(ClipError, match="could not be encoded"):
        prepare_clip(tmp_path)
    assert not (tmp_path / "demo.h264").exists()
