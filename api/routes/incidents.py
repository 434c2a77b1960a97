"""Incidents: lists, the whole case, reports by hand, and what people do about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from psycopg import Connection
from pydantic import BaseModel, Field

from alarms.history import lists
from alarms.judging import lifecycle
from alarms.model import Category, Disposition, IncidentState, Priority
from alarms.receiving.codes import classify_event
from alarms.response.handling import (
    ActionOutcome,
    Actor,
    OutsideScopeError,
    Report,
    act,
    may_handle,
    open_by_hand,
    reveal_caller,
)
from api.auth.dependencies import Reader, require, sync_transaction, transaction
from api.auth.permissions import PERMISSIONS
from api.cases import whole_case
from api.errors import Problem, documented
from api.inputs import Body, CommonFilters, Id, Line, ObjectId, Reason, Text
from api.paging import Cursor, Limit, collection, decode_cursor, encode_cursor
from api.schemas import Done, Incident, IncidentCase, IncidentCollection, ManyDone, Refused
from gis.model import Position

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])
READ = documented("signed-out", "not-permitted", "not-found", "wrong-input", "database-away")
ACT = READ | documented("wrong-state", "changed-meanwhile", "cross-origin", "not-permitted", "too-large")

Viewer = Annotated[Reader, Depends(require("incident.read"))]


@router.get("", response_model=IncidentCollection, responses=READ)
async def list_incidents(
    request: Request,
    who: Viewer,
    filters: CommonFilters,
    state: Annotated[list[IncidentState] | None, Query(max_length=6)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Incidents in scope, newest first, as GeoJSON."""
    after = decode_cursor(cursor, datetime, int)
    wanted = replace(filters, states=[one.value for one in state or ()])
    async with transaction(request, who, "incident.read") as conn:
        page = await lists.page(conn, "incidents", wanted, (after[0], after[1]) if after else None, limit)
    return collection(request, page.documents, encode_cursor(*page.last) if page.last else None)


@router.get("/{incident_id}", response_model=IncidentCase, responses=READ)
async def get_incident(request: Request, who: Viewer, incident_id: Id) -> Any:
    """One incident with its alarms, timeline, contacts (masked), devices and its site's history."""
    async with transaction(request, who, "incident.read") as conn:
        case = await whole_case(conn, incident_id, datetime.now(UTC))
    if case is None:
        raise Problem("not-found", f"There is no incident {incident_id} in your scope.")
    return case


class ReportBody(Body):
    """An incident by hand: a telephone call, a visit to the desk."""

    category: Category
    title: Line = ""
    text: Text = ""
    site_id: ObjectId | None = None
    position: (
        Annotated[
            list[Annotated[float, Field(ge=-180, le=180, strict=True)]], Field(min_length=2, max_length=2)
        ]
        | None
    ) = None
    caller_name: Line | None = None
    caller_phone: Annotated[str, Field(pattern=r"^[0-9+() -]{0,30}$")] | None = None


@router.post("", status_code=201, response_model=Incident, responses=ACT)
def open_incident(
    request: Request, who: Annotated[Reader, Depends(require("incident.open"))], body: ReportBody
) -> Response:
    """Open an incident that a person reported: at a site, at a point, or somewhere in one's own division."""
    position = None
    if body.position is not None:
        position = Position(lon=body.position[0], lat=max(-90.0, min(90.0, body.position[1])))
        if position.lat != body.position[1]:
            raise Problem("wrong-input", "The latitude is out of range: positions are [lon, lat].")
    meaning = classify_event(body.category.value)
    report = Report(
        category=body.category,
        priority=Priority(meaning.priority),
        title=body.title,
        text=body.text,
        site_id=body.site_id,
        position=position,
        caller_name=body.caller_name or None,
        caller_phone=body.caller_phone or None,
    )
    with sync_transaction(request, who, "incident.open") as conn:
        if (
            body.site_id is not None
            and not conn.execute(lists.SQL["site_is_there"], {"id": body.site_id}).fetchone()
        ):
            raise Problem("not-found", f"There is no site {body.site_id} in your scope.")
        try:
            incident_id = open_by_hand(conn, report, _actor(who), datetime.now(UTC))
        except OutsideScopeError as error:
            raise Problem(
                "not-permitted", "The place is outside your scope: choose a site or a point within it."
            ) from error
        document = conn.execute(lists.SQL["incident_document"], {"id": incident_id}).fetchone()
    assert document is not None
    headers = {"Location": f"/api/v1/incidents/{incident_id}"}
    return Response(document[0], 201, headers, media_type="application/json")


