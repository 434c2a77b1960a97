"""The intake as the benchmark runs it: until it stored so many messages, then its time and peak memory as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from multiprocessing import active_children
from pathlib import Path

from alarms.receiving.intake import Outcome
from api.embedded.mosquitto import Login
from api.intake import make_receiver
from api.settings import load_settings


def main(database_url: str, count: int) -> None:
    """Run until ``count`` messages are stored and acknowledged."""
    done, peak = 0, 0.0
    began = time.monotonic()

    def on_batch(outcomes: Sequence[Outcome], _: float) -> None:
        nonlocal done, peak
        done += len(outcomes)
        if done >= count and not peak:
            peak = sum(peak_rss_mb(pid) for pid in ("self", *(child.pid for child in active_children())))
            receiver.stop()

    login = Login(**json.loads(os.environ["BENCH_MQTT"]))
    receiver = make_receiver(load_settings(database_url=database_url), login, on_batch)
    receiver.run()
    print(json.dumps({"seconds": time.monotonic() - began, "peak_rss_mb": peak}))


def peak_rss_mb(pid: int | str | None) -> float:
    """The peak since this program was started; ``getrusage`` would count the memory of who forked it too."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
