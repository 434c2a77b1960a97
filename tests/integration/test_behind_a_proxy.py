"""Behind a proxy with TLS: who the client is, and that it came over HTTPS, is believed from a trusted proxy only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from api.embedded.ports import any_free
from api.settings import Settings
from api.users import add_user
from tests.integration.serving import wait_until

PASSWORD = "open sesame wang"
PROXY = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}


@contextmanager
def serving(settings: Settings, **environment: str) -> Iterator[httpx.Client]:
    """`lianfang serve` as it runs, and a client that says what a proxy says."""
    port = any_free("127.0.0.1")
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "serve", "--port", str(port)],
        env=os.environ
        | {
            "LIANFANG_DATABASE_URL": str(settings.database_url),
            "LIANFANG_MQTT_URL": str(settings.mqtt_url),
            "LIANFANG_VAR_DIR": str(settings.var_dir),
        }
        | environment,
    )

    def answers() -> bool:
        try:
            return client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=PROXY, timeout=10) as client:
            wait_until(answers, 60, "the server")
            yield client
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.parametrize(
    ("environment", "believed"),
    [({}, True), ({"LIANFANG_TRUSTED_PROXIES": "192.0.2.1", "FORWARDED_ALLOW_IPS": "*"}, False)],
    ids=["a trusted proxy", "anybody else"],
)
def test_a_proxy_is_believed_when_it_is_trusted(
    settings: Settings, owner_conn: psycopg.Connection, environment: dict[str, str], believed: bool
) -> None:
    add_user(owner_conn, "wang", "dispatcher", division=None, display_name="王", password=PASSWORD)
    owner_conn.commit()
    with serving(settings, **environment) as client:
        first = client.post("/api/v1/session", json={"username": "wang", "password": PASSWORD})
        assert ("; Secure" in first.headers["set-cookie"]) == believed
        guess = {"username": "wang", "password": "guess"}
        wait_until(
            lambda: client.post("/api/v1/session", json=guess).status_code == 429, 60, "the guesser to wait"
        )
        elsewhere = client.post(
            "/api/v1/session",
            json={"username": "wang", "password": PASSWORD},
            headers={"X-Forwarded-For": "203.0.113.8"},
        )
        assert elsewhere.status_code == (200 if believed else 429), "the guesses were another client's"
