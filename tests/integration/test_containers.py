"""What docker/compose.yaml starts, started without an engine: the same commands, environment, secrets, files, checks.

A second PostgreSQL is given by URL, with the rights that docker/database.sql gives and no more; a mosquitto is looked
after by docker/broker.sh, and its logins come by files. Only the containers' names and paths become this machine's.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import yaml

from api.database.pool import connect
from api.embedded.accounts import server_account
from api.embedded.mosquitto import EmbeddedMosquitto, Login
from api.embedded.ports import any_free
from api.embedded.postgres import EmbeddedPostgres
from api.jobs import SWEEPS, sweep_once
from api.settings import Settings, load_settings
from tests.integration.servers import start
from tests.integration.serving import wait_until
from tests.integration.talking import talking

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


class BarePostgres(EmbeddedPostgres):
    """A cluster as an image makes it: its superuser, and nothing of ours."""

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.superuser_url(), connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True


class Containers:
    """The services, as processes of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker_folder = folder / "broker"
        self.broker_port = any_free("127.0.0.1")
        self.http_port = any_free("127.0.0.1")
        self.https_port = any_free("127.0.0.1")
        self.postgres = BarePostgres(folder / "postgres", for_tests=True)
        self.given: dict[str, str] = {}
        """docker/lianfang.env"""
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "docker").mkdir()
        self.secrets = folder / "docker" / "secrets"

    def here(self, text: str) -> str:
        """The same with this machine's names, ports and paths."""
        for theirs, ours in (
            ("@postgres/", f"@127.0.0.1:{self.postgres.port}/"),
            ("broker:1883", f"127.0.0.1:{self.broker_port}"),
            ("listener 1883", f"listener {self.broker_port} 127.0.0.1"),
            ("-p 1883", f"-p {self.broker_port}"),
            ("127.0.0.1:8400", f"127.0.0.1:{self.http_port}"),
            ("/var/lib/lianfang-broker", str(self.broker_folder)),
            ("/run/secrets", str(self.secrets)),
            ("/etc/lianfang/mosquitto.conf", str(self.folder / "mosquitto.conf")),
            ("/etc/lianfang/broker.sh", str(self.folder / "broker.sh")),
            ("$$", "$"),
        ):
            text = text.replace(theirs, ours)
        return text

    def environment(self, name: str) -> dict[str, str]:
        """What the service's container has."""
        one = SERVICES[name]
        found = {
            key: value for key, value in os.environ.items() if not key.startswith("LIANFANG_")
        } | self.given
        found |= {"LIANFANG_VAR_DIR": str(self.folder / "state"), "PYTHONPATH": str(ROOT)}
        found |= {key: self.here(value) for key, value in one["environment"].items()}
        for secret in (
            secret for secret in one["secrets"] if isinstance(secret, dict)
        ):  # others are read as files
            text = (self.secrets / secret["source"]).read_text(encoding="ascii").strip()
            found[secret["target"].upper()] = self.here(text)
        if "LIANFANG_HTTP_PORT" in found:
            found |= {"LIANFANG_HTTP_PORT": str(self.http_port), "LIANFANG_HTTP_HOST": "127.0.0.1"}
            found |= {"LIANFANG_HTTPS_PORT": str(self.https_port), "LIANFANG_HTTPS_HOST": "127.0.0.1"}
        return found

    def settings(self, name: str) -> Settings:
        given = self.environment(name)
        return load_settings(database_url=given["LIANFANG_DATABASE_URL"], var_dir=self.folder / "state")

    def command(self, words: list[str]) -> list[str]:
        """Of one of our own services: words after the entry point."""
        return [sys.executable, "-m", "api.cli", *(self.here(word) for word in words)]

    def run(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a service to its end: `docker compose run`."""
        return subprocess.run(
            self.command(list(words) or SERVICES[name]["command"]),
            env=self.environment(name),
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def start(self, name: str) -> None:
        """`docker compose up` of one service."""
        one = SERVICES[name]
        if name == "broker":
            argv = server_account("mosquitto").command([self.here(word) for word in one["entrypoint"]])
            environment = dict(os.environ)
        else:
            argv, environment = self.command(one["command"]), self.environment(name)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                argv, env=environment, stdout=log, stderr=log, start_new_session=True, cwd="/"
            )

    def is_healthy(self, name: str) -> bool:
        """What the engine would find."""
        kind, *words = SERVICES[name]["healthcheck"]["test"]
        words = [self.here(word) for word in words]
        if kind == "CMD-SHELL":
            words = ["/bin/sh", "-c", *words]
        elif words[0] == "lianfang":
            words = self.command(words[1:])
        elif words[0] == "python3":
            words = [sys.executable, *words[1:]]
        environment = dict(os.environ) if name in ("broker", "postgres") else self.environment(name)
        return subprocess.run(words, env=environment, capture_output=True, check=False).returncode == 0

    def until_healthy(self, name: str) -> None:
        log = self.folder / f"{name}.log"
        try:
            wait_until(lambda: self.ends_or(name, lambda: self.is_healthy(name)), 60, f"{name} to be healthy")
        except AssertionError as error:
            raise AssertionError(
                f"{error}:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}"
            ) from None

    def ends_or(self, name: str, holds: Callable[[], bool]) -> bool:
        assert self.running[name].poll() is None, f"{name} ended with {self.running[name].returncode}"
        return holds()

    def stop(self, name: str) -> int:
        """SIGTERM, and the code that it ends with."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=60)


@pytest.fixture(scope="module")
def containers(run_dir: Path) -> Iterator[Containers]:
    """All of them, healthy; started in the order in which they wait for one another."""
    folder = run_dir / f"containers-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o755)
    one = Containers(folder)
    shutil.copy(FOLDER / "make-secrets.sh", folder / "docker")
    subprocess.run([folder / "docker" / "make-secrets.sh"], check=True)
    database = start(one.postgres)
    try:
        initialise(one)
        for name in ("mosquitto.conf", "broker.sh"):
            (folder / name).write_text(
                one.here((FOLDER / name).read_text(encoding="utf-8")), encoding="utf-8"
            )
        done = one.run("migrate")
        assert done.returncode == 0, done.stderr
        for name in ("logins", "broker", "intake", "jobs", "serve", "video"):
            one.start(name)
            one.until_healthy(name)
        yield one
        for name in reversed(list(one.running)):
            # uvicorn ends by the signal that it was sent, after it has closed everything
            assert one.stop(name) == (-signal.SIGTERM if name == "serve" else 0), (
                f"{name}: {(folder / f'{name}.log').read_text(encoding='utf-8')[-3000:]}"
            )
    finally:
        for process in one.running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with what it started
            process.wait()
        database.send_signal(signal.SIGINT)
        database.wait(timeout=60)
        shutil.rmtree(folder)


def initialise(one: Containers) -> subprocess.CompletedProcess[str]:
    """What the image does with a new data directory."""
    script = one.folder / "database.sql"
    script.write_text(one.here((FOLDER / "database.sql").read_text(encoding="utf-8")), encoding="utf-8")
    url = urlsplit(one.postgres.superuser_url())
    admin = f"host={url.hostname} port={url.port} user={url.username} dbname=postgres"
    return subprocess.run(
        ["psql", "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--quiet", "-f", str(script), "--dbname", admin],
        env=os.environ | {"PGPASSWORD": url.password or ""},
        capture_output=True,
        text=True,
        check=False,
    )


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


@pytest.mark.timeout(300)
def test_a_device_registered_in_one_container_is_let_in_by_the_broker_in_another_and_stored(
    containers: Containers,
) -> None:
    added = containers.run(
        "lianfang",
        *("device", "add", "yard-pir-7", "--kind", "infrared_sensor", "--position", "111.195,34.778"),
    )
    assert added.returncode == 0, added.stderr
    login = Login("127.0.0.1", containers.broker_port, "yard-pir-7", added.stdout.strip().rpartition(" ")[2])

    def gets_in() -> bool:
        with talking(login) as sensor:
            return sensor.code is not None and not sensor.code.is_failure

    wait_until(gets_in, 30, "the broker to let it in")
    with talking(login) as sensor:
        assert not sensor.publish("lianfang/v1/yard-pir-7/signal", b'{"event": "burglary"}').is_failure
        assert sensor.publish("lianfang/v1/another/signal").is_failure
    with connect(containers.settings("lianfang"), "owner", autocommit=True) as conn:
        stored = (
            "SELECT 1 FROM signals s JOIN devices d ON d.id = s.device_id WHERE d.device_id = 'yard-pir-7'"
        )
        wait_until(lambda: conn.execute(stored).fetchone(), what="the signal to be stored")


@pytest.mark.timeout(300)
def test_each_service_says_that_it_is_well_and_the_whole_is_ready(containers: Containers) -> None:
    for name in ("logins", "broker", "intake", "jobs", "serve", "video"):
        assert containers.is_healthy(name), name
    answer = httpx.get(f"http://127.0.0.1:{containers.http_port}/readyz", timeout=10)
    assert answer.json()["reasons"] == []
    done = containers.run("lianfang")
    assert done.returncode == 0, done.stdout
    assert "WRONG" not in done.stdout


@pytest.mark.timeout(300)
def test_a_certificate_made_in_one_container_is_shown_by_another(containers: Containers) -> None:
    done = containers.run("lianfang", "certs", "map.example")
    assert done.returncode == 0, done.stderr
    assert containers.stop("serve") == -signal.SIGTERM
    containers.start("serve")
    containers.until_healthy("serve")
    trusted = ssl.create_default_context(cafile=str(containers.folder / "state" / "certs" / "ca.crt"))
    url = f"https://127.0.0.1:{containers.https_port}/healthz"
    assert httpx.get(url, verify=trusted, timeout=10).status_code == 200


@pytest.mark.timeout(300)
def test_the_broker_takes_tls_too_once_it_is_wanted_and_there_is_a_certificate(
    containers: Containers,
) -> None:
    """Nobody touches the broker's container: it ends by itself for the new listener, and the engine starts it again."""
    port = any_free("127.0.0.1")
    containers.given = {"LIANFANG_MQTTS_PORT": str(port)}
    shutil.rmtree(containers.folder / "state" / "certs", ignore_errors=True)
    assert containers.stop("logins") == 0
    containers.start("logins")
    log = containers.folder / "logins.log"
    wait_until(lambda: "there is no certificate yet" in log.read_text(), what="what is missing to be said")
    assert containers.running["broker"].poll() is None
    assert containers.run("lianfang", "certs", "map.example").returncode == 0
    assert containers.running["broker"].wait(timeout=60) == 0, "so the engine starts it again"
    containers.start("broker")
    containers.until_healthy("broker")
    ca = containers.folder / "state" / "certs" / "ca.crt"
    enrol = (containers.broker_folder / "enrol.password").read_text().strip()
    device = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "--cafile", str(ca), "-q", "1", "-d"]
    login = ["-u", "enrol", "-P", enrol, "-t", "enrol/x", "-m", "hello"]
    subprocess.run([*device, *login], check=True, capture_output=True, timeout=30)
    shown = ssl.get_server_certificate(("127.0.0.1", port))
    assert containers.run("lianfang", "certs", "second.example").returncode == 0
    wait_until(
        lambda: ssl.get_server_certificate(("127.0.0.1", port)) != shown,
        30,
        "the new certificate to be shown",
    )
    assert containers.running["broker"].poll() is None, "for which it need not end"
    containers.given = {}
    assert containers.stop("logins") == 0
    containers.start("logins")
    assert containers.running["broker"].wait(timeout=60) == 0, "no longer wanted"
    containers.start("broker")
    for name in ("logins", "broker", "intake", "video"):
        containers.until_healthy(name)


