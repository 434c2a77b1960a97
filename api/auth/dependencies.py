"""The reader of a request: who is asking, by cookie or bearer token, and with which grants."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from psycopg import AsyncConnection, Connection
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from api.auth.permissions import PERMISSIONS
from api.errors import Problem

COOKIE = "lianfang_session"
FRESH_S = 3.0
"""How long a token's user is remembered: what an admin revokes is gone after that, and tiles need no query each."""
REMEMBERED = 10_000

AsyncPool = AsyncConnectionPool[AsyncConnection[Any]]
Pool = ConnectionPool[Connection[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Who is asking."""

    user_id: int
    username: str
    display_name: str
    locale: str
    grants: tuple[Mapping[str, Any], ...]
    token_hash: bytes

    def keys(self, permission: str) -> frozenset[str]:
        """The scope keys of those grants whose role has the permission."""
        roles = PERMISSIONS[permission]
        return frozenset(grant["key"] for grant in self.grants if grant["role"] in roles)

    def may(self, permission: str) -> bool:
        """Whether any grant gives the permission, somewhere."""
        return bool(self.keys(permission))

    @property
    def scope_digest(self) -> str:
        """A short digest of what opens tiles to this reader, for their addresses. By permission: an auditor's grant of
        the whole city shows no sites, a dispatcher's does."""
        opened = (",".join(sorted(self.keys(permission))) for permission in ("site.read", "division.read"))
        return hashlib.sha256(";".join(opened).encode()).hexdigest()[:16]


class Sessions:
    """Looks up whose a token is, and remembers it for a few seconds."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, Reader]] = {}

    async def reader_of(self, pool: AsyncPool, token: str) -> Reader | None:
        """The reader of a token, or None where it is unknown or over."""
        token_hash = hash_token(token)
        known = self._known.get(token_hash)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        async with pool.connection() as conn:
            row = await (await conn.execute("SELECT session_user_of(%s)", (token_hash,))).fetchone()
        found = row[0] if row else None
        if found is None:
            self._known.pop(token_hash, None)
            return None
        reader = Reader(
            user_id=found["id"],
            username=found["username"],
            display_name=found["display_name"],
            locale=found["locale"],
            grants=tuple(found["grants"]),
            token_hash=token_hash,
        )
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[token_hash] = (time.monotonic() + FRESH_S, reader)
        return reader

    def forget(self, token_hash: bytes) -> None:
        """At once, not after a few seconds."""
        self._known.pop(token_hash, None)


def hash_token(token: str) -> bytes:
    """What is stored of a token: it is random and long, so one SHA-256 is enough."""
    return hashlib.sha256(token.encode()).digest()


def token_of(request: Request) -> tuple[str | None, bool]:
    """The request's token, and whether a cookie brought it."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and bearer:
        return bearer.strip(), False
    return request.cookies.get(COOKIE), True


def check_same_origin(request: Request) -> None:
    """A write that a cookie signs must come from our own pages (the cookie's SameSite=Strict is the first fence)."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    own = urlsplit(str(request.base_url)).netloc
    if site in ("same-origin", "none") or (site is None and origin is None):
        return
    if origin is not None and urlsplit(origin).netloc in (own, request.headers.get("host", own)):
        return
    raise Problem("cross-origin", "A write that a cookie signs must come from this server's own pages.")


async def reader(request: Request) -> Reader:
    """FastAPI dependency: the signed-in reader, or 401."""
    token, by_cookie = token_of(request)
    if token:
        if by_cookie and request.method not in ("GET", "HEAD", "OPTIONS"):
            check_same_origin(request)
        sessions: Sessions = request.app.state.sessions
        found = await sessions.reader_of(request.app.state.pool, token)
        if found is not None:
            return found
    raise Problem(
        "signed-out", "Sign in first: POST /api/v1/session, or a bearer token of POST /api/v1/token."
    )


def require(permission: str) -> Callable[[Reader], Awaitable[Reader]]:
    """FastAPI dependency: the reader, who must have the permission somewhere, or 403."""

    async def permitted(who: Annotated[Reader, Depends(reader)]) -> Reader:
        if not who.may(permission):
            roles = ", ".join(PERMISSIONS[permission])
            raise Problem(
                "not-permitted", f"This needs one of the roles {roles}; an administrator grants them."
            )
        return who

    return permitted


@asynccontextmanager
async def transaction(
    request: Request, who: Reader, permission: str, *, snapshot: bool = False
) -> AsyncIterator[AsyncConnection[Any]]:
    """A transaction whose scope is what the permission opens to this reader; row security holds it to that."""
    pool: AsyncPool = request.app.state.pool
    async with pool.connection() as conn, conn.transaction():
        if snapshot:
            await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        await conn.execute("SELECT begin_scope(%s, %s)", (who.user_id, list(PERMISSIONS[permission])))
        yield conn


@contextmanager
def sync_transaction(
    request: Request, who: Reader, permission: str, *, snapshot: bool = False
) -> Iterator[Connection[Any]]:
    """The same for code that runs in a thread: actions, which share the ledger with the intake."""
    pool: Pool = request.app.state.sync_pool
    with pool.connection() as conn, conn.transaction():
        if snapshot:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        conn.execute("SELECT begin_scope(%s, %s)", (who.user_id, list(PERMISSIONS[permission])))
        yield conn
