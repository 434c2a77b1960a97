"""What somebody who is not signed in can keep busy or fill: not the connections, not the memory."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from api import bounded_http
from api.bounded_http import BoundedHttp
from api.embedded.ports import any_free
from api.serving import Listening
from api.settings import Settings
from tests.integration.serving import wait_until

SOON_S = 1.0
TO_TOKEN = b"POST /api/v1/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture
def address(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """The server, in a hurry."""
    monkeypatch.setattr(BoundedHttp, "_request_s", SOON_S)
    settings = settings.model_copy(update={"http_port": any_free("127.0.0.1")})
    server = Listening(settings)
    thread = threading.Thread(target=server.run, name="listening")
    thread.start()
    wait_until(lambda: server.plain.started, what="the server")
    yield "127.0.0.1", settings.http_port
    server.stop()
    thread.join(20)
    assert not thread.is_alive(), "it does not stop"


def rest_of(connection: socket.socket, timeout_s: float = 20 * SOON_S) -> bytes:
    """What comes until the server closes; fails when it does not."""
    connection.settimeout(timeout_s)
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionResetError:
        return found
    return found


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
        TO_TOKEN + b"Content-Length: 9\r\n\r\nusername",
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_who_does_not_finish_a_request_is_not_waited_for(address: tuple[str, int], said: bytes) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(said)
        began = time.monotonic()
        rest_of(connection)
        assert time.monotonic() - began < 10 * SOON_S


def test_one_byte_now_and_then_is_no_way_around(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        connection.settimeout(SOON_S / 10)
        deadline = time.monotonic() + 10 * SOON_S
        while time.monotonic() < deadline:
            try:
                connection.sendall(b"a")
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return
        pytest.fail("it still listens")


def say_without_end(address: tuple[str, int], begin: bytes, more: bytes) -> None:
    """80 MB; raises when the server does not want them."""
    with socket.create_connection(address) as connection:
        connection.settimeout(20)
        connection.sendall(begin)
        for _ in range(80_000_000 // len(more)):
            connection.sendall(more)


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET /", b"a" * 65_536),
        (b"GET /healthz HTTP/1.1\r\nX-Endless: ", b"a" * 65_536),
        (TO_TOKEN + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-More: " + b"a" * 4_000 + b"\r\n"),
    ],
    ids=["address", "header", "trailers"],
)
def test_a_head_without_end_is_cut_off(
    address: tuple[str, int], begin: bytes, more: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedHttp, "_request_s", 600.0)
    with pytest.raises(OSError, match=r"reset|[Bb]roken"):
        say_without_end(address, begin, more)


def test_who_asks_again_and_again_is_answered_over_one_connection(address: tuple[str, int]) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * 40_000 + b"\r\n\r\n"
    body = b'{"username": "' + b"x" * 900_000 + b'", "password": "x"}'
    large = b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(address) as connection:
        connection.settimeout(20)
        for _ in range(5):
            connection.sendall(head)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.sendall(large % len(body) + body)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 422"), "a body of nearly a megabyte is read"


def test_what_was_asked_in_full_is_answered_for_as_long_as_it_takes(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.settimeout(20)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        # Longer than a request may take to come, shorter than a connection is kept for the next.
        time.sleep(1.5 * SOON_S)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_the_server_may_have_more_connections_than_a_process_is_given() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        bounded_http.take_descriptors()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(hard, bounded_http.DESCRIPTORS), hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
