"""A socket that is read in large pieces, for paho, which asks for a byte, another one, then the rest.

Each of these is a system call, and each gives the interpreter's lock away to a lane that computes, for a whole switch
interval: while lanes work, nothing is received. Read from a buffer, a message costs neither.
"""

from __future__ import annotations

from typing import Any

READ_BYTES = 65_536


class BufferedSocket:
    """``recv`` and ``pending`` as paho's loop uses them; all else is the socket's own, TLS or not."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._buffer = b""
        self._at = 0

    def recv(self, size: int) -> bytes:
        """At most ``size`` bytes: of the buffer, or else of what one read brings. Raises what the socket raises."""
        if self._at == len(self._buffer):
            self._buffer, self._at = self._socket.recv(max(size, READ_BYTES)), 0
        piece = self._buffer[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def pending(self) -> int:
        """Bytes that are here already: ``select`` on the socket does not tell of them."""
        pending_below = getattr(self._socket, "pending", None)  # TLS has a buffer of its own
        return len(self._buffer) - self._at or (pending_below() if pending_below else 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)
