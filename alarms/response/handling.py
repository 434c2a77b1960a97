"""A person's actions on incidents, one or many: acknowledge, take over, send, close, reopen, note; reports by hand.

The caller's transaction has its scope set (``begin_scope``), so an incident outside it is simply not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import class_row, scalar_row

from alarms.judging import lifecycle
from alarms.judging.lifecycle import AlarmEffect
from alarms.ledger import ledger
from alarms.model import Category, Entry, Priority
from gis.model import Position
from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who acts."""

    user_id: int
    name: str


class Refusal(StrEnum):
    """Why an action was not done; the last part of the problem's type."""

    NOT_FOUND = "not-found"
    WRONG_STATE = "wrong-state"
    CHANGED_MEANWHILE = "changed-meanwhile"


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionOutcome:
    """What became of an action on one incident; ``refused`` None: done."""

    incident_id: int
    version: int | None = None
    """The incident's, now that it is done."""
    refused: Refusal | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """An incident reported by a person: a telephone call, a visit to the desk."""

    category: Category
    priority: Priority
    title: str
    text: str = ""
    site_id: int | None = None
    position: Position | None = None
    caller_name: str | None = None
    caller_phone: str | None = None


class OutsideScopeError(Exception):
    """A report's place is outside the reporter's scope."""


def act(
    conn: Connection[Any],
    incident_ids: Sequence[int],
    action: lifecycle.Action,
    actor: Actor,
    now: datetime,
    *,
    expected_version: int | None = None,
) -> list[ActionOutcome]:
    """Apply one action to incidents, in one transaction of the caller's; each is done or refused by itself.

    ``expected_version`` refuses an incident that changed since the person saw it. Outcomes come in the order asked.
    """
    asked = list(dict.fromkeys(incident_ids))
    found = {incident.id: incident for incident in ledger.lock(conn, asked)}
    outcomes: list[ActionOutcome] = []
    steps: list[lifecycle.Step] = []
    for incident_id in asked:
        incident = found.get(incident_id)
        if incident is None:
            outcomes.append(
                _refused(incident_id, Refusal.NOT_FOUND, "there is no such incident in your scope")
            )
        elif expected_version is not None and incident.version != expected_version:
            detail = f"it is at version {incident.version}, you saw version {expected_version}"
            outcomes.append(_refused(incident_id, Refusal.CHANGED_MEANWHILE, detail))
        else:
            try:
                step = lifecycle.step(incident, action, actor.user_id, now)
            except lifecycle.WrongStateError as error:
                outcomes.append(_refused(incident_id, Refusal.WRONG_STATE, str(error)))
            else:
                steps.append(step)
                outcomes.append(ActionOutcome(incident_id=incident_id, version=step.incident.version))
    _save(conn, steps, actor, now)
    return outcomes


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who reported an incident by telephone."""

    name: str | None
    phone: str | None


def reveal_caller(conn: Connection[Any], incident_id: int, reason: str) -> Caller | None:
    """Who called, against a reason and a line in the audit log, which the database writes itself. None: the incident is
    not in scope, or no caller of it is known, or not any more."""
    with conn.cursor(row_factory=class_row(Caller)) as cur:
        found = cur.execute(SQL["reveal_caller"], {"incident_id": incident_id, "reason": reason}).fetchone()
    return found if found and (found.name is not None or found.phone is not None) else None


def may_handle(conn: Connection[Any], user_id: int, incident_id: int, roles: Sequence[str]) -> bool:
    """Whether the incident is in scope, and this user may be given it: let in, with one of the roles where it is."""
    with conn.cursor(row_factory=scalar_row) as cur:
        return bool(
            cur.execute(
                SQL["may_handle"], {"user_id": user_id, "incident_id": incident_id, "roles": list(roles)}
            ).fetchone()
        )


def _save(conn: Connection[Any], steps: Sequence[lifecycle.Step], actor: Actor, now: datetime) -> None:
    def having(effect: AlarmEffect) -> list[int]:
        return [step.incident.id for step in steps if step.alarms is effect]

    alarms = [
        *ledger.acknowledge_alarms(conn, having(AlarmEffect.ACKNOWLEDGE), actor.user_id, now),
        *ledger.close_alarms(conn, having(AlarmEffect.CLOSE), actor.user_id, now),
    ]
    ledger.save_incidents(conn, [step.incident for step in steps], [step.entry for step in steps])
    ledger.append_changes(conn, [step.incident.id for step in steps], alarms, now)


def _refused(incident_id: int, refused: Refusal, detail: str) -> ActionOutcome:
    return ActionOutcome(incident_id=incident_id, refused=refused, detail=detail)


def open_by_hand(conn: Connection[Any], report: Report, actor: Actor, now: datetime) -> int:
    """Open an incident that a person reported; returns its id. Without a place it stands at the reporter's division.

    Raises OutsideScopeError.
    """
    values = {
        "category": report.category.value,
        "priority": int(report.priority),
        "title": report.title,
        "site_id": report.site_id,
        "lon": report.position.lon if report.position else None,
        "lat": report.position.lat if report.position else None,
        "caller_name": report.caller_name,
        "caller_phone": report.caller_phone,
        "now": now,
    }
    try:
        with conn.cursor(row_factory=scalar_row) as cur:
            incident_id: int | None = cur.execute(ledger.SQL["insert_report"], values).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise OutsideScopeError from error
    assert incident_id is not None
    entry = Entry(incident_id=incident_id, at=now, user_id=actor.user_id, kind="opened", text=report.text)
    ledger.save_incidents(conn, [], [entry])
    ledger.append_changes(conn, [incident_id], [], now)
    return incident_id
