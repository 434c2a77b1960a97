"""The whole installation and the way back: the database in one file, the cameras' pictures in a folder beside it.

The database by PostgreSQL's own pg_dump and pg_restore, called rightly. Both act as ``lianfang_owner``, to whom
everything belongs: the login that the application has may do that, so it is the same for the embedded database and an
operator's own, and no superuser is needed. Roles are no part of a dump; they are made as a migration makes them.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row

from api import jobs
from api.database.migrate import migrate, prepare
from api.database.pool import connect, conninfo
from api.held import hold
from api.services import Service, Supervisor
from api.settings import PREFIX, Settings
from api.up import embedded_postgres, make_var, server
from video.evidence import EVIDENCE, Shelf

OWNER = "lianfang_owner"

# What an administrator brings, and not the owner of the tables.
_NOT_OURS = re.compile(r"^\d+; \d+ \d+ (EXTENSION|COMMENT - EXTENSION|SCHEMA|COMMENT - SCHEMA|ACL - SCHEMA) ")

_HIDDEN = """
SELECT c.oid::regclass::text FROM pg_class c
 WHERE c.relrowsecurity AND NOT EXISTS
       (SELECT 1 FROM pg_policy p
         WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd = '*'
           AND %s::regrole = ANY (p.polroles) AND pg_get_expr(p.polqual, p.polrelid) = 'true')
 ORDER BY 1"""


class BackupError(Exception):
    """A backup could not be made or brought back; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Backup:
    """What was written: the file's size, and how many pictures are kept beside it and how many were nowhere."""

    bytes: int
    pictures: int
    missing: int


def pictures_beside(file: Path) -> Path:
    """The folder of the pictures that belong to a backup."""
    return file.with_name(f"{file.name}.{EVIDENCE}")


