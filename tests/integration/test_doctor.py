"""`lianfang doctor`: each fault is produced for real, named in plain words and comes with what to do."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from api import doctor, heartbeat
from api.database.pool import connect
from api.doctor import Finding
from api.embedded import endpoints
from api.embedded.ports import any_free
from api.held import hold
from api.settings import Settings, load_settings
from tests.integration.servers import Broker
from tests.integration.serving import Served
from tests.integration.taking import sees
from tests.stories import World


def only(findings: Iterator[Finding]) -> Finding:
    (finding,) = list(findings)
    return finding


def with_(settings: Settings, **changed: object) -> Settings:
    return settings.model_copy(update=changed)


def test_a_taken_port_is_named_with_its_holder(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = only(doctor.look_at_http(with_(settings, http_port=port)))
    assert found.bad
    assert f"port {port} is taken by process {os.getpid()}" in found.what
    assert "LIANFANG_HTTP_PORT" in found.advice


def test_a_free_port_of_a_stopped_installation_is_no_fault(settings: Settings) -> None:
    assert list(doctor.look_at_http(with_(settings, http_port=any_free("127.0.0.1")))) == []


def test_a_good_database_is_well(settings: Settings) -> None:
    found = only(doctor.look_at_database(settings))
    assert not found.bad
    assert "all migrations applied" in found.what


def test_a_database_that_is_away(settings: Settings) -> None:
    url = f"postgresql://someone:hush@127.0.0.1:{any_free('127.0.0.1')}/x"
    found = only(doctor.look_at_database(with_(settings, database_url=url)))
    assert found.bad
    assert "cannot be reached" in found.what
    assert "LIANFANG_DATABASE_URL" in found.advice
    assert "hush" not in str(found)


def test_an_embedded_database_that_does_not_run(tmp_path: Path) -> None:
    found = only(doctor.look_at_database(load_settings(var_dir=tmp_path)))
    assert found.bad
    assert "`lianfang up`" in found.advice


def test_a_database_without_its_migrations(servers: dict[str, Any], settings: Settings) -> None:
    name = "never_migrated"
    with psycopg.connect(servers["superuser_url"], autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER lianfang").format(sql.Identifier(name)))
        try:
            url = urlsplit(servers["login_url"])._replace(path=f"/{name}").geturl()
            found = only(doctor.look_at_database(with_(settings, database_url=url)))
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    assert found.bad
    assert "migrations are not applied, the first: 0001_places" in found.what
    assert found.advice == "run `lianfang migrate`"


def test_a_database_of_a_newer_version(settings: Settings, owner_conn: psycopg.Connection) -> None:
    owner_conn.execute(
        "INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'from_tomorrow', '')"
    )
    owner_conn.commit()
    found = only(doctor.look_at_database(settings))
    assert found.bad
    assert "9999_from_tomorrow, which this version does not know" in found.what


def test_a_database_with_another_clock(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr("api.doctor.time.time", lambda: real() - 600)
    found = next(iter(doctor.look_at_database(settings)))
    assert found.bad
    assert "the database's clock is 600 s ahead of this machine's" in found.what


def test_a_broker_that_lets_us_in(settings: Settings) -> None:
    assert not only(doctor.look_at_broker(settings)).bad


def test_a_broker_that_refuses(settings: Settings, broker: Broker) -> None:
    url = f"mqtt://intake:wrong@{broker.host}:{broker.port}"
    found = only(doctor.look_at_broker(with_(settings, mqtt_url=url)))
    assert found.bad
    assert "refuses the login 'intake'" in found.what
    assert "wrong" not in found.what
    assert "LIANFANG_MQTT_URL" in found.advice


def test_a_broker_that_is_away(settings: Settings) -> None:
    url = f"mqtt://intake:x@127.0.0.1:{any_free('127.0.0.1')}"
    found = only(doctor.look_at_broker(with_(settings, mqtt_url=url)))
    assert found.bad
    assert "nothing answers at 127.0.0.1" in found.what


def test_a_port_that_is_no_broker(settings: Settings) -> None:
    """Something listens there and never says a word of MQTT."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"mqtt://intake:x@127.0.0.1:{silent.getsockname()[1]}"
        login = endpoints.mqtt_login(with_(settings, mqtt_url=url))
        assert doctor.broker_refusal(login, timeout_s=0.3) == "it does not answer within 0.3 s"


def test_a_disk_nearly_full(settings: Settings) -> None:
    settings.var_dir.mkdir()
    assert not only(doctor.look_at_disk(with_(settings, disk_warn_percent=100.0))).bad
    usage = shutil.disk_usage(settings.var_dir)
    percent = 100 * (usage.total - usage.free) / usage.total
    found = only(doctor.look_at_disk(with_(settings, disk_warn_percent=percent / 2)))
    assert found.bad
    assert "% full" in found.what
    assert "make room" in found.advice


def test_a_clock_that_was_set_back(settings: Settings) -> None:
    settings.var_dir.mkdir()
    (settings.var_dir / "up.lock").touch()
    assert not only(doctor.look_at_clock(settings)).bad
    ahead = time.time() + 3600
    os.utime(settings.var_dir / "up.lock", (ahead, ahead))
    found = only(doctor.look_at_clock(settings))
    assert found.bad
    assert "the clock was set back" in found.what


def test_a_clock_that_was_never_set(settings: Settings) -> None:
    found = only(doctor.look_at_clock(settings, now=lambda: datetime(1970, 1, 1, tzinfo=UTC)))
    assert found.bad
    assert "1970-01-01" in found.what


