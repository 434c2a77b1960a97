"""paho reads through it what was sent, in whatever pieces it asks, and is told of what waits in the buffer."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.receiving.buffered_socket import READ_BYTES, BufferedSocket


@given(st.binary(min_size=1, max_size=5000), st.lists(st.integers(1, 700), min_size=1))
def test_what_was_sent_is_read_in_any_pieces(sent: bytes, sizes: list[int]) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(sent)
        there.close()
        buffered = BufferedSocket(here)
        got: list[bytes] = []
        while True:
            size = sizes[len(got) % len(sizes)]
            piece = buffered.recv(size)
            if not piece:
                break
            assert len(piece) <= size
            got.append(piece)
            assert b"".join(got) == sent[: len(sent) - buffered.pending()]
        assert b"".join(got) == sent
        assert buffered.recv(1) == b"", "the end stays the end"


def test_nothing_there_is_the_sockets_own_error() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        buffered = BufferedSocket(here)
        assert buffered.pending() == 0
        with pytest.raises(BlockingIOError):
            buffered.recv(1)
        there.sendall(b"ab")
        assert buffered.recv(1) == b"a"
        assert buffered.pending() == 1
        assert buffered.recv(5) == b"b"
        with pytest.raises(BlockingIOError):
            buffered.recv(1)
        assert buffered.fileno() == here.fileno()


def test_a_piece_larger_than_the_buffer_is_one_read() -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(bytes(1000))
        assert len(BufferedSocket(here).recv(READ_BYTES * 2)) == 1000
