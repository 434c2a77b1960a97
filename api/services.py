"""Keeps a set of processes running: starts them in order, restarts what dies, stops them in reverse order.

Each service is a process in a session of its own (Ctrl-C reaches only us, so that we choose the order of stopping)
that dies with us (``setpriv --pdeathsig``), so that even a killed supervisor leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from api.embedded import EmbeddedError
from api.ready import READY_FD
from api.rolling import RollingFile

POLL_S = 0.03
POLL_SLOWEST_S = 1.0
TELL_S = 10.0
"""A wait that lasts longer is said this often."""
BACKOFF_FIRST_S = 0.2
BACKOFF_MOST_S = 15.0
WORDS = 2000
"""So much of what a process said is looked through when its start failed."""
SETTLED_S = 30.0
"""A service that ran this long is taken for healthy: its next restart is immediate again."""


class ServiceError(Exception):
    """A service could not be started; the message says which, and ends with its last words."""


def _nothing() -> None:
    """No preparation is needed."""


def _not_mended(_: str) -> str:
    """There is nothing that we could put right."""
    return ""


def _not_ready() -> str:
    return "it is not ready yet"


def heard_or_not(say: Callable[[str], None]) -> Callable[[str], None]:
    """``say`` for what has to go on when its terminal is gone, or the disk that its lines go to is full."""

    def say_it(line: str) -> None:
        with contextlib.suppress(OSError):
            say(line)

    return say_it


@dataclass(kw_only=True)
class Service:
    """What to run, how to know that it is ready and how to stop it."""

    name: str
    command: Callable[[], list[str]]
    prepare: Callable[[], None] = _nothing
    """Called before every start, in a thread: clears what a crash left."""
    mend: Callable[[str], str] = _not_mended
    """Called with the words of a start that failed, in a thread: what was put right, so that the next may succeed; or
    nothing."""
    is_ready: Callable[[], bool] | None = None
    """Asked again and again, in a thread. None: the process announces itself (``api.ready``)."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 20.0
    start_timeout_s: float | None = 60.0
    """None: as long as its process lives."""
    waits_for: Callable[[], str] = _not_ready
    """Why it is not ready, for a person who waits."""
    environment: Mapping[str, str] = field(default_factory=dict)
    echo: bool = False
    """Also show its lines, under its name."""


