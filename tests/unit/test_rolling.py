"""Log files stay bounded."""

import errno
from pathlib import Path

import pytest

from api.rolling import RollingFile


def test_a_full_file_rolls_and_the_oldest_goes(tmp_path: Path) -> None:
    log = RollingFile(tmp_path / "a.log", size=100, keep=2)
    for number in range(50):
        log.write(b"%08d\n" % number)
    log.close()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["a.log", "a.log.1", "a.log.2"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 300
    assert (tmp_path / "a.log").read_bytes().endswith(b"00000049\n")


def test_after_a_failure_the_next_write_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk fails where the new file is begun; nothing of what was kept is pushed out meanwhile."""
    log = RollingFile(tmp_path / "a.log", size=20, keep=2)
    log.write(b"before it was full\n")
    with monkeypatch.context() as full:
        full.setattr(Path, "open", _no_space)
        for _ in range(5):
            with pytest.raises(OSError, match="No space left"):
                log.write(b"lost\n")
    log.write(b"after\n")
    log.close()
    assert (tmp_path / "a.log").read_bytes() == b"after\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"before it was full\n"


def _no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    for word in (b"one\n", b"two\n"):
        log = RollingFile(tmp_path / "a.log")
        log.write(word)
        log.close()
    assert (tmp_path / "a.log").read_bytes() == b"one\ntwo\n"