class RevealBody(Body):
    """Why the caller is asked for; it goes into the audit log."""

    reason: Reason


class Caller(BaseModel):
    """Who called."""

    name: str | None
    phone: str | None


@router.post("/{incident_id}/caller/reveal", response_model=Caller, responses=ACT)
def show_caller(
    request: Request,
    who: Annotated[Reader, Depends(require("caller.reveal"))],
    incident_id: Id,
    body: RevealBody,
) -> Caller:
    """Who called, against a reason."""
    with sync_transaction(request, who, "caller.reveal") as conn:
        found = reveal_caller(conn, incident_id, body.reason)
    if found is None:
        raise Problem("not-found", f"No caller is known of an incident {incident_id} in your scope.")
    return Caller(name=found.name, phone=found.phone)


class ManyBody(Body):
    """Incidents to acknowledge."""

    ids: Annotated[list[ObjectId], Field(min_length=1, max_length=1000)]


@router.post("/acknowledge", response_model=ManyDone, responses=ACT)
def acknowledge_many(
    request: Request, who: Annotated[Reader, Depends(require("incident.acknowledge"))], body: ManyBody
) -> ManyDone:
    """Acknowledge many at once; each is done or refused by itself."""
    with sync_transaction(request, who, "incident.acknowledge") as conn:
        outcomes = act(conn, body.ids, lifecycle.Acknowledge(), _actor(who), datetime.now(UTC))
    return ManyDone(
        done=[
            Done(id=outcome.incident_id, version=outcome.version)
            for outcome in outcomes
            if outcome.version is not None
        ],
        refused=[
            Refused(id=outcome.incident_id, type=f"/problems/{outcome.refused}", detail=outcome.detail)
            for outcome in outcomes
            if outcome.refused is not None
        ],
    )


class ActionBody(Body):
    """An action; ``version`` refuses it when the incident changed since it was seen."""

    version: ObjectId | None = None


class HandleBody(ActionBody):
    """Who handles it from now on; oneself when not said."""

    user_id: ObjectId | None = None


class TextBody(ActionBody):
    """An action with some words."""

    text: Text = ""


class NoteBody(ActionBody):
    """A note."""

    text: Annotated[Text, Field(min_length=1, pattern=r"\S")]


class VerifyBody(TextBody):
    """How sure we are (ANSI/TMA AVS-01)."""

    level: Annotated[int, Field(ge=0, le=4, strict=True)]


class CloseBody(TextBody):
    """How it ended."""

    disposition: Disposition


@router.post("/{incident_id}/acknowledge", response_model=Incident, responses=ACT)
def acknowledge(
    request: Request,
    who: Annotated[Reader, Depends(require("incident.acknowledge"))],
    incident_id: Id,
    body: ActionBody | None = None,
) -> Response:
    """Take it on, in one's own name."""
    return _act(request, who, "incident.acknowledge", incident_id, lifecycle.Acknowledge(), body)


@router.post("/{incident_id}/handle", response_model=Incident, responses=ACT)
def handle(
    request: Request,
    who: Annotated[Reader, Depends(require("incident.handle"))],
    incident_id: Id,
    body: HandleBody | None = None,
) -> Response:
    """Take it over, or hand it over to somebody who may handle it where it is."""
    user_id = body.user_id if body and body.user_id else who.user_id

    def check(conn: Connection[Any]) -> None:
        if user_id != who.user_id and not may_handle(
            conn, user_id, incident_id, PERMISSIONS["incident.handle"]
        ):
            raise Problem(
                "not-found",
                f"There is no incident {incident_id} in your scope, or no user {user_id} who may handle it.",
            )

    return _act(request, who, "incident.handle", incident_id, lifecycle.TakeOver(user_id), body, check)


