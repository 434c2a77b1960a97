"""Log files stay bounded."""

from pathlib import Path

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


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    for word in (b"one\n", b"two\n"):
        log = RollingFile(tmp_path / "a.log")
        log.write(word)
        log.close()
    assert (tmp_path / "a.log").read_bytes() == b"one\ntwo\n"
