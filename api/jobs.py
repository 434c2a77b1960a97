"""The jobs role: what falls due by the clock. Each sweep is one transaction of set-based statements, safe to run at any
time, twice, or by two machines at once."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import tuple_row

from alarms.registry import devices
from api import heartbeat
from api.database.pool import connect
from api.ready import announce_ready
from api.settings import Settings
from video import cameras
from video.evidence import EVIDENCE, Shelf

log = structlog.get_logger(__name__)

LOCK = 4112000003
TICK_S = 5.0
AGAIN_S = 60.0
"""How soon a sweep that failed is tried again."""
JUMP = timedelta(days=1)
"""A clock that went ahead by more, since the jobs were last alive, is not believed at once."""
STEADY = timedelta(days=1)
"""How long nothing is deleted then: time for somebody to look."""
PARTITION = re.compile(r"_(\d{4})(\d{2})(\d{2})$")


@dataclass(frozen=True, slots=True)
class Sweep:
    """Something to do every so often. ``run`` returns how many rows or tables it touched."""

    name: str
    every_s: float
    run: Callable[[psycopg.Connection, Settings, datetime], int]
    deletes: bool = False
    """Whether what it does is gone for good; not done while the clock is not believed."""


def make_partitions(conn: psycopg.Connection, _: Settings, now: datetime) -> int:
    """Partitions for the days and months ahead."""
    row = conn.cursor(row_factory=tuple_row).execute("SELECT ensure_partitions(%s)", [now.date()]).fetchone()
    return int(row[0]) if row else 0


def drop_old_partitions(conn: psycopg.Connection, settings: Settings, now: datetime) -> int:
    """Partitions all of whose rows are older than their retention; old rows of default partitions as well."""
    touched = 0
    for table, days in (
        ("raw_messages", settings.retention_raw_days),
        ("signals", settings.retention_signals_days),
        ("changes", settings.retention_changes_days),
    ):
        limit = now - timedelta(days=days)
        column = "at" if table == "changes" else "received_at"
        for name, ends in _partitions(conn, table):
            if ends <= limit.date():
                conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
                log.info("partition_dropped", table=name)
                touched += 1
        touched += conn.execute(
            sql.SQL("DELETE FROM {} WHERE {} < %s").format(
                sql.Identifier(f"{table}_default"), sql.Identifier(column)
            ),
            [limit],
        ).rowcount
    return touched


def end_sessions(conn: psycopg.Connection, _: Settings, now: datetime) -> int:
    """Sign-ins that have expired."""
    return conn.execute("DELETE FROM sessions WHERE expires_at < %s", [now]).rowcount


def forget_message_ids(conn: psycopg.Connection, _: Settings, now: datetime) -> int:
    """Devices' message ids that no redelivery can bring again."""
    return conn.execute("DELETE FROM message_ids WHERE expires_at < %s", [now]).rowcount


def forget_unknown_devices(conn: psycopg.Connection, settings: Settings, now: datetime) -> int:
    """Who spoke without being known: silent for so long that its messages are gone too, or registered since. Anybody
    with the enrolment login could fill the table with names; what talks again is shown again."""
    return conn.execute(
        devices.SQL["forget_old_unknown"], [now - timedelta(days=settings.retention_raw_days)]
    ).rowcount


def forget_callers(conn: psycopg.Connection, settings: Settings, now: datetime) -> int:
    """Who called about incidents that have been closed for long enough: the case stays, its caller goes."""
    return conn.execute(
        "UPDATE incidents SET caller_name = NULL, caller_phone = NULL"
        " WHERE closed_at < %s AND (caller_name IS NOT NULL OR caller_phone IS NOT NULL)",
        [now - timedelta(days=settings.retention_caller_days)],
    ).rowcount


def forget_evidence(conn: psycopg.Connection, settings: Settings, now: datetime) -> int:
    """Pictures whose day has come, or that no alarm asked for: the row and, with it, the file.

    A file that does not go is said and tried again each time once it is old enough; the other sweeps go on.
    """
    kept = timedelta(days=settings.retention_evidence_days)
    shelf = Shelf(settings.var_dir / EVIDENCE)
    digests = cameras.forget_pictures(conn, now, kept)
    touched = len(digests)
    for sha256 in digests:
        try:
            shelf.remove(sha256)
        except OSError as error:
            log.error("picture_not_deleted", why=str(error))
    try:
        touched += shelf.remove_older(kept.total_seconds(), lambda digests: cameras.remembered(conn, digests))
    except OSError as error:
        log.error("picture_not_deleted", why=str(error))
    return touched


def forget_searches(conn: psycopg.Connection, _: Settings, now: datetime) -> int:
    """Investigators' searches that are over; the audit log keeps what was asked."""
    return conn.execute("DELETE FROM searches WHERE expires_at < %s", [now]).rowcount


def end_tests(conn: psycopg.Connection, _: Settings, now: datetime) -> int:
    """Devices whose test has been over for a day: what was received in it is stored by then."""
    return devices.end_tests(conn, now - timedelta(days=1), now)


