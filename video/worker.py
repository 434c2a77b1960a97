"""One process that looks: a thread a camera, cameras by leases in the database, frames never leave the process.

    lease -> connect (a few a second) -> demultiplex -> keyframes -> motion -> snapshot -> MQTT

What a camera sees is a signal like any other detector's and takes the same road, through the one intake.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psycopg
import structlog
from av.error import FFmpegError
from av.video.frame import VideoFrame

from video import cameras
from video.capture import Backoff, Gate, Small, StreamError, keyframes
from video.evidence import EvidenceError, Shelf
from video.model import Camera, Detection, Picture, State, What
from video.motion import Motion
from video.publish import Broker, Outbox
from video.records import Connect, Records
from video.snapshot import jpeg
from video.watch import Patience, Watch

log = structlog.get_logger(__name__)

RENEW_S = 5.0
JOIN_S = 12.0
"""Threads end within their streams' time-outs: all together, for leases run out meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a worker works."""

    name: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Its name in leases and at the broker: of this process alone."""
    most: int = 250
    """Cameras at most."""
    kept: timedelta = timedelta(days=30)
    """How long pictures are kept."""
    patience: Patience = field(default_factory=Patience)
    connections_per_s: float = 3.0
    renew_s: float = RENEW_S


class Worker:
    """Looks until it is stopped. ``connect`` opens a connection with the worker's role, in autocommit."""

    def __init__(
        self, connect: Connect, broker: Broker, folder: Path, options: Options | None = None
    ) -> None:
        self.options = options or Options()
        self._connect = connect
        self._leases = cameras.Leases(self.options.name, self.options.most)
        self._shelf = Shelf(folder)
        self._outbox = Outbox(broker, self.options.name)
        self._gate = Gate(self.options.connections_per_s)
        self._eyes: dict[int, _Eye] = {}
        self._stop = threading.Event()
        self._records = Records(connect)

    @property
    def looking_at(self) -> list[str]:
        """The device ids of the cameras that it reads now."""
        return sorted(eye.camera.device_id for eye in list(self._eyes.values()))

    @property
    def untold(self) -> int:
        """How many detections are not stored yet."""
        return self._outbox.waiting

    def stop(self) -> None:
        """End after what is at hand; call it from anywhere."""
        self._stop.set()

    def run(self, on_round: Callable[[], None] = lambda: None) -> None:
        """Hold leases and look; ``on_round`` is called after each round that went well.

        While the database is away it goes on looking: what is seen twice, because another worker can reach it and takes
        over, is better than what nobody sees.
        """
        self._outbox.start()
        conn: psycopg.Connection[Any] | None = None
        try:
            while not self._stop.is_set():
                try:
                    if conn is None or conn.closed:
                        conn = self._connect()
                    self._round(conn)
                    on_round()
                except psycopg.OperationalError as error:
                    log.warning("database_away", why=str(error).partition("\n")[0])
                    if conn is not None:
                        conn.close()
                self._stop.wait(self.options.renew_s)
        finally:
            self._end(conn)

    def _round(self, conn: psycopg.Connection[Any]) -> None:
        held = self._leases.hold(conn)
        gone = [n for n, eye in self._eyes.items() if n not in held or eye.is_of_another_stream(held[n])]
        self._close(gone)
        if left := [number for number in gone if number not in held]:
            self._leases.give_back(conn, left)
        for number, camera in held.items():
            if number not in self._eyes:
                log.info("camera_taken", device_id=camera.device_id)
                self._outbox.listen_for(camera.device_id)
                self._eyes[number] = eye = _Eye(camera, self)
                eye.start()
        self._records.catch_up(conn, self._leases)

    def _close(self, numbers: list[int]) -> None:
        eyes = [self._eyes.pop(number) for number in numbers]
        for eye in eyes:
            eye.stop.set()
        until = time.monotonic() + JOIN_S
        for eye in eyes:
            eye.join(max(0.0, until - time.monotonic()))

    def _end(self, conn: psycopg.Connection[Any] | None) -> None:
        held = list(self._eyes)
        self._close(held)
        self._outbox.stop()
        try:
            if conn is not None and not conn.closed:
                self._records.catch_up(conn, self._leases)
                self._leases.give_back(conn, held)
                conn.close()
        except psycopg.OperationalError as error:
            log.warning("leases_not_given_back", why=str(error).partition("\n")[0])
        self._records.close()

    # --- what a camera's thread asks for ---

    def turn_s(self) -> float:
        """Take a turn to connect: seconds until it comes."""
        return self._gate.turn_s()

    def tell(self, camera: Camera, what: What, frame: VideoFrame | None, fault: str) -> None:
        """Keep the picture and publish the detection. Nothing here stops the looking."""
        now = datetime.now(UTC)
        message_id = f"v-{uuid.uuid4().hex}"
        picture = None
        if what is What.MOTION and frame is not None:
            picture = self._keep(camera, message_id, now, frame)
        text = f"the stream was lost: {fault}" if what is What.LOST else ""
        detection = Detection(
            id=message_id, device_id=camera.device_id, what=what, at=now, text=text, picture=picture
        )
        log.info("camera_says", device_id=camera.device_id, what=what.value)
        match what:
            case What.LOST:
                self._outbox.put(detection, lambda: self._stands(camera, State.LOST, fault))
            case What.RECOVERED:
                self._outbox.put(detection, lambda: self._stands(camera, State.SEEING, None))
            case _:
                self._outbox.put(detection)

    def _stands(self, camera: Camera, state: State, fault: str | None) -> None:
        """It is stored that the stream was lost or is back, and noted only now: else whoever comes after us tells it.
        And only now the device says that it is offline, for any signal of it says that it is online."""
        self._outbox.tell_state(camera.device_id, online=state is State.SEEING)
        self._records.state(camera, state, fault)

    def _keep(self, camera: Camera, message_id: str, now: datetime, frame: VideoFrame) -> Picture | None:
        """A detection without its picture is better than none: what cannot be kept is said, and left out."""
        record = {"camera": camera.device_id, "message": message_id, "taken_at": now.isoformat()}
        try:
            pixels = np.asarray(frame.reformat(format="bgr24", threads=1).to_ndarray(), np.uint8)
            picture = self._shelf.keep(jpeg(pixels, record), now, frame.width, frame.height)
        except (OSError, EvidenceError, FFmpegError, ValueError, MemoryError, cv2.error) as error:
            log.error("picture_not_kept", device_id=camera.device_id, why=str(error))
            return None
        self._records.picture(camera, message_id, picture, self.options.kept)
        return picture


