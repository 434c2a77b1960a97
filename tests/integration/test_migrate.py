"""Migrations: one history, applied once, refused when it is not ours, in plain words."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from api.database.migrate import MigrationError, migrate, pending, read_migrations
from api.database.pool import DatabaseNotPrepared, DatabaseUnavailable, connect, open_pool
from api.settings import load_settings


@pytest.fixture
def empty_url(servers: dict[str, Any]) -> Iterator[str]:
    """An empty database with PostGIS, owned by the application's login, which is no superuser."""
    name = "empty_one"
    with psycopg.connect(servers["superuser_url"], autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER lianfang").format(sql.Identifier(name)))
        url = urlsplit(servers["superuser_url"])._replace(path=f"/{name}").geturl()
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("CREATE EXTENSION postgis")
        yield urlsplit(servers["login_url"])._replace(path=f"/{name}").geturl()
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def history(tmp_path: Path) -> Path:
    (tmp_path / "0001_words.sql").write_text("CREATE TABLE words (word text);")
    (tmp_path / "0002_more.sql").write_text(
        "INSERT INTO words VALUES ('100 %'); CREATE INDEX ON words (word);"
    )
    return tmp_path


def bare(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True)


def test_from_nothing_to_now_and_again_is_nothing(empty_url: str) -> None:
    with bare(empty_url) as conn:
        applied = migrate(conn)
        assert [one.number for one in applied] == list(range(1, len(read_migrations()) + 1))
        assert migrate(conn) == []
        assert pending(conn) == []
        owners = conn.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'spatial_ref_sys'"
        ).fetchall()
        assert owners == [("lianfang_owner",)]


def test_two_that_start_at_once_wait_for_one_another(empty_url: str, history: Path) -> None:
    (history / "0003_slow.sql").write_text("SELECT pg_sleep(0.3);")
    applied: list[int] = []

    def run() -> None:
        with bare(empty_url) as conn:
            applied.append(len(migrate(conn, history)))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [0, 0, 3]


def test_a_failing_one_leaves_nothing_and_says_which(empty_url: str, history: Path) -> None:
    (history / "0003_wrong.sql").write_text("CREATE TABLE half (a int); SELECT 1 / 0;")
    with bare(empty_url) as conn:
        with pytest.raises(MigrationError, match=r"0003_wrong failed and was rolled back: division by zero"):
            migrate(conn, history)
        assert conn.execute("SELECT to_regclass('half')").fetchone() == (None,)
        assert [one.label for one in pending(conn, history)] == ["0003_wrong"]
        assert conn.execute("SELECT current_user").fetchone() == ("lianfang",)


def test_a_changed_file_is_refused(empty_url: str, history: Path) -> None:
    with bare(empty_url) as conn:
        migrate(conn, history)
        (history / "0001_words.sql").write_text("CREATE TABLE words (word varchar);")
        with pytest.raises(MigrationError, match="0001_words was changed after it was applied"):
            migrate(conn, history)


def test_a_newer_database_is_refused(empty_url: str, history: Path) -> None:
    with bare(empty_url) as conn:
        migrate(conn, history)
        (history / "0002_more.sql").unlink()
        with pytest.raises(MigrationError, match="0002_more, which this version does not know"):
            migrate(conn, history)


@pytest.mark.parametrize(
    ("name", "said"),
    [("0004_late.sql", "0004_late: number 0003 is missing"), ("3_short.sql", "called NNNN_name")],
)
def test_a_history_with_a_gap_or_an_odd_name_is_refused(history: Path, name: str, said: str) -> None:
    (history / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=said):
        read_migrations(history)


def test_it_gives_up_a_lock_rather_than_stop_everybody(
    empty_url: str, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.database.migrate.LOCK_TIMEOUT", "50ms")
    with bare(empty_url) as conn, psycopg.connect(empty_url, options="-c role=lianfang_owner") as reader:
        migrate(conn, history)
        reader.execute("SELECT * FROM words")
        (history / "0003_alter.sql").write_text("ALTER TABLE words ADD COLUMN n int;")
        with pytest.raises(MigrationError, match="0003_alter waited 50ms for a lock and gave up"):
            migrate(conn, history)
        reader.rollback()
        assert len(migrate(conn, history)) == 1


def test_a_login_without_rights_is_told_what_an_administrator_has_to_do(
    servers: dict[str, Any], empty_url: str
) -> None:
    with psycopg.connect(servers["superuser_url"], autocommit=True) as admin:
        admin.execute("CREATE ROLE nobody_special LOGIN PASSWORD 'x'")
        try:
            parts = urlsplit(empty_url)
            url = parts._replace(netloc=f"nobody_special:x@{parts.hostname}:{parts.port}").geturl()
            with (
                bare(url) as conn,
                pytest.raises(MigrationError, match='GRANT lianfang_owner TO "nobody_special"'),
            ):
                migrate(conn)
        finally:
            admin.execute("DROP ROLE nobody_special")


def test_a_database_that_is_away_is_said_without_the_password() -> None:
    settings = load_settings(database_url="postgresql://someone:hush@127.0.0.1:1/x")
    with pytest.raises(DatabaseUnavailable, match="cannot be reached") as caught:
        connect(settings, "api")
    assert "hush" not in str(caught.value)


async def test_a_pool_for_a_database_that_is_away_gives_up_in_time() -> None:
    settings = load_settings(database_url="postgresql://someone:hush@127.0.0.1:1/x")
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
        await open_pool(settings, "api", timeout_s=0.3)


async def test_a_pool_acts_as_its_role_and_outlives_a_lost_connection(database_url: str) -> None:
    pool = await open_pool(load_settings(database_url=database_url), "api", min_size=1, max_size=1)
    try:
        async with pool.connection() as conn:
            row = await (await conn.execute("SELECT current_user, pg_backend_pid()")).fetchone()
            assert row is not None
            assert row[0] == "lianfang_api"
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [row[1]])
        async with pool.connection() as conn:
            again = await (await conn.execute("SELECT current_user, pg_backend_pid()")).fetchone()
            assert again is not None
            assert again[0] == "lianfang_api"
            assert again[1] != row[1]
    finally:
        await pool.close()


def test_a_role_that_is_missing_means_migrate_first(servers: dict[str, Any]) -> None:
    from api.database.pool import explain

    url = servers["login_url"]
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(url, options="-c role=lianfang_nobody")
    said = explain(caught.value)
    assert isinstance(said, DatabaseNotPrepared)
    assert "run `lianfang migrate`" in str(said)