SWEEPS = (
    Sweep("make_partitions", 3600, make_partitions),
    Sweep("drop_old_partitions", 3600, drop_old_partitions, deletes=True),
    Sweep("forget_unknown_devices", 3600, forget_unknown_devices, deletes=True),
    Sweep("forget_callers", 3600, forget_callers, deletes=True),
    Sweep("forget_evidence", 3600, forget_evidence, deletes=True),
    Sweep("forget_searches", 3600, forget_searches, deletes=True),
    Sweep("end_tests", 300, end_tests),
    Sweep("end_sessions", 300, end_sessions),
    Sweep("forget_message_ids", 600, forget_message_ids, deletes=True),
)


def holds_until(heard: heartbeat.JobsHeartbeat | None) -> datetime | None:
    """Until when nothing is deleted; None: what is due may go.

    A clock that jumps years ahead (an empty battery, a wrong time server) makes all there is too old. So a jump, which
    a stop of more than a day looks like, is waited out; a clock that is put back is believed again at once.
    """
    if heard is None:
        return None  # nothing is old yet
    if heard.now - heard.at > JUMP:
        return heard.now + STEADY
    if heard.at - heard.now > JUMP:
        return None
    return heard.holds_until if heard.holds_until and heard.holds_until > heard.now else None


def run_jobs(settings: Settings, sweeps: tuple[Sweep, ...] = SWEEPS) -> None:
    """Run every sweep when it is due, until SIGTERM or Ctrl-C. A database that goes away is waited for."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    round_ = Round(settings, sweeps)
    while not stop.is_set():
        try:
            with connect(settings, "owner", application_name="lianfang-jobs") as conn:
                while not stop.is_set():
                    round_.look_at_clock(conn)
                    announce_ready()  # before the sweeps: a month's deletions may take longer than a start
                    round_.sweep(conn)
                    stop.wait(TICK_S)
        except psycopg.OperationalError as error:
            log.warning("database_away", why=str(error).partition("\n")[0])
            stop.wait(TICK_S)


class Round:
    """The sweeps that are due, one after the other, and a sign of life that tells what could not be done.

    Both parts raise ``psycopg.Error`` when the connection is lost.
    """

    def __init__(self, settings: Settings, sweeps: tuple[Sweep, ...] = SWEEPS) -> None:
        self._settings = settings
        self._sweeps = sweeps
        self._due = {sweep.name: 0.0 for sweep in sweeps}
        self._failing: dict[str, str] = {}
        self._holds_until: datetime | None = None

    def look_at_clock(self, conn: psycopg.Connection) -> None:
        """Whether it can be believed; a jump is written down at once, whatever happens next."""
        with conn.transaction():
            until = holds_until(heartbeat.read_jobs(conn))
            if until is not None and self._holds_until is None:
                log.error("clock_jumped", nothing_deleted_until=until.isoformat(timespec="minutes"))
            self._holds_until = until
            self._beat(conn)

    def sweep(self, conn: psycopg.Connection) -> None:
        """Once round; a sweep that fails keeps none from its turn."""
        for sweep in self._sweeps:
            held = sweep.deletes and self._holds_until is not None
            if time.monotonic() >= self._due[sweep.name] and not held:
                self._try(conn, sweep)
        with conn.transaction():
            self._beat(conn)

    def _try(self, conn: psycopg.Connection, sweep: Sweep) -> None:
        again_s = sweep.every_s
        try:
            sweep_once(conn, sweep, self._settings)
            self._failing.pop(sweep.name, None)
        except psycopg.Error as error:
            if conn.closed:
                raise
            why = error.diag.message_primary or type(error).__name__
            log.error("sweep_failed", sweep=sweep.name, kind=type(error).__name__, why=why)
            self._failing[sweep.name] = why
            again_s = min(again_s, AGAIN_S)
        self._due[sweep.name] = time.monotonic() + again_s

    def _beat(self, conn: psycopg.Connection) -> None:
        until = self._holds_until
        details = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "holds_until": until.isoformat() if until else None,
            "failing": self._failing,
        }
        heartbeat.beat(conn, details, heartbeat.JOBS)


def sweep_once(conn: psycopg.Connection, sweep: Sweep, settings: Settings) -> int:
    """One sweep in one transaction, unless another machine is at it now."""
    began = time.monotonic()
    with conn.transaction():
        # The database's clock, whose jumps are watched, and not this machine's.
        row = (
            conn.cursor(row_factory=tuple_row)
            .execute("SELECT pg_try_advisory_xact_lock(%s), now()", [LOCK])
            .fetchone()
        )
        if not row or not row[0]:
            return 0
        conn.execute("SET LOCAL lock_timeout = '5s'")
        touched = sweep.run(conn, settings, row[1])
    if touched:
        log.info("swept", sweep=sweep.name, touched=touched, took_s=round(time.monotonic() - began, 3))
    return touched


def _partitions(conn: psycopg.Connection, table: str) -> list[tuple[str, date]]:
    """Partitions of a table, and the day after their last one. Names are table_YYYYMMDD of their first day."""
    rows = conn.cursor(row_factory=tuple_row).execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = %s::regclass ORDER BY c.relname",
        [table],
    )
    found = []
    for (name,) in rows.fetchall():
        if match := PARTITION.search(name):
            first = date(*(int(part) for part in match.groups()))
            monthly = table == "signals"
            found.append((name, _next_month(first) if monthly else first + timedelta(days=1)))
    return found


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
