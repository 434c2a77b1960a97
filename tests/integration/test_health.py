"""/readyz sees an intake wherever it runs, by its heartbeat in the database; and the heartbeat goes on."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
import pytest

from alarms.receiving.mqtt import Receiver
from api import heartbeat, intake
from api.database.pool import connect
from api.settings import Settings
from tests.integration.serving import Served, serve, wait_until


def test_an_intake_on_another_machine_is_ready(served: Served) -> None:
    client = served.anybody()
    ready = client.get("/readyz").json()
    assert (ready["ready"], ready["database"], ready["broker"], ready["intake"]) == (False, True, True, False)
    assert ready["reasons"] == ["the intake does not run, or cannot write to the database"]
    with connect(served.settings, "intake", autocommit=True) as conn:
        heartbeat.beat(conn, {"connected": True, "stored": 0})
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (200, True)
        heartbeat.beat(conn, {"connected": False, "stored": 0})
        assert client.get("/readyz").json()["reasons"] == ["the intake is not connected to the broker"]
        heartbeat.beat(conn, {"connected": True, "stored": 0})
        conn.execute("UPDATE heartbeats SET at = now() - interval '21 seconds'")
    assert client.get("/readyz").status_code == 503


def test_a_broker_address_that_cannot_be_read_is_said(settings: Settings) -> None:
    with serve(settings.model_copy(update={"mqtt_url": "tcp://127.0.0.1"})) as served:
        ready = served.anybody().get("/readyz")
    assert ready.status_code == 503
    assert any("LIANFANG_MQTT_URL must look like" in reason for reason in ready.json()["reasons"])


def test_nobody_writes_the_heartbeat_but_the_intake(
    api_conn: psycopg.Connection, intake_conn: psycopg.Connection
) -> None:
    for conn, statement in (
        (api_conn, "UPDATE heartbeats SET at = now()"),
        (api_conn, "DELETE FROM heartbeats"),
        (intake_conn, "DELETE FROM heartbeats"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement)
        conn.rollback()


class Connected:
    """As much of a receiver as the heart asks for."""

    connected = True


def test_the_heart_goes_on_after_the_databases_disk_was_full(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[BaseException] = [psycopg.errors.DiskFull(), OSError(28, "No space left on device")]

    def unlucky(*arguments: Any, **options: Any) -> psycopg.Connection:
        if faults:
            raise faults.pop()
        return connect(*arguments, **options)

    monkeypatch.setattr(intake, "connect", unlucky)
    monkeypatch.setattr(intake, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(intake, "LOOK_S", 0.05)
    heart = intake._Heart(settings)
    thread = threading.Thread(target=heart.beat, args=(cast("Receiver", Connected()),))
    thread.start()
    try:
        with connect(settings, "api", autocommit=True) as conn:
            wait_until(lambda: heartbeat.read(conn), 10, "the first beat")
            first = conn.execute("SELECT at FROM heartbeats").fetchone()
            wait_until(
                lambda: conn.execute("SELECT at FROM heartbeats").fetchone() != first, 10, "the next beat"
            )
    finally:
        heart.stop()
        thread.join()


def test_the_heart_remembers_when_the_broker_was_last_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next intake must know since when the broker has kept what it hands over."""
    monkeypatch.setattr(intake, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(intake, "LOOK_S", 0.05)
    began = datetime.now(UTC)
    heart, receiver = intake._Heart(settings), Connected()
    thread = threading.Thread(target=heart.beat, args=(cast("Receiver", receiver),))
    with connect(settings, "intake", autocommit=True) as conn:
        assert heartbeat.read(conn) is None
        thread.start()
        try:
            wait_until(lambda: heartbeat.read(conn), 10, "the first beat")
            receiver.connected = False
            wait_until(lambda: (beat := heartbeat.read(conn)) and not beat.connected, 10, "that it is lost")
            lost = heartbeat.read(conn)
            assert lost is not None
            assert lost.connected_at is not None
            told = conn.execute("SELECT at FROM heartbeats").fetchone()
            wait_until(
                lambda: conn.execute("SELECT at FROM heartbeats").fetchone() != told, 10, "the next beat"
            )
            later = heartbeat.read(conn)
            assert later is not None
            assert later.connected_at == lost.connected_at, "it beats on, without the broker"
        finally:
            heart.stop()
            thread.join()
    assert began <= lost.connected_at <= datetime.now(UTC)
