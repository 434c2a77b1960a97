"""The embedded PostgreSQL with PostGIS: one data directory below ``var/postgres``, one port on loopback."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psycopg
from psycopg import sql

from api.database.migrate import ROLES
from api.embedded import EmbeddedError, earlier
from api.embedded.accounts import Account, server_account
from api.embedded.ports import is_free, kept_port
from api.embedded.secrets import kept_secret

HOST = "127.0.0.1"
DATABASE = "lianfang"
LOGIN = "lianfang"
"""The owner's: migrations, loading, jobs. It is a member of all four roles."""
OWN_LOGINS = ("intake", "api", "video")
"""Roles with a login of their own, which is a member of nothing else: no SQL that it is made to run takes another."""
SUPERUSER = "postgres"
EXTENSIONS = ("postgis", "pg_trgm")
OLDEST = 15
INSTALL = "install it: apt-get install postgresql postgresql-postgis (or postgis), or let ./run do it"


@dataclass(frozen=True, slots=True)
class Installed:
    """A PostgreSQL on this machine."""

    version: int
    bin_dir: Path


def find_installed(bin_dir: Path | None = None) -> Installed:
    """The PostgreSQL to use: the named one, else the newest with PostGIS. Raises ``EmbeddedError``."""
    places = [bin_dir] if bin_dir else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not bin_dir and (on_path := shutil.which("initdb")):
        places.append(Path(on_path).resolve().parent)
    found = [
        Installed(int(match.group()), place)
        for place in places
        if (place / "initdb").exists()
        and (match := re.search(r"\d+", _output([place / "postgres", "--version"])))
    ]
    if not found:
        raise EmbeddedError(f"PostgreSQL is not installed: {INSTALL}")
    with_postgis = [one for one in found if has_postgis(one)]
    if not with_postgis:
        raise EmbeddedError(
            f"PostGIS is not installed for PostgreSQL {max(one.version for one in found)}: {INSTALL}"
        )
    best = max(with_postgis, key=lambda one: one.version)
    if best.version < OLDEST:
        raise EmbeddedError(f"PostgreSQL {best.version} is too old, {OLDEST} or newer is needed: {INSTALL}")
    return best


def has_postgis(installed: Installed) -> bool:
    """Whether the extension's files are there for this PostgreSQL."""
    config = installed.bin_dir / "pg_config"
    share = f"/usr/share/postgresql/{installed.version}"
    if config.exists():
        share = _output([config, "--sharedir"]).strip() or share
    return (Path(share) / "extension" / "postgis.control").exists()


