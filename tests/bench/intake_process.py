"""The intake as the benchmark runs it: until it stored so many messages, then its time and peak memory as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from alarms.receiving.intake import Outcome, Rules
from alarms.receiving.mqtt import Broker, Receiver
from api.database.pool import connect
from api.settings import load_settings


def main(database_url: str, count: int) -> None:
    """Run until ``count`` messages are stored and acknowledged."""
    login = json.loads(os.environ["BENCH_MQTT"])
    settings = load_settings(database_url=database_url)
    done = 0
    began = time.monotonic()

    def on_batch(outcomes: Sequence[Outcome], _: float) -> None:
        nonlocal done
        done += len(outcomes)
        if done >= count:
            receiver.stop()

    receiver = Receiver(
        Broker(
            host=login["host"], port=login["port"], username=login["username"], password=login["password"]
        ),
        lambda: connect(settings, "intake", application_name="intake", autocommit=True),
        Rules(zone=ZoneInfo("Asia/Shanghai")),
        batch_size=settings.intake_batch_size,
        receive_maximum=settings.intake_receive_maximum,
        on_batch=on_batch,
    )
    profile = os.environ.get("BENCH_PROFILE")
    if profile:
        import cProfile

        profiler = cProfile.Profile()
        profiler.runcall(receiver.run)
        profiler.dump_stats(profile)
    else:
        receiver.run()
    seconds = time.monotonic() - began
    print(json.dumps({"seconds": seconds, "peak_rss_mb": peak_rss_mb()}))


def peak_rss_mb() -> float:
    """The peak since this program was started; ``getrusage`` would count the memory of who forked it too."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
