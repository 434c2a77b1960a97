"""The broker's logins follow the table, whatever happens to the disk or the broker meanwhile."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterable

import psycopg

from alarms.registry import credentials
from api.embedded.logins import LoginKeeper
from api.embedded.mosquitto import EmbeddedMosquitto
from api.settings import Settings


class Unlucky(EmbeddedMosquitto):
    """Its disk is full at first; then it ends just before it is told to read; then all is well."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.var_dir / "mosquitto")
        self.faults: list[OSError] = [
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
            ProcessLookupError(),
        ]
        self.written: list[str] = []
        self.loop = asyncio.get_running_loop()
        self.done = asyncio.Event()

    def write_credentials(self, devices: Iterable[tuple[str, str]]) -> int:
        if self.faults:
            raise self.faults.pop(0)
        self.written = [device_id for device_id, _ in devices]
        self.loop.call_soon_threadsafe(self.done.set)
        return len(self.written)


async def test_a_full_disk_or_a_broker_that_ends_is_waited_for(
    settings: Settings, owner_conn: psycopg.Connection
) -> None:
    owner_conn.execute(
        "INSERT INTO device_credentials (device_id, password_line) VALUES ('ir-1', %s)",
        [credentials.hash_password("open sesame")],
    )
    owner_conn.commit()
    said: list[str] = []
    broker = Unlucky(settings)
    keeping = asyncio.create_task(LoginKeeper(settings, broker, lambda: None, said.append).keep())
    await asyncio.wait_for(broker.done.wait(), 20)
    assert broker.written == ["ir-1"]
    assert [line for line in said if "cannot be" in line] == [
        "the broker's logins cannot be brought up to date: [Errno 28] No space left on device; it is tried again"
    ]
    keeping.cancel()
    await asyncio.wait([keeping])


async def test_a_database_that_refuses_is_said_and_waited_for(
    settings: Settings, owner_conn: psycopg.Connection
) -> None:
    """An installation without its newest logins is better than none: `up` lives as long as this does."""
    owner_conn.execute("ALTER TABLE device_credentials RENAME TO away")
    owner_conn.commit()
    said: asyncio.Queue[str] = asyncio.Queue()
    broker = Unlucky(settings)
    broker.faults.clear()
    keeping = asyncio.create_task(LoginKeeper(settings, broker, lambda: None, said.put_nowait).keep())
    assert await asyncio.wait_for(said.get(), 20) == (
        "the broker's logins cannot be brought up to date: "
        'relation "device_credentials" does not exist; it is tried again'
    )
    owner_conn.execute("ALTER TABLE away RENAME TO device_credentials")
    owner_conn.commit()
    await asyncio.wait_for(broker.done.wait(), 20)
    keeping.cancel()
    await asyncio.wait([keeping])
