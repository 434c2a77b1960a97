"""An earlier server of ours that is still there: a killed `up` leaves its servers writing what they have to write."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from api.embedded import EmbeddedError

LEAVE_S = 60.0
"""How long an earlier server is waited for at a time."""


def runs(pid: int, program: str, argument: str) -> bool:
    """Whether process ``pid`` is ``program`` with this argument: the pid may since belong to anything."""
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return argv[0].rpartition(b"/")[2] == program.encode() and argument.encode() in argv


def find(program: str, argument: str) -> int | None:
    """The process that runs ``program`` with this argument."""
    pids = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return next((pid for pid in pids if runs(pid, program, argument)), None)


def end(
    pid: int, program: str, argument: str, stop_signal: signal.Signals, timeout_s: float = LEAVE_S
) -> None:
    """Tell it to stop and wait until it is gone. Raises ``EmbeddedError`` when it takes too long."""
    deadline = time.monotonic() + timeout_s
    try:
        os.kill(pid, stop_signal)
    except ProcessLookupError:
        return
    while runs(pid, program, argument):
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"an earlier {program} (process {pid}) on the same data is still writing and has not stopped within "
                f"{timeout_s:g} s: wait for it and start again"
            )
        time.sleep(0.05)
