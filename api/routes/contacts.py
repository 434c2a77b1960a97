"""Whom to call at a site. Numbers are masked; to see one takes a reason and leaves a line in the audit log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AfterValidator, BaseModel, Field

from alarms.registry import sites
from api.auth.dependencies import Reader, require
from api.inputs import Body, Id, Line, Moment, Reason
from api.routes.registering import WRITE, actor_of, left_out, registering
from api.schemas import MaskedContact, Person

router = APIRouter(prefix="/api/v1/sites", tags=["registry"])

Writer = Annotated[Reader, Depends(require("site.write"))]
Revealer = Annotated[Reader, Depends(require("contact.reveal"))]

CLOCKS_DIFFER = timedelta(minutes=5)


def _is_past(at: datetime) -> datetime:
    if at > datetime.now(UTC) + CLOCKS_DIFFER:
        raise ValueError("a consent is recorded after it was given: a time that is past is right")
    return at


Consent = Annotated[Moment, AfterValidator(_is_past)]
PHONE = r"^[0-9+() -]{3,30}$"


class ContactBody(Body):
    """Somebody to call."""

    name: Annotated[Line, Field(min_length=1, pattern=r"\S")]
    phone: Annotated[str, Field(pattern=PHONE)]
    relation: Line = ""
    call_order: Annotated[int, Field(ge=1, le=99, strict=True)] = 1
    consent_at: Consent | None = None


class ContactPatch(Body):
    """What is to be different; what is left out stays."""

    name: Annotated[Line, Field(min_length=1, pattern=r"\S")] = left_out("")
    phone: Annotated[str, Field(pattern=PHONE)] = left_out("")
    relation: Line = left_out("")
    call_order: Annotated[int, Field(ge=1, le=99, strict=True)] = left_out(1)
    consent_at: Consent | None = None


class Contact(MaskedContact):
    """Whom to call, with the consent: when this person agreed to be called, and who recorded it."""

    consent_at: datetime | None
    consent_by: Person | None


class RevealBody(Body):
    """Why the number is needed; it goes into the audit log."""

    reason: Reason


class Phone(BaseModel):
    """A telephone number."""

    phone: str


@router.post("/{site_id}/contacts", status_code=201, response_model=Contact, responses=WRITE)
def add_contact(request: Request, who: Writer, site_id: Id, body: ContactBody) -> Response:
    """Add somebody to call."""
    with registering(request, who, "site.write") as conn:
        contact_id = sites.add_contact(conn, site_id, body.model_dump(), actor_of(who))
        row = conn.execute(sites.SQL["contact"], {"site_id": site_id, "id": contact_id}).fetchone()
    assert row is not None
    headers = {"Location": f"/api/v1/sites/{site_id}"}
    return Response(row[0], 201, headers, media_type="application/json")


@router.patch("/{site_id}/contacts/{contact_id}", response_model=Contact, responses=WRITE)
def change_contact(
    request: Request, who: Writer, site_id: Id, contact_id: Id, body: ContactPatch
) -> Response:
    """Change whom to call."""
    values = body.model_dump(include=body.model_fields_set)
    with registering(request, who, "site.write") as conn:
        sites.change_contact(conn, site_id, contact_id, values, actor_of(who))
        row = conn.execute(sites.SQL["contact"], {"site_id": site_id, "id": contact_id}).fetchone()
    assert row is not None
    return Response(row[0], media_type="application/json")


@router.delete("/{site_id}/contacts/{contact_id}", status_code=204, responses=WRITE)
def remove_contact(request: Request, who: Writer, site_id: Id, contact_id: Id) -> Response:
    """Forget this person and the number."""
    with registering(request, who, "site.write") as conn:
        sites.remove_contact(conn, site_id, contact_id, actor_of(who))
    return Response(status_code=204)


@router.post("/{site_id}/contacts/{contact_id}/reveal", response_model=Phone, responses=WRITE)
def reveal_phone(request: Request, who: Revealer, site_id: Id, contact_id: Id, body: RevealBody) -> Phone:
    """The number itself, against a reason."""
    with registering(request, who, "contact.reveal") as conn:
        return Phone(phone=sites.reveal_phone(conn, site_id, contact_id, body.reason))
