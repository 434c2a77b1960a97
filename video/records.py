"""What cameras' threads write into the database: at once where it is there, when it is back where it is not.

A picture that could not be written down is not thrown away: its file is there, its detection is on its way, and the
database finds the alarm that it belongs to whenever its row comes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import structlog

from video import cameras
from video.cameras import Leases
from video.model import Camera, Picture, State

log = structlog.get_logger(__name__)

AWAY_S = 5.0
"""After a failure the database is left alone for so long: two hundred threads would wait for it one after another."""
PATIENCE_S = 1.0
"""So long a camera's thread waits for the others, that its stream does not break off meanwhile."""
MOST_AT_ONCE = 500
"""Of what waited so many are written in a round, that leases are renewed in time."""
MOST_WAITING = 10_000
"""So many pictures wait at most. The oldest is then forgotten; its file goes with what nobody remembers."""

Connect = Callable[[], psycopg.Connection[Any]]


class Records:
    """One connection for the threads of all cameras, opened when it is needed."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._writing = threading.Lock()
        self._conn: psycopg.Connection[Any] | None = None
        self._away_until = 0.0
        self._pictures: deque[_Taken] = deque(maxlen=MOST_WAITING)
        self._noting = threading.Lock()
        self._states: dict[int, tuple[State, str | None]] = {}

    def picture(self, camera: Camera, message_id: str, picture: Picture, kept: timedelta) -> None:
        """Write a picture down before its detection is told, or as soon as that can be."""
        taken = _Taken(camera=camera, message_id=message_id, picture=picture, kept=kept)
        if not self._written(taken):
            self._pictures.append(taken)

    def state(self, camera: Camera, state: State, fault: str | None) -> None:
        """Note how a stream stands, to be written with the next ``catch_up``. Never waits."""
        with self._noting:
            self._states[camera.id] = (state, fault)

    def catch_up(self, conn: psycopg.Connection[Any], leases: Leases) -> None:
        """Write what waits, on the worker's own connection. Raises ``psycopg.OperationalError``: it goes on waiting."""
        with self._noting:
            states, self._states = self._states, {}
        try:
            for number, (state, fault) in states.items():
                leases.set_state(conn, number, state, fault)
        except psycopg.OperationalError:
            with self._noting:
                self._states = states | self._states
            raise
        for _ in range(min(len(self._pictures), MOST_AT_ONCE)):
            taken = self._pictures.popleft()
            try:
                taken.write(conn)
            except psycopg.OperationalError:
                self._pictures.appendleft(taken)
                raise

    def close(self) -> None:
        """No more is written."""
        with self._writing:
            self._drop()

    def _written(self, taken: _Taken) -> bool:
        if not self._writing.acquire(timeout=PATIENCE_S):
            return False
        try:
            return time.monotonic() >= self._away_until and self._tried(taken)
        finally:
            self._writing.release()

    def _tried(self, taken: _Taken) -> bool:
        for _ in range(2):  # the connection may have died since it was used last
            try:
                if self._conn is None or self._conn.closed:
                    self._conn = self._connect()
                taken.write(self._conn)
            except psycopg.OperationalError as error:
                log.warning("not_written", why=str(error).partition("\n")[0])
                self._drop()
            else:
                return True
        self._away_until = time.monotonic() + AWAY_S
        return False

    def _drop(self) -> None:
        if self._conn is not None:
            self._conn.close()
        self._conn = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Taken:
    camera: Camera
    message_id: str
    picture: Picture
    kept: timedelta

    def write(self, conn: psycopg.Connection[Any]) -> None:
        """What the database will never take is said, and not tried for ever."""
        try:
            cameras.keep(conn, self.camera.id, self.message_id, self.picture, self.kept)
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            why = str(error).partition("\n")[0]
            log.error("picture_not_written_down", device_id=self.camera.device_id, why=why)
