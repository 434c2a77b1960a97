"""The parts that the containers are made of, each run alone: secrets, the broker's script and configuration, logins."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from api.embedded.mosquitto import EmbeddedMosquitto
from api.embedded.postgres import EmbeddedPostgres
from api.settings import Settings
from tests.integration.containers import COMPOSE, FOLDER, ROOT, SERVICES, Containers, initialise
from tests.integration.servers import start


def test_the_secrets_are_made_once_and_kept_to_their_folder(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "make-secrets.sh", tmp_path)
    subprocess.run([tmp_path / "make-secrets.sh"], check=True)
    secrets = tmp_path / "secrets"
    made = {file.name: file.read_text() for file in secrets.iterdir()}
    assert set(made) == {Path(one["file"]).name for one in COMPOSE["secrets"].values()}
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in secrets.iterdir()} == {0o444}
    passwords = [urlsplit(text.strip()).password or text.strip() for text in made.values()]
    assert len(set(passwords)) == len(passwords)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", password) for password in passwords)
    hosts = {urlsplit(text.strip()).hostname for name, text in made.items() if name.endswith("_url")}
    assert hosts == {"postgres", "broker"} <= set(SERVICES)
    (secrets / "intake_mqtt_url").unlink()
    subprocess.run([tmp_path / "make-secrets.sh"], check=True)
    again = {file.name: file.read_text() for file in secrets.iterdir()}
    assert {name for name in made if made[name] != again[name]} == {"intake_mqtt_url"}


def test_a_secret_without_a_password_is_refused_before_anything_is_made(run_dir: Path) -> None:
    folder = run_dir / f"containers-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o755)
    one = Containers(folder)
    one.secrets.mkdir()
    for name in ("owner", "intake", "api", "video"):
        (one.secrets / f"{name}_database_url").write_text("postgresql://lianfang:short@postgres/lianfang\n")
    database = start(one.postgres)
    try:
        done = initialise(one)
        assert done.returncode != 0
        assert "docker/make-secrets.sh makes them" in done.stderr
        with psycopg.connect(one.postgres.superuser_url()) as conn:
            assert conn.execute("SELECT 1 FROM pg_roles WHERE rolname LIKE 'lianfang%'").fetchall() == []
    finally:
        database.send_signal(signal.SIGINT)
        database.wait(timeout=60)
        shutil.rmtree(folder)


def test_a_broker_without_logins_waits_for_them(tmp_path: Path) -> None:
    """A disk brought back without them, or an engine that starts everything at once after a power cut."""
    folder = tmp_path / "broker"
    folder.mkdir()
    script = subprocess.Popen(
        ["sh", FOLDER / "broker.sh", tmp_path / "none.conf", folder],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert script.stderr
    assert script.stderr.readline() == f"waiting for the logins in {folder}\n"
    (folder / "version").write_text("1\n")
    _, said = script.communicate(timeout=30)
    assert script.returncode != 0
    assert "none.conf" in said, "then mosquitto runs, and says itself what is wrong"


def test_the_broker_is_told_what_the_embedded_one_is_told(run_dir: Path) -> None:
    embedded = EmbeddedMosquitto(run_dir / f"told-{os.urandom(4).hex()}")
    embedded.prepare()

    def told(text: str) -> list[str]:
        own = ("#", "listener", "include_dir")
        return [line for line in text.splitlines() if not line.startswith(own)]

    theirs = (embedded.folder / "mosquitto.conf").read_text(encoding="utf-8")
    ours = (FOLDER / "mosquitto.conf").read_text(encoding="utf-8")
    assert told(ours) == told(theirs.replace(str(embedded.folder), "/var/lib/lianfang-broker"))


def test_the_database_is_told_what_the_embedded_one_is_told(run_dir: Path) -> None:
    embedded = EmbeddedPostgres(run_dir / f"told-{os.urandom(4).hex()}")
    embedded.prepare()
    text = (embedded.folder / "lianfang.conf").read_text(encoding="utf-8")
    theirs = dict(re.findall(r"^(\w+) = '([^']*)'$", text, re.MULTILINE))
    ours = dict(word.removeprefix("-c").split("=") for word in SERVICES["postgres"]["command"][1:])
    by_memory = {"shared_buffers", "effective_cache_size", "maintenance_work_mem"}  # of the machine at hand
    same = ours.keys() - by_memory
    assert {key: theirs[key] for key in same} == {key: ours[key] for key in same}
    assert {"log_error_verbosity", "log_min_error_statement", "log_min_duration_statement"} <= same, (
        "rows stay out"
    )


def test_logins_written_once_and_refused_without_the_receivers_password(
    settings: Settings, owner_conn: psycopg.Connection, tmp_path: Path
) -> None:
    def logins(mqtt_url: str, *options: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "LIANFANG_DATABASE_URL": str(settings.database_url),
            "LIANFANG_MQTT_URL": mqtt_url,
            "PYTHONPATH": str(ROOT),
        }
        return subprocess.run(
            [sys.executable, "-m", "api.cli", "logins", str(tmp_path / "logins"), *options],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    owner_conn.execute(
        "INSERT INTO device_credentials (device_id, password_line) VALUES ('ir-1', '$7$101$c2FsdA==$aGFzaA=='),"
        " ('ir-2', 'x')"
    )
    owner_conn.commit()
    done = logins("mqtt://intake:hush@broker")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(": 1 devices\n")
    assert "1 logins of devices cannot be used by the broker; the first: 'ir-2'" in done.stdout
    lines = (tmp_path / "logins" / "passwords").read_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["enrol", "intake", "ir-1"]
    assert (tmp_path / "logins" / "passwords").stat().st_mode & 0o777 == 0o600
    url = tmp_path / "demo_mqtt_url"
    url.write_text("mqtt://demo:hush@broker\n")
    assert logins("mqtt://intake:hush@broker", "--login", str(url)).returncode == 0
    lines = (tmp_path / "logins" / "passwords").read_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["demo", "enrol", "intake", "ir-1"]
    for text in ("mqtt://ir-1:hush@broker", "mqtt://demo@broker", "hush"):
        url.write_text(text)
        done = logins("mqtt://intake:hush@broker", "--login", str(url))
        assert done.returncode == 2
        assert str(url) in done.stderr
        assert "hush" not in done.stderr
    for wrong in ("mqtt://broker", "mqtt://somebody:hush@broker"):
        done = logins(wrong)
        assert done.returncode == 2
        assert "LIANFANG_MQTT_URL must name the receiver's login and its password" in done.stderr
        assert "hush" not in done.stderr
