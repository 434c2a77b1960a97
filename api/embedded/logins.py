"""Keeps a broker's logins equal to the table ``device_credentials``."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Protocol

import psycopg

from alarms.registry import credentials
from api.database.pool import DatabaseNotPrepared, connect_async
from api.settings import Settings

CHANNEL = "lianfang_credentials"
GATHER_S = 0.1
"""Changes that come within this time of the first are written together."""
RETRY_S = 1.0

_HASH = re.compile(r"\$7\$[0-9]+\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+")


class ReadsLogins(Protocol):
    """A broker with a password file."""

    def write_credentials(self, devices: Iterable[tuple[str, str]]) -> int:
        """Write ``(device_id, $7$ hash)`` of each device, and the installation's own logins; how many devices."""

    def reload(self, pid: int) -> None:
        """Tell the running broker to read them."""


class LoginKeeper:
    """Writes the password file when the table changes, and tells the broker to read it."""

    def __init__(
        self,
        settings: Settings,
        mosquitto: ReadsLogins,
        broker_pid: Callable[[], int | None],
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._mosquitto = mosquitto
        self._broker_pid = broker_pid
        self._say = say
        self._written = b""
        self._devices = 0

    async def keep(self) -> None:
        """Run until cancelled. A database that goes away, and a disk that is full, are waited for."""
        fault = ""
        while True:
            try:
                await self._follow()
            except (psycopg.OperationalError, DatabaseNotPrepared):
                pass  # the services themselves say that the database is away
            except ProcessLookupError:
                pass  # the broker ended in this moment; the next one reads the file
            except (OSError, psycopg.Error) as error:  # who is let in already goes on being heard
                why = str(error).partition("\n")[0]
                if why != fault:
                    self._say(f"the broker's logins cannot be brought up to date: {why}; it is tried again")
                fault = why
            await asyncio.sleep(RETRY_S)

    async def write_now(self, conn: psycopg.AsyncConnection) -> int:
        """Write the table as it is now, unless the file has it already; how many devices are let in."""
        rows = await (
            await conn.execute("SELECT device_id, password_line FROM device_credentials ORDER BY device_id")
        ).fetchall()
        digest = hashlib.sha256(repr(rows).encode()).digest()
        if digest == self._written:
            return self._devices
        good: list[tuple[str, str]] = []
        bad: list[tuple[str, str]] = []
        for device_id, hashed in rows:
            (good if _is_good(device_id, hashed) else bad).append((device_id, hashed))
        if bad:
            self._say(f"{len(bad)} logins of devices cannot be used by the broker; the first: {bad[0][0]!r}")
        self._devices = await asyncio.to_thread(self._mosquitto.write_credentials, good)
        if pid := self._broker_pid():
            self._mosquitto.reload(pid)
        self._written = digest
        return self._devices

    async def _follow(self) -> None:
        conn = await connect_async(
            self._settings, "owner", application_name="lianfang-logins", autocommit=True
        )
        async with conn:
            await conn.execute(f"LISTEN {CHANNEL}")
            await self.write_now(conn)
            while True:
                async for _ in conn.notifies(stop_after=1):
                    await asyncio.sleep(GATHER_S)
                await self.write_now(conn)


def _is_good(device_id: str, hashed: str) -> bool:
    try:
        credentials.check_username(device_id)
    except ValueError:
        return False
    return _HASH.fullmatch(hashed) is not None
