"""One `up` a folder: who holds ``var/`` now."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOCK = "up.lock"


class AlreadyHeld(Exception):  # noqa: N818 - a state of the world
    """Another process holds the folder; the message says which."""


@contextmanager
def hold(var_dir: Path, command: str) -> Iterator[None]:
    """Hold ``var_dir`` for this process. The lock ends with the process, however it ends. Raises ``AlreadyHeld``."""
    with (var_dir / LOCK).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyHeld(
                f"{var_dir} is held by {_who(file.name)}: stop it first (Ctrl-C there)"
            ) from error
        file.truncate(0)
        json.dump(
            {
                "pid": os.getpid(),
                "command": command,
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            },
            file,
        )
        file.flush()
        yield
        file.truncate(0)


def holder(var_dir: Path) -> int | None:
    """The pid of the `up` that runs here; None when none does."""
    try:
        with (var_dir / LOCK).open("r", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(_told(file.read()).get("pid", 0)) or None
    except FileNotFoundError:
        return None
    return None


def _who(path: str) -> str:
    values = _told(Path(path).read_text(encoding="utf-8", errors="replace"))
    if not values:
        return "another process"
    return f"`{values.get('command')}`, process {values.get('pid')}, running since {values.get('since')}"


def _told(text: str) -> dict[str, Any]:
    """What the holder wrote of itself; nothing where a full disk took it. The lock holds all the same."""
    try:
        values = json.loads(text)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}
