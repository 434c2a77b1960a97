"""Keyframes out of an RTSP stream: everything is demultiplexed, only keyframe packets are decoded.

Decoding is the cost, not looking: keyframes alone cost a tenth of the whole stream. Every wait has an end, so that a
camera that stops, freezes or never answers costs one thread a few seconds and nothing else.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Iterator

import av
import numpy as np
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from video.motion import HEIGHT, WIDTH, Grey

OPEN_S = READ_S = 5.0
"""Longest wait for the answer to a connection, and for the next packet."""
SILENT = f"nothing came within {READ_S:g} s"
GATHER_S = 0.25
"""So long a stream gathers: nobody sees that an alarm comes so much later, and it fits into a socket's buffer."""
READ_BETWEEN_S = 1.25 * GATHER_S
WAITED_S = 0.001
"""A packet that came sooner lay there already."""
KEYFRAME_S = 30.0
"""Longest time between keyframes: a stream without them shows nothing that we could look at."""
MOST_PIXELS = 8192 * 4320
"""A larger picture (than 8K) is not decoded: what a camera claims decides how much memory it takes."""
OPTIONS = {"rtsp_transport": "tcp", "allowed_media_types": "video", "analyzeduration": "2000000"}
_LIMITS = {"max_pixels": str(MOST_PIXELS)}

av.logging.set_level(av.logging.PANIC)  # FFmpeg's own lines would name the address, with its password


class StreamError(Exception):
    """The stream ended or could not be opened; the message says why, without its address."""


class Gate:
    """Gives out turns to connect, so many a second: two hundred cameras at once would starve the cores."""

    def __init__(self, per_s: float = 3.0) -> None:
        self._every_s = 1 / per_s
        self._lock = threading.Lock()
        self._next = 0.0

    def turn_s(self) -> float:
        """Take the next turn: seconds until it comes."""
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now)
            self._next = turn + self._every_s
        return turn - now


class Backoff:
    """How long to wait before the next try: longer each time, and never all cameras at the same moment."""

    def __init__(self, first_s: float = 1.0, most_s: float = 30.0) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._s = first_s

    def reset(self) -> None:
        """It went well."""
        self._s = self._first_s

    def next_s(self) -> float:
        """Seconds to wait now."""
        now = self._s * random.uniform(0.5, 1.5)  # noqa: S311 - nobody gains by guessing it
        self._s = min(self._s * 2, self._most_s)
        return now


class Small:
    """Makes the small grey pictures that motion is looked for in; one a camera, for it keeps its scaler."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def of(self, frame: VideoFrame) -> Grey:
        """``uint8 (180, 320)``."""
        small = self._scaler.reformat(frame, WIDTH, HEIGHT, "gray", threads=1)
        return np.ascontiguousarray(small.to_ndarray(), np.uint8)


def keyframes(url: str, stop: threading.Event) -> Iterator[VideoFrame]:
    """The keyframes of a stream as they come, until ``stop``. Raises ``StreamError`` when it ends or falls silent."""
    began = time.monotonic()
    try:
        container = av.open(
            url,
            options=OPTIONS,
            stream_options=[_LIMITS],  # type: ignore[list-item]  # PyAV means one dictionary for each stream
            timeout=(OPEN_S, READ_S),
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        late = time.monotonic() - began >= OPEN_S  # FFmpeg may call an interrupted answer an invalid one
        raise StreamError(SILENT if late else _why(error, "it could not be opened")) from None
    with container:
        yield from _decoded(container, stop)


def _decoded(container: InputContainer, stop: threading.Event) -> Iterator[VideoFrame]:
    if not container.streams.video:
        raise StreamError("there is no video in it")
    stream = container.streams.video[0]
    codec = stream.codec_context
    codec.thread_count = 1
    codec.skip_frame = "NONKEY"
    codec.options = _LIMITS
    codec.flags |= Flags.low_delay  # a keyframe comes out at once, not when the next one goes in
    last = time.monotonic()
    try:
        for packet in _gathered(container.demux(stream), stop):
            if stop.is_set():
                return
            if time.monotonic() - last > KEYFRAME_S:
                raise StreamError(f"no keyframe that can be read came within {KEYFRAME_S:g} s")
            if packet.size == 0 or not packet.is_keyframe:
                continue
            for frame in packet.decode():  # one that is damaged may give none, and no error either
                if isinstance(frame, VideoFrame):
                    yield frame
                    last = time.monotonic()  # what was done with it meanwhile is not the stream's silence
    except (av.FFmpegError, OSError) as error:
        raise StreamError(_why(error, "it broke off")) from None
    raise StreamError("it ended")


def _gathered(packets: Iterable[Packet[VideoStream]], stop: threading.Event) -> Iterator[Packet[VideoStream]]:
    """The packets of a stream, which is let gather for a moment whenever it had to be waited for.

    A picture comes in pieces of 1,400 bytes, and to be woken for each costs more than to read it. Less is slept than
    was read since, by the stream's own clock: who can hardly keep up does not fall behind for this.
    """
    slept_at: float | None = None
    asked = time.monotonic()
    for packet in packets:
        waited = time.monotonic() - asked > WAITED_S
        if packet.pts is not None and packet.time_base is not None:
            at = float(packet.pts * packet.time_base)
            if slept_at is None or at < slept_at:
                slept_at = at
            elif waited and at - slept_at > READ_BETWEEN_S:
                stop.wait(GATHER_S)
                slept_at = at
        yield packet
        asked = time.monotonic()


def _why(error: Exception, what: str) -> str:
    """FFmpeg's words name the whole address, with its password: only the reason is taken."""
    if isinstance(error, av.error.ExitError | TimeoutError):
        return SILENT
    reason = getattr(error, "strerror", None)
    return f"{what}: {reason}" if reason else what
