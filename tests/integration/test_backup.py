"""A backup is the whole installation: brought back elsewhere, all of it is there, row for row and right for right.

The commands are those of docs/operations.md, as they stand there, with another place for the file.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from api.backup import BackupError, backup, restore
from api.database.pool import connect
from api.embedded import endpoints
from api.embedded.postgres import EmbeddedPostgres
from api.jobs import SWEEPS, sweep_once
from api.services import Service, Supervisor
from api.settings import Settings, load_settings
from api.up import migrate_database
from tests.integration.servers import start
from tests.integration.taking import sees, took
from tests.stories import OTHER_VILLAGE, VILLAGE, Intake, World, says
from video.evidence import EVIDENCE, Shelf
from video.model import Picture

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.fixture
def var(run_dir: Path) -> Iterator[Path]:
    place = run_dir / f"backup-{os.urandom(4).hex()}"
    place.mkdir(mode=0o711)
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)


def documented(verb: str, file: Path) -> list[str]:
    """The words of the one command with this verb in docs/operations.md."""
    (line,) = re.findall(rf"^\./run lianfang ({verb} .*)$", OPERATIONS, re.MULTILINE)
    words = shlex.split(line)
    assert len(words) == 2, line
    return [verb, str(file)]


def lianfang(words: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextmanager
def running(var: Path) -> Iterator[Settings]:
    """The embedded database of an installation, as other commands find it while `up` runs."""
    postgres = EmbeddedPostgres(var / "postgres")
    process = start(postgres)
    endpoints.publish(
        var, http=("127.0.0.1", 8400), database_url=postgres.url, role_urls=postgres.role_urls, logins={}
    )
    try:
        yield load_settings(var_dir=var)
    finally:
        endpoints.withdraw(var)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def a_city(settings: Settings) -> Picture:
    """Two villages with a site, a device and a person each, an alarm of each device, and a camera's picture."""
    with connect(settings, "owner") as owner, connect(settings, "intake") as intake:
        world = World(owner)
        world.village(VILLAGE, 111.1, 34.7)
        world.village(OTHER_VILLAGE, 111.3, 34.7)
        for number, village in enumerate((VILLAGE, OTHER_VILLAGE)):
            site = world.site(f"No. {number}", village=village)
            world.device(f"sos-{number}", kind="panic_button", site=site, village=village)
            world.user(f"zhang{number}", division=village)
        Intake(intake).accept(*(says(f"sos-{number}", "120", id=f"m{number}") for number in range(2)))
        camera = world.device("cam-1", kind="camera")
        sees(owner, camera)
        return took(owner, settings, camera, None)


def all_of(settings: Settings) -> dict[str, object]:
    """Everything that makes the installation: rows, and who may do what with them."""
    with connect(settings, "owner", autocommit=True) as conn:
        tables = [
            str(name)
            for (name,) in conn.execute(
                "SELECT c.oid::regclass FROM pg_class c WHERE c.relkind IN ('r', 'p')"
                "  AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'spatial_ref_sys' ORDER BY 1"
            )
        ]
        found: dict[str, object] = {
            name: conn.execute(
                f"SELECT count(*), md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {name} t"
            ).fetchone()
            for name in tables
        }
        for what, query in {
            "row security": "SELECT relname, relrowsecurity, relforcerowsecurity, relowner::regrole::text, relkind,"
            " relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname <> 'spatial_ref_sys'"
            " AND relowner = 'lianfang_owner'::regrole",
            "policies": "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies",
            "functions": "SELECT proname, prosecdef, proowner::regrole::text, proacl::text, md5(prosrc) FROM pg_proc"
            " WHERE proowner = 'lianfang_owner'::regrole",
            "roles": "SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname LIKE 'lianfang%'",
            "counters": "SELECT sequencename, last_value FROM pg_sequences",
            "constraints": "SELECT conrelid::regclass::text, conname, convalidated FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace",
        }.items():
            found[what] = sorted(conn.execute(query).fetchall(), key=repr)
    return found


def seen_by(settings: Settings, username: str) -> list[str]:
    """The devices that row security shows to this person."""
    with connect(settings, "api") as conn:
        conn.execute("SELECT begin_scope(id) FROM users WHERE username = %s", [username])
        return [str(row[0]) for row in conn.execute("SELECT device_id FROM devices ORDER BY 1")]