def backup(settings: Settings, file: Path) -> Backup:
    """Write all of the database to ``file``, whole or not at all, and its pictures beside it, for this account only.

    Everything goes on meanwhile; what is committed after the beginning is not in it. Of the pictures only new ones are
    copied, and those whose day has come are deleted there too.
    """
    temporary = file.with_name(f".{file.name}.new")
    with connect(settings, "owner", application_name="lianfang-backup", autocommit=True) as conn:
        _require_all_visible(conn)
        # A sweep that drops a partition would wait for the dump, and the intake for the sweep: none for so long.
        conn.execute("SELECT pg_advisory_lock(%s)", [jobs.LOCK])
        program = _program("pg_dump", conn, settings)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            done = subprocess.run(
                [
                    program,
                    "--format=custom",
                    f"--role={OWNER}",
                    "--enable-row-security",
                    "--exclude-table-data=*.spatial_ref_sys",  # the extension's own, and not the owner's to write
                    f"--file={temporary}",
                    f"--dbname={_without_password(settings)}",
                ],
                env=os.environ | _password(settings),
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise BackupError(f"nothing was backed up: {done.stderr.strip()}")
            size = temporary.stat().st_size
            temporary.replace(file)
        except OSError as error:
            raise BackupError(f"{file} cannot be written: {error.strerror}") from error
        finally:
            temporary.unlink(missing_ok=True)
        pictures, missing = _copy_pictures(conn, settings, file)
        # Said, not left to the connection's end, which the server notices later: the next sweep is not put off for it.
        conn.execute("SELECT pg_advisory_unlock(%s)", [jobs.LOCK])
    return Backup(bytes=size, pictures=pictures, missing=missing)


def _copy_pictures(conn: psycopg.Connection, settings: Settings, file: Path) -> tuple[int, int]:
    copies = Shelf(pictures_beside(file))
    digests = _pictures(conn)
    try:
        missing = copies.take_over(Shelf(settings.var_dir / EVIDENCE), digests)
        copies.remove_others(digests)
    except OSError as error:
        raise BackupError(
            f"the database is in {file}, but not all pictures are in {copies.folder}: {error.strerror}"
        ) from error
    return len(digests) - len(missing), len(missing)


def _pictures(conn: psycopg.Connection) -> set[str]:
    return {str(row[0]) for row in conn.cursor(row_factory=tuple_row).execute("SELECT sha256 FROM evidence")}


async def restore(settings: Settings, file: Path, say: Callable[[str], None]) -> None:
    """Bring a backup into an empty database, whole or not at all, and that up to date; and its pictures.

    The embedded database is started for it, made first if there is none.
    """
    var = make_var(settings)
    postgres = None if settings.database_url else embedded_postgres(settings)
    held: AbstractContextManager[None] = nullcontext()
    make_room = f"Make one, and name it in {PREFIX}DATABASE_URL"
    if postgres is not None:
        postgres.account.require_own(postgres.folder)
        held = hold(var, "lianfang restore")
        make_room = f"Put it aside first: mv {postgres.folder} {postgres.folder}.before"
    with held:
        supervisor = Supervisor(var / "log", say)
        supervisor.stop_on_signals()
        try:
            if postgres is not None:
                await supervisor.start(server(postgres))
                settings = settings.model_copy(update={"database_url": postgres.url})
            if supervisor.stopping.is_set() or not await _restore(settings, file, make_room, supervisor, say):
                raise BackupError("stopped before the end; nothing was brought back")
        finally:
            await supervisor.stop()


async def _restore(
    settings: Settings, file: Path, make_room: str, supervisor: Supervisor, say: Callable[[str], None]
) -> bool:
    """Whether it was brought back; False: it was stopped before. Once the database is back, the rest follows."""
    with (
        connect(settings, None, application_name="lianfang-restore", autocommit=True) as conn,
        tempfile.TemporaryDirectory() as folder,
    ):
        _require_empty(conn, make_room)
        prepare(conn)
        program = _program("pg_restore", conn, settings)
        contents = Path(folder) / "contents"
        contents.write_text(_contents(program, file), encoding="utf-8")
        say(f"bringing back {file}")
        code = await supervisor.run_once(
            Service(
                name="restore",
                command=lambda: [
                    *("setpriv", "--pdeathsig=TERM", "--", program),
                    *("--single-transaction", "--exit-on-error", f"--role={OWNER}", "--enable-row-security"),
                    f"--use-list={contents}",
                    f"--dbname={_without_password(settings)}",
                    str(file),
                ],
                environment=_password(settings),
                echo=True,
            )
        )
        if code != 0 and supervisor.stopping.is_set():
            return False
        if code != 0:
            raise BackupError(
                f"{file} could not be brought back, and nothing of it was; the lines above say why"
            )
        applied = migrate(conn)
        if applied:
            say(f"database brought up to date: {', '.join(one.label for one in applied)}")
        conn.execute(f"SET ROLE {OWNER}")
        conn.execute("ANALYZE")
        await asyncio.to_thread(_bring_pictures, conn, settings, file, say)
    return True


def _bring_pictures(
    conn: psycopg.Connection, settings: Settings, file: Path, say: Callable[[str], None]
) -> None:
    digests, beside = _pictures(conn), Shelf(pictures_beside(file))
    if not digests:
        return
    try:
        missing = Shelf(settings.var_dir / EVIDENCE).take_over(beside, digests)
    except OSError as error:
        raise BackupError(
            f"the database is back, but not all of its {len(digests)} pictures: {error.strerror}. "
            f"Copy {beside.folder} to {settings.var_dir / EVIDENCE}"
        ) from error
    say(f"{len(digests) - len(missing)} pictures brought back")
    if missing:
        say(f"{len(missing)} pictures are not in {beside.folder}: their alarms are there without them")


def _require_all_visible(conn: psycopg.Connection) -> None:
    """Row security is forced on the owner too, and lets it see all: where it did not, rows would be missing unsaid."""
    hidden = [str(row[0]) for row in conn.cursor(row_factory=tuple_row).execute(_HIDDEN, [OWNER])]
    if hidden:
        raise BackupError(
            f"nothing was backed up: no policy lets {OWNER} see all rows of {', '.join(hidden)}. Such a table is none "
            f"of this version; give it one: CREATE POLICY owner_all ON {hidden[0]} TO {OWNER} USING (true)"
        )


def _require_empty(conn: psycopg.Connection, make_room: str) -> None:
    row = (
        conn.cursor(row_factory=tuple_row)
        .execute("SELECT to_regclass('public.schema_migrations')")
        .fetchone()
    )
    if row and row[0] is None:
        return
    raise BackupError(
        f"nothing was brought back: this database holds an installation already, and a backup goes into an empty one. "
        f"{make_room}"
    )


def _contents(program: str, file: Path) -> str:
    done = subprocess.run([program, "--list", str(file)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupError(f"{file} is no backup: {done.stderr.strip()}")
    return "".join(line for line in done.stdout.splitlines(keepends=True) if not _NOT_OURS.match(line))


def _program(name: str, conn: psycopg.Connection, settings: Settings) -> str:
    """The program of the server's own version; else the one on the way, which may be newer than the server."""
    version = conn.info.server_version // 10000
    places = [Path(f"/usr/lib/postgresql/{version}/bin"), settings.postgres_bin_dir]
    found = next(
        (str(place / name) for place in places if place and (place / name).exists()), shutil.which(name)
    )
    if found is None:
        raise BackupError(f"{name} is not installed here: apt-get install postgresql-client-{version}")
    return found


def _without_password(settings: Settings) -> str:
    given = conninfo(settings, None, "lianfang-backup")
    given.pop("password", None)
    return make_conninfo(**given)


def _password(settings: Settings) -> dict[str, str]:
    """Not among the arguments, which every account of the machine may read."""
    password = conninfo(settings, None).get("password")
    return {"PGPASSWORD": str(password)} if password else {}
