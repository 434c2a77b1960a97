"""Slows down guessing: a few wrong passwords for a name from an address, then a wait that grows.

Kept in memory, bounded and per process, on purpose: it must work when the database is slow, and a restart that forgets
it costs an attacker's victim nothing but a few more tries against argon2.
"""

from __future__ import annotations

import time
from collections import OrderedDict

FREE_TRIES = 5
LONGEST_S = 300.0
REMEMBERED = 10_000


class Attempts:
    """Counts failures by (name, address)."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def wait_s(self, name: str, address: str) -> float:
        """How long this one must still wait, in seconds; 0: may try."""
        count, last = self._failures.get((name, address), (0, 0.0))
        if count < FREE_TRIES:
            return 0.0
        return max(0.0, last + min(LONGEST_S, 2.0 ** (count - FREE_TRIES)) - time.monotonic())

    def failed(self, name: str, address: str) -> None:
        """Count a failure."""
        count, _ = self._failures.pop((name, address), (0, 0.0))
        self._failures[name, address] = (count + 1, time.monotonic())
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures."""
        self._failures.pop((name, address), None)
