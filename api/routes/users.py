"""Users and their grants, for administrators."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Request, Response
from psycopg import Connection
from pydantic import BaseModel, Field

from alarms.registry import people
from api.auth.dependencies import Reader, require, transaction
from api.auth.passwords import hash_password
from api.errors import Problem
from api.inputs import Body, Id, Line, ObjectId, QueryText, division_code
from api.paging import Cursor, Limit, decode_cursor, encode_cursor, next_links
from api.routes.contacts import PHONE
from api.routes.registering import READ, WRITE, actor_of, left_out, registering
from api.schemas import Link

router = APIRouter(prefix="/api/v1/users", tags=["people"])

Viewer = Annotated[Reader, Depends(require("user.read"))]
Writer = Annotated[Reader, Depends(require("user.write"))]
Role = Literal["dispatcher", "installer", "investigator", "patrol", "grid_member", "auditor", "admin"]
Locale = Literal["zh", "en"]
NewPassword = Annotated[str, Field(min_length=10, max_length=500)]


class UserGrant(BaseModel):
    """A role that a user has, and where."""

    id: int
    role: Role
    division_code: str | None
    division_name: str | None
    organisation_id: int | None
    granted_at: datetime


class User(BaseModel):
    """A user with grants."""

    id: int
    username: str
    display_name: str
    phone: str | None
    locale: Locale
    disabled_at: datetime | None
    created_at: datetime
    grants: list[UserGrant]


class NewUser(User):
    """A user who was added; ``password`` is shown this once when none was given."""

    password: str | None


class UserPage(BaseModel):
    """A page of users."""

    items: list[User]
    links: list[Link]


class GrantBody(Body):
    """A role, at a division and below (none: everywhere), of an organisation (none: of every one)."""

    role: Role
    division_code: Annotated[str, Field(pattern=r"^[0-9]{4,12}$")] | None = None
    organisation_id: ObjectId | None = None


class UserBody(Body):
    """A user to add. Without a password one is made."""

    username: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")]
    display_name: Annotated[Line, Field(min_length=1, pattern=r"\S")]
    password: NewPassword | None = None
    phone: Annotated[str, Field(pattern=PHONE)] | None = None
    locale: Locale = "zh"
    grants: Annotated[list[GrantBody], Field(default_factory=list, max_length=100)]


class UserPatch(Body):
    """What is to be different; what is left out stays."""

    display_name: Annotated[Line, Field(min_length=1, pattern=r"\S")] = left_out("")
    phone: Annotated[str, Field(pattern=PHONE)] | None = None
    locale: Locale = left_out("zh")


class PasswordBody(Body):
    """The new password; without one it is made."""

    password: NewPassword | None = None


class MadePassword(BaseModel):
    """A password that was made, shown this once; null when it was given."""

    password: str | None


@router.get("", response_model=UserPage, responses=READ)
async def list_users(
    request: Request, who: Viewer, q: QueryText = None, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """The users all of whose grants lie in your scope, by number."""
    after = decode_cursor(cursor, int)
    values = {"after": after[0] if after else 0, "q": q, "limit": limit + 1}
    async with transaction(request, who, "user.read") as conn:
        rows = await (await conn.execute(people.SQL["users"], values)).fetchall()
    more = encode_cursor(rows[limit - 1][0]) if len(rows) > limit else None
    return {"items": [orjson.loads(row[1]) for row in rows[:limit]], "links": next_links(request, more)}


@router.get("/{user_id}", response_model=User, responses=READ)
async def get_user(request: Request, who: Viewer, user_id: Id) -> Any:
    """One user."""
    async with transaction(request, who, "user.read") as conn:
        row = await (await conn.execute(people.SQL["user"], {"id": user_id})).fetchone()
    if row is None:
        raise Problem("not-found", f"There is no user {user_id} in your scope.")
    return orjson.loads(row[0])


@router.post("", status_code=201, response_model=NewUser, responses=WRITE)
def add_user(request: Request, response: Response, who: Writer, body: UserBody) -> Any:
    """Add a user with grants within your own scope."""
    made = None if body.password else secrets.token_urlsafe(12)
    hashed = hash_password(body.password or made or "")
    with registering(request, who, "user.write") as conn:
        user_id = people.add_user(
            conn,
            username=body.username,
            display_name=body.display_name,
            password_hash=hashed,
            phone=body.phone,
            locale=body.locale,
            grants=[_grant(one, n) for n, one in enumerate(body.grants)],
            actor=actor_of(who),
        )
        document = _document(conn, user_id)
    response.headers["Location"] = f"/api/v1/users/{user_id}"
    response.headers["Cache-Control"] = "no-store"
    return document | {"password": made}


@router.patch("/{user_id}", response_model=User, responses=WRITE)
def change_user(request: Request, who: Writer, user_id: Id, body: UserPatch) -> Any:
    """Change display name, telephone or language."""
    with registering(request, who, "user.write") as conn:
        values = body.model_dump(include=body.model_fields_set)
        people.change_user(conn, user_id, values, actor_of(who), datetime.now(UTC))
        return _document(conn, user_id)


@router.post("/{user_id}/password", response_model=MadePassword, responses=WRITE)
def set_password(
    request: Request, response: Response, who: Writer, user_id: Id, body: PasswordBody
) -> MadePassword:
    """Give a new password; every session of the user ends."""
    made = None if body.password else secrets.token_urlsafe(12)
    hashed = hash_password(body.password or made or "")
    with registering(request, who, "user.write") as conn:
        people.set_password(conn, user_id, hashed, actor_of(who))
    response.headers["Cache-Control"] = "no-store"
    return MadePassword(password=made)


@router.post("/{user_id}/disable", response_model=User, responses=WRITE)
def disable_user(request: Request, who: Writer, user_id: Id) -> Any:
    """Let in no more; every session ends."""
    return _set_disabled(request, who, user_id, True)


@router.post("/{user_id}/enable", response_model=User, responses=WRITE)
def enable_user(request: Request, who: Writer, user_id: Id) -> Any:
    """Let in again."""
    return _set_disabled(request, who, user_id, False)


@router.post("/{user_id}/grants", status_code=201, response_model=User, responses=WRITE)
def give_grant(request: Request, who: Writer, user_id: Id, body: GrantBody) -> Any:
    """Give a role, within your own scope. Answers the user."""
    with registering(request, who, "user.write") as conn:
        people.give(conn, user_id, _grant(body), actor_of(who))
        return _document(conn, user_id)


@router.delete("/{user_id}/grants/{grant_id}", status_code=204, responses=WRITE)
def take_grant(request: Request, who: Writer, user_id: Id, grant_id: Id) -> Response:
    """Take a role away; what it opened is closed within seconds, live feeds included."""
    with registering(request, who, "user.write") as conn:
        people.take(conn, user_id, grant_id, actor_of(who))
    return Response(status_code=204)


def _set_disabled(request: Request, who: Reader, user_id: int, disabled: bool) -> dict[str, Any]:
    with registering(request, who, "user.write") as conn:
        people.set_disabled(conn, user_id, disabled, actor_of(who), datetime.now(UTC))
        return _document(conn, user_id)


def _grant(body: GrantBody, n: int | None = None) -> people.Grant:
    where = "body.division_code" if n is None else f"body.grants.{n}.division_code"
    code = division_code(body.division_code, where) if body.division_code else None
    return people.Grant(role=body.role, division_code=code, organisation_id=body.organisation_id)


def _document(conn: Connection[Any], user_id: int) -> dict[str, Any]:
    row = conn.execute(people.SQL["user"], {"id": user_id}).fetchone()
    if row is None:
        raise Problem("not-found", f"There is no user {user_id} in your scope any more.")
    found: dict[str, Any] = orjson.loads(row[0])
    return found
