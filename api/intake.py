"""The intake role: wires the MQTT receiver to its settings, its database connection and its signals."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import structlog

from alarms.receiving.intake import Outcome, Rules
from alarms.receiving.mqtt import Broker, Receiver
from alarms.receiving.worker import Worker
from api import heartbeat
from api.database.pool import DatabaseNotPrepared, DatabaseUnavailable, connect
from api.embedded.endpoints import mqtt_login
from api.embedded.mosquitto import Login
from api.logs import configure_logs
from api.ready import announce_ready
from api.settings import Settings

HEARTBEAT_S = 5.0
LOOK_S = 1.0
LANES = 2
"""A second one decodes while the database works for the first; a third brought nothing on two cores."""

log = structlog.get_logger(__name__)


def run_intake(settings: Settings) -> None:
    """Receive until SIGTERM or Ctrl-C; the batch at hand is finished first."""
    heart = _Heart(settings)
    with _open_connection(settings) as conn:  # say at once when the database is away or not prepared
        before = heartbeat.read(conn)
    away_since = None if before is None else before.connected_at
    receiver = make_receiver(settings, mqtt_login(settings, "intake"), heart.on_batch, away_since)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: receiver.stop())
    threading.Thread(target=heart.beat, args=(receiver,), daemon=True).start()
    try:
        receiver.run()
    finally:
        heart.stop()


def make_receiver(
    settings: Settings,
    login: Login,
    on_batch: Callable[[Sequence[Outcome], float], None],
    away_since: datetime | None = None,
) -> Receiver:
    """The receiver with its workers; ``away_since`` and ``on_batch`` as ``Receiver`` has them."""
    rules = Rules(
        zone=settings.zone,
        incident_window=timedelta(seconds=settings.incident_window_s),
        packets_kept=4 * settings.intake_receive_maximum,
    )
    connect_there, prepare = partial(_open_connection, settings), partial(configure_logs, settings, "intake")
    return Receiver(
        Broker(
            host=login.host, port=login.port, username=login.username, password=login.password, tls=login.tls
        ),
        [Worker(connect_there, rules, prepare) for _ in range(LANES)],
        batch_size=settings.intake_batch_size,
        receive_maximum=settings.intake_receive_maximum,
        away_since=away_since,
        on_batch=on_batch,
    )


def _open_connection(settings: Settings) -> psycopg.Connection[Any]:
    try:
        return connect(settings, "intake", application_name="lianfang-intake")
    except DatabaseUnavailable as error:  # the receiver waits for it, and loses nothing meanwhile
        raise psycopg.OperationalError(str(error)) from error


class _Heart:
    """Writes the heartbeat over a connection of its own, and announces the intake to its supervisor."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopped = threading.Event()
        self._stored = 0
        self._last_batch_at: datetime | None = None
        self._connected_at: datetime | None = None

    def on_batch(self, outcomes: Sequence[Outcome], _took_s: float) -> None:
        self._stored += len(outcomes)
        self._last_batch_at = datetime.now(UTC)

    def beat(self, receiver: Receiver) -> None:
        """Until stopped. Once the broker has let us in, our persistent session stands there: nothing is lost now."""
        while not receiver.connected and not self._stopped.wait(0.02):
            continue
        if receiver.connected:
            announce_ready()
        while not self._stopped.is_set():
            try:
                with connect(
                    self._settings, "intake", application_name="lianfang-intake-heart", autocommit=True
                ) as conn:
                    self._beat_over(conn, receiver)
            except (psycopg.Error, DatabaseNotPrepared, OSError) as error:
                log.warning("heartbeat_failed", why=type(error).__name__)
                self._stopped.wait(HEARTBEAT_S)

    def stop(self) -> None:
        self._stopped.set()

    def _beat_over(self, conn: psycopg.Connection, receiver: Receiver) -> None:
        """Every few seconds, and at once when the broker comes or goes."""
        said: bool | None = None
        said_at = 0.0
        while not self._stopped.is_set():
            connected = receiver.connected
            if connected:
                self._connected_at = datetime.now(UTC)
            if connected != said or time.monotonic() - said_at >= HEARTBEAT_S:
                heartbeat.beat(conn, self._details(connected=connected))
                said, said_at = connected, time.monotonic()
            self._stopped.wait(LOOK_S)

    def _details(self, *, connected: bool) -> dict[str, object]:
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "connected": connected,
            "connected_at": self._connected_at.isoformat() if self._connected_at else None,
            "stored": self._stored,
            "last_batch_at": self._last_batch_at.isoformat() if self._last_batch_at else None,
        }
