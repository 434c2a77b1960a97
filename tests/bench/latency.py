"""`./run bench latency`: how long after its publish planned for an alarm stands painted in a dispatcher's browser.

The whole runs: broker, intake, PostGIS, API, and the built map in Chromium at 1280x800, all on this machine. Signals
come at 10, 100 and 1,000 a second with the mix of `./run bench intake`; about two a second are marked: a panic button
at a site of its own, so that it opens an incident of priority 1, whose row stands at the top of the queue. Seen is what
the page shows: its row, found in the document inside the visible part of the queue, one frame after it was laid out.
Once seen it is acknowledged through the API, as a dispatcher would, which takes it down again.

Publish times are planned times: a publisher that falls behind makes the figure worse, and so does everything else. A
mark that was never seen counts with the time that was waited for it, and is told.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import psycopg
from playwright.sync_api import Page, sync_playwright

from api.database.pool import connect
from api.demo_city import load_demo_city
from api.embedded.ports import any_free
from api.settings import load_settings
from api.users import add_user
from tests.bench.intake import messages, open_session, publish
from tests.bench.report import report, warn_if_busy
from tests.bench.world import World, world
from tests.chromium import launch

PAGE = Path(__file__).with_name("latency_page.js").read_text(encoding="utf-8")
USERNAME, PASSWORD = "bench", "bench-latency-only"
CITY = "411200000000"
MARKS_PER_S = 2.0
PATIENCE_S = 30.0
"""How long after the last publish a mark is waited for."""

Message = tuple[str, bytes]


@dataclass(slots=True)
class Mark:
    """A marked alarm: when its publish was planned, and when its stages were reached (seconds since 1970)."""

    planned_at: float
    stored_at: float | None = None
    """When the intake took its batch in hand."""
    fed_at: float | None = None
    """When the feed gave it to a second reader."""
    painted_at: float | None = None


@dataclass(slots=True)
class Run:
    """What one rate gave."""

    rate: int
    marks: dict[str, Mark] = field(default_factory=dict)
    busy_ms: float = 0
    longest_ms: float = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--seconds", type=int, default=60, help="how long each rate lasts")
    parser.add_argument(
        "--rounds", type=int, default=1, help="all rates in turn so often; their marks are pooled"
    )
    parser.add_argument("--households", type=int, default=20_000)
    parser.add_argument(
        "--stages", action="store_true", help="read the feed beside the page, to tell where time goes"
    )
    parser.add_argument("--screenshots", type=Path, help="a folder for a picture of the page after each rate")
    options = parser.parse_args()
    warn_if_busy()
    if not Path("map_ui/dist/index.html").exists():
        sys.exit("the map is not built: ./run bench latency builds it")
    plan = options.rates * options.rounds
    background = messages(sum(plan) * options.seconds, options.households)
    marks = len(plan) * options.seconds * math.ceil(MARKS_PER_S)
    runs = {rate: Run(rate) for rate in options.rates}
    with world() as w, sync_playwright() as playwright:
        prepare(w, options.households, marks)
        with served(w) as url, httpx.Client(base_url=url, headers=signed_in(url)) as api:
            browser = launch(playwright)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            open_map(page, url)
            reader = FeedReader(api) if options.stages else None
            used = 0
            for rate in plan:
                batch, background = background[: rate * options.seconds], background[rate * options.seconds :]
                run = runs[rate]
                used = measure(w, page, api, run, batch, used)
                if reader is not None:
                    reader.tell(run.marks)
                if options.screenshots:
                    options.screenshots.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=options.screenshots / f"latency-{rate}.png")
                print(f"{rate:>5}/s: {summary(run)}; load {os.getloadavg()[0]:.1f}", flush=True)
            if reader is not None:
                reader.close()
            browser.close()
        if options.stages:
            with psycopg.connect(w.postgres.url) as conn:
                for run in runs.values():
                    print_stages(conn, run)
    figures: dict[str, float] = {}
    for rate, run in runs.items():
        figures[f"p50_ms_{rate}"] = percentile(run, 0.50)
        figures[f"p99_ms_{rate}"] = percentile(run, 0.99)
        figures[f"marks_{rate}"] = len(run.marks)
        figures[f"unseen_{rate}"] = sum(mark.painted_at is None for mark in run.marks.values())
    report("latency", figures)


def prepare(w: World, households: int, marks: int) -> None:
    """The demo city, a sensor of ours in each household, marked sites with panic buttons, and a dispatcher."""
    settings = load_settings(database_url=w.postgres.url, var_dir=w.folder / "var")
    with connect(settings, "owner") as conn:
        load_demo_city(conn, households, cache_dir=Path("var/bench"))
        conn.execute(
            """
            INSERT INTO devices (device_id, kind, protocol, site_id, county, township, village)
            SELECT 'bench-' || row_number() OVER (ORDER BY id), 'infrared_sensor', 'lianfang', id,
                   county, township, village
              FROM sites WHERE kind = 'household'
            """
        )
        conn.execute(
            """
            INSERT INTO sites (kind, name, position, county, township, village, grid_cell, grid_cell_id, synthetic)
            SELECT 'shop', 'MARK-' || lpad((row_number() OVER (ORDER BY id))::text, 5, '0'), position,
                   county, township, village, grid_cell, grid_cell_id, true
              FROM (SELECT * FROM sites WHERE kind = 'household' ORDER BY md5(id::text) LIMIT %s) AS neighbours
            """,
            [marks],
        )
        conn.execute(
            """
            INSERT INTO devices (device_id, kind, protocol, site_id, county, township, village)
            SELECT lower(name), 'panic_button', 'lianfang', id, county, township, village
              FROM sites WHERE name LIKE 'MARK-%'
            """
        )
        add_user(conn, USERNAME, "dispatcher", division=CITY, password=PASSWORD, locale="en")
        conn.commit()
        conn.autocommit = True
        conn.execute("VACUUM ANALYZE sites, devices")


def signed_in(url: str) -> dict[str, str]:
    """The header of a program that signed in."""
    answer = httpx.post(f"{url}/api/v1/token", data={"username": USERNAME, "password": PASSWORD})
    answer.raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@contextmanager
def served(w: World) -> Iterator[str]:
    """Intake and API as processes of their own; yields the API's address."""
    port = any_free("127.0.0.1")
    login = w.mosquitto.login("intake")
    environment = os.environ | {
        "LIANFANG_VAR_DIR": str(w.folder / "var"),
        "LIANFANG_DATABASE_URL": w.postgres.url,
        "LIANFANG_MQTT_URL": f"mqtt://{login.username}:{quote(login.password, safe='')}@{login.host}:{login.port}",
        "LIANFANG_HTTP_PORT": str(port),
    }
    from alarms.receiving.mqtt import TOPICS, Broker

    open_session(login, Broker(**asdict(login)).client_id, list(TOPICS))
    url = f"http://127.0.0.1:{port}"
    processes = []
    try:
        for role in ("intake", "serve"):
            with (w.folder / f"{role}.log").open("wb") as log:
                command = [sys.executable, "-m", "api.cli", role]
                processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        wait_ready(url, w.folder / "serve.log", processes)
        yield url
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def wait_ready(url: str, log: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    """Wait until database, broker and intake work, as the API tells."""
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(f"{url}/healthz", timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
            raise RuntimeError(f"intake or API did not come up:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def open_map(page: Page, url: str) -> None:
    """Sign in as the dispatcher and wait until the queue is there."""
    page.goto(url)
    page.fill("lf-sign-in input[name=username]", USERNAME)
    page.fill("lf-sign-in input[name=password]", PASSWORD)
    page.click("lf-sign-in button[type=submit]")
    page.wait_for_selector("lf-queue .empty, lf-queue .rows", timeout=30_000)
    page.evaluate(PAGE)


def measure(w: World, page: Page, api: httpx.Client, run: Run, batch: list[Message], used: int) -> int:
    """Publish a rate's signals on time, acknowledge what is seen; returns how many marks are used up."""
    rng = random.Random(used)
    each = max(1, round(run.rate / MARKS_PER_S))
    batch = list(batch)
    places: dict[str, int] = {}
    for first in range(0, len(batch), each):
        used += 1
        place = min(first + rng.randrange(each), len(batch) - 1)  # at no fixed phase of anybody's clock
        name = f"MARK-{used:05}"
        payload = orjson.dumps({"id": name, "event": "120"})
        batch[place] = (f"lianfang/v1/{name.lower()}/signal", payload)
        places[name] = place
    begin = time.time() + 1.0
    marks = {name: Mark(begin + place / run.rate) for name, place in places.items()}
    run.marks |= marks
    page.evaluate("__bench.takeBusy()")
    publisher = threading.Thread(target=publish, args=(w.mosquitto.login("demo"), batch, run.rate, begin))
    publisher.start()
    deadline = begin + len(batch) / run.rate + PATIENCE_S
    missing = len(marks)
    while missing and time.time() < deadline:
        page.wait_for_timeout(250)
        painted = page.evaluate("__bench.takePainted()")
        for one in painted:
            marks[one["name"]].painted_at = one["at"]
            missing -= 1
        if painted:
            ids = [one["id"] for one in painted]
            api.post("/api/v1/incidents/acknowledge", json={"ids": ids}).raise_for_status()
    publisher.join()
    busy = page.evaluate("__bench.takeBusy()")
    run.busy_ms += busy["busy_ms"]
    run.longest_ms = max(run.longest_ms, busy["longest_ms"])
    return used


class FeedReader:
    """A second reader of the feed, which notes when it is given each mark."""

    def __init__(self, api: httpx.Client) -> None:
        self._fed: dict[str, float] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._read, args=(api.base_url, api.headers), daemon=True)
        self._thread.start()

    def _read(self, url: httpx.URL, headers: httpx.Headers) -> None:
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            seq = client.get("/api/v1/live/snapshot").json()["seq"]
            with client.stream("GET", "/api/v1/live", params={"after": seq}) as stream:
                for line in stream.iter_lines():
                    if self._stopping:
                        return
                    for name in re.findall(r"MARK-\d+", line):
                        self._fed.setdefault(name, time.time())

    def tell(self, marks: dict[str, Mark]) -> None:
        """Note the marks' times."""
        for name, mark in marks.items():
            mark.fed_at = self._fed.get(name)

    def close(self) -> None:
        self._stopping = True
        self._thread.join(10)


def waits(run: Run) -> list[float]:
    """Milliseconds from planned publish until painted, sorted; an unseen mark was waited for until now."""
    now = time.time()
    return sorted(((mark.painted_at or now) - mark.planned_at) * 1000 for mark in run.marks.values())


def percentile(run: Run, share: float) -> float:
    """The nearest-rank percentile, in ms."""
    values = waits(run)
    return values[max(0, math.ceil(share * len(values)) - 1)]


def summary(run: Run) -> str:
    unseen = sum(mark.painted_at is None for mark in run.marks.values())
    return (
        f"median {percentile(run, 0.5):,.0f} ms, p99 {percentile(run, 0.99):,.0f} ms, worst {waits(run)[-1]:,.0f} ms "
        f"of {len(run.marks)} marks, {unseen} unseen; page held {run.busy_ms / 1000:.1f} s by long tasks, "
        f"the longest {run.longest_ms:.0f} ms"
    )


def print_stages(conn: psycopg.Connection[Any], run: Run) -> None:
    """Where the time went: medians and p99 of each stage, in ms."""
    rows = conn.execute(
        """
        SELECT s.message_id, extract(epoch FROM s.received_at)::float8, extract(epoch FROM i.opened_at)::float8
          FROM signals s JOIN alarms a ON a.id = s.alarm_id JOIN incidents i ON i.id = a.incident_id
         WHERE s.message_id = ANY (%s)
        """,
        [list(run.marks)],
    ).fetchall()
    received = {name: at for name, at, _ in rows}
    stages: dict[str, list[float]] = {}
    for name, mark in run.marks.items():
        at = received.get(name)
        if at is None or mark.fed_at is None or mark.painted_at is None:
            continue
        stages.setdefault("planned publish -> received by the intake", []).append(at - mark.planned_at)
        stages.setdefault("received -> in the feed of a second reader", []).append(mark.fed_at - at)
        stages.setdefault("in the feed -> painted", []).append(mark.painted_at - mark.fed_at)
    print(f"{run.rate}/s, where the time goes (median, p99, worst in ms):")
    for stage, values in stages.items():
        ordered = sorted(values)
        p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
        print(f"  {stage:<45} {median(ordered) * 1000:8,.0f} {p99 * 1000:8,.0f} {ordered[-1] * 1000:8,.0f}")


if __name__ == "__main__":
    main()