def _output(argv: list[str | Path]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_048_576


class EmbeddedPostgres:
    """One embedded server. ``for_tests`` gives up durability for speed."""

    name = "postgres"
    stop_signal = signal.SIGINT  # fast shutdown: roll back what runs, write what is in memory, leave
    stop_timeout_s = 600.0  # killed while it writes, it has to recover at its next start
    start_timeout_s = (
        None  # recovery takes what it takes; killed, it would begin from the same checkpoint again
    )

    def __init__(
        self, folder: Path, *, port: int | None = None, bin_dir: Path | None = None, for_tests: bool = False
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._wanted_port = port
        self._bin_dir = bin_dir
        self._for_tests = for_tests
        self.account: Account = server_account("postgres")
        self.port = 0
        self._refusal = ""

    def prepare(self) -> None:
        """Make the data directory if there is none, clear what a crash left, choose the port, write the settings."""
        installed = find_installed(self._bin_dir)
        self._programs = installed.bin_dir
        self.account.require_own(self.folder)
        self.account.folder(self.folder)
        self.folder = self.folder.resolve()
        self.data = self.folder / "data"
        self.account.require_way_to(self.folder)
        if (self.data / "PG_VERSION").exists():
            made_by = int((self.data / "PG_VERSION").read_text(encoding="ascii"))
            if made_by != installed.version:
                installed = self._same_version(made_by, installed)
        else:
            self._initdb()
        self._clear_stale_lock()
        self.port = kept_port(self.folder / "port", HOST, self._wanted_port or self.port or None)
        if not is_free(HOST, self.port):
            raise EmbeddedError(
                f"the port {self.port} for the embedded PostgreSQL is taken by another program: "
                f"choose another with LIANFANG_POSTGRES_PORT, or unset it"
            )
        self._write_settings()

    def command(self) -> list[str]:
        """What to start."""
        return self.account.command(
            [str(self._programs / "postgres"), "-D", str(self.data)], stop_signal="INT"
        )

    @staticmethod
    def mend(_: str) -> str:
        """Nothing: a database that cannot read its own files waits for a person."""
        return ""

    def is_ready(self) -> bool:
        """Whether the database can be used; the first time this makes the login and the database."""
        try:
            with self._superuser("postgres") as conn:
                self._make_database(conn)
            with self._superuser(DATABASE) as conn:
                for extension in EXTENSIONS:
                    conn.execute(
                        sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension))
                    )
        except psycopg.OperationalError as error:
            self._refusal = str(error).strip()
            return False
        return True

    def waits_for(self) -> str:
        """Why it is not ready, as it said itself when it was asked last."""
        if "starting up" in self._refusal or "accepting connections" in self._refusal:
            return "PostgreSQL is recovering after a crash; it reads again what it had not yet written"
        return self._refusal.rpartition("\n")[2] or "it does not answer yet"

    @property
    def url(self) -> str:
        """Where the application finds its database, with its login."""
        return _url(LOGIN, kept_secret(self.folder / "login.password"), self.port, DATABASE)

    @property
    def role_urls(self) -> dict[str, str]:
        """The same by role, for those that have a login of their own."""
        return {
            role: _url(_login_of(role), kept_secret(self._password_file(role)), self.port, DATABASE)
            for role in OWN_LOGINS
        }

    def _password_file(self, role: str) -> Path:
        return self.folder / f"{role}.password"

    def superuser_url(self, database: str = "postgres") -> str:
        """The cluster's own administrator: for preparing and for tests; never for the application."""
        return _url(SUPERUSER, kept_secret(self.folder / "superuser.password"), self.port, database)

    def _superuser(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.superuser_url(database), autocommit=True, connect_timeout=3)

    def _same_version(self, made_by: int, installed: Installed) -> Installed:
        other = installed.bin_dir.parents[1] / str(made_by) / "bin"
        if not (other / "postgres").exists():
            raise EmbeddedError(
                f"the data in {self.data} was made by PostgreSQL {made_by}, and only {installed.version} is "
                f"installed: install postgresql-{made_by} and postgresql-{made_by}-postgis-3 again, or bring back a "
                f"backup (docs/operations.md, Upgrade)"
            )
        self._programs = other
        return Installed(made_by, other)

    def _initdb(self) -> None:
        half_made = self.folder / "data.new"
        if half_made.exists():
            shutil.rmtree(half_made)
        password_file = self.folder / "initdb.password"
        self.account.write(password_file, kept_secret(self.folder / "superuser.password"))
        argv = [
            str(self._programs / "initdb"),
            "-D",
            str(half_made),
            "-U",
            SUPERUSER,
            "--pwfile",
            str(password_file),
        ]
        argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
        argv += ["--no-sync"] if self._for_tests else ["--data-checksums"]
        done = subprocess.run(
            self.account.command(argv), capture_output=True, text=True, check=False, cwd="/"
        )
        password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            raise EmbeddedError(
                f"initdb could not make {self.data}: {done.stderr.strip() or done.stdout.strip()}"
            )
        half_made.rename(self.data)

    def _clear_stale_lock(self) -> None:
        """Remove ``postmaster.pid`` of a dead server; PostgreSQL would refuse to start if its pid was reused."""
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        first = lock.read_text(encoding="ascii", errors="replace").partition("\n")[0].strip()
        pid = int(first) if first.isdigit() else 0
        if pid and earlier.runs(pid, "postgres", str(self.data)):
            earlier.end(pid, "postgres", str(self.data), self.stop_signal)
        lock.unlink(missing_ok=True)

    def _make_database(self, conn: psycopg.Connection) -> None:
        login = sql.Identifier(LOGIN)
        _make_role(conn, LOGIN, "LOGIN CREATEROLE", kept_secret(self.folder / "login.password"))
        for name in ROLES:
            _make_role(conn, name, "NOLOGIN")
            conn.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(sql.Identifier(name), login))
        for role in OWN_LOGINS:
            own = _login_of(role)
            _make_role(conn, own, "LOGIN", kept_secret(self._password_file(role)))
            conn.execute(
                sql.SQL("GRANT {} TO {}").format(sql.Identifier(f"lianfang_{role}"), sql.Identifier(own))
            )
        if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), login))

    def _write_settings(self) -> None:
        memory = _memory_mb()
        values: dict[str, str | int | float] = {
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 60,
            "superuser_reserved_connections": 3,
            "shared_buffers": f"{max(128, min(2048, memory // 8))}MB",
            "effective_cache_size": f"{max(256, memory // 2)}MB",
            "work_mem": "16MB",
            "maintenance_work_mem": f"{max(64, min(512, memory // 16))}MB",
            "max_wal_size": "4GB",
            "min_wal_size": "256MB",
            "checkpoint_timeout": "15min",
            "wal_compression": "on",
            "random_page_cost": 1.1,
            "effective_io_concurrency": 64,
            "max_locks_per_transaction": 256,  # a query over many partitions locks each
            "jit": "off",  # compiling costs more than these short statements
            "timezone": "UTC",
            "log_timezone": "UTC",
            "lc_messages": "C.UTF-8",
            "password_encryption": "scram-sha-256",
            "log_destination": "stderr",
            "logging_collector": "off",
            "log_line_prefix": "%m [%p] %q%a %e ",
            "log_error_verbosity": "terse",  # DETAIL lines carry row values
            "log_min_error_statement": "panic",  # statements carry values too
            "log_min_duration_statement": "-1",
            "idle_in_transaction_session_timeout": "5min",
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
        }
        if self._for_tests:
            values |= {
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                "max_connections": 120,
            }
            values |= {
                "shared_buffers": "128MB",
                "wal_level": "minimal",
                "max_wal_senders": 0,
                "autovacuum": "off",
            }
        lines = ["# Written at every start by api/embedded/postgres.py; your own settings go to local.conf."]
        lines += [f"{name} = '{value}'" for name, value in values.items()]
        self.account.write(self.folder / "lianfang.conf", "\n".join(lines) + "\n")
        self.account.write(
            self.data / "postgresql.conf",
            "include '../lianfang.conf'\ninclude_if_exists '../local.conf'\n",
        )
        self.account.write(self.data / "pg_hba.conf", f"host all all {HOST}/32 scram-sha-256\n")


def _login_of(role: str) -> str:
    return f"lianfang_{role}_login"


def _make_role(
    conn: psycopg.Connection, name: str, options: LiteralString, password: str | None = None
) -> None:
    if conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None:
        conn.execute(
            sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(
                sql.Identifier(name), sql.SQL(options), sql.Literal(password)
            )
        )
    elif password is not None:  # the file counts: it may have been lost, and made anew
        conn.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(password)))


def _url(user: str, password: str, port: int, database: str) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@{HOST}:{port}/{database}"
