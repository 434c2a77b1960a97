"""A log file of bounded size: when it is full it becomes ``.1``, and so on; the oldest goes."""

from __future__ import annotations

from pathlib import Path


class RollingFile:
    """Append bytes; at most ``keep + 1`` files of about ``size`` bytes each."""

    def __init__(self, path: Path, *, size: int = 10_000_000, keep: int = 3) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._size = size
        self._keep = keep
        self._file = path.open("ab", buffering=0)
        self._written = path.stat().st_size

    def write(self, data: bytes) -> None:
        """Append; starts a new file first when this one is full. Raises ``OSError``; the next write tries again."""
        if self._written and self._written + len(data) > self._size:
            self._roll()
        if self._file.closed:
            self._file = self.path.open("ab", buffering=0)
        self._file.write(data)
        self._written += len(data)

    def tail(self, size: int = 2000) -> str:
        """The last lines, for a message."""
        return self.path.read_bytes()[-size:].decode(errors="replace").strip()

    def close(self) -> None:
        """No more is written."""
        self._file.close()

    def _roll(self) -> None:
        self._file.close()
        for number in range(self._keep, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        self._written = 0

    def _numbered(self, number: int) -> Path:
        return self.path if number == 0 else self.path.with_name(f"{self.path.name}.{number}")
