"""Keeps the certificate that a broker shows equal to the one of HTTPS, which is made anew now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from api.certs import CertificateError

LOOK_S = 60.0


class ShowsCertificate(Protocol):
    """A broker with a copy of the certificate."""

    def copy_certificate(self) -> bool:
        """Take the certificate over; whether it was another one before."""

    def reload(self, pid: int) -> None:
        """Tell the running broker to read it."""


async def follow_certificate(
    mosquitto: ShowsCertificate,
    broker_pid: Callable[[], int | None],
    say: Callable[[str], None],
    *,
    look_s: float = LOOK_S,
) -> None:
    """Until cancelled: take a new certificate over and have the broker read it; connections stay."""
    fault = ""
    while True:
        await asyncio.sleep(look_s)
        try:
            if await asyncio.to_thread(mosquitto.copy_certificate) and (pid := broker_pid()):
                mosquitto.reload(pid)
        except ProcessLookupError:
            continue  # the broker ended in this moment; the next one reads the file
        except (OSError, CertificateError) as error:
            if str(error) != fault:
                say(f"the broker's certificate cannot be taken over: {error}; it is tried again")
            fault = str(error)
