"""The embedded PostgreSQL: unprivileged, durable, survives kill -9, stale locks and reused pids, keeps its port."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from api.database.pool import connect
from api.embedded import EmbeddedError, endpoints
from api.embedded.accounts import Account
from api.embedded.postgres import EmbeddedPostgres, find_installed
from api.settings import load_settings
from api.up import migrate_database
from tests.integration.servers import start, wait_ready


@pytest.fixture
def folder(run_dir: Path) -> Iterator[Path]:
    place = run_dir / f"postgres-{os.urandom(4).hex()}"
    place.mkdir(mode=0o755)
    yield place / "postgres"
    shutil.rmtree(place)


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.wait(timeout=60)


def test_what_was_committed_outlives_kill_9(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    process = start(postgres)
    try:
        with psycopg.connect(postgres.url, autocommit=True) as conn:
            settings = conn.execute(
                "SELECT array_agg(setting ORDER BY name) FROM pg_settings WHERE name IN ('data_checksums', 'fsync',"
                " 'full_page_writes', 'listen_addresses', 'server_encoding', 'synchronous_commit')"
            ).fetchone()
            assert settings == (["on", "on", "on", "127.0.0.1", "UTF8", "on"],)
            assert conn.execute(
                "SELECT datcollate FROM pg_database WHERE datname = 'lianfang'"
            ).fetchone() == ("C.UTF-8",)
            assert conn.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (
                False,
            )
            conn.execute("CREATE SCHEMA kept")
            conn.execute("CREATE TABLE kept.words AS SELECT '三门峡' AS word")
        port = postgres.port
        process.kill()
        process.wait()
        assert (postgres.data / "postmaster.pid").exists(), "a crash leaves its lock"
        process = start_again(postgres)
        assert postgres.port == port
        with psycopg.connect(postgres.url) as conn:
            assert conn.execute("SELECT word FROM kept.words").fetchone() == ("三门峡",)
    finally:
        stop(process)


def start_again(postgres: EmbeddedPostgres) -> subprocess.Popen[bytes]:
    """As the supervisor does: the children of a killed server need a moment to leave its memory."""
    for _ in range(20):
        try:
            return start(postgres)
        except RuntimeError as error:
            if "pre-existing shared memory" not in str(error):
                raise
    raise AssertionError("the children of a killed PostgreSQL never left")


def test_started_by_root_it_does_not_run_as_root(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder, for_tests=True)
    process = start(postgres)
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        uid = next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
        assert int(uid) == (os.geteuid() or pwd.getpwnam("postgres").pw_uid)
        for secret in folder.glob("*.password"):
            assert secret.stat().st_mode & 0o777 == 0o600
    finally:
        stop(process)


def test_the_logins_of_intake_and_api_can_be_nothing_else(folder: Path, tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(folder, for_tests=True)
    process = start(postgres)
    try:
        settings = load_settings(var_dir=tmp_path)
        endpoints.publish(tmp_path, database_url=postgres.url, role_urls=postgres.role_urls, logins={})
        migrate_database(settings)
        for role in ("intake", "api"):
            with connect(settings, role, autocommit=True) as conn:
                assert conn.execute("SELECT session_user, current_user").fetchone() == (
                    f"lianfang_{role}_login",
                    f"lianfang_{role}",
                )
                conn.execute("SELECT last_seq FROM feed_position")
                conn.execute("RESET ROLE")
                other = {"intake": "api", "api": "intake"}[role]
                for wanted in ("lianfang_owner", "lianfang", f"lianfang_{other}", "postgres"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        conn.execute(f"SET ROLE {wanted}".encode())
        with connect(settings, "owner") as conn:
            assert conn.execute("SELECT session_user").fetchone() == ("lianfang",)
        assert postgres.is_ready(), "made once, and found the next time"
    finally:
        stop(process)


def test_a_stale_lock_with_a_reused_pid_does_not_stop_it(folder: Path) -> None:
    """The lock's pid now belongs to an innocent process of the same account, which must live on."""
    postgres = EmbeddedPostgres(folder, for_tests=True)
    stop(start(postgres))
    innocent = subprocess.Popen(
        postgres.account.command([sys.executable, "-c", "import signal; signal.pause()"]), cwd="/"
    )
    try:
        lock = postgres.data / "postmaster.pid"
        lock.write_text(
            f"{innocent.pid}\n{postgres.data}\n1700000000\n{postgres.port}\n\n127.0.0.1\n  1 2\nready\n"
        )
        postgres.account.own(lock)
        process = start(postgres)
        stop(process)
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_an_earlier_server_that_was_left_running_is_stopped_first(folder: Path) -> None:
    first = EmbeddedPostgres(folder, for_tests=True)
    left = start(first)
    second = EmbeddedPostgres(folder, for_tests=True)
    waiter = subprocess.Popen(["tail", "--pid", str(left.pid), "-f", "/dev/null"])
    process = start(second)
    try:
        assert left.wait(timeout=30) == 0
        with psycopg.connect(second.url) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
    finally:
        waiter.wait(timeout=30)
        stop(process)


def test_a_taken_port_is_left_for_another_unless_it_was_asked_for(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder, for_tests=True)
    postgres.prepare()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", postgres.port))
        taken.listen()
        again = EmbeddedPostgres(folder, for_tests=True)
        again.prepare()
        assert again.port != postgres.port
        asked = EmbeddedPostgres(folder, for_tests=True, port=postgres.port)
        with pytest.raises(EmbeddedError, match="taken by another program"):
            asked.prepare()


def test_initdb_that_was_interrupted_is_begun_anew(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder, for_tests=True)
    postgres.account.folder(folder)
    half = postgres.account.folder(folder / "data.new")
    postgres.account.write(half / "PG_VERSION", "15\n")
    stop(start(postgres))


def test_a_closed_folder_above_is_said_plainly(tmp_path: Path) -> None:
    """Only root's servers need a way through for another account; a user's run as the user."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    if os.geteuid() != 0:
        EmbeddedPostgres(closed / "postgres", for_tests=True).prepare()
        return
    with pytest.raises(EmbeddedError, match=r"the account postgres cannot reach .*Make var a link"):
        EmbeddedPostgres(closed / "postgres").prepare()


def test_a_missing_postgresql_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="PostgreSQL is not installed: install it"):
        find_installed(tmp_path)


def test_a_postgresql_without_postgis_is_said_plainly(tmp_path: Path) -> None:
    for program, says in (
        ("initdb", ""),
        ("postgres", "echo 'postgres (PostgreSQL) 16.1'"),
        ("pg_config", f"echo {tmp_path}"),
    ):
        (tmp_path / program).write_text(f"#!/bin/sh\n{says}\n")
        (tmp_path / program).chmod(0o755)
    with pytest.raises(EmbeddedError, match="PostGIS is not installed for PostgreSQL 16"):
        find_installed(tmp_path)


def test_a_written_file_is_private_from_the_first_moment(tmp_path: Path) -> None:
    me = pwd.getpwuid(os.geteuid())
    account = Account(me.pw_name, me.pw_uid, me.pw_gid, switch=False)
    account.write(tmp_path / "secret", "hush")
    account.write(tmp_path / "secret", "hush again")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secret").read_text() == "hush again"
    assert list(tmp_path.iterdir()) == [tmp_path / "secret"]


def test_wait_ready_tells_why(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder, for_tests=True)
    postgres.prepare()
    log = folder.parent / "postgres.log"
    log.write_text("no room")
    dead = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    with pytest.raises(RuntimeError, match=r"(?s)exit 7.*no room"):
        wait_ready(postgres, dead, log)