class _Eye(threading.Thread):
    """One camera's thread: connects, looks, and connects again for as long as the lease lasts."""

    def __init__(self, camera: Camera, worker: Worker) -> None:
        super().__init__(name=f"camera {camera.device_id}", daemon=True)
        self.camera = camera
        self.stop = threading.Event()
        self._worker = worker
        self._fault = ""

    def is_of_another_stream(self, camera: Camera) -> bool:
        """Whether the stream was changed since."""
        return camera.stream_url != self.camera.stream_url

    def run(self) -> None:
        if self.stop.wait(self._worker.turn_s()):
            return
        # Nobody misses its pictures before its first turn: among two hundred cameras that comes after a minute.
        watch = Watch(self.camera.state, time.monotonic(), self._worker.options.patience)
        backoff = Backoff()
        motion, small = Motion(), Small()
        while not self.stop.is_set():
            try:
                for frame in keyframes(self.camera.stream_url, self.stop):
                    backoff.reset()
                    sight = motion.look(small.of(frame))
                    self._tell(watch.sees(time.monotonic(), moving=sight.moving), frame)
            except StreamError as error:
                self._fault = str(error)
                log.warning("stream_failed", device_id=self.camera.device_id, why=self._fault)
            except Exception:  # a picture that nobody foresaw must not end a camera's watch
                self._fault = "its pictures could not be read"
                log.exception("camera_failed", device_id=self.camera.device_id)
            self._wait(backoff.next_s(), watch)
            self._wait(self._worker.turn_s(), watch)

    def _wait(self, wait_s: float, watch: Watch) -> None:
        """Before the next try; meanwhile it may turn out to be lost."""
        until = time.monotonic() + wait_s
        while not self.stop.is_set():
            now_s = time.monotonic()
            self._tell(watch.sees_nothing(now_s), None)
            if now_s >= until:
                return
            self.stop.wait(min(until - now_s, 1.0))

    def _tell(self, whats: list[What], frame: VideoFrame | None) -> None:
        for what in whats:
            self._worker.tell(self.camera, what, frame, self._fault)
