"""A lane: one thread and one database connection that store batch after batch, in the order of arrival.

What one publisher sends always takes the same lane, so it is judged in its order; several lanes let one decode while
the database works for another.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from psycopg import Connection, OperationalError

from alarms.model import RawMessage
from alarms.receiving import intake, staging
from alarms.receiving.intake import Outcome, Rules

LINGER_S = 0.02
"""How long a batch that is not full waits for more: short enough that nobody sees it."""
IDLE_S = 0.5
FORGET_EVERY = 200
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)

log = structlog.get_logger(__name__)


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
        connect: Callable[[], Connection[Any]],
        rules: Rules,
        batch_size: int,
        on_stored: Callable[[Sequence[Received], Sequence[Outcome], float], None],
    ) -> None:
        """``connect`` opens a database connection with the intake's role, or raises OperationalError.

        ``on_stored`` is called after the commit with the batch, its outcomes and how long it took, in seconds.
        """
        self._connect = connect
        self._rules = rules
        self._batch_size = batch_size
        self._on_stored = on_stored
        self._database: Connection[Any] | None = None
        self._batches = 0
        self._stopping = threading.Event()
        self._waiting: queue.SimpleQueue[Received | None] = queue.SimpleQueue()

    def put(self, received: Received) -> None:
        """Take a message in; never blocks."""
        self._waiting.put(received)

    def stop(self) -> None:
        """Finish the batch at hand and return from ``run``."""
        self._stopping.set()
        self._waiting.put(None)

    def run(self) -> None:
        """Store until stopped."""
        try:
            while not self._stopping.is_set():
                batch = self._gather()
                if batch:
                    began = time.monotonic()
                    outcomes = self._store([received.message for received in batch])
                    if outcomes is not None:
                        self._on_stored(batch, outcomes, time.monotonic() - began)
        finally:
            if self._database is not None:
                self._database.close()

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

    def _store(self, messages: Sequence[RawMessage]) -> list[Outcome] | None:
        """Store a batch, however long the database is away; None when asked to stop before that."""
        failures = 0
        while True:
            try:
                database = self._ready_database()
                outcomes = intake.accept(database, messages, datetime.now(UTC), self._rules)
                self._batches += 1
                if self._batches % FORGET_EVERY == 0:
                    intake.forget_packets(database, messages, self._rules)
                return outcomes
            except OperationalError as error:
                why = str(error).splitlines()[0] if str(error) else type(error).__name__
                log.error("database_away", why=why, waiting=len(messages))
                if self._database is not None:
                    self._database.close()
                if self._wait(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]):
                    return None
                failures += 1
                # The part that was committed, or all of it when only the server's word got lost, is not stored twice.
                messages = [replace(message, taken_again=True) for message in messages]

    def _ready_database(self) -> Connection[Any]:
        if self._database is None or self._database.closed:
            self._database = self._connect()
            self._database.autocommit = True
            staging.prepare(self._database)
        return self._database

    def _wait(self, seconds: float) -> bool:
        """Wait, but no longer than until asked to stop; tells whether that was asked."""
        return self._stopping.wait(seconds)
