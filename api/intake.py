"""The intake role: wires the MQTT receiver to its settings, its database connection and its signals."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from alarms.receiving.intake import Outcome, Rules
from alarms.receiving.mqtt import Broker, Receiver
from api.database.pool import DatabaseUnavailable, connect
from api.embedded.endpoints import mqtt_login
from api.ready import announce_ready
from api.settings import Settings

HEARTBEAT = "intake.json"
HEARTBEAT_S = 1.0


def run_intake(settings: Settings) -> None:
    """Receive until SIGTERM or Ctrl-C; the batch at hand is finished first."""
    login = mqtt_login(settings, "intake")
    heart = _Heart(settings.var_dir / HEARTBEAT)

    def open_connection() -> psycopg.Connection[Any]:
        try:
            return connect(settings, "intake", application_name="lianfang-intake")
        except DatabaseUnavailable as error:  # the receiver waits for it, and loses nothing meanwhile
            raise psycopg.OperationalError(str(error)) from error

    receiver = Receiver(
        Broker(
            host=login.host, port=login.port, username=login.username, password=login.password, tls=login.tls
        ),
        open_connection,
        Rules(zone=settings.zone, incident_window=timedelta(seconds=settings.incident_window_s)),
        batch_size=settings.intake_batch_size,
        receive_maximum=settings.intake_receive_maximum,
        on_batch=heart.on_batch,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: receiver.stop())
    open_connection().close()  # say at once when the database is away or not prepared
    threading.Thread(target=heart.beat, args=(receiver,), daemon=True).start()
    try:
        receiver.run()
    finally:
        heart.stop()


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """What the intake of this machine said last."""

    at: datetime
    connected: bool
    """Whether the broker lets it in."""
    stored: int
    """Messages stored since it started."""
    last_batch_at: datetime | None
    age_s: float


def read_heartbeat(settings: Settings) -> Heartbeat | None:
    """The intake's last word on this machine; None when it never ran here. Fresh when ``age_s`` is a few seconds."""
    try:
        values = json.loads((settings.var_dir / HEARTBEAT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    last = values["last_batch_at"]
    at = datetime.fromisoformat(values["at"])
    return Heartbeat(
        at=at,
        connected=values["connected"],
        stored=values["stored"],
        last_batch_at=datetime.fromisoformat(last) if last else None,
        age_s=(datetime.now(UTC) - at).total_seconds(),
    )


class _Heart:
    """Writes the heartbeat, and announces the intake to its supervisor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stopped = threading.Event()
        self._stored = 0
        self._last_batch_at: datetime | None = None

    def on_batch(self, outcomes: Sequence[Outcome], _took_s: float) -> None:
        self._stored += len(outcomes)
        self._last_batch_at = datetime.now(UTC)

    def beat(self, receiver: Receiver) -> None:
        """Until stopped. Once the broker has let us in, our persistent session stands there: nothing is lost now."""
        while not receiver.connected and not self._stopped.wait(0.02):
            continue
        if receiver.connected:
            announce_ready()
        while True:
            self._write(connected=receiver.connected)
            if self._stopped.wait(HEARTBEAT_S):
                return

    def stop(self) -> None:
        self._stopped.set()

    def _write(self, *, connected: bool) -> None:
        values = {
            "pid": os.getpid(),
            "at": datetime.now(UTC).isoformat(),
            "connected": connected,
            "stored": self._stored,
            "last_batch_at": self._last_batch_at.isoformat() if self._last_batch_at else None,
        }
        temporary = self._path.with_name(f".{self._path.name}.new")
        temporary.write_text(json.dumps(values), encoding="utf-8")
        temporary.replace(self._path)
