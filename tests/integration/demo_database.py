"""A demo city that the tests of a module share: made once a run, only read."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from api.database.pool import connect
from api.demo_city import load_demo_city
from api.settings import load_settings

HOUSEHOLDS = 3000


@pytest.fixture(scope="session")
def demo_url(servers: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL, with the application's login, of a database with a demo city of 3,000 households. Do not write to it."""
    name = f"demo_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(servers["superuser_url"], autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE lianfang OWNER lianfang").format(sql.Identifier(name))
        )
        url = urlsplit(servers["login_url"])._replace(path=f"/{name}").geturl()
        with connect(load_settings(database_url=url), "owner", application_name="test-demo") as conn:
            load_demo_city(conn, HOUSEHOLDS, cache_dir=tmp_path_factory.mktemp("drawn"))
        yield url
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def demo_conn(demo_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the owner to the shared demo city; what a test writes is rolled back."""
    with connect(load_settings(database_url=demo_url), "owner", application_name="test-demo") as conn:
        yield conn
        conn.rollback()