@router.post("/{incident_id}/dispatch", response_model=Incident, responses=ACT)
def dispatch(
    request: Request,
    who: Annotated[Reader, Depends(require("incident.dispatch"))],
    incident_id: Id,
    body: TextBody | None = None,
) -> Response:
    """Somebody is sent; ``text`` says whom."""
    action = lifecycle.Dispatch(body.text if body else "")
    return _act(request, who, "incident.dispatch", incident_id, action, body)


@router.post("/{incident_id}/on-scene", response_model=Incident, responses=ACT)
def on_scene(
    request: Request,
    who: Annotated[Reader, Depends(require("incident.on-scene"))],
    incident_id: Id,
    body: ActionBody | None = None,
) -> Response:
    """Whoever was sent has arrived."""
    return _act(request, who, "incident.on-scene", incident_id, lifecycle.OnScene(), body)


@router.post("/{incident_id}/resolve", response_model=Incident, responses=ACT)
def resolve(
    request: Request,
    who: Annotated[Reader, Depends(require("incident.resolve"))],
    incident_id: Id,
    body: TextBody | None = None,
) -> Response:
    """Nothing more is to be done on the spot."""
    action = lifecycle.Resolve(body.text if body else "")
    return _act(request, who, "incident.resolve", incident_id, action, body)


@router.post("/{incident_id}/verify", response_model=Incident, responses=ACT)
def verify(
    request: Request,
    who: Annotated[Reader, Depends(require("incident.verify"))],
    incident_id: Id,
    body: VerifyBody,
) -> Response:
    """Somebody knows more."""
    action = lifecycle.Verify(body.level, body.text)
    return _act(request, who, "incident.verify", incident_id, action, body)


@router.post("/{incident_id}/close", response_model=Incident, responses=ACT)
def close(
    request: Request,
    who: Annotated[Reader, Depends(require("incident.close"))],
    incident_id: Id,
    body: CloseBody,
) -> Response:
    """Close it with a disposition."""
    action = lifecycle.Close(body.disposition, body.text)
    return _act(request, who, "incident.close", incident_id, action, body)


@router.post("/{incident_id}/reopen", response_model=Incident, responses=ACT)
def reopen(
    request: Request,
    who: Annotated[Reader, Depends(require("incident.reopen"))],
    incident_id: Id,
    body: TextBody | None = None,
) -> Response:
    """It was not over."""
    action = lifecycle.Reopen(body.text if body else "")
    return _act(request, who, "incident.reopen", incident_id, action, body)


@router.post("/{incident_id}/notes", response_model=Incident, responses=ACT)
def note(
    request: Request,
    who: Annotated[Reader, Depends(require("incident.notes"))],
    incident_id: Id,
    body: NoteBody,
) -> Response:
    """Write something down."""
    return _act(request, who, "incident.notes", incident_id, lifecycle.Note(body.text), body)


def _actor(who: Reader) -> Actor:
    return Actor(user_id=who.user_id, name=who.display_name)


def _act(
    request: Request,
    who: Reader,
    permission: str,
    incident_id: int,
    action: lifecycle.Action,
    body: ActionBody | None,
    check: Callable[[Connection[Any]], None] = lambda _: None,
) -> Response:
    expected = body.version if body else None
    with sync_transaction(request, who, permission) as conn:
        check(conn)
        outcomes = act(conn, [incident_id], action, _actor(who), datetime.now(UTC), expected_version=expected)
        _raise_refused(outcomes)
        row = conn.execute(lists.SQL["incident_document"], {"id": incident_id}).fetchone()
    assert row is not None
    return Response(row[0], media_type="application/json")


def _raise_refused(outcomes: Sequence[ActionOutcome]) -> None:
    for outcome in outcomes:
        if outcome.refused is not None:
            raise Problem(outcome.refused.value, outcome.detail)