def test_an_intake_that_never_ran_went_silent_or_is_locked_out(settings: Settings) -> None:
    assert only(doctor.look_at_intake(settings)).what == "has never run"
    with connect(settings, "intake", autocommit=True) as intake:
        heartbeat.beat(intake, {"connected": True, "stored": 12})
        assert not only(doctor.look_at_intake(settings)).bad
        heartbeat.beat(intake, {"connected": False, "stored": 12})
        assert "the broker does not let it in" in only(doctor.look_at_intake(settings)).what
        intake.execute("UPDATE heartbeats SET at = now() - interval '1 minute'")
        assert only(doctor.look_at_intake(settings)).what == "was last heard of 60 s ago"


def test_jobs_that_never_ran_or_went_silent(settings: Settings) -> None:
    assert only(doctor.look_at_jobs(settings)).what == "have never run"
    with connect(settings, "owner", autocommit=True) as owner:
        heartbeat.beat(owner, {}, heartbeat.JOBS)
        assert not only(doctor.look_at_jobs(settings)).bad
        owner.execute("UPDATE heartbeats SET at = now() - interval '10 minutes'")
        assert only(doctor.look_at_jobs(settings)).what == "were last heard of 600 s ago"
    assert list(doctor.look_at_jobs(with_(settings, database_url=None))) == []


def test_one_thing_is_looked_at_and_the_database_that_it_stands_in(settings: Settings) -> None:
    assert {one.subject for one in doctor.examine(settings, ["intake"])} == {"database", "intake"}
    assert {one.subject for one in doctor.examine(settings, ["jobs", "broker"])} == {
        "database",
        "broker",
        "jobs",
    }
    away = with_(settings, database_url=f"postgresql://a:b@127.0.0.1:{any_free('127.0.0.1')}/x")
    assert only(iter(doctor.examine(away, ["intake"]))).bad, "not well because it could not be asked"
    with pytest.raises(
        ValueError, match=r"nothing called weather to look at; there are: disk, clock, .*jobs, .*ui"
    ):
        doctor.examine(settings, ["weather"])


def test_an_intake_is_not_asked_after_without_its_database(tmp_path: Path) -> None:
    """That the database is away is said once."""
    assert list(doctor.look_at_intake(load_settings(var_dir=tmp_path))) == []


def test_what_cannot_be_looked_at_is_a_finding_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong setting, somebody else's folder: said in plain words beside everything else."""

    def scandir(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("api.doctor.os.scandir", scandir)
    found = doctor.examine(load_settings(var_dir=tmp_path, mqtt_url="tcp://127.0.0.1:1883"))
    said = {one.subject: one.what for one in found if one.bad}
    assert said["clock"] == f"this account may not read {tmp_path}"
    assert said["broker"] == "LIANFANG_MQTT_URL must look like mqtt://user:password@host:1883 (or mqtts://)"
    assert "disk" in {one.subject for one in found}
    assert "map" in {one.subject for one in found}


def test_a_port_on_which_something_else_speaks_first(settings: Settings) -> None:
    """An SSH server, for instance, greets before it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as ssh:
        port = ssh.getsockname()[1]

        def greet() -> None:
            connection, _ = ssh.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                connection.recv(1000)

        threading.Thread(target=greet, daemon=True).start()
        found = only(doctor.look_at_http(with_(settings, http_port=port)))
    assert found.bad
    assert "is not us or does not answer" in found.what


def test_a_running_installation_is_looked_for_where_it_listens(served: Served) -> None:
    """./run demo --port N: the port stands in no setting of the shell that `doctor` is started from."""
    var = served.settings.var_dir
    var.mkdir(exist_ok=True)
    elsewhere = with_(served.settings, http_port=any_free("127.0.0.1"))
    port = urlsplit(served.url).port
    assert port
    with hold(var, "lianfang up"):
        endpoints.publish(var, http=("127.0.0.1", port), database_url=None, role_urls={}, logins={})
        found = only(doctor.look_at_http(elsewhere))
        assert not found.bad
        assert found.what == f"answers at http://127.0.0.1:{port}"
        endpoints.withdraw(var)
        assert only(doctor.look_at_http(elsewhere)).bad


def test_a_missing_postgresql(tmp_path: Path) -> None:
    settings = load_settings(var_dir=tmp_path, postgres_bin_dir=tmp_path)
    found = next(iter(doctor.look_at_programs(settings)))
    assert found.bad
    assert found.what == "PostgreSQL is not installed"
    assert "apt-get install" in found.advice


def test_a_map_that_is_not_built(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "UI_INDEX", tmp_path / "index.html")
    assert only(doctor.look_at_ui(settings)).bad
    (tmp_path / "index.html").touch()
    assert not only(doctor.look_at_ui(settings)).bad


def test_cameras_that_send_nothing_or_that_nobody_reads_are_named(
    settings: Settings, owner_conn: psycopg.Connection
) -> None:
    assert list(doctor.look_at_cameras(settings)) == [], "there are none"
    world = World(owner_conn)
    for number in (1, 2):
        sees(owner_conn, world.device(f"cam-{number}", kind="camera"))
    assert "nobody looks through 2 of 2, the first: cam-1" in only(doctor.look_at_cameras(settings)).what
    owner_conn.execute("UPDATE cameras SET leased_by = 'w', leased_until = now() + interval '1 minute'")
    owner_conn.commit()
    assert not only(doctor.look_at_cameras(settings)).bad
    owner_conn.execute(
        "UPDATE cameras SET state = 'lost', fault = 'it broke off' FROM devices d"
        " WHERE d.id = cameras.device_id AND d.device_id = 'cam-2'"
    )
    owner_conn.commit()
    assert only(doctor.look_at_cameras(settings)).what == "cam-2 sends nothing: it broke off"
