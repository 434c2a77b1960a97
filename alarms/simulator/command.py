"""The arguments of ``lianfang simulate``, read and carried out; who may connect to what is the caller's business."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import psycopg

from alarms.simulator.devices import read_devices
from alarms.simulator.run import Connection, Options, Progress, SimulatorError, simulate
from alarms.simulator.scenarios import SCENARIOS
from gis import divisions


class Login(Protocol):
    """A broker and a login that may publish for the devices."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...


def parser() -> argparse.ArgumentParser:
    """What ``lianfang simulate --help`` shows."""
    arguments = argparse.ArgumentParser(
        prog="lianfang simulate",
        description="Publish what registered devices would, through the real broker.",
    )
    arguments.add_argument("scenario", nargs="?", default="day", choices=list(SCENARIOS), help="default: day")
    arguments.add_argument("--rate", type=float, help="messages a second, whatever the scenario's clock says")
    arguments.add_argument(
        "--speed", type=float, default=1.0, help="how much faster than real time (default 1)"
    )
    arguments.add_argument("--closed-loop", action="store_true", help="as fast as the broker acknowledges")
    arguments.add_argument(
        "--window", type=int, default=100, help="most messages unacknowledged (default 100)"
    )
    arguments.add_argument("--duration", type=float, metavar="SECONDS", help="stop after this long")
    arguments.add_argument("--messages", type=int, help="stop after this many messages")
    arguments.add_argument("--devices", type=int, help="use only the first so many devices")
    arguments.add_argument(
        "--division", type=_division, help="only devices in this division (4, 6, 9 or 12 digits)"
    )
    arguments.add_argument("--seed", type=int, default=1, help="the same seed plays the same (default 1)")
    arguments.add_argument("--quiet", action="store_true", help="no line of progress")
    return arguments


def _division(text: str) -> str:
    try:
        return divisions.parse(text)
    except divisions.DivisionCodeError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main(
    args: Sequence[str],
    login: Login,
    connect: Callable[[], AbstractContextManager[psycopg.Connection[Any]]],
) -> int:
    """Run ``lianfang simulate``. Returns its exit code: 0 done, 1 failed; wrong usage leaves with 2."""
    given = parser().parse_args(list(args))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        options = Options(
            scenario=given.scenario,
            duration_s=given.duration,
            rate_per_s=given.rate,
            speed=given.speed,
            closed_loop=given.closed_loop,
            window=given.window,
            messages=given.messages,
            seed=given.seed,
        )
        with connect() as connection:
            devices = read_devices(connection, limit=given.devices, division=given.division)
        progress = simulate(
            Connection(
                host=login.host,
                port=login.port,
                username=login.username,
                password=login.password,
                tls=bool(getattr(login, "tls", False)),
            ),
            options,
            devices,
            on_progress=None if given.quiet else _show,
            stop=stop,
        )
    except SimulatorError as error:
        sys.stderr.write(f"lianfang simulate: {error}\n")
        return 1
    if not given.quiet:
        sys.stderr.write("\n")
    if progress.refused:
        sys.stderr.write(
            f"lianfang simulate: the broker refused {progress.refused} of {progress.published} messages "
            f"({progress.refusal})\n"
        )
        return 1
    return 0


def _show(progress: Progress) -> None:
    rate = progress.published / progress.elapsed_s if progress.elapsed_s else 0.0
    late = f", {progress.behind_s:.1f} s behind" if progress.behind_s > 1 else ""
    again = f", {progress.reconnects} reconnects" if progress.reconnects else ""
    end = "\r" if sys.stderr.isatty() else "\n"
    sys.stderr.write(
        f"{progress.published} published, {progress.acknowledged} acknowledged, {rate:.0f}/s{late}{again}   {end}"
    )
    sys.stderr.flush()
