"""`lianfang doctor`: each fault is produced for real, named in plain words and comes with what to do."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from api import doctor
from api.doctor import Finding
from api.embedded import endpoints
from api.embedded.ports import any_free
from api.intake import HEARTBEAT
from api.settings import Settings, load_settings
from tests.integration.servers import Broker


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
    (settings.var_dir / "intake.json").touch()
    assert not only(doctor.look_at_clock(settings)).bad
    ahead = time.time() + 3600
    os.utime(settings.var_dir / "intake.json", (ahead, ahead))
    found = only(doctor.look_at_clock(settings))
    assert found.bad
    assert "the clock was set back" in found.what


def test_a_clock_that_was_never_set(settings: Settings) -> None:
    found = only(doctor.look_at_clock(settings, now=lambda: datetime(1970, 1, 1, tzinfo=UTC)))
    assert found.bad
    assert "1970-01-01" in found.what


def test_an_intake_that_never_ran_went_silent_or_is_locked_out(settings: Settings) -> None:
    settings.var_dir.mkdir()
    assert "has never run here" in only(doctor.look_at_intake(settings)).what
    words = '{"at": "%s", "connected": %s, "stored": 12, "last_batch_at": null}'
    file = settings.var_dir / HEARTBEAT
    file.write_text(words % ("2026-01-01T00:00:00+00:00", "true"))
    assert "was last heard of" in only(doctor.look_at_intake(settings)).what
    now = datetime.now(UTC).isoformat()
    file.write_text(words % (now, "false"))
    assert "the broker does not let it in" in only(doctor.look_at_intake(settings)).what
    file.write_text(words % (now, "true"))
    assert not only(doctor.look_at_intake(settings)).bad


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
