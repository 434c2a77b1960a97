"""The video role: wires the worker that looks to its settings, its database connection, its broker and its signals."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import Any

import psycopg

from api.database.pool import DatabaseNotPrepared, connect
from api.embedded.endpoints import mqtt_login
from api.ready import announce_ready
from api.settings import Settings
from video.evidence import EVIDENCE
from video.publish import Broker
from video.watch import Patience
from video.worker import Options, Worker


def run_video(settings: Settings) -> None:
    """Look until SIGTERM or Ctrl-C; leases are given back at the end."""
    login = mqtt_login(settings, "video")

    def open_connection() -> psycopg.Connection[Any]:
        return connect(settings, "video", application_name="lianfang-video", autocommit=True)

    def open_again() -> psycopg.Connection[Any]:
        try:
            return open_connection()
        except DatabaseNotPrepared as error:  # it is being brought back or migrated: the worker waits for it
            raise psycopg.OperationalError(str(error)) from error

    worker = Worker(
        open_again,
        Broker(
            host=login.host, port=login.port, username=login.username, password=login.password, tls=login.tls
        ),
        settings.var_dir / EVIDENCE,
        Options(
            most=settings.video_cameras,
            kept=timedelta(days=settings.retention_evidence_days),
            patience=Patience(repeat_s=settings.video_repeat_s, lost_s=settings.video_lost_s),
        ),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    open_connection().close()  # say at once when the database is away or not prepared
    worker.run(on_round=announce_ready)
