"""Guessing passwords: free tries, waits that grow and end, whatever comes at once."""

from __future__ import annotations

import pytest

from api.auth.attempts import BY_ADDRESS, BY_NAME, Attempts, neighbourhood


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock)


def test_tries_that_come_at_once_are_counted_before_any_is_judged(attempts: Attempts) -> None:
    begun = [attempts.reserve("wang", "10.0.0.1") == 0 for _ in range(1100)]
    assert begun == [True] * BY_NAME.free + [False] * (1100 - BY_NAME.free)


def test_the_wait_doubles_up_to_the_longest_and_never_overflows(attempts: Attempts, clock: Clock) -> None:
    waits = []
    for _ in range(2000):
        wait_s = attempts.wait_s("wang", "10.0.0.1")
        waits.append(wait_s)
        clock.now += wait_s
        assert attempts.reserve("wang", "10.0.0.1") == 0
    assert waits[: BY_NAME.free + 4] == [0] * BY_NAME.free + [1, 2, 4, 8]
    assert max(waits) == BY_NAME.longest_s


def test_failures_are_forgotten_one_by_one(attempts: Attempts, clock: Clock) -> None:
    for _ in range(BY_NAME.free + 1):
        clock.now += attempts.wait_s("wang", "10.0.0.1")
        attempts.reserve("wang", "10.0.0.1")
    assert attempts.wait_s("wang", "10.0.0.1") == 2
    clock.now += 2 * BY_NAME.forget_s
    assert attempts.reserve("wang", "10.0.0.1") == 0
    assert attempts.wait_s("wang", "10.0.0.1") == 1, "the others still count"


def test_one_password_on_many_names_is_slow_too(attempts: Attempts, clock: Clock) -> None:
    begun = sum(attempts.reserve(f"name-{n}", "10.0.0.1") == 0 for n in range(1000))
    assert begun == BY_ADDRESS.free
    assert 0 < attempts.wait_s("wang", "10.0.0.1") <= BY_ADDRESS.longest_s
    assert attempts.wait_s("wang", "10.0.0.2") == 0
    clock.now += BY_ADDRESS.forget_s * BY_ADDRESS.free
    assert attempts.wait_s("wang", "10.0.0.1") == 0


def test_ones_own_sign_in_covers_no_guesses_at_others(attempts: Attempts) -> None:
    for n in range(BY_ADDRESS.free - 1):
        attempts.reserve(f"name-{n}", "10.0.0.1")
    assert attempts.reserve("wang", "10.0.0.1") == 0
    attempts.succeeded("wang", "10.0.0.1")
    assert attempts.wait_s("wang", "10.0.0.1") == 0
    assert attempts.reserve("li", "10.0.0.1") == 0
    assert attempts.wait_s("wang", "10.0.0.1") == 1


def test_the_audit_log_does_not_grow_with_the_guesses(attempts: Attempts, clock: Clock) -> None:
    noted = 0
    for _ in range(500):
        clock.now += attempts.wait_s("wang", "10.0.0.1")
        attempts.reserve("wang", "10.0.0.1")
        noted += attempts.noteworthy("wang", "10.0.0.1")
    assert noted == BY_NAME.free


def test_one_machines_many_addresses_are_one_guesser(attempts: Attempts) -> None:
    """Whoever has an address of IPv6 has 2^64 of them."""
    begun = [attempts.reserve("wang", f"2001:db8:0:7::{n:x}") == 0 for n in range(1, 100)]
    assert begun == [True] * BY_NAME.free + [False] * (99 - BY_NAME.free)
    assert attempts.wait_s("wang", "2001:db8:0:8::1") == 0, "another network"
    attempts.succeeded("wang", "2001:db8:0:7:ffff::1")
    assert attempts.wait_s("wang", "2001:db8:0:7::1") == 0


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("2001:db8:0:7:a:b:c:d", "2001:db8:0:7::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_addresses_are_told_apart_where_machines_are(address: str, counted_as: str) -> None:
    assert neighbourhood(address) == counted_as