@pytest.mark.timeout(300)
def test_a_check_fails_when_its_service_is_gone(containers: Containers) -> None:
    with connect(containers.settings("lianfang"), "owner", autocommit=True) as conn:
        for name in ("intake", "jobs"):
            assert containers.stop(name) == 0
            conn.execute("UPDATE heartbeats SET at = at - interval '1 hour' WHERE service = %s", [name])
            assert not containers.is_healthy(name)
            containers.start(name)
            containers.until_healthy(name)
    password = containers.broker_folder / "enrol.password"
    kept = password.read_text()
    password.write_text("wrong")
    assert not containers.is_healthy("broker"), "it lets nobody in without the right password"
    password.write_text(kept)
    assert containers.is_healthy("broker")


@pytest.mark.timeout(300)
def test_each_login_can_be_what_its_service_is_and_nothing_else(containers: Containers) -> None:
    roles = {"intake": "intake", "serve": "api", "video": "video"}
    for service, role in roles.items():
        conn = psycopg.connect(containers.environment(service)["LIANFANG_DATABASE_URL"], autocommit=True)
        with conn:
            conn.execute(f"SET ROLE lianfang_{role}".encode())
            conn.execute("RESET ROLE")
            for other in {"owner", "intake", "api", "video"} - {role}:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(f"SET ROLE lianfang_{other}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute("CREATE TABLE mine (a int)")
    with psycopg.connect(containers.environment("jobs")["LIANFANG_DATABASE_URL"], autocommit=True) as conn:
        rights = conn.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication FROM pg_roles"
            " WHERE rolname = session_user"
        ).fetchone()
        assert rights == (False,) * 5
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("CREATE ROLE another")