@pytest.mark.timeout(300)
def test_what_was_backed_up_is_brought_back_whole(settings: Settings, var: Path, tmp_path: Path) -> None:
    """From an operator's own database into a fresh embedded one; and that can be backed up with its own login."""
    picture = a_city(settings)
    file = tmp_path / "elsewhere" / "lianfang.dump"
    there = {"LIANFANG_DATABASE_URL": str(settings.database_url), "LIANFANG_VAR_DIR": str(settings.var_dir)}
    done = lianfang(documented("backup", file), **there)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600, "it holds what the database holds"
    beside = file.parent / "lianfang.dump.evidence"
    assert sorted(file.parent.iterdir()) == [file, beside]
    assert f"{beside}: 1 pictures" in done.stdout

    done = lianfang(documented("restore", file), LIANFANG_VAR_DIR=str(var))
    assert done.returncode == 0, done.stdout + done.stderr

    with running(var) as restored:
        assert migrate_database(restored) == []
        assert all_of(restored) == all_of(settings)
        assert len(Shelf(var / EVIDENCE).read(picture.sha256)) == picture.bytes
        assert seen_by(restored, "zhang1") == ["sos-1"]
        with connect(restored, "intake") as intake:
            again = Intake(intake).accept(says("sos-0", "120", id="m0"), says("sos-0", "130", id="m9"))
        assert again == ["duplicate", "stored"], "it knows what it was told before, and goes on"
        second = tmp_path / "second.dump"
        done = lianfang(documented("backup", second), LIANFANG_VAR_DIR=str(var))
        assert done.returncode == 0, done.stderr
        held = all_of(restored)

    done = lianfang(documented("restore", second), LIANFANG_VAR_DIR=str(var))
    assert done.returncode == 1
    assert f"Put it aside first: mv {var}/postgres {var}/postgres.before" in done.stderr
    assert "Traceback" not in done.stderr
    (var / "postgres").rename(var / "postgres.before")
    done = lianfang(documented("restore", second), LIANFANG_VAR_DIR=str(var))
    assert done.returncode == 0, done.stdout + done.stderr
    with running(var) as restored:
        assert all_of(restored) == held


def test_a_backup_keeps_the_pictures_that_the_database_knows(settings: Settings, tmp_path: Path) -> None:
    file, shelf = tmp_path / "lianfang.dump", Shelf(settings.var_dir / EVIDENCE)
    kept = Shelf(tmp_path / "lianfang.dump.evidence")
    picture = a_city(settings)
    done = backup(settings, file)
    assert (done.pictures, done.missing) == (1, 0)
    shelf.remove(picture.sha256)
    done = backup(settings, file)
    assert (done.pictures, done.missing) == (1, 0), "what is lost here is not lost there"
    kept.remove(picture.sha256)
    done = backup(settings, file)
    assert (done.pictures, done.missing) == (0, 1), "and what is nowhere is told"
    kept.keep(b"its day has come", datetime.now(UTC), 1, 1)
    with connect(settings, "owner") as owner:
        owner.execute("DELETE FROM evidence")
    done = backup(settings, file)
    assert (done.pictures, done.missing, list(kept.folder.glob("*/*/*"))) == (0, 0, [])


@pytest.mark.timeout(200)
def test_what_is_stopped_when_the_database_is_back_is_brought_to_its_end(
    settings: Settings, var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a restore that says that nothing was brought back would be taken for none."""
    picture, file = a_city(settings), tmp_path / "lianfang.dump"
    backup(settings, file)
    real = Supervisor.run_once

    async def stopped_at_its_end(supervisor: Supervisor, service: Service) -> int:
        code = await real(supervisor, service)
        supervisor.stopping.set()
        return code

    monkeypatch.setattr(Supervisor, "run_once", stopped_at_its_end)
    said: list[str] = []
    asyncio.run(restore(load_settings(var_dir=var), file, said.append))
    assert said[-1] == "1 pictures brought back"
    assert Shelf(var / EVIDENCE).read(picture.sha256)


def test_what_is_no_backup_brings_nothing_back(var: Path, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear Sir or Madam")
    done = lianfang(["restore", str(file)], LIANFANG_VAR_DIR=str(var))
    assert done.returncode == 1
    assert f"{file} is no backup" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_table_that_the_owner_cannot_read_whole_is_no_backup(
    settings: Settings, owner_conn: psycopg.Connection, tmp_path: Path
) -> None:
    owner_conn.execute("CREATE TABLE secrets (word text)")
    owner_conn.execute("ALTER TABLE secrets ENABLE ROW LEVEL SECURITY")
    owner_conn.commit()
    with pytest.raises(BackupError, match="no policy lets lianfang_owner see all rows of secrets"):
        backup(settings, tmp_path / "lianfang.dump")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_backup_leaves_the_last_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lianfang.dump"
    file.write_text("yesterday's")
    monkeypatch.setattr("api.backup._program", lambda *_: "/bin/false")
    with pytest.raises(BackupError, match="nothing was backed up"):
        backup(settings, file)
    assert file.read_text() == "yesterday's"


def test_no_sweep_stands_between_a_backup_and_the_intake(
    settings: Settings, owner_conn: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropping a partition waits for the dump that reads it, and all who write wait for the drop."""
    owner_conn.execute("SELECT ensure_partitions('2020-01-01')")
    owner_conn.commit()
    swept: list[int] = []
    began, goes_on = threading.Event(), threading.Event()
    real = subprocess.run

    def slow(*arguments: object, **options: object) -> object:
        began.set()
        assert goes_on.wait(30)
        return real(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("api.backup.subprocess.run", slow)
    dump = threading.Thread(target=backup, args=(settings, tmp_path / "lianfang.dump"))
    dump.start()
    try:
        assert began.wait(30)
        swept += [sweep_once(owner_conn, sweep, settings) for sweep in SWEEPS]
    finally:
        goes_on.set()
        dump.join()
    assert swept == [0] * len(SWEEPS)
    assert sum(sweep_once(owner_conn, sweep, settings) for sweep in SWEEPS) > 0, "and afterwards they do"
