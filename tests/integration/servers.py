"""Real servers for a test run: one PostgreSQL with a migrated template, one mosquitto, started once and stopped.

With pytest-xdist the first worker that needs them starts them, and stops them when the last has left.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

from alarms.registry import credentials
from api.database.migrate import migrate
from api.embedded.mosquitto import EmbeddedMosquitto, Login
from api.embedded.postgres import EmbeddedPostgres

START_TIMEOUT_S = 60.0
MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30


class Server(Protocol):
    """An embedded server, as far as starting it goes."""

    name: str
    folder: Path

    def prepare(self) -> None: ...
    def command(self) -> list[str]: ...
    def is_ready(self) -> bool: ...


def start(server: Server) -> subprocess.Popen[bytes]:
    """Prepare and start a server, and wait until it answers."""
    server.prepare()
    log_path = server.folder.parent / f"{server.name}.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(server.command(), stdout=log, stderr=log, start_new_session=True, cwd="/")
    wait_ready(server, process, log_path)
    return process


def wait_ready(server: Server, process: subprocess.Popen[bytes], log_path: Path) -> None:
    """Wait until the started server answers; fail with the end of its log when it does not."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log_path.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"{server.name} did not become ready (exit {process.returncode}):\n{tail}")
        time.sleep(0.02)


@dataclass(frozen=True)
class Broker:
    """A mosquitto that runs, and who is let in."""

    host: str
    port: int
    folder: Path
    pid: int

    def login(self, username: str) -> Login:
        """A login of the installation: intake, enrol, video, demo."""
        password = (self.folder / f"{username}.password").read_text(encoding="ascii").strip()
        return Login(self.host, self.port, username, password)

    def add_devices(self, passwords: dict[str, str]) -> None:
        """Let these devices in as well (device_id -> password), and wait until the broker knows them."""
        known = self.folder / "test-devices.json"
        with _locked(self.folder / "test-devices.lock"):
            devices: dict[str, str] = json.loads(known.read_text()) if known.exists() else {}
            devices |= {name: credentials.hash_password(password) for name, password in passwords.items()}
            known.write_text(json.dumps(devices))
            self.write_credentials(devices.items())

    def write_credentials(self, devices: Iterable[tuple[str, str]]) -> None:
        """Write the password file (device_id, hash) and have it read."""
        embedded = EmbeddedMosquitto(self.folder)
        embedded.write_credentials(devices)
        embedded.reload(self.pid)


def _start_all(root: Path) -> dict[str, Any]:
    postgres = EmbeddedPostgres(root / "postgres", for_tests=True)
    mosquitto = EmbeddedMosquitto(root / "mosquitto")
    database = start(postgres)
    try:
        broker = start(mosquitto)
    except BaseException:
        database.terminate()
        raise
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        migrate(conn)
    return {
        "postgres_pid": database.pid,
        "postgres_port": postgres.port,
        "login_url": postgres.url,
        "superuser_url": postgres.superuser_url(),
        "mosquitto_pid": broker.pid,
        "mosquitto_host": mosquitto.local_host,
        "mosquitto_port": mosquitto.port,
        "mosquitto_folder": str(mosquitto.folder),
    }


@contextmanager
def shared_servers(root: Path) -> Iterator[dict[str, Any]]:
    """The run's servers, described. Who starts them keeps them: they die with it, so it waits for the others."""
    state = root / "servers.json"
    users = root / "users"
    started: list[tuple[int, signal.Signals]] = []
    with _locked(root / "servers.lock"):
        if not state.exists():
            described = _start_all(root)
            started = [
                (described["mosquitto_pid"], signal.SIGTERM),
                (described["postgres_pid"], signal.SIGINT),
            ]
            state.write_text(json.dumps(described))
        users.write_text(str(_count(users) + 1))
        described = json.loads(state.read_text())
    try:
        yield described
    finally:
        with _locked(root / "servers.lock"):
            users.write_text(str(_count(users) - 1))
        while started and not _stopped(root, started):
            time.sleep(0.1)


def _stopped(root: Path, started: list[tuple[int, signal.Signals]]) -> bool:
    """Stop the servers unless another worker still uses them."""
    with _locked(root / "servers.lock"):
        if _count(root / "users") > 0:
            return False
        (root / "servers.json").unlink()
        for pid, stop_signal in started:
            os.kill(pid, stop_signal)
            os.waitpid(pid, 0)
        return True


@contextmanager
def run_folder(name: str) -> Iterator[Path]:
    """A folder that a server's account can reach; old ones of killed runs are swept.

    In memory where there is room: each test's database is a copy of six hundred files, 16 ms there and 300 on a disk.
    """
    place = MEMORY if _has_room(MEMORY) else Path(tempfile.gettempdir())
    for old in place.glob("lianfang-test-*"):
        if old.name != f"lianfang-test-{name}":
            _sweep(old)
    folder = place / f"lianfang-test-{name}"
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    alive = (folder / "alive").open("a")
    fcntl.flock(alive, fcntl.LOCK_SH)
    try:
        yield folder
    finally:
        alive.close()
        _sweep(folder)


def _has_room(place: Path) -> bool:
    return place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free > ROOM_BYTES


def _sweep(folder: Path) -> None:
    """Remove a run's folder unless somebody still uses it."""
    try:
        alive = (folder / "alive").open("a")
    except OSError:
        return  # another user's, or swept by another in this moment
    with alive:
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(folder, ignore_errors=True)


def _count(users: Path) -> int:
    return int(users.read_text()) if users.exists() else 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
