"""A batch of raw messages, one transaction: the whole road of an alarm, in one place.

    redelivered? -> decode -> whose is it, where is it -> seen before? -> judge -> save with changes -> store bytes

What cannot be decoded or placed is kept and shown, never dropped. A row that the database refuses does not fail its
neighbours: the batch is split until the bad one stands alone. Only after the commit may anybody be told that a message
was stored; ``Outcome`` says what to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import structlog
from psycopg import Connection, errors
from psycopg.rows import class_row, tuple_row

from alarms.judging.arming import parse_schedule
from alarms.judging.classify import Judgement, Verdict, classify
from alarms.judging.docket import Docket, Work
from alarms.ledger import ledger
from alarms.model import ArmedInterval, Device, DeviceStatus, RawMessage, Signal
from alarms.receiving import staging
from alarms.receiving.codes import classify_event
from alarms.receiving.protocols import UndecodableMessage, decode
from gis.model import Place, Position
from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_name("intake.sql"))
RETRIES = 5
REMIND_AFTER = timedelta(days=1)
"""When a lasting state that a person closed rings again: a door that still stands open, a battery still low."""

log = structlog.get_logger(__name__)


class Status(StrEnum):
    """What became of a message."""

    STORED = "stored"
    IGNORED = "ignored"
    """Understood, and nothing to report in it."""
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    UNKNOWN_DEVICE = "unknown_device"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What to tell the sender of a message, after the commit."""

    message: RawMessage
    status: Status
    publisher: str | None = None
    message_id: str | None = None
    """The device's own id, when it gave one: it waits for an answer on its ``ack`` topic."""
    reason: str = ""

    @property
    def safe(self) -> bool:
        """Whether the signal is in the database, now or from before."""
        return self.status in (Status.STORED, Status.IGNORED, Status.DUPLICATE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """The installation's settings that judging depends on."""

    zone: ZoneInfo
    incident_window: timedelta = timedelta(minutes=5)
    message_id_lifetime: timedelta = timedelta(days=7)
    packets_kept: int = 8000
    """How many packets of a session are remembered: more than a broker holds unacknowledged."""


Speaker = tuple[str, str | None]


@dataclass(slots=True)
class _Letter:
    """One message on its way through a batch."""

    message: RawMessage
    status: Status = Status.IGNORED
    reason: str = ""
    protocol: str = ""
    signals: Sequence[Signal] = ()
    stranger: str | None = None
    """Who says so on the enrolment login, which anybody may use."""
    stated_id: str | None = None
    """The id that a message gave which nobody could read: its device waits for an answer all the same."""
    keep: bool = True
    """Whether its bytes may be kept: not those that name or show people."""
    judged: list[tuple[Device, Signal, Judgement]] = field(default_factory=list)

    @property
    def message_id(self) -> str | None:
        return next((s.message_id for s in self.signals if s.message_id is not None), self.stated_id)

    @property
    def speaker(self) -> tuple[str, str]:
        """Publisher and child of a letter that says something or comes from a stranger."""
        if self.stranger is not None:
            return self.stranger, ""
        return self.signals[0].publisher, self.signals[0].child or ""

    def to_keep(self) -> RawMessage:
        """The message as it may be kept."""
        return self.message if self.keep else replace(self.message, payload=b"")

    def outcome(self) -> Outcome:
        publisher = self.signals[0].publisher if self.signals else None
        return Outcome(
            message=self.message,
            status=self.status,
            publisher=publisher,
            message_id=self.message_id,
            reason=self.reason,
        )


def accept(conn: Connection[Any], batch: Sequence[RawMessage], now: datetime, rules: Rules) -> list[Outcome]:
    """Store and judge a batch; returns an outcome for each message, in their order.

    ``conn`` has the intake's role and no transaction open. Raises ``psycopg.OperationalError`` when the database is
    away: then nothing of the current part was stored and nothing may be acknowledged.
    """
    for _ in range(RETRIES):
        try:
            with conn.transaction():
                return _store(conn, batch, now, rules)
        except (errors.DataError, errors.IntegrityError) as error:
            return _split(conn, batch, now, rules, error)
        except (ledger.OpenedMeanwhileError, errors.DeadlockDetected, errors.SerializationFailure) as error:
            log.info("batch_taken_again", messages=len(batch), why=type(error).__name__)
            with conn.transaction():
                if left := ledger.close_left_open(conn, now):
                    log.error("alarms_were_open_in_closed_incidents", alarms=left[:20])
    raise errors.OperationalError(f"a batch of {len(batch)} met other workers {RETRIES} times running")


def _split(
    conn: Connection[Any], batch: Sequence[RawMessage], now: datetime, rules: Rules, error: Exception
) -> list[Outcome]:
    if len(batch) > 1:
        middle = len(batch) // 2
        return accept(conn, batch[:middle], now, rules) + accept(conn, batch[middle:], now, rules)
    message = batch[0]
    reason = f"the database refused it: {type(error).__name__}"
    log.error("message_refused_by_database", topic=message.topic, why=str(error).splitlines()[0])
    letter = _Letter(message, status=Status.REJECTED, reason=reason, stated_id=_stated_id(message))
    with conn.transaction():
        staging.store(conn, [staging.Stored(message, letter.status.value, letter.reason, [])])
        _remember_packets(conn, [message], now)
    return [letter.outcome()]


def _store(conn: Connection[Any], batch: Sequence[RawMessage], now: datetime, rules: Rules) -> list[Outcome]:
    letters = [_Letter(message) for message in batch]
    fresh = _not_redelivered(conn, letters)
    _decode(conn, fresh)
    devices = _find_devices(conn, [signal for letter in fresh for signal in letter.signals])
    fresh = _not_seen_before(conn, fresh, devices, now + rules.message_id_lifetime)
    _place_and_classify(conn, fresh, devices, rules.zone)
    work, stored = _judge(conn, fresh, now, rules.incident_window)
    ledger.save(conn, work, now)
    staging.store(conn, stored)
    _note_unknown_devices(conn, fresh, now)
    _remember_packets(conn, [letter.message for letter in fresh], now)
    ledger.append_changes(conn, work.incident_ids, work.alarm_ids, now)
    return [letter.outcome() for letter in letters]


def _digest(message: RawMessage) -> int:
    """64 bits of the topic and the bytes, to tell a redelivered packet from another one with its number."""
    digest = blake2b(message.topic.encode(), digest_size=8)
    digest.update(message.payload)
    return int.from_bytes(digest.digest(), signed=True)


def _not_redelivered(conn: Connection[Any], letters: Sequence[_Letter]) -> list[_Letter]:
    """Those not stored before: a packet that comes again after its acknowledgement was lost keeps its number."""
    again = [x.message for x in letters if x.message.redelivered or x.message.taken_again]
    for session in {message.session for message in again if message.session is not None}:
        rows = conn.execute(SQL["stored_packets"], {"session": session}).fetchall()
        stored = {pair for ids, digests in rows for pair in zip(ids, digests, strict=True)}
        in_batch: set[tuple[int, int]] = set()
        for letter in letters:
            message = letter.message
            if message.session != session or message.packet_id is None:
                continue
            packet = (message.packet_id, _digest(message))
            seen = packet in stored and (message.redelivered or message.taken_again)
            if seen or (message.redelivered and packet in in_batch):
                letter.status = Status.DUPLICATE
            in_batch.add(packet)
    return [letter for letter in letters if letter.status is not Status.DUPLICATE]


def _remember_packets(conn: Connection[Any], messages: Sequence[RawMessage], now: datetime) -> None:
    sessions: dict[str, list[RawMessage]] = {}
    for message in messages:
        if message.session is not None and message.packet_id is not None:
            sessions.setdefault(message.session, []).append(message)
    for session, of_session in sessions.items():
        conn.execute(
            SQL["remember_packets"],
            {
                "session": session,
                "packet_ids": _array(message.packet_id for message in of_session),
                "digests": _array(_digest(message) for message in of_session),
                "now": now,
            },
        )


def _array(numbers: Iterable[int | None]) -> str:
    """An array as PostgreSQL reads it: the driver looks at each number of a list for a microsecond."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _decode(conn: Connection[Any], letters: Sequence[_Letter]) -> None:
    publishers = {
        topic[1] for x in letters if (topic := x.message.topic.split("/", 2))[0] == "gw" and topic[1:]
    }
    protocols: dict[str, str] = {}
    if publishers:
        protocols = dict(conn.execute(SQL["protocols_of"], {"publishers": list(publishers)}).fetchall())
    for letter in letters:
        try:
            decoded = decode(letter.message, protocols.get)
        except UndecodableMessage as error:
            letter.status, letter.reason, letter.keep = Status.REJECTED, str(error), error.keep
            letter.stated_id = _stated_id(letter.message)
        except Exception as error:  # a fault in one decoder must not stop a city's intake; the bytes are kept
            log.exception("decoder_failed", topic=letter.message.topic)
            letter.status, letter.reason = Status.REJECTED, f"the decoder failed: {type(error).__name__}"
            letter.stated_id = _stated_id(letter.message)
        else:
            letter.protocol, letter.signals, letter.reason = decoded.protocol, decoded.signals, decoded.note
            letter.keep = decoded.keep
            if decoded.stranger is not None:
                letter.status, letter.stranger = Status.UNKNOWN_DEVICE, decoded.stranger


def _stated_id(message: RawMessage) -> str | None:
    try:
        body = orjson.loads(message.payload)
    except orjson.JSONDecodeError:
        return None
    stated = body.get("id") if isinstance(body, dict) else None
    if type(stated) is int:  # as the decoder reads it, and answers it
        return str(stated)
    return stated if isinstance(stated, str) else None


def _find_devices(conn: Connection[Any], signals: Sequence[Signal]) -> dict[Speaker, Device]:
    speakers = {(signal.publisher, signal.child) for signal in signals}
    if not speakers:
        return {}
    alone = [publisher for publisher, child in speakers if child is None]
    through = [{"gateway": publisher, "child": child} for publisher, child in speakers if child is not None]
    with conn.cursor(row_factory=tuple_row) as cur:
        given = {"alone": orjson.dumps(alone).decode(), "through": orjson.dumps(through).decode()}
        rows = cur.execute(SQL["devices"], given).fetchall()
    return {(row[0], row[1]): _device(*row[2:]) for row in rows}


def _device(
    internal_id: int, device_id: str, status: str, test_until: datetime | None, moved_at: datetime | None, zone: str,
    site_id: int | None, organisation_id: int | None, county: str | None, township: str | None, village: str | None,
    grid_cell: str | None, armed_schedule: list[dict[str, Any]] | None, armed_override: bool | None,
) -> Device:  # fmt: skip
    return Device(
        id=internal_id,
        device_id=device_id,
        status=DeviceStatus(status),
        test_until=test_until,
        moved_at=moved_at,
        zone=zone,
        site_id=site_id,
        organisation_id=organisation_id,
        county=county,
        township=township,
        village=village,
        grid_cell=grid_cell,
        armed_schedule=_schedule(armed_schedule, device_id),
        armed_override=armed_override,
    )


def _schedule(document: list[dict[str, Any]] | None, device_id: str) -> tuple[ArmedInterval, ...] | None:
    """A site whose schedule cannot be read is always armed: it must neither sleep nor stop the others."""
    try:
        return parse_schedule(document)
    except ValueError as error:
        log.error("schedule_unreadable", device_id=device_id, why=str(error))
        return None


def _not_seen_before(
    conn: Connection[Any], letters: Sequence[_Letter], devices: dict[Speaker, Device], expires_at: datetime
) -> list[_Letter]:
    """Claim devices' own message ids; the same id again, in this batch or from before, is the same signal."""
    claimed: dict[tuple[int, str], _Letter] = {}
    for letter in letters:
        if not letter.signals or letter.message_id is None or letter.message.retained:
            continue
        device = devices.get((letter.signals[0].publisher, letter.signals[0].child))
        if device is None:
            continue
        if claimed.setdefault((device.id, letter.message_id), letter) is not letter:
            letter.status = Status.DUPLICATE
    if claimed:
        ids = [{"device_id": device_id, "message_id": message_id} for device_id, message_id in claimed]
        parameters = {"ids": orjson.dumps(ids).decode(), "expires_at": expires_at}
        for key in conn.execute(SQL["claim_message_ids"], parameters).fetchall():
            claimed[key].status = Status.DUPLICATE
    return [letter for letter in letters if letter.status is not Status.DUPLICATE]


def _place_and_classify(
    conn: Connection[Any], letters: Sequence[_Letter], devices: dict[Speaker, Device], zone: ZoneInfo
) -> None:
    """Say of each signal whose it is, where it is and what it means."""
    places = _locate(conn, [s for letter in letters for s in letter.signals if s.position is not None])
    for letter in letters:
        received_at = letter.message.received_at.astimezone(zone)
        for signal in letter.signals:
            device = devices.get((signal.publisher, signal.child))
            if device is None:
                letter.status, letter.reason = (
                    Status.UNKNOWN_DEVICE,
                    "not in the registry; it waits for adoption",
                )
                continue
            if signal.position is not None:
                device = _at(device, places[signal.position])
            meaning = classify_event(signal.event)
            judgement = classify(
                signal,
                meaning,
                device,
                received_at,
                retained=letter.message.retained,
                waiting_since=letter.message.waiting_since,
            )
            letter.judged.append((device, signal, judgement))
            letter.status = Status.STORED


def _locate(conn: Connection[Any], signals: Sequence[Signal]) -> dict[Position, Place]:
    positions = list({signal.position for signal in signals if signal.position is not None})
    if not positions:
        return {}
    with conn.cursor(row_factory=class_row(Place)) as cur:
        rows = cur.execute(
            SQL["locate"], {"lons": [p.lon for p in positions], "lats": [p.lat for p in positions]}
        ).fetchall()
    return dict(zip(positions, rows, strict=True))


def _at(device: Device, place: Place) -> Device:
    """The device where its signal says that it is; where it was placed when that is outside every boundary."""
    if place.county is None:
        return device
    return replace(
        device, county=place.county, township=place.township, village=place.village, grid_cell=place.grid_cell
    )


def _judge(
    conn: Connection[Any], letters: Sequence[_Letter], now: datetime, window: timedelta
) -> tuple[Work, list[staging.Stored]]:
    """Fold the batch's signals into the open alarms and incidents that they touch."""
    sites: set[int] = set()
    speakers: set[int] = set()
    for letter in letters:
        for device, _, judgement in letter.judged:
            if judgement.verdict in (Verdict.ALARM, Verdict.RESTORE):
                speakers.add(device.id)
                if judgement.verdict is Verdict.ALARM and device.site_id is not None:
                    sites.add(device.site_id)
    incidents = ledger.lock_open(conn, sites, speakers) if speakers else []
    lasting = {device.id for x in letters for device, signal, _ in x.judged if signal.lasting}
    docket = Docket(
        incidents,
        ledger.open_alarms(conn, [incident.id for incident in incidents]),
        window,
        ledger.lingering(conn, lasting, now - REMIND_AFTER),
    )
    touched = [[docket.apply(d, s, j, now) for d, s, j in letter.judged] for letter in letters]
    work, real_id = docket.numbered(*ledger.new_ids(conn, *docket.count_new()))
    stored = []
    for letter, alarms in zip(letters, touched, strict=True):
        rows = [
            (
                device,
                signal,
                _as_applied(judgement, alarm),
                None if alarm is None else real_id.get(alarm, alarm),
            )
            for (device, signal, judgement), alarm in zip(letter.judged, alarms, strict=True)
        ]
        stored.append(
            staging.Stored(
                letter.to_keep(), letter.status.value, letter.reason or None, _without_idle_restores(rows)
            )
        )
    return work, stored


def _as_applied(judgement: Judgement, alarm_id: int | None) -> Judgement:
    unchanged = judgement.verdict is Verdict.ALARM and alarm_id is None
    return replace(judgement, verdict=Verdict.UNCHANGED) if unchanged else judgement


def _without_idle_restores(rows: list[staging.JudgedSignal]) -> list[staging.JudgedSignal]:
    """A gateway repeats every condition with each message; restores of nothing are left out, but for the last."""
    if len(rows) < 2:
        return rows
    telling = [row for row in rows if row[3] is not None or row[2].verdict is not Verdict.RESTORE]
    return telling or rows[:1]


def _note_unknown_devices(conn: Connection[Any], letters: Sequence[_Letter], now: datetime) -> None:
    unknown = [
        (*letter.speaker, letter.protocol, letter.message.topic)
        for letter in letters
        if letter.status is Status.UNKNOWN_DEVICE
    ]
    if unknown:
        publishers, children, protocols, topics = (list(column) for column in zip(*unknown, strict=True))
        conn.execute(
            SQL["note_unknown_devices"],
            {
                "publishers": publishers,
                "children": children,
                "protocols": protocols,
                "topics": topics,
                "now": now,
            },
        )


def forget_packets(conn: Connection[Any], messages: Sequence[RawMessage], rules: Rules) -> None:
    """Drop what is remembered of these messages' sessions beyond what a broker may still send again."""
    with conn.transaction():
        for session in {message.session for message in messages if message.session is not None}:
            conn.execute(SQL["forget_packets"], {"session": session, "keep": rules.packets_kept})
