"""Loads the state that rules work on, and saves what they made of it together with its changes.

Everything here runs inside the caller's transaction. Locks: the rows of the incidents concerned, in the order of their
ids; whoever changes an alarm holds its incident's lock, so alarms need none. ``append_changes`` comes last in every
transaction, because it holds the feed's number until the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from psycopg import Connection
from psycopg.rows import kwargs_row, scalar_row

from alarms.judging.docket import Condition, Work
from alarms.model import Alarm, Category, Device, Disposition, Entry, Incident, IncidentState, Priority
from gis.model import Position
from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_name("ledger.sql"))


class OpenedMeanwhileError(Exception):
    """Another worker opened one of these alarms between reading and writing: take the batch again from the start."""


def _incident(**row: Any) -> Incident:
    row["state"] = IncidentState(row["state"])
    row["category"] = Category(row["category"])
    row["priority"] = Priority(row["priority"])
    if row["disposition"] is not None:
        row["disposition"] = Disposition(row["disposition"])
    return Incident(**row)


def _alarm(**row: Any) -> Alarm:
    row["category"] = Category(row["category"])
    row["priority"] = Priority(row["priority"])
    return Alarm(**row)


def lock_open(
    conn: Connection[Any], site_ids: Collection[int], device_ids: Collection[int]
) -> list[Incident]:
    """Lock these sites against new incidents, then the open incidents of sites and devices, and return them."""
    if site_ids:
        conn.execute(SQL["lock_sites"], {"site_ids": list(site_ids)})
    with conn.cursor(row_factory=kwargs_row(_incident)) as cur:
        return cur.execute(
            SQL["lock_incidents_of"], {"site_ids": list(site_ids), "device_ids": list(device_ids)}
        ).fetchall()


def lock(conn: Connection[Any], ids: Collection[int]) -> list[Incident]:
    """Lock these incidents and return those that exist in scope."""
    with conn.cursor(row_factory=kwargs_row(_incident)) as cur:
        return cur.execute(SQL["lock_incidents"], {"ids": list(ids)}).fetchall()


def open_alarms(conn: Connection[Any], incident_ids: Collection[int]) -> list[Alarm]:
    """The open alarms of these incidents, which the caller has locked."""
    if not incident_ids:
        return []
    with conn.cursor(row_factory=kwargs_row(_alarm)) as cur:
        return cur.execute(SQL["open_alarms_of"], {"ids": list(incident_ids)}).fetchall()


def lingering(conn: Connection[Any], device_ids: Collection[int], since: datetime) -> dict[Condition, int]:
    """Alarms of these devices that were closed after ``since`` while their condition went on, by condition."""
    if not device_ids:
        return {}
    rows = conn.execute(SQL["lingering"], {"device_ids": list(device_ids), "since": since}).fetchall()
    return {(device_id, zone, Category(category)): alarm_id for device_id, zone, category, alarm_id in rows}


def new_ids(conn: Connection[Any], incidents: int, alarms: int) -> tuple[Sequence[int], Sequence[int]]:
    """Numbers for that many new incidents and alarms."""
    if not alarms:
        return [], []
    row = conn.execute(SQL["new_ids"], {"incidents": incidents, "alarms": alarms}).fetchone()
    assert row is not None
    return row[0], row[1]


def save(conn: Connection[Any], work: Work, now: datetime) -> None:
    """Write a batch's work; the caller appends the changes. Raises OpenedMeanwhileError for a lost race."""
    place_of_incident = {alarm.incident_id: work.places[alarm.id] for alarm in reversed(work.new_alarms)}
    if work.new_incidents:
        rows = [_row(i, INCIDENT_FIELDS) | _place(*place_of_incident[i.id]) for i in work.new_incidents]
        conn.execute(SQL["insert_incidents"], {"rows": _json(rows)})
    if work.changed_alarms:  # before the new ones: one that was left behind makes room for its successor
        conn.execute(
            SQL["update_alarms"], {"rows": _json([_row(a, ALARM_FIELDS) for a in work.changed_alarms])}
        )
    if work.new_alarms:
        rows = [_row(a, ALARM_FIELDS) | _place(*work.places[a.id]) for a in work.new_alarms]
        if conn.execute(SQL["insert_alarms"], {"rows": _json(rows)}).rowcount != len(rows):
            raise OpenedMeanwhileError
    if work.ended:
        conn.execute(SQL["end_lingering"], {"ids": list(work.ended), "now": now})
    save_incidents(conn, work.changed_incidents, work.entries)


def save_incidents(conn: Connection[Any], incidents: Sequence[Incident], entries: Sequence[Entry]) -> None:
    """Write incidents as they are now, and lines of timelines. The caller appends the changes."""
    if incidents:
        conn.execute(SQL["update_incidents"], {"rows": _json([_row(i, INCIDENT_FIELDS) for i in incidents])})
    if entries:
        conn.execute(SQL["insert_entries"], {"rows": _json([_row(e, ENTRY_FIELDS) for e in entries])})


def acknowledge_alarms(
    conn: Connection[Any], incident_ids: Sequence[int], user_id: int, now: datetime
) -> list[int]:
    """Acknowledge the open alarms of these incidents; returns the ids of those that were not yet."""
    return _changed_alarms(conn, "acknowledge_alarms_of", incident_ids, user_id, now)


def close_alarms(
    conn: Connection[Any], incident_ids: Sequence[int], user_id: int, now: datetime
) -> list[int]:
    """Close the open alarms of these incidents; returns their ids."""
    return _changed_alarms(conn, "close_alarms_of", incident_ids, user_id, now)


def close_left_open(conn: Connection[Any], now: datetime) -> list[int]:
    """Close alarms that a repair by hand left open in closed incidents, and say so in the feed; returns their ids."""
    with conn.cursor(row_factory=scalar_row) as cur:
        left: list[int] = cur.execute(SQL["close_left_open"]).fetchall()
    append_changes(conn, [], left, now)
    return left


def _changed_alarms(
    conn: Connection[Any], statement: str, incident_ids: Sequence[int], user_id: int, now: datetime
) -> list[int]:
    if not incident_ids:
        return []
    with conn.cursor(row_factory=scalar_row) as cur:
        return cur.execute(
            SQL[statement], {"ids": list(incident_ids), "user_id": user_id, "now": now}
        ).fetchall()


def append_changes(
    conn: Connection[Any], incident_ids: Sequence[int], alarm_ids: Sequence[int], now: datetime
) -> None:
    """Number the changes and wake the feed. The last act before the commit."""
    if incident_ids or alarm_ids:
        conn.execute(
            SQL["append_changes"], {"incidents": list(incident_ids), "alarms": list(alarm_ids), "now": now}
        )


INCIDENT_FIELDS = tuple(Incident.__dataclass_fields__)
ALARM_FIELDS = tuple(Alarm.__dataclass_fields__)
ENTRY_FIELDS = tuple(Entry.__dataclass_fields__)


def _row(value: Incident | Alarm | Entry, fields: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in fields}


def _place(device: Device, position: Position | None) -> dict[str, Any]:
    return {
        "device_id": device.id,
        "site_id": device.site_id,
        "organisation_id": device.organisation_id,
        "county": device.county,
        "township": device.township,
        "village": device.village,
        "grid_cell": device.grid_cell,
        "lon": position.lon if position else None,
        "lat": position.lat if position else None,
    }


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()