@pytest.mark.timeout(300)
def test_what_falls_due_and_a_backup_and_its_way_back_need_no_more_rights(
    containers: Containers, tmp_path: Path
) -> None:
    settings = containers.settings("jobs")
    with connect(settings, "owner") as conn:
        for sweep in SWEEPS:
            sweep_once(conn, sweep, settings)
    file = tmp_path / "lianfang.dump"
    done = containers.run("lianfang", "backup", str(file))
    assert done.returncode == 0, done.stderr
    with psycopg.connect(containers.postgres.superuser_url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE empty OWNER lianfang TEMPLATE template0")
    with psycopg.connect(containers.postgres.superuser_url("empty"), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION postgis")
        admin.execute("CREATE EXTENSION pg_trgm")
    environment = containers.environment("lianfang")
    url = urlsplit(environment["LIANFANG_DATABASE_URL"])
    environment["LIANFANG_DATABASE_URL"] = url._replace(path="/empty").geturl()
    done = subprocess.run(
        containers.command(["restore", str(file)]),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_a_broker_that_dies_is_seen_to_have_died_and_comes_back_with_its_logins(
    containers: Containers,
) -> None:
    script = containers.running.pop("broker")
    children = Path(f"/proc/{script.pid}/task/{script.pid}/children").read_text(encoding="ascii").split()
    (mosquitto,) = [pid for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == "mosquitto"]
    os.kill(int(mosquitto), signal.SIGKILL)
    assert script.wait(timeout=30) == 128 + signal.SIGKILL, "so the engine starts it again"
    assert not containers.is_healthy("broker")
    containers.start("broker")
    containers.until_healthy("broker")
    containers.until_healthy("intake")


def test_a_broker_without_logins_waits_for_them(containers: Containers, tmp_path: Path) -> None:
    """A disk brought back without them, or an engine that starts everything at once after a power cut."""
    folder = tmp_path / "broker"
    folder.mkdir()
    script = subprocess.Popen(
        ["sh", FOLDER / "broker.sh", containers.folder / "none.conf", folder],
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
    same = ours.keys() - {
        "shared_buffers",
        "effective_cache_size",
        "maintenance_work_mem",
    }  # by this machine's memory
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
