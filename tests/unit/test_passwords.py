"""Passwords of people: right or wrong, and never so many at once that the memory goes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from api.auth import passwords
from api.auth.passwords import hash_password, verify_password

ONE_MB = 64


def resident_mb() -> int:
    """The most memory that this process held since it was last asked."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    Path("/proc/self/clear_refs").write_text("5")
    return int(peak.split()[1]) // 1024


def test_a_password_is_right_or_wrong_and_nobodys_is_wrong() -> None:
    stored = hash_password("correct horse")
    assert verify_password(stored, "correct horse")
    assert not verify_password(stored, "wrong horse")
    assert not verify_password(None, "nobody has this password")
    assert not verify_password("no hash", "x")
    assert not passwords.needs_rehash(stored)


def test_many_at_once_take_the_memory_of_two() -> None:
    resident_mb()
    before = resident_mb()
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(hash_password, ["correct horse"] * 16))
    assert resident_mb() - before < 3 * ONE_MB, "two, and not sixteen"
