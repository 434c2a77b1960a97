"""Fixtures on real servers: a fresh database per test, cloned from a migrated template, and a real broker.

``database_url``  URL of this test's own database, with the application's login (no superuser)
``settings``      ``Settings`` with that database, the shared broker's ``intake`` login and a ``var_dir`` of its own
``owner_conn``, ``intake_conn``, ``api_conn``   psycopg connections with that role, not in autocommit
``served``        the application on a port of this process, on that database; ``served.client(owner_conn, "name")``
``broker``        the run's shared mosquitto; use device ids of your own, and ``add_devices``
``fresh_broker``  a mosquitto of this test's own, which it may kill
"""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from api.database.pool import connect
from api.embedded.mosquitto import EmbeddedMosquitto
from api.settings import Settings, load_settings
from tests.integration.servers import Broker, run_folder, shared_servers, start
from tests.integration.serving import Served, serve


@pytest.fixture(scope="session")
def run_dir() -> Iterator[Path]:
    """This test run's folder, which the servers' accounts can reach."""
    with run_folder(os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())) as folder:
        yield folder


@pytest.fixture(scope="session")
def servers(run_dir: Path) -> Iterator[dict[str, Any]]:
    """The run's PostgreSQL and mosquitto."""
    with shared_servers(run_dir) as described:
        yield described


@pytest.fixture
def database_url(servers: dict[str, Any]) -> Iterator[str]:
    """A database of this test's own: the migrated template, cloned."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(servers["superuser_url"], autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE lianfang OWNER lianfang STRATEGY FILE_COPY").format(
                sql.Identifier(name)
            )
        )
        yield urlsplit(servers["login_url"])._replace(path=f"/{name}").geturl()
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def settings(database_url: str, broker: Broker, tmp_path: Path) -> Settings:
    """Settings of an installation on this test's database and the shared broker."""
    one = broker.login("intake")
    return load_settings(
        database_url=database_url,
        mqtt_url=f"mqtt://{one.username}:{one.password}@{one.host}:{one.port}",
        var_dir=tmp_path / "var",
    )


def _connection(database_url: str, role: Any) -> Iterator[psycopg.Connection]:
    conn = connect(load_settings(database_url=database_url), role, application_name=f"test-{role}")
    try:
        yield conn
    finally:
        conn.close()


@pytest.fixture
def owner_conn(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection as the owner: to arrange a test's world."""
    yield from _connection(database_url, "owner")


@pytest.fixture
def intake_conn(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection as the intake."""
    yield from _connection(database_url, "intake")


@pytest.fixture
def api_conn(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection as the API; nothing with a scope is visible before ``begin_scope``."""
    yield from _connection(database_url, "api")


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    """The application, running."""
    with serve(settings) as running:
        yield running


@pytest.fixture
def broker(servers: dict[str, Any]) -> Broker:
    """The run's shared mosquitto."""
    return Broker(
        servers["mosquitto_host"],
        servers["mosquitto_port"],
        Path(servers["mosquitto_folder"]),
        servers["mosquitto_pid"],
    )


@pytest.fixture
def fresh_broker(run_dir: Path) -> Iterator[Broker]:
    """A mosquitto of this test's own."""
    folder = run_dir / f"broker-{uuid.uuid4().hex[:12]}"
    folder.mkdir(mode=0o755)
    embedded = EmbeddedMosquitto(folder / "mosquitto")
    process: subprocess.Popen[bytes] = start(embedded)
    try:
        yield Broker(embedded.local_host, embedded.port, embedded.folder, process.pid)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
