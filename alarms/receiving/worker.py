"""A store in a process of its own, so that each lane has an interpreter and they share the cores.

A batch goes over a pipe as plain tuples and its outcomes come back. The worker lives as long as the receiver: told to
stop, it finishes the batch at hand; when the receiver is killed, the system kills it too, so that none stores on behind
the back of the next receiver.
"""

from __future__ import annotations

import ctypes
import pickle
import signal
from collections.abc import Callable, Sequence
from dataclasses import fields
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from operator import attrgetter
from typing import Any, Self

from alarms.model import RawMessage
from alarms.receiving.intake import Outcome, Rules, Status
from alarms.receiving.storing import Connect, Storing

CLOSE_S = 10.0
PR_SET_PDEATHSIG = 1
"""``linux/prctl.h``"""

_NAMES = tuple(field.name for field in fields(RawMessage))
_values = attrgetter(*_NAMES)
_outcome = attrgetter("status.value", "publisher", "message_id", "reason")


class WorkerEndedError(RuntimeError):
    """The worker's process is gone; what it said of that is in the log."""


class Worker:
    """The process lives from entering the block to its end."""

    def __init__(self, connect: Connect, rules: Rules, prepare: Callable[[], None] | None = None) -> None:
        """``connect`` and ``prepare``, which sets up the process (its log), are called there: both can be pickled."""
        context = get_context("spawn")  # a fork of a process with threads may stand still for ever
        self._pipe, pipe = context.Pipe()
        stopping, self._open_until_stopped = context.Pipe(duplex=False)
        self._theirs = (pipe, stopping)
        self._process = context.Process(target=_work, args=(*self._theirs, connect, rules, prepare))

    def __enter__(self) -> Self:
        """Start the process; the kernel ends it with the thread that calls this."""
        self._process.start()
        for end in self._theirs:
            end.close()
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, once it has finished what it has."""
        self.stop()
        self._pipe.close()
        self._process.join(CLOSE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    @property
    def pid(self) -> int | None:
        """Of the process; None before it runs."""
        return self._process.pid

    def store(self, messages: Sequence[RawMessage]) -> list[Outcome] | None:
        """As ``Store.store``. Raises ``WorkerEndedError``."""
        try:
            _send(self._pipe, [_values(message) for message in messages])
            told: list[tuple[str, str | None, str | None, str]] | None = _receive(self._pipe)
        except (EOFError, OSError):
            self._process.join(CLOSE_S)
            raise WorkerEndedError(f"a worker ended with exit code {self._process.exitcode}") from None
        if told is None:
            return None
        return [
            Outcome(
                message=message,
                status=Status(status),
                publisher=publisher,
                message_id=message_id,
                reason=reason,
            )
            for message, (status, publisher, message_id, reason) in zip(messages, told, strict=True)
        ]

    def stop(self) -> None:
        """As ``Store.stop``."""
        self._open_until_stopped.close()


def _send(pipe: Pipe, document: object) -> None:
    """As ``pipe.send``, which leaves a buffer behind, half freed, when the other end is gone."""
    pipe.send_bytes(pickle.dumps(document))


def _receive(pipe: Pipe) -> Any:
    return pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our own process


def _work(
    pipe: Pipe, stopping: Pipe, connect: Connect, rules: Rules, prepare: Callable[[], None] | None
) -> None:
    """Be the worker, until ``pipe`` ends. ``stopping`` ends when nothing is to be waited for any more."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach every process; the receiver decides what ends
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if prepare is not None:
        prepare()
    with Storing(connect, rules, stopping.poll) as storing:
        while True:
            try:
                batch: list[tuple[Any, ...]] = _receive(pipe)
            except EOFError:
                return
            messages = [RawMessage(**dict(zip(_NAMES, values, strict=True))) for values in batch]
            outcomes = storing.store(messages)
            _send(pipe, None if outcomes is None else [_outcome(one) for one in outcomes])
