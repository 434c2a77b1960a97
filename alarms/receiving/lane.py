"""A lane: one thread that gathers batch after batch and has each stored, in the order of arrival.

What one publisher sends always takes the same lane, so it is judged in its order; several lanes let one decode while
the database works for another.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alarms.model import RawMessage
from alarms.receiving.intake import Outcome
from alarms.receiving.storing import Store

LINGER_S = 0.02
"""How long a batch that is not full waits for more: short enough that nobody sees it."""
IDLE_S = 0.5


@dataclass(slots=True, eq=False)
class Received:
    """A message on its way to being acknowledged."""

    message: RawMessage
    connection: int
    """Which connection brought it: its packet id is worth nothing on another."""
    stored: bool = False


class Lane:
    """Stores what is put into its queue until it is told to stop."""

    def __init__(
        self,
        store: Store,
        batch_size: int,
        on_stored: Callable[[Sequence[Received], Sequence[Outcome], float], None],
    ) -> None:
        """``on_stored`` is called after the commit with the batch, its outcomes and how long it took, in seconds."""
        self._store = store
        self._batch_size = batch_size
        self._on_stored = on_stored
        self._stopping = threading.Event()
        self._waiting: queue.SimpleQueue[Received | None] = queue.SimpleQueue()

    def put(self, received: Received) -> None:
        """Take a message in; never blocks."""
        self._waiting.put(received)

    def stop(self) -> None:
        """Finish the batch at hand and return from ``run``."""
        self._stopping.set()
        self._store.stop()
        self._waiting.put(None)

    def run(self) -> None:
        """Store until stopped."""
        with self._store:
            while not self._stopping.is_set():
                batch = self._gather()
                if batch:
                    began = time.monotonic()
                    outcomes = self._store.store([received.message for received in batch])
                    if outcomes is not None:
                        self._on_stored(batch, outcomes, time.monotonic() - began)

    def _gather(self) -> list[Received]:
        """Wait for a message, then take what comes with it.

        Also what a connection brought that is gone: the broker sends it again and it is recognised; but a broker that
        was killed may have it no longer, and then it is here only.
        """
        batch: list[Received] = []
        deadline = time.monotonic() + IDLE_S
        while len(batch) < self._batch_size:
            try:
                received = self._waiting.get_nowait()
            except queue.Empty:
                try:
                    received = self._waiting.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    break
            if received is None:
                break
            if not batch:
                deadline = time.monotonic() + LINGER_S
            batch.append(received)
        return batch
