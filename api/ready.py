"""How a service tells its supervisor that it is ready: one byte on a pipe. Without a supervisor: nothing."""

from __future__ import annotations

import os

READY_FD = "READY_FD"


def announce_ready() -> None:
    """Call once, when the service does its work from now on."""
    number = os.environ.pop(READY_FD, "")
    if number.isdigit():
        os.write(int(number), b"1")
        os.close(int(number))
