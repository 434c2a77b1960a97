"""Connections that act as one of the four roles.

The login that the URL names only opens the door; what a connection may do is its role: ``owner`` (migrations, loading),
``intake``, ``api``, ``video``. With the embedded database the last three have a login each that can be nothing else.
The role is set in the connection's start-up packet, so that RESET ROLE and DISCARD return to it.
Sessions speak UTC.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from api.embedded.endpoints import NotRunning, database_url
from api.settings import Settings

Role = Literal["owner", "intake", "api", "video"]

CONNECT_TIMEOUT_S = 5
API_STATEMENT_TIMEOUT_S = 15
"""What one reader may keep a connection busy with: eight such questions would keep everybody else out."""
VIDEO_TIMEOUT_S = 5
"""What a worker waits for: its cameras' threads stand behind one connection, and their streams break off meanwhile."""


class DatabaseUnavailable(psycopg.OperationalError):
    """The database cannot be reached now; the same call may succeed later."""


class DatabaseNotPrepared(Exception):  # noqa: N818 - likewise
    """The database was reached, and lacks a role or a right: it has to be migrated first."""


def conninfo(settings: Settings, role: Role | None, application_name: str = "lianfang") -> dict[str, Any]:
    """Connection parameters for ``role``; None: the bare login. Raises ``DatabaseUnavailable`` if none is known."""
    try:
        given = conninfo_to_dict(database_url(settings, role))
    except NotRunning as error:
        raise DatabaseUnavailable(str(error)) from error
    except psycopg.ProgrammingError:
        # Not the driver's words, nor as the cause: they repeat what was given, and a password stands in it.
        raise DatabaseUnavailable(
            "LIANFANG_DATABASE_URL cannot be read: it must look like postgresql://user:password@host:5432/database, "
            "with %20 for a space, %25 for a percent sign and the like in its parts"
        ) from None
    options = [str(given["options"])] if given.get("options") else []
    options.append("-c timezone=UTC")
    if role:
        options.append(f"-c role=lianfang_{role}")
    if role == "api":
        options.append(f"-c statement_timeout={API_STATEMENT_TIMEOUT_S}s")
    if role == "video":
        options.append(f"-c statement_timeout={VIDEO_TIMEOUT_S}s")
        given.setdefault("tcp_user_timeout", str(1000 * VIDEO_TIMEOUT_S))
    defaults = {"connect_timeout": CONNECT_TIMEOUT_S, "keepalives_idle": 30, "keepalives_interval": 10}
    return defaults | given | {"options": " ".join(options), "application_name": application_name}


def connect(
    settings: Settings, role: Role | None, *, application_name: str = "lianfang", autocommit: bool = False
) -> psycopg.Connection:
    """A connection that acts as ``role``. Raises ``DatabaseUnavailable`` or ``DatabaseNotPrepared``."""
    try:
        return psycopg.connect(**conninfo(settings, role, application_name), autocommit=autocommit)
    except psycopg.OperationalError as error:
        raise explain(error) from error


async def connect_async(
    settings: Settings, role: Role | None, *, application_name: str = "lianfang", autocommit: bool = False
) -> psycopg.AsyncConnection:
    """Like ``connect``, for async code: a LISTEN of its own, for instance."""
    try:
        return await psycopg.AsyncConnection.connect(
            **conninfo(settings, role, application_name), autocommit=autocommit
        )
    except psycopg.OperationalError as error:
        raise explain(error) from error


async def open_pool(
    settings: Settings,
    role: Role,
    *,
    application_name: str = "lianfang",
    min_size: int = 2,
    max_size: int = 10,
    timeout_s: float = 10.0,
    configure: Callable[[psycopg.AsyncConnection], Awaitable[None]] | None = None,
) -> AsyncConnectionPool:
    """An open pool of connections that act as ``role``, each checked before it is handed out.

    Waits until the first connections stand; raises ``DatabaseUnavailable`` when they do not within ``timeout_s``.
    Close it with ``await pool.close()``.
    """
    pool = AsyncConnectionPool(
        kwargs=conninfo(settings, role, application_name),
        min_size=min_size,
        max_size=max_size,
        timeout=timeout_s,
        configure=configure,
        check=AsyncConnectionPool.check_connection,
        reconnect_timeout=60.0,
        name=application_name,
        open=False,
    )
    try:
        await pool.open(wait=True, timeout=timeout_s)
    except PoolTimeout as error:
        await pool.close()
        connection = await connect_async(settings, role, application_name=application_name)  # to learn why
        await connection.close()
        raise DatabaseUnavailable(f"no connection to the database within {timeout_s:g} s") from error
    return pool


def explain(error: psycopg.OperationalError) -> DatabaseUnavailable | DatabaseNotPrepared:
    """The plain words for a connection that failed; never with a password."""
    text = str(error).strip()
    if "role" in text and ("does not exist" in text or "permission denied to set role" in text):
        return DatabaseNotPrepared(
            f"the database is not prepared: run `lianfang migrate` ({_last_line(text)})"
        )
    return DatabaseUnavailable(f"the database cannot be reached: {_last_line(text)}")


def _last_line(text: str) -> str:
    return text.rpartition("\n")[2].removeprefix("FATAL:").strip() or text
