"""Works that meet: all of them in threads at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable

DEADLINE_S = 60


def side_by_side(*works: Callable[[threading.Barrier], None]) -> None:
    """Run these at the same time; what one raises is raised here."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def guarded(work: Callable[[threading.Barrier], None]) -> None:
        try:
            work(barrier)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "a worker hangs"
