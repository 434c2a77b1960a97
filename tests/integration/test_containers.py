"""What docker/compose.yaml starts, started without an engine: the same commands, environment, secrets, files, checks.

A second PostgreSQL is given by URL, with the rights that docker/database.sql gives and no more; a mosquitto is looked
after by docker/broker.sh, and its logins come by files. Only the containers' names and paths become this machine's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from api.database.pool import connect
from api.embedded.mosquitto import Login
from api.embedded.ports import any_free
from api.jobs import SWEEPS, sweep_once
from tests.integration.containers import FOLDER, Containers, initialise
from tests.integration.servers import start
from tests.integration.serving import wait_until
from tests.integration.talking import talking


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
