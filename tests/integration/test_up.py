"""`lianfang up` as its user sees it: starts, survives kills, stops with Ctrl-C and leaves no process."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from alarms.registry import credentials
from api.demo import run_demo
from api.embedded import endpoints
from api.embedded.mosquitto import Login
from api.embedded.ports import any_free
from api.held import hold
from api.services import Supervisor
from api.settings import Settings, SettingsError, load_settings
from api.up import Up
from tests.integration.processes import is_gone, pid_of, processes_of
from tests.integration.talking import Talker
from tests.integration.terminal import READY_S, ROOT, Terminal


def until(holds: Callable[[], object], timeout_s: float = READY_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def settings_of(var: Path) -> Settings:
    return load_settings(var_dir=var)


@pytest.mark.timeout(300)
def test_up_survives_kills_and_ctrl_c_leaves_nothing(var: Path, port: int) -> None:
    terminal = Terminal("up", var=var, port=port)
    try:
        terminal.until_said(f"Lianfang is up: http://127.0.0.1:{port}")
        assert healthy(port)

        for name, part in (
            ("mosquitto", "mosquitto -c"),
            ("postgres", "postgres -D"),
            ("intake", "api.cli intake"),
        ):
            pid = pid_of(var, part)
            assert pid is not None, f"{name} does not run"
            os.kill(pid, signal.SIGKILL)
            terminal.until_said(
                rf"{name} was ended by SIGKILL; it is started again(.|\n)*{name} runs again after"
            )
            assert pid_of(var, part) not in (None, pid)

        second = Terminal("up", var=var, port=any_free("127.0.0.1"))
        assert second.end() == 1
        assert re.search(r"is held by `lianfang up`, process \d+, running since", second.text)
        assert "Traceback" not in second.text

        assert_a_new_device_gets_in_at_once(settings_of(var))
    finally:
        code = terminal.ctrl_c()
    assert code == 0, terminal.text
    assert "stopping" in terminal.lines
    assert "Traceback" not in terminal.text
    assert not (var / "endpoints.json").exists()


def assert_a_new_device_gets_in_at_once(settings: Settings) -> None:
    """A login written to the table works at the broker, without a restart."""
    with psycopg.connect(
        endpoints.database_url(settings), options="-c role=lianfang_owner", autocommit=True
    ) as conn:
        conn.execute(
            "INSERT INTO device_credentials (device_id, password_line) VALUES ('ir-77', %s), ('intake', 'x')",
            [credentials.hash_password("open sesame")],
        )
    broker = endpoints.mqtt_login(settings)
    login = Login(broker.host, broker.port, "ir-77", "open sesame")

    def gets_in() -> bool:
        talker = Talker(login)
        talker.close()
        return talker.code is not None and not talker.code.is_failure

    until(gets_in)


async def test_what_breaks_beside_the_services_leaves_none_of_them_running(
    settings: Settings, port: int
) -> None:
    """And is told once they have left in their order."""

    class Broken(Up):
        async def _look_when_wanted(self, supervisor: Supervisor) -> None:
            raise RuntimeError("nobody saw this coming")

    running: list[int] = []

    async def leave(supervisor: Supervisor) -> None:
        running.extend(pid for name in ("intake", "jobs", "serve") if (pid := supervisor.pid(name)))
        supervisor.stopping.set()

    settings = settings.model_copy(update={"http_port": port})
    settings.model_fields_set.add("http_port")
    with pytest.raises(RuntimeError, match="nobody saw this coming"):
        await Broken(settings, print, when_up=leave).run()
    assert len(running) == 3
    assert all(is_gone(pid) for pid in running)
    assert not (settings.var_dir / "endpoints.json").exists()


@pytest.mark.timeout(300)
def test_kill_9_of_up_itself_leaves_nothing_and_it_starts_again(var: Path, port: int) -> None:
    terminal = Terminal("up", var=var, port=port)
    terminal.until_said("Lianfang is up")
    terminal.process.kill()
    terminal.end()
    until(lambda: not processes_of(var))
    again = Terminal("up", var=var, port=port)
    try:
        again.until_said("Lianfang is up")
    finally:
        assert again.ctrl_c() == 0


@pytest.mark.timeout(300)
def test_ctrl_c_while_it_starts_is_obeyed(var: Path, port: int) -> None:
    terminal = Terminal("up", var=var, port=port)
    terminal.until_said("starting postgres and mosquitto")
    assert terminal.ctrl_c() == 0
    assert "Traceback" not in terminal.text


@pytest.mark.timeout(300)
def test_ctrl_c_while_the_demo_city_loads_is_obeyed(var: Path, port: int) -> None:
    terminal = Terminal("demo", "--households", "200000", var=var, port=port)
    terminal.until_said(r"demo-load \| ")
    assert terminal.ctrl_c() == 0
    assert "the demo city is loaded" not in terminal.text
    assert "Traceback" not in terminal.text


def test_a_taken_port_is_said_with_its_holder(var: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        terminal = Terminal("up", var=var, port=port)
        assert terminal.end() == 1
    assert f"port {port} is taken by process {os.getpid()} (" in terminal.text
    assert "choose another port with LIANFANG_HTTP_PORT" in terminal.text
    assert "Traceback" not in terminal.text


def test_a_second_demo_leaves_the_file_of_the_first(var: Path, port: int) -> None:
    var.mkdir(mode=0o711)
    (var / "demo.json").write_text("{}")
    with hold(var, "./run demo"):
        for arguments in (("demo",), ("demo", "--fresh")):
            second = Terminal(*arguments, var=var, port=port)
            assert second.end() == 1
            assert f"is held by `./run demo`, process {os.getpid()}" in second.text
    assert (var / "demo.json").read_text() == "{}"


async def test_a_fresh_demo_refuses_a_database_that_is_not_its_own(tmp_path: Path) -> None:
    """It would forget the passwords of the people in it, and not the people."""
    logins = tmp_path / "demo.logins.json"
    logins.write_text("{}")
    settings = load_settings(var_dir=tmp_path, database_url="postgresql://me:hush@127.0.0.1/mine")
    with pytest.raises(SettingsError, match="--fresh forgets what the embedded database holds"):
        await run_demo(settings, print, simulator=False, fresh=True, households=100)
    assert logins.exists()


@pytest.mark.timeout(300)
def test_a_demo_of_an_earlier_checkout_may_be_forgotten_and_an_installation_never(
    var: Path, port: int
) -> None:
    first = Terminal("up", var=var, port=port)
    first.until_said("Lianfang is up")
    url = endpoints.database_url(settings_of(var))
    with psycopg.connect(url, options="-c role=lianfang_owner") as conn:
        conn.execute("UPDATE schema_migrations SET checksum = 'another' WHERE number = 6")
    assert first.ctrl_c() == 0

    def refused(command: str) -> str:
        terminal = Terminal(command, var=var, port=port)
        assert terminal.end() == 1
        assert "0006_documents was changed after it was applied" in terminal.text
        return terminal.text

    assert "--fresh" not in refused("up")
    assert "--fresh" not in refused("demo"), "an installation's data, which no demo made"
    (var / "demo.logins.json").write_text("{}")
    assert "--fresh" not in refused("up")
    assert "`./run demo --fresh` forgets" in refused("demo")

    fresh = Terminal("demo", "--fresh", "--households", "200000", var=var, port=port)
    fresh.until_said(r"demo-load \| ")
    assert fresh.ctrl_c() == 0


def test_a_wrong_setting_is_wrong_usage(var: Path) -> None:
    terminal = Terminal("up", "--port", "99999", var=var, port=8400)
    assert terminal.end() == 2
    environment = {**os.environ, "LIANFANG_VAR_DIR": str(var), "LIANFANG_TIME_ZONE": "Mars/Olympus"}
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "doctor"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "LIANFANG_TIME_ZONE" in done.stderr


def test_commands_without_a_database_say_what_to_do(var: Path) -> None:
    for arguments in (("migrate",), ("user", "list"), ("device", "list"), ("jobs",), ("intake",)):
        terminal = Terminal(*arguments, var=var, port=8400)
        if arguments == ("jobs",):  # a role waits for its database
            terminal.until_said("database_away")
            terminal.process.terminate()
            assert terminal.end() == 0
            continue
        assert terminal.end() == 1, arguments
        assert "start the embedded one with `lianfang up`" in terminal.text
        assert "Traceback" not in terminal.text


def test_help_needs_nothing_heavy() -> None:
    """The command line starts fast because a command imports what it needs when it runs."""
    heavy = (
        "{'psycopg', 'pydantic', 'fastapi', 'uvicorn', 'shapely', 'numpy', 'paho', 'structlog', 'asyncio'}"
    )
    code = f"import sys, api.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.timeout(600)
def test_the_demo_writes_its_file_and_starts_again_without_loading(var: Path, port: int) -> None:
    demo = ("demo", "--households", "500", "--no-simulator")
    first = Terminal(*demo, var=var, port=port)
    first.until_said("Ctrl-C stops everything", timeout_s=300)
    described = json.loads((var / "demo.json").read_text())
    assert (var / "demo.json").stat().st_mode & 0o777 == 0o600
    assert first.ctrl_c() == 0, first.text
    assert not (var / "demo.json").exists()
    assert described["url"] == f"http://127.0.0.1:{port}"
    assert set(described["mqtt"]) == {"host", "port", "username", "password"}
    assert {one["role"] for one in described["logins"]} >= {
        "dispatcher",
        "installer",
        "investigator",
        "admin",
    }

    assert "loading the demo city" in first.text
    loaded_at = (var / "log" / "demo-load.log").stat().st_mtime
    second = Terminal(*demo, var=var, port=port)
    second.until_said("Ctrl-C stops everything")
    assert "loading the demo city" not in second.text, "nothing is loaded again"
    assert (var / "log" / "demo-load.log").stat().st_mtime == loaded_at
    again = json.loads((var / "demo.json").read_text())
    assert again == described, "logins and addresses are stable between starts"
    assert second.ctrl_c() == 0
