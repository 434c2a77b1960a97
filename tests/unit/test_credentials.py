"""Broker credentials: what is made verifies, what is wrong does not, reserved and odd names are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.registry import credentials

# made by mosquitto's own mosquitto_passwd 2.0.11 for the password "open sesame"
BY_MOSQUITTO = (
    "$7$101$d1VuR2zCVJAkvNpX$//GSKZaK5ks+ILqW6ymRBZHgqqhQJNCysr1A"
    "JG0RJpCSvJqa5HzzPle2X6ts/57dvfqW7ZDXt3cEZYWMoYFCYg=="
)


def test_a_line_of_mosquittos_own_tool_verifies() -> None:
    assert credentials.verify_password("open sesame", BY_MOSQUITTO)
    assert not credentials.verify_password("open sesam", BY_MOSQUITTO)


@given(st.text(min_size=1, max_size=60))
def test_what_is_hashed_verifies(password: str) -> None:
    hashed = credentials.hash_password(password)
    assert credentials.verify_password(password, hashed)
    assert not credentials.verify_password(password + "x", hashed)
    assert credentials.hash_password(password) != hashed, "each has its own salt"


@pytest.mark.parametrize(
    "broken", ["", "$7$", "$6$101$AAAA$AAAA", "$7$x$AAAA$AAAA", "$7$101$!!$AA", "$7$0$AAAA$AAAA"]
)
def test_a_broken_hash_is_never_right(broken: str) -> None:
    assert not credentials.verify_password("", broken)


def test_passwords_are_long_and_differ() -> None:
    made = {credentials.make_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(one) == 24 for one in made)


@pytest.mark.parametrize("name", ["ir-0001", "A", "x" * 64])
def test_a_device_id_may_log_in(name: str) -> None:
    credentials.check_username(name)


@pytest.mark.parametrize(
    "name", ["", "x" * 65, "a b", "a/b", "a+", "#", "设备", "a:b", "a\n", "intake", "demo", "enrol", "video"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="device id"):
        credentials.check_username(name)
