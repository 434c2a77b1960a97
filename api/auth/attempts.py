"""Slows down guessing: a few wrong passwords are free, then each next try waits longer.

Counted for each name at an address, and for each address, so that neither one password tried on many names nor many on
one comes fast. A try is counted before its password is looked at: tries that come all at once are as many as they are.
Failures are forgotten one by one.

Kept in memory, bounded and per process, on purpose: it must work when the database is slow, and a restart that forgets
it costs an attacker's victim nothing but a few more tries against argon2.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

REMEMBERED = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """So many failures are free; then the wait doubles with each, up to the longest. One is forgotten each
    ``forget_s``."""

    free: int
    longest_s: float
    forget_s: float

    @property
    def most(self) -> int:
        """Where counting stops: the wait grows no more."""
        return self.free + math.ceil(math.log2(self.longest_s)) + 1


BY_NAME = Limit(free=5, longest_s=300.0, forget_s=600.0)
BY_ADDRESS = Limit(free=50, longest_s=10.0, forget_s=10.0)
"""Wide and short: a whole control room may stand behind one address, and one of its people may be the guesser."""


class _Failures:
    """The failures of many keys, the longest untouched forgotten first."""

    def __init__(self, limit: Limit, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._known: OrderedDict[tuple[str, ...], tuple[float, float]] = OrderedDict()

    def _level(self, key: tuple[str, ...]) -> float:
        count, last = self._known.get(key, (0.0, 0.0))
        return max(0.0, count - (self._clock() - last) / self._limit.forget_s)

    def count(self, key: tuple[str, ...]) -> int:
        return math.ceil(self._level(key))

    def wait_s(self, key: tuple[str, ...]) -> float:
        count = self.count(key)
        if count < self._limit.free:
            return 0.0
        pause = min(self._limit.longest_s, 2.0 ** (min(count, self._limit.most) - self._limit.free))
        return max(0.0, self._known[key][1] + pause - self._clock())

    def add(self, key: tuple[str, ...]) -> None:
        level = self._level(key)
        self._known.pop(key, None)
        self._known[key] = (min(level + 1.0, float(self._limit.most)), self._clock())
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def give_back(self, key: tuple[str, ...]) -> None:
        if key in self._known:
            count, last = self._known[key]
            self._known[key] = (max(0.0, count - 1.0), last)

    def forget(self, key: tuple[str, ...]) -> None:
        self._known.pop(key, None)


def neighbourhood(address: str) -> str:
    """Whom one guesser may be: an address, or with IPv6 the 64 bits before it, below which one machine takes as many
    addresses as it likes (RFC 4291, 2.5.1)."""
    try:
        one = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(one, ipaddress.IPv4Address):
        return address
    if one.ipv4_mapped is not None:
        return str(one.ipv4_mapped)
    return str(ipaddress.IPv6Network((one, 64), strict=False))


class Attempts:
    """Counts failures by (name, address) and by address; one of IPv6 by its ``neighbourhood``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._names = _Failures(BY_NAME, clock)
        self._addresses = _Failures(BY_ADDRESS, clock)

    def wait_s(self, name: str, address: str) -> float:
        """How long this one must still wait, in seconds; 0: may try."""
        address = neighbourhood(address)
        return max(self._names.wait_s((name, address)), self._addresses.wait_s((address,)))

    def reserve(self, name: str, address: str) -> float:
        """Begin a try: counted as a failure until it ``succeeded``. Returns the wait; above 0 it may not begin."""
        address = neighbourhood(address)
        wait_s = self.wait_s(name, address)
        if wait_s == 0:
            self._names.add((name, address))
            self._addresses.add((address,))
        return wait_s

    def noteworthy(self, name: str, address: str) -> bool:
        """Whether the try just begun, if it fails, is worth a line of the audit log, which only grows: each free one,
        the last of which begins the waiting; while that lasts, no more."""
        address = neighbourhood(address)
        return (
            self._names.count((name, address)) <= BY_NAME.free
            and self._addresses.count((address,)) <= BY_ADDRESS.free
        )

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of this name here; of the address only this try, or one's own sign-in would cover guesses
        at others'."""
        address = neighbourhood(address)
        self._names.forget((name, address))
        self._addresses.give_back((address,))
