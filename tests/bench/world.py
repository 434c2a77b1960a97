"""A world to measure in: real servers of its own, with sites and devices."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from api.database.migrate import migrate
from api.embedded.mosquitto import EmbeddedMosquitto
from api.embedded.postgres import EmbeddedPostgres
from tests.integration.servers import start


@dataclass(frozen=True)
class World:
    """Servers that run while it lasts, with durable settings as ``lianfang up`` has them."""

    postgres: EmbeddedPostgres
    mosquitto: EmbeddedMosquitto
    mosquitto_pid: int
    folder: Path


@contextmanager
def world() -> Iterator[World]:
    """Start PostgreSQL and mosquitto in a folder of their own; stop them and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="lianfang-bench-"))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder / "postgres")
    mosquitto = EmbeddedMosquitto(folder / "mosquitto")
    processes = []
    try:
        processes.append(start(postgres))
        processes.append(start(mosquitto))
        with psycopg.connect(postgres.url, autocommit=True) as conn:
            migrate(conn)
        yield World(postgres, mosquitto, processes[1].pid, folder)
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def fill(conn: psycopg.Connection, devices: int) -> None:
    """One household and one infrared sensor each, spread over the city's villages, with native protocol."""
    conn.execute(
        """
        INSERT INTO sites (kind, name, position, county, township, village, synthetic)
        SELECT 'household', 'site ' || n, ST_SetSRID(ST_MakePoint(110.2 + random() * 1.8, 33.6 + random() * 1.4), 4326),
               '411282000000', '4112821' || lpad((n %% 15)::text, 2, '0') || '000',
               '4112821' || lpad((n %% 15)::text, 2, '0') || lpad((200 + n %% 90)::text, 3, '0'), true
          FROM generate_series(1, %s) AS n
        """,
        (devices,),
    )
    conn.execute(
        """
        INSERT INTO devices (device_id, kind, protocol, site_id, county, township, village)
        SELECT 'bench-' || row_number() OVER (ORDER BY id), 'infrared_sensor', 'lianfang', id, county, township, village
          FROM sites
        """
    )
    conn.commit()
    conn.autocommit = True
    conn.execute("VACUUM ANALYZE sites, devices")
