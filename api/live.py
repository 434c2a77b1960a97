"""The live feed: every change in its order, to everyone who may see it, with nothing left out.

``NOTIFY`` only wakes. One reader a process follows the table of changes and keeps the newest ones, written out once, in
a window; a client is a position in it. Numbers have no gaps, so a position is an index, a slow client costs no queue,
and who comes late reads from the table until the window holds what is next. What a client may see is decided here, in
memory, by the same scope keys as row security (a stated exception, with its own tests).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import tuple_row
from psycopg_pool import PoolTimeout

from api.auth.dependencies import AsyncPool, Reader, Sessions
from api.database.pool import DatabaseNotPrepared, DatabaseUnavailable, connect_async
from api.settings import Settings
from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_name("live.sql"))

HEARTBEAT_S = 5.0
POLL_S = 2.0
"""How long a change can go unseen when a notification was lost."""
WINDOW = 20_000
CHUNK = 1_000
RECONNECT_S = 1.0
BREATH_S = 0.02
"""The least time between two reads: a storm of small transactions wakes clients 50 times a second, not 1,000."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """A change, written out once for all clients."""

    seq: int
    at: datetime
    kind: str
    object_id: int
    keys: frozenset[str]
    old_keys: frozenset[str]
    text: bytes


@dataclass(frozen=True, slots=True)
class View:
    """What a client may see: the scope keys for each kind of change."""

    keys: dict[str, frozenset[str]]

    @classmethod
    def of(cls, reader: Reader) -> View:
        """The view that a reader's grants open."""
        incidents, devices = reader.keys("incident.read"), reader.keys("device.read")
        return cls({"incident": incidents, "alarm": incidents, "device": devices})

    def show(self, event: Event) -> bytes | None:
        """The event as this client sees it: as it is, as gone, or not at all."""
        keys = self.keys.get(event.kind, frozenset())
        if keys & event.keys:
            return event.text
        if keys & event.old_keys:
            data = {"seq": event.seq, "kind": event.kind, "id": event.object_id}
            return sse("gone", data, event.seq)
        return None


def sse(event: str, data: object, seq: int | None = None) -> bytes:
    """One Server-Sent Event; its data must be JSON-able, so it has no line breaks."""
    head = f"event: {event}\n" if seq is None else f"id: {seq}\nevent: {event}\n"
    return head.encode() + b"data: " + orjson.dumps(data) + b"\n\n"


