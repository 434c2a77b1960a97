"""Migrations: plain SQL files, one linear history, each applied once.

``api/database/migrations/NNNN_name.sql`` are applied in order, each in a transaction of its own with its record in
``schema_migrations``, under an advisory lock (two starters wait for one another) and with lock and statement
time-outs (a migration never queues behind a long query with all others behind it). A file that was changed after it
was applied, and a record without a file, are refused. Applied again, nothing happens.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

FOLDER = Path(__file__).parent / "migrations"
ROLES = ("lianfang_owner", "lianfang_intake", "lianfang_api", "lianfang_video")
EXTENSIONS = ("postgis", "pg_trgm")
LOCK = 4112000001
LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "15min"


class MigrationError(Exception):
    """The database cannot be brought to this version; the message says why and what to do."""


class OtherHistoryError(MigrationError):
    """What was applied to the database is not the history of this version."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the history."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def label(self) -> str:
        """As it is called in messages."""
        return f"{self.number:04d}_{self.name}"


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """The history in order. Raises ``MigrationError`` when it has a gap or a wrong name."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        if match is None:
            raise MigrationError(f"{path}: a migration is called NNNN_name.sql")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    for expected, one in enumerate(found, start=1):
        if one.number != expected:
            raise MigrationError(f"{one.label}: number {expected:04d} is missing or stands twice in {folder}")
    return found


def pending(conn: psycopg.Connection, folder: Path = FOLDER) -> list[Migration]:
    """What is still to be applied. Raises ``MigrationError`` when the applied history is not ours."""
    return _still_to_do(conn, read_migrations(folder))


def migrate(conn: psycopg.Connection, folder: Path = FOLDER) -> list[Migration]:
    """Bring the database up to date and return what was applied.

    ``conn`` is the bare login (no role set) in autocommit. It becomes a member of the four roles, which are made if
    they are missing.
    """
    if not conn.autocommit:
        raise ValueError("migrate() needs a connection in autocommit: each migration is its own transaction")
    history = read_migrations(folder)
    conn.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        prepare(conn)
        conn.execute("SET ROLE lianfang_owner")
        todo = _still_to_do(conn, history)
        for one in todo:
            _apply(conn, one)
        return todo
    finally:
        if not conn.closed:
            conn.execute("RESET ROLE")
            conn.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def prepare(conn: psycopg.Connection) -> None:
    """Roles, membership, rights on the schema, extensions: each only if missing, so that a plain login can replay."""
    cursor = conn.cursor(row_factory=tuple_row)
    for role in ROLES:
        name = sql.Identifier(role)
        exists, member = cursor.execute(
            "SELECT r.oid IS NOT NULL, r.oid IS NOT NULL AND pg_has_role(session_user, r.oid, 'MEMBER')"
            "  FROM (SELECT %s::text AS name) n LEFT JOIN pg_roles r ON r.rolname = n.name",
            [role],
        ).fetchone() or (False, False)
        try:
            if not exists:
                # It may be made by another database of the cluster, in this moment.
                with contextlib.suppress(psycopg.errors.DuplicateObject):
                    conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
            if not exists or not member:
                conn.execute(sql.SQL("GRANT {} TO {}").format(name, sql.SQL("session_user")))
        except psycopg.errors.InsufficientPrivilege as error:
            login = conn.info.user
            raise MigrationError(
                f"the login {login} may not make or join the role {role}. Let an administrator of the database run: "
                f'CREATE ROLE {role} NOLOGIN; GRANT {role} TO "{login}"; (also for {", ".join(ROLES)})'
            ) from error
    for extension in EXTENSIONS:
        if cursor.execute("SELECT 1 FROM pg_extension WHERE extname = %s", [extension]).fetchone():
            continue
        try:
            conn.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(
                f"the login {conn.info.user} may not add the extension {extension}. Let an administrator run in the "
                f"database {conn.info.dbname}: CREATE EXTENSION {extension};"
            ) from error
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile) as error:
            raise MigrationError(
                f"the database server has no extension {extension}: install PostGIS on it (Debian: "
                f"apt-get install postgresql-postgis)"
            ) from error
    if not _owner_may_create(cursor):
        try:
            conn.execute("GRANT USAGE, CREATE ON SCHEMA public TO lianfang_owner")
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(_schema_message(conn)) from error
        if not _owner_may_create(cursor):  # GRANT without the right to it only warns
            raise MigrationError(_schema_message(conn))


def _owner_may_create(cursor: psycopg.Cursor[tuple[object, ...]]) -> bool:
    row = cursor.execute("SELECT has_schema_privilege('lianfang_owner', 'public', 'CREATE')").fetchone()
    return bool(row and row[0])


def _schema_message(conn: psycopg.Connection) -> str:
    return (
        f"the login {conn.info.user} may not give lianfang_owner the schema public. Let an administrator run in the "
        f"database {conn.info.dbname}: GRANT USAGE, CREATE ON SCHEMA public TO lianfang_owner;"
    )


def _still_to_do(conn: psycopg.Connection, history: list[Migration]) -> list[Migration]:
    cursor = conn.cursor(row_factory=tuple_row)
    known = cursor.execute("SELECT to_regclass('public.schema_migrations') IS NOT NULL").fetchone()
    if not known or not known[0]:
        return history
    by_number = {one.number: one for one in history}
    done = cursor.execute("SELECT number, name, checksum FROM schema_migrations ORDER BY number").fetchall()
    for number, name, checksum in done:
        ours = by_number.get(number)
        label = f"{number:04d}_{name}"
        if ours is None or ours.name != name:
            raise OtherHistoryError(
                f"the database has {label}, which this version does not know: it was migrated by a newer version. "
                f"Install that version, or restore a backup from before"
            )
        if ours.checksum != checksum:
            raise OtherHistoryError(
                f"{label} was changed after it was applied to this database. A migration is never changed: put the "
                f"file back and write a new one"
            )
    applied = {row[0] for row in done}
    todo = [one for one in history if one.number not in applied]
    if todo and applied and todo[0].number < max(applied):
        raise OtherHistoryError(
            f"{todo[0].label} was added before {max(applied):04d}, which is applied already"
        )
    return todo


def _apply(conn: psycopg.Connection, one: Migration) -> None:
    try:
        with conn.transaction():
            conn.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
            conn.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(STATEMENT_TIMEOUT)))
            conn.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (number integer PRIMARY KEY, name text NOT NULL,"
                " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            conn.execute("GRANT SELECT ON schema_migrations TO lianfang_intake, lianfang_api, lianfang_video")
            conn.execute(one.text.encode())
            conn.execute(
                "INSERT INTO schema_migrations (number, name, checksum) VALUES (%s, %s, %s)",
                [one.number, one.name, one.checksum],
            )
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(
            f"{one.label} waited {LOCK_TIMEOUT} for a lock and gave up; nothing was changed by it. Try again when "
            f"less is running"
        ) from error
    except psycopg.Error as error:
        if isinstance(error, psycopg.OperationalError) and conn.closed:
            raise
        raise MigrationError(f"{one.label} failed and was rolled back: {error}") from error
