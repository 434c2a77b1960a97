"""Fixtures on real servers: a fresh database per test, cloned from a migrated template, and a real broker.

``database_url``  URL of this test's own database, with the application's login (no superuser)
``settings``      ``Settings`` with that database, the shared broker's ``intake`` login and a ``var_dir`` of its own
``owner_conn``, ``intake_conn``, ``api_conn``   psycopg connections with that role, not in autocommit
``served``        the application on a port of this process, on that database; ``served.client(owner_conn, "name")``
``broker``        the run's shared mosquitto; use device ids of your own, and ``add_devices``
``fresh_broker``  a mosquitto of this test's own, which it may kill
``var``, ``port`` folder and port of an installation that the test starts itself
``past``          two counties with a story each, for searches
``world``, ``seen`` words to arrange a story and to tell what came of it
``given``         two villages; ``city``, ``here``: the clients of who installs in both, and in one
``explaining``    a city's worth of rows, and the plans of what is asked about them
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from psycopg import Connection, sql

from api.database.pool import connect
from api.embedded.mosquitto import EmbeddedMosquitto
from api.embedded.ports import any_free
from api.settings import Settings, load_settings
from tests.integration.processes import processes_of
from tests.integration.registering import installers
from tests.integration.scoped_rows import fill
from tests.integration.searching import Past
from tests.integration.servers import Broker, run_folder, shared_servers, start
from tests.integration.serving import Served, serve
from tests.stories import Seen, World


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


@pytest.fixture
def var(run_dir: Path) -> Iterator[Path]:
    """The folder of an installation of this test's own, which does not exist yet; nothing of it runs at the end."""
    place = run_dir / f"up-{os.urandom(4).hex()}"
    yield place
    assert processes_of(place) == {}, "something was left running"
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    return any_free("127.0.0.1")


@pytest.fixture
def explaining(
    owner_conn: Connection, servers: dict[str, str], database_url: str
) -> Iterator[tuple[Connection, list[str]]]:
    """A city's worth of rows, and a connection whose plans, those inside functions too, land in the list."""
    fill(owner_conn, 20_000)
    superuser = servers["superuser_url"].rpartition("/")[0] + "/" + database_url.rpartition("/")[2]
    with psycopg.connect(superuser, autocommit=True) as conn:
        conn.execute("ANALYZE")
        conn.execute("LOAD 'auto_explain'")
        for setting, value in (
            ("auto_explain.log_min_duration", "0"),
            ("auto_explain.log_nested_statements", "on"),
            ("auto_explain.log_level", "notice"),
        ):
            conn.execute("SELECT set_config(%s, %s, false)", [setting, value])
        plans: list[str] = []
        conn.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
        conn.autocommit = False
        yield conn, plans


@pytest.fixture
def past(owner_conn: psycopg.Connection[Any], intake_conn: psycopg.Connection[Any]) -> Past:
    """Two counties with a story each, and an investigator for each and for both."""
    return Past(owner_conn, intake_conn)


@pytest.fixture
def world(owner_conn: Connection) -> World:
    """Who and what is there, as the test arranges it."""
    return World(owner_conn)


@pytest.fixture
def seen(owner_conn: Connection) -> Seen:
    """What the database holds."""
    return Seen(owner_conn)


@pytest.fixture
def given(owner_conn: Connection) -> World:
    """Two villages and who installs in them; tests of anything else are given a world of their own."""
    return installers(owner_conn)


@pytest.fixture
def city(given: World, served: Served) -> httpx.Client:
    """The installer of the whole city."""
    return served.client(given.conn, "installer")


@pytest.fixture
def here(given: World, served: Served) -> httpx.Client:
    """The installer of one village."""
    return served.client(given.conn, "here")