class Window:
    """The newest changes, without a gap between them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._events: list[Event] = []

    def clear(self) -> None:
        """Forget all."""
        self._events = []

    def extend(self, events: Sequence[Event]) -> None:
        """Add what follows; what is older than the size allows is dropped now and then, not each time."""
        self._events.extend(events)
        if len(self._events) > 2 * self._size:
            del self._events[: -self._size]

    def after(self, seq: int, limit: int) -> list[Event] | None:
        """What follows ``seq``; None where that begins before the window."""
        if not self._events or seq + 1 < self._events[0].seq:
            return None
        first = seq + 1 - self._events[0].seq
        return self._events[first : first + limit]


def _event(row: Sequence[Any]) -> Event:
    seq, at, kind, object_id, version, keys, old_keys, document = row
    head = orjson.dumps({"seq": seq, "at": at, "kind": kind, "id": object_id, "version": version})
    text = b'id: %d\nevent: change\ndata: %b,"document":%b}\n\n' % (seq, head[:-1], document.encode())
    return Event(
        seq=seq,
        at=at,
        kind=kind,
        object_id=object_id,
        keys=frozenset(keys) - {None},
        old_keys=frozenset(old_keys or ()) - {None},
        text=text,
    )


class Feed:
    """Follows the changes of the database for all clients of this process."""

    def __init__(self, settings: Settings, window: int = WINDOW) -> None:
        self._settings = settings
        self._window = Window(window)
        self._last: int | None = None
        """The newest number read; None before the first look at the database."""
        self._epoch = 0
        """Grows when the numbers stop being a continuation: another database, or a part that is no longer kept."""
        self._away = False
        self._grown = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.clients = 0
        self.sent = 0
        self.lag_s = 0.0
        """How old the newest change was when it was read."""

    @property
    def last_seq(self) -> int:
        """The newest number read; 0 before the first look."""
        return self._last or 0

    @property
    def follows(self) -> bool:
        """Whether the database was there at the last look."""
        return self._last is not None and not self._away

    async def start(self) -> None:
        """Begin to follow; returns at once, with the database there or away."""
        self._task = asyncio.create_task(self._follow(), name="feed")

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            try:
                async with await connect_async(
                    self._settings, "api", application_name="lianfang-feed", autocommit=True
                ) as conn:
                    await conn.execute("LISTEN lianfang_changes")
                    log.info("feed_follows")
                    self._away = False
                    while True:
                        await self._read_on(conn)
                        await asyncio.sleep(BREATH_S)
                        async for _ in conn.notifies(timeout=POLL_S, stop_after=1):
                            pass
            # Lost, and not there again. OSError: where it is could not be read, for want of descriptors for one; a feed
            # that ended for that would send heartbeats, and never again an alarm.
            except (DatabaseUnavailable, DatabaseNotPrepared, OSError) as error:
                log.warning("feed_database_away", why=str(error))
                self._away = True
                await self._wake()
                await asyncio.sleep(RECONNECT_S)
            except psycopg.Error as error:
                log.warning("feed_lost_connection", kind=type(error).__name__)
                await asyncio.sleep(BREATH_S if self.follows else RECONNECT_S)

    async def _read_on(self, conn: AsyncConnection[Any]) -> None:
        newest = await _last_seq(conn)
        if self._last is None:
            self._last = newest
        if newest < self._last:  # another database than before
            await self._begin_anew(newest)
        while self._last < newest:
            events = await _read(conn, self._last, CHUNK)
            if not _continues(self._last, events):
                await self._begin_anew(newest)
                return
            self._window.extend(events)
            self._last = events[-1].seq
            self.lag_s = max(0.0, (datetime.now(UTC) - events[-1].at).total_seconds())
            await self._wake()

    async def _begin_anew(self, newest: int) -> None:
        self._window.clear()
        self._last = newest
        self._epoch += 1
        await self._wake()

    async def _wake(self) -> None:
        async with self._grown:
            self._grown.notify_all()

    async def stream(
        self, pool: AsyncPool, sessions: Sessions, token: str | None, reader: Reader, after: int
    ) -> AsyncIterator[bytes]:
        """What a client gets: changes after ``after``, heartbeats between, until it goes or must start again.

        Asks the database at once whether it still has them, so that a database that is away is an answer (503)
        and not a stream that breaks off.
        """
        epoch = self._epoch
        async with pool.connection() as conn:
            newest, oldest = await _last_seq(conn), await _oldest_seq(conn)
        if after > newest or (after < newest and after + 1 < (oldest or newest + 1)):
            return _only(sse("reset", {"seq": newest}))
        return self._counted(self._stream(pool, sessions, token, View.of(reader), after, epoch))

    async def _counted(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        self.clients += 1
        try:
            async for text in stream:
                yield text
        except (psycopg.OperationalError, PoolTimeout) as error:
            # The client comes again and is told 503.
            log.warning("feed_client_lost_database", kind=type(error).__name__)
        finally:
            self.clients -= 1

    async def _stream(
        self, pool: AsyncPool, sessions: Sessions, token: str | None, view: View, after: int, epoch: int
    ) -> AsyncIterator[bytes]:
        yield sse("heartbeat", _beat(after))
        beat_at = time.monotonic() + HEARTBEAT_S
        while not self._away:
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + HEARTBEAT_S
                if token is not None:
                    now = await sessions.reader_of(pool, token)
                    if now is None or View.of(now) != view:
                        yield sse("reset", {"seq": after})
                        return
                yield sse("heartbeat", _beat(after))
            events = await self._next(pool, after) if epoch == self._epoch else None
            if events is None:
                yield sse("reset", {"seq": self.last_seq})
                return
            if events:
                shown = [text for event in events if (text := view.show(event)) is not None]
                after = events[-1].seq
                if shown:
                    self.sent += len(shown)
                    yield b"".join(shown)
            else:
                await self._wait(after, epoch, beat_at - time.monotonic())

    async def _next(self, pool: AsyncPool, after: int) -> list[Event] | None:
        """What follows, from the window or else the table; None when it is no longer kept."""
        if self._last is None or after >= self._last:
            return []
        events = self._window.after(after, CHUNK)
        if events is None:
            async with pool.connection() as conn:
                events = await _read(conn, after, CHUNK)
        return events if _continues(after, events) else None

    async def _wait(self, after: int, epoch: int, seconds: float) -> None:
        def something() -> bool:
            return self._away or self._epoch != epoch or (self._last is not None and self._last > after)

        try:
            async with asyncio.timeout(max(0.0, seconds)), self._grown:
                await self._grown.wait_for(something)
        except TimeoutError:
            return


async def _only(text: bytes) -> AsyncIterator[bytes]:
    yield text


def _continues(after: int, events: Sequence[Event]) -> bool:
    """Whether these follow the number without a gap."""
    return bool(events) and events[0].seq == after + 1 and events[-1].seq == after + len(events)


def _beat(seq: int) -> dict[str, object]:
    return {"seq": seq, "now": datetime.now(UTC)}


async def _last_seq(conn: AsyncConnection[Any]) -> int:
    row = await (await conn.execute(SQL["last_seq"])).fetchone()
    return int(row[0]) if row else 0


async def _oldest_seq(conn: AsyncConnection[Any]) -> int | None:
    row = await (await conn.execute(SQL["oldest_seq"])).fetchone()
    return row[0] if row else None


async def _read(conn: AsyncConnection[Any], after: int, limit: int) -> list[Event]:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(SQL["changes_after"], {"after": after, "limit": limit})
        return [_event(row) for row in await cursor.fetchall()]


async def snapshot(conn: AsyncConnection[Any]) -> bytes:
    """All that is open and in scope, with the number that it is true for; ``conn`` in a repeatable-read transaction."""
    row = await (await conn.execute(SQL["snapshot"])).fetchone()
    assert row is not None
    seq, incidents, alarms = row
    now = orjson.dumps(datetime.now(UTC))
    return b'{"seq":%d,"now":%b,"incidents":%b,"alarms":%b}' % (seq, now, incidents.encode(), alarms.encode())
