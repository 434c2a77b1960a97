"""Map tiles: ours, signed in and scoped, against tipg, which serves the same rows to anybody.

``python -m tests.bench.tiles``: a PostGIS of its own with the demo city, one worker of each server, one client that is
the same for all, interleaved rounds, medians. Three sets of random tiles: villages at z10 and z12, sites at z14. tipg
reads views with the same rows and columns, past row security. Ours runs twice: with its tile cache off, so that every
tile is made in PostGIS, and on, filled before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import geometric_mean, median

import psycopg
from psycopg import sql

from api.database.pool import connect
from api.demo_city import load_demo_city
from api.embedded.ports import any_free
from api.settings import load_settings
from api.users import add_user
from tests.bench.report import report
from tests.bench.world import world

ROOT = Path(__file__).parents[2]
TIPG = "tipg==1.6.0"
SETS = {"villages_z10": ("divisions", 10), "villages_z12": ("divisions", 12), "sites_z14": ("sites", 14)}
PASSWORD = "bench-of-tiles-1"
CONNECTIONS = 4


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--households", type=int, default=650_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    asked = parser.parse_args()
    figures: dict[str, float] = {"households": asked.households}
    with world() as servers, ExitStack() as stack:
        database = urllib.parse.urlsplit(servers.postgres.url).path
        past_row_security = (
            urllib.parse.urlsplit(servers.postgres.superuser_url())._replace(path=database).geturl()
        )
        points = _fill(servers.postgres.url, past_row_security, asked.households)
        tipg = stack.enter_context(_tipg(past_row_security))
        uncached = stack.enter_context(_ours(servers.postgres.url, 0))
        cached = stack.enter_context(_ours(servers.postgres.url, 64))
        token, session = _sign_in(uncached)
        ratios: dict[str, list[float]] = {"uncached": [], "cached": []}
        for name, (layer, zoom) in SETS.items():
            tiles = sorted({_tile_at(lon, lat, zoom) for lon, lat in points})
            random.Random(1).shuffle(tiles)
            version, scope = session["tiles"]["version"][layer], session["tiles"]["scope"]
            own = [f"/tiles/v{version}/{layer}/{z}/{x}/{y}.mvt?scope={scope}" for z, x, y in tiles]
            collection = "peer.villages" if layer == "divisions" else "peer.places"
            others = [f"/collections/{collection}/tiles/WebMercatorQuad/{z}/{x}/{y}" for z, x, y in tiles]
            contestants = {
                "uncached": (uncached, own, f"Authorization: Bearer {token}\r\n"),
                "tipg": (tipg, others, ""),
                "cached": (cached, own, f"Authorization: Bearer {token}\r\n"),
            }
            for port, paths, headers in contestants.values():  # warm: plans, pools, and the one cache
                asyncio.run(_drive(port, paths, headers, seconds=None))
            rates: dict[str, list[float]] = {one: [] for one in contestants}
            for _ in range(asked.rounds):
                for one, (port, paths, headers) in contestants.items():
                    rates[one].append(asyncio.run(_drive(port, paths, headers, seconds=asked.seconds)))
            for one, found in rates.items():
                figures[f"{name}_{one}_per_s"] = median(found)
            for one, collected in ratios.items():
                ratio = median(ours / peer for ours, peer in zip(rates[one], rates["tipg"], strict=True))
                figures[f"{name}_ratio_{one}"] = ratio
                collected.append(ratio)
        figures["ratio_uncached"] = geometric_mean(ratios["uncached"])
        figures["ratio_cached"] = geometric_mean(ratios["cached"])
    notes = {
        "ratio_uncached": "ours / tipg, geometric mean of the three sets; each tile made in PostGIS",
        "ratio_cached": "the same with ours from its cache of 64 MB, signed in and scoped",
    }
    report("tiles", figures, notes)


def _fill(url: str, superuser_url: str, households: int) -> list[tuple[float, float]]:
    """The demo city, a user, views for the peer; returns places of sites to look at."""
    started = time.monotonic()
    with connect(load_settings(database_url=url), "owner") as conn:
        load_demo_city(
            conn, households, lambda line: print(f"  {line}", flush=True), cache_dir=ROOT / "var/cache"
        )
        add_user(conn, "bench", "dispatcher", password=PASSWORD)
        conn.commit()
        points = conn.execute(
            "SELECT ST_X(position), ST_Y(position) FROM sites WHERE grid_cell IS NOT NULL"
            " ORDER BY md5(id::text) LIMIT 400"
        ).fetchall()
    with psycopg.connect(superuser_url, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA peer")
        conn.execute(
            "CREATE VIEW peer.villages AS SELECT id, code, tier, name, name_latin, synthetic, boundary AS geom"
            " FROM divisions WHERE valid_to IS NULL"
        )
        conn.execute(
            "CREATE VIEW peer.places AS SELECT id, kind, name, unit, synthetic, position AS geom"
            " FROM sites WHERE retired_at IS NULL"
        )
        for table in ("divisions", "sites"):
            conn.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
    print(f"  filled in {time.monotonic() - started:.0f} s", flush=True)
    return [(float(lon), float(lat)) for lon, lat in points]


@contextmanager
def _tipg(superuser_url: str) -> Iterator[int]:
    """One worker of tipg, in an environment of its own under var/."""
    home = ROOT / "var/bench/tipg"
    python = home / "bin/python"
    stamp = home / "installed"
    if not stamp.exists() or stamp.read_text() != TIPG:
        print(f"  installing {TIPG} into {home}", flush=True)
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", TIPG, "uvicorn[standard]"], check=True)
        stamp.write_text(TIPG)
    environment = {
        "DATABASE_URL": superuser_url,
        "TIPG_DB_SCHEMAS": '["peer"]',
        "TIPG_DB_EXCLUDE_FUNCTIONS": '["*"]',
        "DB_MIN_CONN_SIZE": "1",
        "DB_MAX_CONN_SIZE": "8",
    }
    command = [python, "-m", "uvicorn", "tipg.main:app", "--log-level", "warning", "--no-access-log"]
    with _server([str(part) for part in command], environment, "/healthz") as port:
        yield port


@contextmanager
def _ours(url: str, cache_mb: int) -> Iterator[int]:
    """One worker of ours."""
    environment = {
        "LIANFANG_DATABASE_URL": url,
        "LIANFANG_TILE_CACHE_MB": str(cache_mb),
        "LIANFANG_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app", "--log-level", "warning",
               "--no-access-log"]  # fmt: skip
    with _server(command, environment, "/healthz") as port:
        yield port


@contextmanager
def _server(command: list[str], environment: dict[str, str], health: str) -> Iterator[int]:
    port = any_free("127.0.0.1")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env=os.environ | environment, cwd=ROOT, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}{health}", timeout=2) as answer:
                        if answer.status == 200:
                            break
                except OSError as error:
                    if process.poll() is not None or time.monotonic() > deadline:
                        log.seek(0)
                        raise RuntimeError(
                            f"{command}: {log.read()[-3000:].decode(errors='replace')}"
                        ) from error
                    time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _sign_in(port: int) -> tuple[str, dict[str, dict[str, dict[str, int]]]]:
    """A bearer token, and the session object."""
    form = urllib.parse.urlencode(
        {"grant_type": "password", "username": "bench", "password": PASSWORD}
    ).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/token", form) as answer:
        token = json.load(answer)["access_token"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/session", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return token, json.load(answer)


def _tile_at(lon: float, lat: float, z: int) -> tuple[int, int, int]:
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return z, int((lon + 180) / 360 * 2**z), int(y * 2**z)


async def _drive(port: int, paths: list[str], headers: str, seconds: float | None) -> float:
    """Ask for the tiles in turn over a few connections for so long (None: each once); returns answers per second.

    Raises if an answer is not 200 or empty.
    """
    requests = [
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Accept-Encoding: gzip\r\n\r\n".encode()
        for path in paths
    ]
    started = time.perf_counter()
    done = 0
    upcoming = iter(range(10**9))

    async def connection() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for n in upcoming:
            if (n >= len(requests)) if seconds is None else (time.perf_counter() - started > seconds):
                break
            writer.write(requests[n % len(requests)])
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, _, after = head.partition(b"content-length: ")
            length = int(after.split(b"\r\n", 1)[0]) if after else 0
            if not head.startswith(b"http/1.1 200") or length == 0:
                raise RuntimeError(f"{paths[n % len(paths)]}: {head.decode()}")
            await reader.readexactly(length)
            done += 1
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return done / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
