"""A real RTSP server on loopback that plays a made clip: what a camera sends, and what goes wrong with it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from api.demo_cameras import PROGRAM, SYSTEM_PYTHON
from api.embedded.ports import any_free

WIDTH, HEIGHT, FPS, GOP = 320, 240, 10, 5
"""A keyframe each half second."""
STILL_S, WALK_S = 6, 8


def made_clip(path: Path) -> Path:
    """A yard that is empty for 6 s, and through which somebody walks for 8 s."""
    rng = np.random.default_rng(3)
    ground = rng.integers(60, 140, (HEIGHT // 10, WIDTH // 10)).repeat(10, 0).repeat(10, 1)
    command = [SYSTEM_PYTHON, str(PROGRAM), "encode", *(str(n) for n in (WIDTH, HEIGHT, FPS, GOP)), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as encoder:
        assert encoder.stdin is not None
        for n in range((STILL_S + WALK_S) * FPS):
            shown = ground.copy()
            if n >= STILL_S * FPS:
                column = 10 + 3 * (n - STILL_S * FPS)
                shown[110:170, column : column + 24] = 220
            colour = np.full(WIDTH * HEIGHT // 2, 128, np.uint8)
            encoder.stdin.write(shown.astype(np.uint8).tobytes() + colour.tobytes())
    assert encoder.returncode == 0
    return path


class RtspServer:
    """The server as a process, on a port that it keeps."""

    def __init__(self, clip: Path, cameras: int = 1) -> None:
        self.clip, self.cameras = clip, cameras
        self.port = any_free("127.0.0.1")
        self.process: subprocess.Popen[str] | None = None

    def url(self, camera: int = 1) -> str:
        """The address of a stream."""
        return f"rtsp://127.0.0.1:{self.port}/cam{camera}"

    def start(self) -> None:
        """Returns when it listens."""
        self.process = subprocess.Popen(
            [
                SYSTEM_PYTHON,
                str(PROGRAM),
                "serve",
                str(self.port),
                str(FPS),
                str(self.cameras),
                str(self.clip),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"ready {self.port}\n"

    def freeze(self) -> None:
        """Its connections stay, and nothing comes any more."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """As when the power goes."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            assert self.process.stdout is not None
            self.process.stdout.close()
        self.process = None


@contextmanager
def playing(clip: Path, cameras: int = 1) -> Iterator[RtspServer]:
    """The server, running."""
    server = RtspServer(clip, cameras)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def silent_port() -> Iterator[int]:
    """Something that lets itself be called and never answers."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(listening.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    for one in held:
        one.close()
