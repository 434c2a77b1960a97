"""What every benchmark prints and keeps: a table on the screen, the same as JSON under ``var/bench``."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path


def machine() -> str:
    """The machine that the figures were taken on, in a line."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    memory = next(
        int(line.split()[1]) / 1024**2
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal")
    )
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def warn_if_busy() -> None:
    """Say before a run that others are at work: then the figures tell more about them than about us."""
    load = os.getloadavg()[0]
    if load > 0.5:
        print(
            f"note: the load average is {load:.1f} before the start; quote nothing from a machine that is not quiet"
        )


def report(name: str, figures: Mapping[str, float], notes: Mapping[str, str] | None = None) -> Path:
    """Print the figures as a table and write ``var/bench/NAME.json``; returns the file."""
    width = max(len(key) for key in figures)
    print(f"\n{name}: {machine()}")
    for key, value in figures.items():
        note = (notes or {}).get(key, "")
        print(f"  {key:<{width}}  {value:>12,.2f}  {note}")
    file = Path("var/bench") / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    file.write_text(
        json.dumps(
            {"name": name, "taken_at": taken_at, "machine": machine(), "figures": dict(figures)}, indent=2
        )
        + "\n"
    )
    return file
