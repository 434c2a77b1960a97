"""Signing in: a cookie for browsers, a bearer token for programs."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, Field

from api.auth import audit
from api.auth.dependencies import COOKIE, Reader, check_same_origin, hash_token, reader, transaction
from api.auth.passwords import verify_password
from api.auth.permissions import PERMISSIONS
from api.basemap import Basemap, basemap_of
from api.errors import Problem, documented
from api.inputs import Body, Line
from api.settings import Settings
from gis import overview

router = APIRouter(prefix="/api/v1", tags=["session"])
HASHING = asyncio.Semaphore(2)
"""Argon2 takes memory and a core: two at a time."""

Password = Annotated[str, Field(min_length=1, max_length=500)]


class Credentials(Body):
    """A name and a password."""

    username: Line
    password: Password


class User(BaseModel):
    """Who is signed in."""

    id: int
    username: str
    display_name: str
    locale: Literal["zh", "en"]


class Grant(BaseModel):
    """A role, somewhere."""

    role: str
    division_code: str | None
    division_name: str | None
    organisation_id: int | None


class Installation(BaseModel):
    """Which installation this is."""

    name: str
    city_code: str
    time_zone: str
    version: str
    synthetic: bool
    bounds: list[float] | None


class Tiles(BaseModel):
    """What the addresses of tiles are made of."""

    version: dict[str, int]
    scope: str


class Session(BaseModel):
    """Who is signed in, what they may do, and what the map needs to begin."""

    user: User
    grants: list[Grant]
    may: dict[str, bool]
    installation: Installation
    tiles: Tiles
    basemap: Basemap | None


class Token(BaseModel):
    """A bearer token (RFC 6749, 5.1)."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int


SignedIn = Annotated[Reader, Depends(reader)]
SIGN_IN = documented(
    "wrong-credentials", "cross-origin", "too-large", "wrong-input", "too-many-attempts", "database-away"
)


@router.post("/session", response_model=Session, responses=SIGN_IN)
async def sign_in(request: Request, response: Response, body: Credentials) -> Session:
    """Sign a browser in: sets a cookie that only its own pages send."""
    check_same_origin(request)
    token, lifetime = await _open(request, body.username, body.password, "cookie")
    secure = request.url.scheme == "https" or request.app.state.settings.url.startswith("https:")
    response.set_cookie(
        COOKIE, token, max_age=int(lifetime.total_seconds()), httponly=True, samesite="strict", secure=secure
    )
    who = await request.app.state.sessions.reader_of(request.app.state.pool, token)
    if who is None:
        raise Problem("signed-out", "The session is over already.")
    return await _session(request, who)


@router.get("/session", response_model=Session, responses=documented("signed-out", "database-away"))
async def get_session(request: Request, who: SignedIn) -> Session:
    """Who is signed in."""
    return await _session(request, who)


@router.delete(
    "/session", status_code=204, responses=documented("signed-out", "cross-origin", "database-away")
)
async def sign_out(request: Request, who: SignedIn) -> Response:
    """End the session."""
    async with request.app.state.pool.connection() as conn, conn.transaction():
        await conn.execute(audit.SQL["close_session"], {"token_hash": who.token_hash})
        await audit.write(conn, audit.line(who.user_id, who.username, "session.close"))
    request.app.state.sessions.forget(who.token_hash)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


@router.post("/token", response_model=Token, responses=SIGN_IN)
async def token(
    request: Request,
    username: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(min_length=1, max_length=500)],
    grant_type: Annotated[Literal["password"] | None, Form()] = None,
) -> Token:
    """Sign a program in: OAuth2 password form."""
    bearer, lifetime = await _open(request, username, password, "bearer")
    return Token(
        access_token=bearer,
        token_type="bearer",  # noqa: S106 - a word of RFC 6749
        expires_in=int(lifetime.total_seconds()),
    )


async def _open(
    request: Request, username: str, password: str, kind: Literal["cookie", "bearer"]
) -> tuple[str, timedelta]:
    state = request.app.state
    address = request.client.host if request.client else ""
    _refuse_haste(state.attempts.wait_s(username, address))
    name = username if "\x00" not in username else ""
    async with state.pool.connection() as conn:
        row = await (await conn.execute(audit.SQL["password_of"], {"username": name})).fetchone()
    user_id, stored = row or (None, None)
    async with HASHING:
        _refuse_haste(state.attempts.reserve(username, address))  # here: others may have failed meanwhile
        # Of this try: others begin while it is judged.
        noteworthy = state.attempts.noteworthy(username, address)
        right = await asyncio.to_thread(verify_password, stored, password)
    if not right:
        if noteworthy:
            known = name if user_id is not None else "?"  # what was typed as a name may be a password
            async with state.pool.connection() as conn, conn.transaction():
                await audit.write(conn, audit.line(user_id, known, "session.refuse", address=address))
        raise Problem("wrong-credentials", "The name or the password is wrong.")
    state.attempts.succeeded(username, address)
    lifetime = timedelta(hours=state.settings.session_hours)
    bearer = secrets.token_urlsafe(32)
    async with state.pool.connection() as conn, conn.transaction():
        await conn.execute(
            audit.SQL["open_session"],
            {
                "token_hash": hash_token(bearer),
                "user_id": user_id,
                "kind": kind,
                "expires_at": datetime.now(UTC) + lifetime,
            },
        )
        await audit.write(conn, audit.line(user_id, name, "session.open", kind=kind, address=address))
    return bearer, lifetime


def _refuse_haste(wait_s: float) -> None:
    if wait_s > 0:
        headers = {"Retry-After": str(int(wait_s) + 1)}
        raise Problem("too-many-attempts", f"Wait {int(wait_s) + 1} s before the next try.", headers=headers)


async def _session(request: Request, who: Reader) -> Session:
    settings: Settings = request.app.state.settings
    async with transaction(request, who, "division.read") as conn:
        city: Any = await overview.city(conn, settings.city_code)
    return Session(
        user=User(id=who.user_id, username=who.username, display_name=who.display_name, locale=who.locale),
        grants=[Grant.model_validate(grant) for grant in who.grants],
        may={permission: who.may(permission) for permission in PERMISSIONS},
        installation=Installation(
            name=city.name or settings.city_code,
            city_code=settings.city_code,
            time_zone=settings.time_zone,
            version=version("lianfang"),
            synthetic=city.synthetic,
            bounds=city.bounds,
        ),
        tiles=Tiles(version=city.layer_versions, scope=who.scope_digest),
        basemap=basemap_of(settings),
    )
