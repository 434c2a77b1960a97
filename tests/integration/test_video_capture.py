"""Keyframes out of a real RTSP server, and every way in which a stream goes wrong: each ends within its time-out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.integration.streaming import HEIGHT, WIDTH, RtspServer, made_clip, playing, silent_port
from video import capture
from video.capture import Backoff, Gate, Small, StreamError, keyframes
from video.motion import HEIGHT as SMALL_HEIGHT
from video.motion import WIDTH as SMALL_WIDTH
from video.motion import Motion

ENDS_WITHIN_S = 14.0
"""5 s until the silence is noticed, 5 s for a good-bye that nobody answers, and what a busy machine takes."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_clip(tmp_path_factory.mktemp("clip") / "yard.h264")


@pytest.fixture
def server(clip: Path) -> Iterator[RtspServer]:
    with playing(clip) as one:
        yield one


def test_keyframes_come_whole_and_motion_is_seen_in_them(server: RtspServer) -> None:
    motion, small = Motion(), Small()
    moving: list[bool] = []
    for frame in keyframes(server.url(), threading.Event()):
        assert (frame.width, frame.height) == (WIDTH, HEIGHT)
        assert frame.key_frame
        assert small.of(frame).shape == (SMALL_HEIGHT, SMALL_WIDTH)
        moving.append(motion.look(small.of(frame)).moving)
        if len(moving) == 30:  # a round of the clip and a little more
            break
    assert not any(moving[:8]), "the yard is empty"
    assert sum(moving) >= 6, "somebody walks through it"


def test_it_ends_when_it_is_told_to(server: RtspServer) -> None:
    stop = threading.Event()
    frames = keyframes(server.url(), stop)
    next(frames)
    stop.set()
    assert list(frames) == []


@pytest.mark.parametrize("accident", ["kill", "freeze"])
def test_a_stream_that_breaks_off_or_freezes_ends(server: RtspServer, accident: str) -> None:
    frames = keyframes(server.url(), threading.Event())
    next(frames)
    getattr(server, accident)()
    began = time.monotonic()
    with pytest.raises(StreamError):
        list(frames)
    assert time.monotonic() - began < ENDS_WITHIN_S


def test_who_never_answers_is_left() -> None:
    with silent_port() as port:
        began = time.monotonic()
        with pytest.raises(StreamError, match="nothing came within 5 s"):
            next(keyframes(f"rtsp://user:hidden@127.0.0.1:{port}/one", threading.Event()))
        assert time.monotonic() - began < ENDS_WITHIN_S


def test_a_stream_of_which_no_picture_can_be_read_ends(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All keyframes but the clip's first hold rubbish: the decoder gives nothing of them, and no error either."""
    begin, keyframe = b"\x00\x00\x01", 5
    units = clip.read_bytes().split(begin)[1:]
    first = next(n for n, unit in enumerate(units) if unit[0] & 0x1F == keyframe)
    rubbish = [
        unit[:4] + b"\x01" * 40 if unit[0] & 0x1F == keyframe and n > first else unit
        for n, unit in enumerate(units)
    ]
    damaged = tmp_path / "damaged.h264"
    damaged.write_bytes(b"".join(begin + unit for unit in rubbish))
    monkeypatch.setattr(capture, "KEYFRAME_S", 3.0)
    with (
        playing(damaged) as server,
        pytest.raises(StreamError, match="no keyframe that can be read came within 3 s"),
    ):
        list(keyframes(server.url(), threading.Event()))


def test_a_picture_that_would_take_all_memory_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.avi"
    side = 6000
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (side, side))
    writer.write(np.zeros((side, side, 3), np.uint8))
    writer.release()
    assert side**2 > capture.MOST_PIXELS
    with pytest.raises(StreamError, match="it broke off"):
        next(keyframes(str(path), threading.Event()))


@pytest.mark.parametrize("path", ["nothing-here", "cam1"])
def test_what_went_wrong_is_said_without_the_password(server: RtspServer, path: str) -> None:
    """A wrong path at a server that answers, and nobody at all on the port."""
    if path == "cam1":
        server.kill()
    with pytest.raises(StreamError) as wrong:
        next(keyframes(f"rtsp://user:hidden@127.0.0.1:{server.port}/{path}", threading.Event()))
    assert "could not be opened" in str(wrong.value)
    assert "hidden" not in str(wrong.value) + repr(wrong.value.__cause__)


def test_connections_are_opened_a_few_a_second() -> None:
    gate = Gate(20)
    turns = [time.monotonic() + gate.turn_s() for _ in range(11)]
    assert all(later - turn >= 0.0499 for turn, later in pairwise(turns)), "20 a second"
    assert turns[-1] - turns[0] < 0.6


def test_tries_come_ever_more_rarely_and_never_all_at_once() -> None:
    backoff = Backoff(1.0, 30.0)
    waits = [backoff.next_s() for _ in range(12)]
    assert all(0.5 <= wait / least <= 1.5 for wait, least in zip(waits[:5], (1, 2, 4, 8, 16), strict=True))
    assert max(waits) <= 45
    assert len({round(Backoff().next_s(), 6) for _ in range(20)}) > 10
    backoff.reset()
    assert backoff.next_s() <= 1.5
