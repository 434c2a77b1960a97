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

import numpy as np
import psycopg
import structlog
from av.video.frame import VideoFrame

from video import cameras
from video.capture import Backoff, Gate, Small, StreamError, keyframes
from video.evidence import EvidenceError, Shelf
from video.model import Camera, Detection, Picture, State, What
from video.motion import Motion
from video.publish import Broker, Outbox
from video.snapshot import jpeg
from video.watch import Patience, Watch

log = structlog.get_logger(__name__)

RENEW_S = 5.0
JOIN_S = 12.0
"""A thread ends within its stream's time-outs."""

Connect = Callable[[], psycopg.Connection[Any]]


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
        self._held_at = time.monotonic()
        self._written = _Written(connect)

    @property
    def looking_at(self) -> list[str]:
        """The device ids of the cameras that it reads now."""
        return sorted(eye.camera.device_id for eye in list(self._eyes.values()))

    def stop(self) -> None:
        """End after what is at hand; call it from anywhere."""
        self._stop.set()

    def run(self, on_round: Callable[[], None] = lambda: None) -> None:
        """Hold leases and look; ``on_round`` is called after each round that went well."""
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
                    conn = None
                if time.monotonic() - self._held_at > cameras.LEASE_S:
                    self._close(list(self._eyes))  # by now they are another worker's
                self._stop.wait(self.options.renew_s)
        finally:
            self._end(conn)

    def _round(self, conn: psycopg.Connection[Any]) -> None:
        asked_at = time.monotonic()
        held = self._leases.hold(conn)
        self._held_at = asked_at
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

    def _close(self, numbers: list[int]) -> None:
        eyes = [self._eyes.pop(number) for number in numbers]
        for eye in eyes:
            eye.stop.set()
        for eye in eyes:
            eye.join(JOIN_S)

    def _end(self, conn: psycopg.Connection[Any] | None) -> None:
        held = list(self._eyes)
        self._close(held)
        self._outbox.stop()
        try:
            if conn is not None and not conn.closed:
                self._leases.give_back(conn, held)
                conn.close()
        except psycopg.OperationalError as error:
            log.warning("leases_not_given_back", why=str(error).partition("\n")[0])
        self._written.close()

    # --- what a camera's thread asks for ---

    def connect_in_turn(self, stop: threading.Event) -> bool:
        """Wait for this camera's turn to connect; False when it is stopped meanwhile."""
        return self._gate.wait(stop)

    def tell(self, camera: Camera, what: What, now: datetime, frame: VideoFrame | None, fault: str) -> None:
        """Keep the picture, publish the detection, write the state. Nothing here stops the looking."""
        message_id = f"v-{uuid.uuid4().hex}"
        picture = None
        if what is What.MOTION and frame is not None:
            picture = self._keep(camera, message_id, now, frame)
        text = f"the stream was lost: {fault}" if what is What.LOST else ""
        detection = Detection(
            id=message_id, device_id=camera.device_id, what=what, at=now, text=text, picture=picture
        )
        log.info("camera_says", device_id=camera.device_id, what=what.value)
        self._outbox.put(detection)

    def set_state(self, camera: Camera, state: State, fault: str | None) -> None:
        """Write how a camera's stream stands, and tell it as devices do."""
        self._outbox.tell_state(camera.device_id, online=state is State.SEEING)
        self._written.do(lambda conn: self._leases.set_state(conn, camera.id, state, fault))

    def _keep(self, camera: Camera, message_id: str, now: datetime, frame: VideoFrame) -> Picture | None:
        """A detection without its picture is better than none: what cannot be kept is said, and left out."""
        record = {"camera": camera.device_id, "message": message_id, "taken_at": now.isoformat()}
        pixels = np.asarray(frame.reformat(format="bgr24", threads=1).to_ndarray(), np.uint8)
        try:
            picture = self._shelf.keep(jpeg(pixels, record), now, frame.width, frame.height)
        except (OSError, EvidenceError) as error:
            log.error("picture_not_kept", device_id=camera.device_id, why=str(error))
            return None
        kept = self._written.do(
            lambda conn: cameras.keep(conn, camera.id, message_id, picture, now + self.options.kept)
        )
        if not kept:
            self._shelf.remove(picture.sha256)
            return None
        return picture


class _Written:
    """One connection for what all cameras write, opened when it is needed."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._conn: psycopg.Connection[Any] | None = None

    def do(self, act: Callable[[psycopg.Connection[Any]], None]) -> bool:
        """Whether it was done; a database that is away is said."""
        with self._lock:
            for _ in range(2):  # the connection may have died since it was used last
                try:
                    if self._conn is None or self._conn.closed:
                        self._conn = self._connect()
                    act(self._conn)
                except psycopg.OperationalError as error:
                    log.warning("not_written", why=str(error).partition("\n")[0])
                    self._drop()
                else:
                    return True
        return False

    def _drop(self) -> None:
        if self._conn is not None:
            self._conn.close()
        self._conn = None

    def close(self) -> None:
        """No more is written."""
        with self._lock:
            self._drop()


class _Eye(threading.Thread):
    """One camera's thread: connects, looks, and connects again for as long as the lease lasts."""

    def __init__(self, camera: Camera, worker: Worker) -> None:
        super().__init__(name=f"camera {camera.device_id}", daemon=True)
        self.camera = camera
        self.stop = threading.Event()
        self._worker = worker
        self._watch = Watch(camera.state, _now(), worker.options.patience)
        self._told_state = camera.state
        self._fault = ""

    def is_of_another_stream(self, camera: Camera) -> bool:
        """Whether the stream was changed since."""
        return camera.stream_url != self.camera.stream_url

    def run(self) -> None:
        backoff = Backoff()
        motion, small = Motion(), Small()
        while not self.stop.is_set() and self._worker.connect_in_turn(self.stop):
            try:
                for frame in keyframes(self.camera.stream_url, self.stop):
                    backoff.reset()
                    sight = motion.look(small.of(frame))
                    now = _now()
                    self._tell(self._watch.sees(now, moving=sight.moving), now, frame)
            except StreamError as error:
                self._fault = str(error)
                log.warning("stream_failed", device_id=self.camera.device_id, why=self._fault)
            except Exception:  # a picture that nobody foresaw must not end a camera's watch
                self._fault = "its pictures could not be read"
                log.exception("camera_failed", device_id=self.camera.device_id)
            self._wait(backoff.next_s())

    def _wait(self, wait_s: float) -> None:
        """Until the next try; meanwhile it may turn out to be lost."""
        until = time.monotonic() + wait_s
        while not self.stop.is_set():
            now = _now()
            self._tell(self._watch.sees_nothing(now), now, None)
            left = until - time.monotonic()
            if left <= 0:
                return
            self.stop.wait(min(left, 1.0))

    def _tell(self, whats: list[What], now: datetime, frame: VideoFrame | None) -> None:
        for what in whats:
            self._worker.tell(self.camera, what, now, frame, self._fault)
        if self._watch.state is not self._told_state:
            self._told_state = self._watch.state
            lost = self._told_state is State.LOST
            self._worker.set_state(self.camera, self._told_state, self._fault if lost else None)


def _now() -> datetime:
    return datetime.now(UTC)
