"""This machine's processes, as a test looks for them."""

from __future__ import annotations

import os
from pathlib import Path


def processes_of(var: Path) -> dict[int, str]:
    """Processes that belong to an installation, by its folder in their arguments or environment."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            argv = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if argv and str(var).encode() in argv + environment and int(entry.name) != os.getpid():
            found[int(entry.name)] = argv.replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def pid_of(var: Path, part: str) -> int | None:
    return next(
        (pid for pid, line in processes_of(var).items() if part in line and "setpriv" not in line), None
    )


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
