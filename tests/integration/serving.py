"""The application on a real port of this process, and people who are signed in to it."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.auth.dependencies import COOKIE, hash_token
from api.settings import Settings

START_TIMEOUT_S = 20.0


class Served:
    """The running application; ``url`` is its address."""

    def __init__(self, app: FastAPI, url: str, settings: Settings) -> None:
        self.app = app
        self.url = url
        self.settings = settings
        self._clients: list[httpx.Client] = []

    def anybody(self) -> httpx.Client:
        """Somebody who is not signed in."""
        client = httpx.Client(base_url=self.url, timeout=30)
        self._clients.append(client)
        return client

    @staticmethod
    def token(conn: psycopg.Connection[Any], username: str, lifetime: timedelta | None = None) -> str:
        """A bearer token, without the second that checking a password takes. ``conn``: as the owner."""
        token = secrets.token_urlsafe(16)
        expires_at = datetime.now(UTC) + (lifetime or timedelta(hours=1))
        conn.execute(
            "INSERT INTO sessions (token_hash, user_id, kind, expires_at)"
            " SELECT %s, id, 'bearer', %s FROM users WHERE username = %s",
            [hash_token(token), expires_at, username],
        )
        conn.commit()
        return token

    def client(self, conn: psycopg.Connection[Any], username: str) -> httpx.Client:
        """This user's client, by bearer token."""
        client = self.anybody()
        client.headers["Authorization"] = f"Bearer {self.token(conn, username)}"
        return client

    def browser(self, conn: psycopg.Connection[Any], username: str) -> httpx.Client:
        """This user's client, by cookie; it sends no Origin of its own."""
        client = self.anybody()
        client.cookies.set(COOKIE, self.token(conn, username))
        return client

    def close(self) -> None:
        """End all clients."""
        for client in self._clients:
            client.close()


@contextmanager
def serve(settings: Settings, prepare: Callable[[FastAPI], None] | None = None) -> Iterator[Served]:
    """Serve the application with these settings until the block ends; ``prepare`` may change the app before."""
    app = create_app(settings)
    if prepare is not None:
        prepare(app)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=2
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="served")
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive(), START_TIMEOUT_S)
            assert thread.is_alive(), "the application did not start"
            served = Served(app, f"http://127.0.0.1:{listening.getsockname()[1]}", settings)
            try:
                yield served
            finally:
                served.close()
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive(), "the application did not stop"


def problem(answer: httpx.Response, status: int, kind: str) -> str:
    """The problem's own words, which must be of this kind."""
    assert (answer.status_code, answer.json().get("type")) == (status, f"/problems/{kind}"), answer.text
    return str(answer.json()["detail"])


def wait_until(there: Callable[[], object], timeout_s: float = 15.0, what: str = "it") -> None:
    """Wait for something; fail when it does not come."""
    deadline = time.monotonic() + timeout_s
    while not there():
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what}"
        time.sleep(0.01)
