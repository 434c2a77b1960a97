"""Writes a batch's bytes and signals: COPY into temporary tables, then one INSERT each.

COPY cannot write to a table with row security, and one INSERT a row costs ten times as much (architecture, measured).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from psycopg import Connection, sql

from alarms.judging.classify import Judgement
from alarms.model import Device, RawMessage, Signal
from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_name("intake.sql"))
BLOCK = 1000
"""What one ``nextval`` of these sequences stands for."""

JudgedSignal = tuple[Device, Signal, Judgement, int | None]
"""Whose, what, its meaning, and the alarm that it opened, repeated or restored."""


class Stored(NamedTuple):
    """One message as it will be kept."""

    message: RawMessage
    outcome: str
    reason: str | None
    signals: Sequence[JudgedSignal]


class _Ids:
    """Hands out ids of a sequence that counts in blocks."""

    def __init__(self, conn: Connection[Any], sequence: str, count: int) -> None:
        blocks = -(-count // BLOCK)
        rows = conn.execute("SELECT nextval(%s) FROM generate_series(1, %s)", (sequence, blocks)).fetchall()
        self._ids: Iterator[int] = iter([first + n for (first,) in rows for n in range(BLOCK)])

    def next(self) -> int:
        return next(self._ids)


def prepare(conn: Connection[Any]) -> None:
    """Make a new connection ready for the intake: its staging tables, and its plans."""
    conn.execute(SQL["staging"])
    # All that the intake reads is looked up by key, a batch of keys in big tables. With the statistics of a young or
    # a fast growing table the planner would rather read all that is open; this says that it must not.
    for plan in ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "jit"):
        conn.execute(sql.SQL("SET {} = off").format(sql.Identifier(plan)))


def store(conn: Connection[Any], letters: Sequence[Stored]) -> None:
    """Write messages and their signals, and what devices said of themselves."""
    if not letters:
        return
    raw_ids = _Ids(conn, "raw_message_ids", len(letters))
    signals = []
    with conn.cursor() as cur:
        with cur.copy(SQL["copy_raw"]) as copy:
            for message, outcome, reason, judged in letters:
                raw_id = raw_ids.next()
                copy.write_row(
                    (
                        raw_id,
                        message.received_at,
                        message.source,
                        message.topic,
                        message.payload,
                        (1 if message.retained else 0) | (2 if message.redelivered else 0),
                        outcome,
                        reason,
                    )
                )
                signals += [(raw_id, message, *one) for one in judged]
        cur.execute(SQL["store_raw"])
        if not signals:
            return
        signal_ids = _Ids(conn, "signal_ids", len(signals))
        with cur.copy(SQL["copy_signals"]) as copy:
            for raw_id, message, device, signal, judgement, alarm_id in signals:
                copy.write_row(
                    _signal_row(signal_ids.next(), raw_id, message, device, signal, judgement, alarm_id)
                )
        cur.execute(SQL["store_signals"])
        if any("picture" in signal.details for _, _, _, signal, _, _ in signals):
            cur.execute(SQL["link_pictures"])
        cur.execute(SQL["update_device_states"])


def _signal_row(
    signal_id: int,
    raw_id: int,
    message: RawMessage,
    device: Device,
    signal: Signal,
    judgement: Judgement,
    alarm_id: int | None,
) -> tuple[object, ...]:
    position = signal.position
    return (
        signal_id,
        message.received_at,
        raw_id,
        device.id,
        device.site_id,
        device.grid_cell,
        device.county,
        device.township,
        device.village,
        device.organisation_id,
        signal.event,
        judgement.category.value,
        int(judgement.priority),
        judgement.qualifier.value,
        signal.zone or device.zone,
        signal.partition,
        signal.occurred_at,
        signal.message_id,
        position.lon if position else None,
        position.lat if position else None,
        signal.battery_percent,
        signal.rssi_dbm,
        signal.text,
        orjson.dumps(signal.details).decode() if signal.details else None,
        judgement.verdict.value,
        alarm_id,
        signal.online,
    )
