"""Storing batch after batch over one database connection, however long the database is away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol, Self

import structlog
from psycopg import Connection, OperationalError

from alarms.model import RawMessage
from alarms.receiving import intake, staging
from alarms.receiving.intake import Outcome, Rules

FORGET_EVERY = 200
"""Batches after which it is forgotten what no broker sends again."""
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)

Connect = Callable[[], Connection[Any]]
"""Opens a database connection with the intake's role, or raises OperationalError."""

log = structlog.get_logger(__name__)


class Store(Protocol):
    """Where a lane puts its batches, in a ``with`` block. All but ``stop`` are called by the lane's own thread."""

    def store(self, messages: Sequence[RawMessage]) -> list[Outcome] | None:
        """The outcomes after the commit, in the order of the messages; None when asked to stop before that."""

    def stop(self) -> None:
        """Wait for no database any more; may be called from any thread."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Storing:
    """The loop itself."""

    def __init__(self, connect: Connect, rules: Rules, wait: Callable[[float], bool]) -> None:
        """``wait`` waits so many seconds, but no longer than until asked to stop, and tells whether that was asked."""
        self._connect = connect
        self._rules = rules
        self._wait = wait
        self._database: Connection[Any] | None = None
        self._batches = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def store(self, messages: Sequence[RawMessage]) -> list[Outcome] | None:
        """As ``Store.store``."""
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
                self._close()
                if self._wait(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]):
                    return None
                failures += 1
                # The part that was committed, or all of it when only the server's word got lost, is not stored twice.
                messages = [replace(message, taken_again=True) for message in messages]

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()

    def _ready_database(self) -> Connection[Any]:
        if self._database is None or self._database.closed:
            self._database = self._connect()
            self._database.autocommit = True
            staging.prepare(self._database)
        return self._database


class Here(Storing):
    """A store in this process: what it computes shares the interpreter with everything else."""

    def __init__(self, connect: Connect, rules: Rules) -> None:
        self._stopping = threading.Event()
        super().__init__(connect, rules, self._stopping.wait)

    def stop(self) -> None:
        """As ``Store.stop``."""
        self._stopping.set()