class Supervisor:
    """Runs services. ``say`` gets each line that a person should read."""

    def __init__(self, log_folder: Path, say: Callable[[str], None]) -> None:
        self._log_folder = log_folder
        self._say = heard_or_not(say)
        self._running: list[_Running] = []
        self.stopping = asyncio.Event()

    def stop_on_signals(self) -> None:
        """Ctrl-C, a closed terminal and ``kill`` set ``stopping``."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if self.stopping.is_set():
            self._say("still stopping; each service is given its time to leave in order")
        self.stopping.set()

    async def start(self, *services: Service) -> None:
        """Start these side by side and return when all are ready; from then on they are kept running.

        Raises ``ServiceError`` or ``EmbeddedError`` when one does not become ready. Asked to stop meanwhile, it
        returns early: look at ``stopping``.
        """
        fresh = [_Running(service, self._log_folder, self._say, self.stopping) for service in services]
        self._running += fresh
        for one in fresh:
            one.task = asyncio.create_task(one.keep_running(), name=one.service.name)
        stop = asyncio.create_task(self.stopping.wait())
        waiting = {asyncio.create_task(one.wait_first_ready()) for one in fresh}
        try:
            while waiting and not stop.done():
                done, _ = await asyncio.wait({*waiting, stop}, return_when=asyncio.FIRST_COMPLETED)
                for task in done & waiting:
                    waiting.discard(task)
                    task.result()
        finally:
            for task in (*waiting, stop):
                task.cancel()

    async def run_once(self, service: Service) -> int:
        """Run a service to its end and return its exit code (negative: killed by that signal).

        Asked to stop meanwhile, it ends the service; look at ``stopping``.
        """
        one = _Running(service, self._log_folder, self._say, self.stopping)
        self._running.append(one)
        try:
            return await one.run_once()
        finally:
            await one.stop()
            self._running.remove(one)

    def pid(self, name: str) -> int | None:
        """The process of a service that runs now."""
        for one in self._running:
            if one.service.name == name and one.process is not None and one.process.returncode is None:
                return one.process.pid
        return None

    async def stop(self) -> None:
        """Stop everything, the last started first; returns when no process is left.

        Raises what broke the watch over a service that had been ready, if anything did.
        """
        self.stopping.set()
        for one in reversed(self._running):
            await one.stop()
        tasks = [one.task for one in self._running if one.task is not None and one.was_ready]
        self._running.clear()
        for task in tasks:
            task.result()


class _Running:
    """One service while it is kept running."""

    def __init__(
        self, service: Service, log_folder: Path, say: Callable[[str], None], stopping: asyncio.Event
    ) -> None:
        self.service = service
        self.process: asyncio.subprocess.Process | None = None
        self.task: asyncio.Task[None] | None = None
        self._say = say
        self._stopping = stopping
        self._log = RollingFile(log_folder / f"{service.name}.log")
        self._first_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reader: asyncio.Task[None] | None = None
        self._words = b""
        """The last that the process at hand, or the one before, said."""

    @property
    def was_ready(self) -> bool:
        return self._first_ready.done() and self._first_ready.exception() is None

    async def wait_first_ready(self) -> None:
        await asyncio.shield(self._first_ready)

    async def keep_running(self) -> None:
        try:
            await self._keep_running()
        except BaseException as error:
            if not self._first_ready.done():
                self._first_ready.set_exception(error)
            self._stopping.set()  # a service that nobody watches is worse than none
            raise

    async def _keep_running(self) -> None:
        backoff = BACKOFF_FIRST_S
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                if not await self._start_and_wait_ready():
                    return
            except (ServiceError, EmbeddedError, OSError) as error:
                await self._kill()
                mended = await asyncio.to_thread(self.service.mend, self._words.decode(errors="replace"))
                if mended:
                    self._say(mended)
                elif not self._first_ready.done():
                    raise
                else:
                    self._say(f"{self.service.name} could not be started again: {error}")
            else:
                if not self._first_ready.done():
                    self._first_ready.set_result(None)
                else:
                    self._say(f"{self.service.name} runs again after {time.monotonic() - started:.1f} s")
                code = await self._wait_end()
                if self._stopping.is_set():
                    return
                where = f" ({self._log.path} says why)" if code > 0 else ""
                self._say(f"{self.service.name} {_how_it_ended(code)}{where}; it is started again")
            if time.monotonic() - started > SETTLED_S:
                backoff = BACKOFF_FIRST_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), backoff)
            backoff = min(backoff * 2, BACKOFF_MOST_S)

    async def run_once(self) -> int:
        await self._spawn(announces=False)
        end = asyncio.create_task(self._wait_end())
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({end, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not end.done():
            await self._end()
        return await end

    async def stop(self) -> None:
        """End the process in its own way, and by force when it takes too long."""
        await self._end()
        if self.task is not None:
            await asyncio.wait([self.task])
            self.task.exception()  # what went wrong was told, by `start` or after this: asyncio need not tell it again
        if self._first_ready.done():
            self._first_ready.exception()  # whoever waited was told; perhaps nobody did
        if self._reader is not None:
            await self._reader
        self._log.close()

    async def _end(self) -> None:
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.service.stop_signal)
        waited = 0.0
        while waited < self.service.stop_timeout_s:
            step = min(TELL_S, self.service.stop_timeout_s - waited)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), step)
                return
            waited += step
            if waited < self.service.stop_timeout_s:
                self._say(f"{self.service.name} is still stopping, since {waited:.0f} s")
        self._say(f"{self.service.name} did not stop within {self.service.stop_timeout_s:g} s and is killed")
        await self._kill()

    async def _start_and_wait_ready(self) -> bool:
        """Whether it is ready; False: we are asked to stop meanwhile."""
        self._words = b""
        await asyncio.to_thread(self.service.prepare)
        if self._stopping.is_set():
            return False
        ready_pipe = await self._spawn(announces=self.service.is_ready is None)
        began = time.monotonic()
        tell_at = TELL_S
        try:
            while not await self._is_ready(ready_pipe):
                waited = time.monotonic() - began
                assert self.process is not None
                if self._stopping.is_set():
                    return False
                if self.process.returncode is not None:
                    code = await self._wait_end()
                    raise ServiceError(f"{self.service.name} {_how_it_ended(code)}.{self._last_words()}")
                limit = self.service.start_timeout_s
                if limit is not None and waited > limit:
                    raise ServiceError(
                        f"{self.service.name} was not ready within {limit:g} s.{self._last_words()}"
                    )
                if waited > tell_at:
                    self._say(
                        f"waiting for {self.service.name} since {waited:.0f} s: {self.service.waits_for()}"
                    )
                    tell_at += TELL_S
                await asyncio.sleep(min(POLL_SLOWEST_S, max(POLL_S, waited / 50)))
            return True
        finally:
            if ready_pipe is not None:
                os.close(ready_pipe)

    async def _is_ready(self, ready_pipe: int | None) -> bool:
        if self.service.is_ready is not None:
            return await asyncio.to_thread(self.service.is_ready)
        assert ready_pipe is not None
        try:
            return os.read(ready_pipe, 1) != b""
        except BlockingIOError:
            return False

    async def _spawn(self, *, announces: bool) -> int | None:
        """Start the process; returns the pipe on which it announces that it is ready."""
        environment = {**os.environ, **self.service.environment}
        ours = theirs = None
        if announces:
            ours, theirs = os.pipe()
            os.set_blocking(ours, False)
            environment[READY_FD] = str(theirs)
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self.service.command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                pass_fds=() if theirs is None else (theirs,),
                start_new_session=True,
            )
        finally:
            if theirs is not None:
                os.close(theirs)
        if self._reader is not None:
            await self._reader
        self._reader = asyncio.create_task(self._read(self.process), name=f"{self.service.name} log")
        return ours

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Keep what it says until it ends: a process whose pipe nobody empties stands still at its next line."""
        assert process.stdout is not None
        rest = b""
        kept = True
        while chunk := await process.stdout.read(65_536):
            self._words = (self._words + chunk)[-WORDS:]
            try:
                self._log.write(chunk)
                kept = True
            except OSError as error:
                if kept:
                    self._say(
                        f"what {self.service.name} says cannot be kept in {self._log.path}: {error.strerror}"
                    )
                kept = False
            if self.service.echo:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._say(f"{self.service.name} | {line.decode(errors='replace')}")

    async def _wait_end(self) -> int:
        assert self.process is not None
        code = await self.process.wait()
        if self._reader is not None:
            await self._reader
        return code

    async def _kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()

    def _last_words(self) -> str:
        words = self._log.tail()
        return f" Its last words:\n{words}" if words else ""


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def own_command(*arguments: str) -> list[str]:
    """This same program with other arguments, told to end when we die."""
    return ["setpriv", "--pdeathsig=TERM", "--", sys.executable, "-m", "api.cli", *arguments]
