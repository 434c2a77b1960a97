"""A command of `lianfang` as its user runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
READY_S = 60.0


class Terminal:
    """A command in a terminal of its own: what it printed, and Ctrl-C."""

    def __init__(self, *arguments: str, var: Path, port: int, **also: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LIANFANG_")}
        environment |= {"LIANFANG_VAR_DIR": str(var), "LIANFANG_HTTP_PORT": str(port)} | also
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def until_said(self, pattern: str, timeout_s: float = READY_S) -> None:
        with self._news:
            found = self._news.wait_for(lambda: re.search(pattern, self.text), timeout_s)
        assert found, f"never said {pattern!r}:\n{self.text}"

    def ctrl_c(self) -> int:
        os.killpg(self.process.pid, signal.SIGINT)
        return self.end()

    def end(self) -> int:
        code = self.process.wait(timeout=90)
        self._reader.join(timeout=10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code
