"""The live feed: N browsers listen while changes are stored at a rate; how late they are, and what it costs the API.

    ./run bench feed [--clients 20] [--rate 1000] [--seconds 10]

The API runs in a process of its own, held to one core. Changes come in transactions of ten.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from api.database.pool import connect
from api.settings import Settings, load_settings
from tests.bench.report import report, warn_if_busy
from tests.integration.servers import run_folder, shared_servers
from tests.integration.serving import Served
from tests.stories import Intake, World, says

BATCH = 10
_SEQ = re.compile(rb"^id: (\d+)$", re.MULTILINE)
_PORT = re.compile(r"port=(\d+)")
SERVE = """
import os, socket, sys
import uvicorn
from api.app import create_app
from api.settings import load_settings
os.sched_setaffinity(0, {0})
listening = socket.create_server(("127.0.0.1", 0))
print("port=%d" % listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(create_app(load_settings()), log_level="error")).run(sockets=[listening])
"""


class Client:
    """A browser's feed: when each change came."""

    def __init__(self) -> None:
        self.came: dict[int, float] = {}
        self.began = asyncio.Event()

    async def listen(self, port: int, token: str, last: int) -> None:
        """Until the change numbered ``last`` is there."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        head = f"GET /api/v1/live?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        writer.write(head.encode())
        rest = b""
        while last not in self.came:
            data = await reader.read(2**20)
            if not data:
                raise ConnectionError("the feed ended")
            now = time.monotonic()
            whole, mark, rest = (rest + data).rpartition(b"\n")
            for seq in _SEQ.findall(whole + mark):
                self.came[int(seq)] = now
            if self.came:
                self.began.set()
        writer.close()


def _writes(
    settings: Settings, incidents: list[int], rate: int, total: int, stored: dict[int, float]
) -> None:
    with connect(settings, "intake") as conn:
        began = time.monotonic()
        for n in range(total // BATCH):
            time.sleep(max(0.0, began + n * BATCH / rate - time.monotonic()))
            row = conn.execute(
                "SELECT append_changes(%s::bigint[], '{}', '{}', %s)", [incidents, datetime.now(UTC)]
            ).fetchone()
            conn.commit()
            assert row is not None
            now = time.monotonic()
            stored.update({row[0] - k: now for k in range(BATCH)})


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(settings: Settings, clients: int, rate: int, seconds: int) -> dict[str, float]:
    """Run it once."""
    with connect(settings, "owner") as owner, connect(settings, "intake") as intake:
        world = World(owner)
        world.user("wang")
        for n in range(BATCH):
            world.device(f"pir-{n}", site=world.site(f"No. {n}"))
        Intake(intake).accept(*(says(f"pir-{n}", "130") for n in range(BATCH)))
        incidents = [row[0] for row in owner.execute("SELECT id FROM incidents")]
        assert len(incidents) == BATCH
        token = Served.token(owner, "wang")
    environment = os.environ | {
        "LIANFANG_DATABASE_URL": settings.database_url or "",
        "LIANFANG_VAR_DIR": str(settings.var_dir),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        found = None
        while found is None:
            line = process.stdout.readline()
            assert line, "the API did not start"
            found = _PORT.search(line)
        port = int(found[1])
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        listeners = [Client() for _ in range(clients)]
        total = rate * seconds
        first = 2 * BATCH  # an incident and an alarm each
        last = first + total
        stored: dict[int, float] = {}
        writer = threading.Thread(target=_writes, args=(settings, incidents, rate, total, stored))

        async def all_listen() -> None:
            tasks = [asyncio.create_task(one.listen(port, token, last)) for one in listeners]
            await asyncio.gather(*(one.began.wait() for one in listeners))
            writer.start()
            async with asyncio.timeout(seconds * 10 + 60):
                await asyncio.gather(*tasks)

        before = _cpu_s(process.pid)
        began = time.monotonic()
        asyncio.run(all_listen())
        took = time.monotonic() - began
        cpu = _cpu_s(process.pid) - before
        writer.join()
    finally:
        process.terminate()
        process.wait(20)
    delays = sorted(one.came[seq] - stored[seq] for one in listeners for seq in stored)
    complete = sum(len(one.came) == last for one in listeners)
    return {
        "clients": clients,
        "changes_per_s": total / (max(stored.values()) - min(stored.values())),
        "clients_complete": complete,
        "p50_ms": delays[len(delays) // 2] * 1000,
        "p99_ms": delays[int(len(delays) * 0.99)] * 1000,
        "max_ms": delays[-1] * 1000,
        "api_core_share": cpu / took,
        "events_sent_per_s": clients * total / took,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=10)
    asked = parser.parse_args()
    warn_if_busy()
    with (
        run_folder(f"feed-{os.getpid()}") as folder,
        shared_servers(folder) as servers,
        tempfile.TemporaryDirectory() as var,
    ):
        name = f"feed_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(servers["superuser_url"], autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE lianfang OWNER lianfang").format(sql.Identifier(name))
            )
        url = urlsplit(servers["login_url"])._replace(path=f"/{name}").geturl()
        settings = load_settings(database_url=url, var_dir=Path(var))
        report("feed", measure(settings, asked.clients, asked.rate, asked.seconds))


if __name__ == "__main__":
    main()
