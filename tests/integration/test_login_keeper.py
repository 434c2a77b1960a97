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
    assert [line for line in said if "cannot be written" in line] == [
        "the broker's logins cannot be written: [Errno 28] No space left on device; it is tried again"
    ]
    keeping.cancel()
    await asyncio.wait([keeping])
