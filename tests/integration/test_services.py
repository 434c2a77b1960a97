"""The supervisor with real processes: restarts, order of stopping, nothing left behind."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from api.services import Service, ServiceError, Supervisor
from tests.integration.processes import is_gone

ROOT = Path(__file__).parents[2]
ANNOUNCE = "from api.ready import announce_ready; announce_ready(); "
FOREVER = "import signal; signal.pause()"


def python(code: str) -> Callable[[], list[str]]:
    return lambda: ["setpriv", "--pdeathsig=TERM", "--", sys.executable, "-c", code]


async def until(holds: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


async def test_a_killed_service_runs_again_and_stop_leaves_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(tmp_path, said.append)
    await supervisor.start(Service(name="bell", command=python(ANNOUNCE + FOREVER)))
    first = supervisor.pid("bell")
    assert first
    os.kill(first, signal.SIGKILL)
    await until(
        lambda: supervisor.pid("bell") not in (None, first) and any("again after" in line for line in said)
    )
    second = supervisor.pid("bell")
    assert second
    await supervisor.stop()
    assert is_gone(first)
    assert is_gone(second)
    assert said[0] == "bell was ended by SIGKILL; it is started again"


async def test_one_that_dies_at_its_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, print)
    with pytest.raises(ServiceError, match=r"(?s)bell ended with exit code 3.*no clapper"):
        await supervisor.start(
            Service(name="bell", command=python("print('no clapper'); raise SystemExit(3)"))
        )
    await supervisor.stop()


async def test_one_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, print)
    with pytest.raises(ServiceError, match=r"not ready within 0\.3 s"):
        await supervisor.start(Service(name="bell", command=python(FOREVER), start_timeout_s=0.3))
    await supervisor.stop()


async def test_what_can_be_mended_is_and_started_again_at_its_first_start_and_later(tmp_path: Path) -> None:
    """By the words of the start that failed, and by no earlier ones."""
    said: list[str] = []
    broken = tmp_path / "broken"
    broken.touch()
    heard: list[str] = []

    def mend(words: str) -> str:
        heard.append(words.strip())
        if "cracked" not in words or not broken.exists():
            return ""
        broken.unlink()
        return "the bell was cracked, and is recast"

    cracked = f"import os; os.path.exists({str(broken)!r}) and (print('cracked'), exit(1));"
    supervisor = Supervisor(tmp_path, said.append)
    await supervisor.start(Service(name="bell", command=python(cracked + ANNOUNCE + FOREVER), mend=mend))
    assert said == ["the bell was cracked, and is recast"]
    broken.touch()
    first = supervisor.pid("bell")
    assert first
    os.kill(first, signal.SIGKILL)
    await until(lambda: any("runs again" in line for line in said))
    assert said[1:3] == [
        "bell was ended by SIGKILL; it is started again",
        "the bell was cracked, and is recast",
    ]
    assert heard == ["cracked", "cracked"]
    await supervisor.stop()


async def test_the_last_started_stops_first_and_the_deaf_is_killed(tmp_path: Path) -> None:
    said: list[str] = []
    order = tmp_path / "order"
    leaves = f"import signal,sys; signal.signal(15, lambda *a: (open({str(order)!r}, 'a').write(NAME), sys.exit()));"
    supervisor = Supervisor(tmp_path, said.append)
    for name in ("a", "b"):
        code = f"NAME={name!r};" + leaves + ANNOUNCE + FOREVER
        await supervisor.start(Service(name=name, command=python(code)))
    deaf = "import signal; signal.signal(15, signal.SIG_IGN);" + ANNOUNCE + "\nwhile True: signal.pause()"
    await supervisor.start(Service(name="deaf", command=python(deaf), stop_timeout_s=0.3))
    await supervisor.stop()
    assert order.read_text() == "ba"
    assert said == ["deaf did not stop within 0.3 s and is killed"]


async def test_asked_to_stop_while_starting_it_returns(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, print)
    started = asyncio.create_task(supervisor.start(Service(name="slow", command=python(FOREVER))))
    await until(lambda: supervisor.pid("slow") is not None)
    supervisor.stopping.set()
    await asyncio.wait_for(started, 5)
    await supervisor.stop()


@pytest.mark.parametrize("full", ["disk", "terminal"])
async def test_a_full_disk_or_a_lost_terminal_stops_no_service(tmp_path: Path, full: str) -> None:
    """What it says is lost, the service goes on; killed it is started again, and stopping ends."""
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if full == "terminal":
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    if full == "disk":
        (tmp_path / "bell.log").symlink_to("/dev/full")
    rings = "\nwhile True: print('ding' * 10_000, flush=True); open(COUNT, 'a').write('x')"
    code = f"COUNT={str(tmp_path / 'count')!r};" + ANNOUNCE + rings
    supervisor = Supervisor(tmp_path, say)
    await supervisor.start(Service(name="bell", command=python(code), echo=full == "terminal"))
    count = tmp_path / "count"
    await until(lambda: count.exists() and count.stat().st_size > 20)
    first = supervisor.pid("bell")
    assert first
    os.kill(first, signal.SIGKILL)
    await until(lambda: supervisor.pid("bell") not in (None, first))
    await asyncio.wait_for(supervisor.stop(), 10)
    if full == "disk":
        lost = f"what bell says cannot be kept in {tmp_path}/bell.log: No space left on device"
        assert 1 <= said.count(lost) <= 2, "once in each life"


async def test_asked_to_stop_what_runs_once_is_ended(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, print)
    loading = asyncio.create_task(supervisor.run_once(Service(name="load", command=python(FOREVER))))
    await until(lambda: supervisor.pid("load") is not None)
    pid = supervisor.pid("load")
    assert pid
    supervisor.stopping.set()
    assert await asyncio.wait_for(loading, 10) == -signal.SIGTERM
    assert is_gone(pid)
    await supervisor.stop()


async def test_a_long_wait_is_explained_and_has_no_end_while_the_process_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.services.TELL_S", 0.2)
    said: list[str] = []
    supervisor = Supervisor(tmp_path, said.append)
    recovering = Service(
        name="bell",
        command=python(FOREVER),
        is_ready=lambda: len(said) == 2,
        start_timeout_s=None,
        waits_for=lambda: "it is hung up again",
    )
    await asyncio.wait_for(supervisor.start(recovering), 20)
    assert said == ["waiting for bell since 0 s: it is hung up again"] * 2
    await supervisor.stop()


async def test_lines_are_kept_and_shown(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(tmp_path, said.append)
    assert (
        await supervisor.run_once(
            Service(name="bell", command=python("print('ding'); print('dong')"), echo=True)
        )
        == 0
    )
    assert said == ["bell | ding", "bell | dong"]
    assert (tmp_path / "bell.log").read_text() == "ding\ndong\n"
    await supervisor.stop()


def test_a_killed_supervisor_leaves_no_process(tmp_path: Path) -> None:
    """kill -9 of the supervisor itself: what it started ends by itself."""
    code = f"""
import asyncio, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from api.services import Service, Supervisor
from tests.integration.test_services import python, ANNOUNCE, FOREVER
async def main():
    supervisor = Supervisor(Path({str(tmp_path)!r}), print)
    await supervisor.start(Service(name="bell", command=python(ANNOUNCE + FOREVER)))
    print(supervisor.pid("bell"), flush=True)
    await supervisor.stopping.wait()
asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    asyncio.run(until(lambda: is_gone(child)))
