"""The database comes late, dies and comes again: the application says so, and goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.database.migrate import migrate
from api.database.pool import connect
from api.embedded.postgres import EmbeddedPostgres
from api.settings import Settings, load_settings
from tests.integration.listening import Listener
from tests.integration.servers import start
from tests.integration.serving import Served, serve, wait_until
from tests.stories import NIGHT, Intake, Seen, World, says

LIVE = "/api/v1/live"


class Database:
    """A PostgreSQL of this test's own, which it may start and kill."""

    def __init__(self, folder: Path) -> None:
        self.server = EmbeddedPostgres(folder / "postgres")  # durable: it is killed
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = start(self.server)

    def end(self, how: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, how)
        self.process.wait(30)
        self.process = None


@pytest.fixture
def database(run_dir: Path) -> Iterator[Database]:
    folder = run_dir / "database-away"
    folder.mkdir(mode=0o755)
    own = Database(folder)
    own.start()
    with psycopg.connect(own.server.url, autocommit=True) as conn:
        migrate(conn)
    yield own
    if own.process is not None:
        own.end(signal.SIGINT)


@pytest.fixture
def own_settings(database: Database, settings: Settings) -> Settings:
    return load_settings(
        database_url=database.server.url, mqtt_url=settings.mqtt_url, var_dir=settings.var_dir
    )


def says_that_it_is_away(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.json()["type"] == "/problems/database-away"
    assert answer.headers["retry-after"] == "2"
    assert not any(word in answer.text for word in ("psycopg", "connection failed", "127.0.0.1", "SELECT"))


def there(client: httpx.Client, path: str) -> bool:
    return client.get(path).status_code == 200


def test_a_database_that_comes_late_dies_and_comes_again(
    database: Database, own_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.app.POOL_TIMEOUT_S", 0.5)
    with connect(own_settings, "owner") as owner:
        world = World(owner)
        world.user("wang")
        world.device("pir-1", site=world.site())
        token = Served.token(owner, "wang")
    database.end(signal.SIGINT)

    with serve(own_settings) as served:  # it starts before its database
        client = served.anybody()
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get("/healthz").json() == {"status": "ok"}
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["database"] is False
        assert "the database does not answer" in ready.json()["reasons"]
        for path in (f"{LIVE}/snapshot", f"{LIVE}?after=0", "/api/v1/incidents", "/api/v1/session"):
            says_that_it_is_away(client.get(path))
        says_that_it_is_away(client.post("/api/v1/session", json={"username": "wang", "password": "x"}))
        says_that_it_is_away(client.post("/api/v1/incidents", json={"category": "panic"}))

        database.start()
        wait_until(lambda: there(client, f"{LIVE}/snapshot"), 30, "the API to find its database")
        wait_until(lambda: served.app.state.feed.follows, 30, "the feed to find its database")
        listener = Listener(client)
        tells(own_settings, says("pir-1", "130"))
        listener.hears(2)

        database.end(signal.SIGKILL)
        wait_until(lambda: listener.ended, 30, "the stream to end")
        assert set(listener.names) == {"change"}
        says_that_it_is_away(client.get(f"{LIVE}?after=2"))

        database.start()
        tells(own_settings, says("pir-1", "130", at=NIGHT.replace(minute=30)))
        wait_until(lambda: there(client, f"{LIVE}/snapshot"), 30, "the API to find its database again")
        wait_until(lambda: served.app.state.feed.follows, 30, "the feed to find its database again")
        with connect(own_settings, "owner") as owner:
            newest: Any = Seen(owner).rows("SELECT last_seq FROM feed_position")[0]["last_seq"]
        assert newest > 2
        again = Listener(client, 2)
        again.hears(newest)
        again.close()
        assert set(again.names) == {"change"}


def tells(settings: Settings, message: Any) -> None:
    with connect(settings, "intake") as conn:
        Intake(conn).accept(message)
