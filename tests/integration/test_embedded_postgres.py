"""The embedded PostgreSQL: unprivileged, durable, survives kill -9, stale locks and reused pids, keeps its port."""

import asyncio
import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from api.database.pool import connect
from api.embedded import EmbeddedError, endpoints
from api.embedded.accounts import Account, server_account
from api.embedded.postgres import EmbeddedPostgres, find_installed
from api.services import Service, Supervisor
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
    """Once the children of a killed server have left its memory; the supervisor tries until they have."""
    deadline = time.monotonic() + 60
    while children_on(postgres.data):
        assert time.monotonic() < deadline, "the children of a killed PostgreSQL never left"
        time.sleep(0.02)
    return start(postgres)


def children_on(data: Path) -> list[str]:
    """Processes that work in a data directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another account's, or gone meanwhile
            if (process / "cwd").readlink() == data:
                found.append(process.name)
    return found


async def test_one_that_recovers_is_waited_for_and_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby without hot standby reads WAL and lets nobody in, as a crashed server does; promoted, it is done."""
    monkeypatch.setattr("api.services.TELL_S", 0.2)
    postgres = EmbeddedPostgres(folder)
    stop(start(postgres))
    postgres.account.write(folder / "local.conf", "hot_standby = off\n")
    postgres.account.write(postgres.data / "standby.signal", "")
    waited = asyncio.Event()

    def say(line: str) -> None:
        if re.fullmatch(r"waiting for postgres since \d s: PostgreSQL is recovering after a crash; .*", line):
            waited.set()

    supervisor = Supervisor(tmp_path, say)
    service = Service(
        name=postgres.name,
        command=postgres.command,
        prepare=postgres.prepare,
        is_ready=postgres.is_ready,
        stop_signal=postgres.stop_signal,
        start_timeout_s=postgres.start_timeout_s,
        waits_for=postgres.waits_for,
    )
    starting = asyncio.create_task(supervisor.start(service))
    try:
        await asyncio.wait_for(waited.wait(), 30)
        assert not starting.done()
        pid = supervisor.pid("postgres")
        assert pid
        postgres.account.write(postgres.data / "promote", "")
        os.kill(pid, signal.SIGUSR1)
        await asyncio.wait_for(starting, 30)
        assert postgres.is_ready()
    finally:
        await supervisor.stop()


def test_another_accounts_data_are_left_alone_and_both_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sudo ./run demo` after `./run demo`, or the other way round, would make a folder that neither can use."""
    owner = pwd.getpwuid(os.geteuid()).pw_name
    somebody = Account("somebody", 54321, 54321, switch=False)
    server = Account("server", 54322, 54322, switch=True)
    for account in (somebody, server):
        account.require_own(tmp_path / "nothing yet")
        account.require_own(tmp_path)
        with monkeypatch.context() as other:
            other.setattr(os, "geteuid", lambda: 54321)
            said = rf"belongs to the account {owner}, .* would run as {account.name}: .* chown -R {account.name} "
            with pytest.raises(EmbeddedError, match=said):
                account.require_own(tmp_path)


def test_an_account_without_a_name_is_one_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An engine may run a container as any number."""
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    account = server_account("postgres")
    assert (account.name, account.uid, account.switch) == ("number 54321", 54321, False)
    account.write(tmp_path / "file", "x")
    assert (tmp_path / "file").read_text() == "x"


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
        endpoints.publish(
            tmp_path,
            http=("127.0.0.1", 8400),
            database_url=postgres.url,
            role_urls=postgres.role_urls,
            logins={},
        )
        migrate_database(settings)
        for role in ("intake", "api", "video"):
            with connect(settings, role, autocommit=True) as conn:
                assert conn.execute("SELECT session_user, current_user").fetchone() == (
                    f"lianfang_{role}_login",
                    f"lianfang_{role}",
                )
                own = "cameras" if role == "video" else "feed_position"
                conn.execute(f"SELECT count(*) FROM {own}".encode())
                conn.execute("RESET ROLE")
                other = {"intake": "api", "api": "video", "video": "intake"}[role]
                for wanted in ("lianfang_owner", "lianfang", f"lianfang_{other}", "postgres"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        conn.execute(f"SET ROLE {wanted}".encode())
        with connect(settings, "owner") as conn:
            assert conn.execute("SELECT session_user").fetchone() == ("lianfang",)
        assert postgres.is_ready(), "made once, and found the next time"
    finally:
        stop(process)


def test_a_lost_password_is_made_anew_and_lets_in(folder: Path) -> None:
    """A folder brought back without it, a file that the power took: the superuser's is enough to mend it."""
    postgres = EmbeddedPostgres(folder, for_tests=True)
    stop(start(postgres))
    (folder / "login.password").unlink()
    (folder / "api.password").unlink()
    process = start(postgres)
    try:
        for url in (postgres.url, postgres.role_urls["api"]):
            psycopg.connect(url).close()
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
