"""The services of docker/compose.yaml, as processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import yaml

from api.embedded.accounts import server_account
from api.embedded.ports import any_free
from api.embedded.postgres import EmbeddedPostgres
from api.settings import Settings, load_settings
from tests.integration.serving import wait_until

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
    """What the engine does with them: starts, stops, and asks whether they are healthy."""

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
        for secret in one["secrets"]:
            if not isinstance(secret, dict):  # it is read as a file
                continue
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
