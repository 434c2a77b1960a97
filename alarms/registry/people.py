"""Users, their grants, and the organisations that devices and people belong to.

Everything runs in the caller's transaction, whose scope is set. An administrator sees and changes the users all of
whose grants lie in the administrator's own scope, and gives only such grants: row security on ``grants`` holds it to
that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row, scalar_row

from alarms.registry import audit
from alarms.registry.audit import Actor
from alarms.registry.errors import ConflictError, NotInScopeError, OutsideScopeError
from alarms.registry.sites import require_organisation
from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A role, at a division and below (None: everywhere), of an organisation (None: of every one)."""

    role: str
    division_code: str | None = None
    organisation_id: int | None = None


def add_user(
    conn: Connection[Any],
    *,
    username: str,
    display_name: str,
    password_hash: str,
    phone: str | None,
    locale: str,
    grants: Iterable[Grant],
    actor: Actor,
) -> int:
    """Add a user with grants; returns the id. Raises RegistryError."""
    values = {
        "username": username,
        "display_name": display_name,
        "password_hash": password_hash,
        "phone": phone,
        "locale": locale,
    }
    try:
        with conn.cursor(row_factory=scalar_row) as cursor:
            user_id: int | None = cursor.execute(SQL["insert_user"], values).fetchone()
    except psycopg.errors.UniqueViolation as error:
        raise ConflictError(f"the user name {username} is taken") from error
    assert user_id is not None
    audit.write(conn, actor, "user.add", f"user/{username}")
    for grant in grants:
        _give(conn, user_id, username, grant, actor)
    _require(conn, user_id)
    return user_id


def change_user(
    conn: Connection[Any], user_id: int, values: Mapping[str, Any], actor: Actor, now: datetime
) -> None:
    """Change display name, telephone or language; open incidents show the new name. Raises RegistryError."""
    before = _lock(conn, user_id)
    after = before | dict(values)
    conn.execute(SQL["update_user"], after)
    audit.write(conn, actor, "user.change", f"user/{before['username']}", details={"changed": sorted(values)})
    if after["display_name"] != before["display_name"]:
        conn.execute(SQL["append_renamed"], {"id": user_id, "now": now})


def set_password(conn: Connection[Any], user_id: int, password_hash: str, actor: Actor) -> None:
    """Give a new password; every session of the user ends. Raises RegistryError."""
    user = _lock(conn, user_id)
    conn.execute(SQL["set_password"], {"id": user_id, "password_hash": password_hash})
    conn.execute(SQL["end_sessions"], {"id": user_id})
    audit.write(conn, actor, "user.password", f"user/{user['username']}")


def set_disabled(conn: Connection[Any], user_id: int, disabled: bool, actor: Actor, now: datetime) -> None:
    """Let a user in no more, ending every session; or let in again. Raises RegistryError."""
    user = _lock(conn, user_id)
    if disabled and user_id == actor.user_id:
        raise ConflictError("you cannot shut yourself out: another administrator has to")
    conn.execute(SQL["set_disabled"], {"id": user_id, "at": now if disabled else None})
    if disabled:
        conn.execute(SQL["end_sessions"], {"id": user_id})
    audit.write(conn, actor, "user.disable" if disabled else "user.enable", f"user/{user['username']}")


def give(conn: Connection[Any], user_id: int, grant: Grant, actor: Actor) -> int:
    """Give a grant; returns its id, also when the user had it. Raises RegistryError."""
    user = _lock(conn, user_id)
    return _give(conn, user_id, user["username"], grant, actor)


def take(conn: Connection[Any], user_id: int, grant_id: int, actor: Actor) -> None:
    """Take a grant away; what it opened is closed within seconds. Raises RegistryError."""
    user = _lock(conn, user_id)
    with conn.cursor(row_factory=dict_row) as cursor:
        grant = cursor.execute(SQL["take"], {"user_id": user_id, "id": grant_id}).fetchone()
    if grant is None:
        raise NotInScopeError(f"the user has no grant {grant_id} in your scope")
    if user_id == actor.user_id and grant["role"] == "admin":
        raise ConflictError("you cannot take your own administration away: another administrator has to")
    audit.write(conn, actor, "grant.take", f"user/{user['username']}", details=grant)


def add_organisation(conn: Connection[Any], values: Mapping[str, Any], actor: Actor) -> int:
    """Add an organisation; returns its id. Raises RegistryError."""
    return _write_organisation(conn, "insert_organisation", values, "organisation.add", actor)


def change_organisation(
    conn: Connection[Any], organisation_id: int, values: Mapping[str, Any], actor: Actor
) -> None:
    """Change what is in ``values``. Raises RegistryError."""
    with conn.cursor(row_factory=dict_row) as cursor:
        before = cursor.execute(SQL["organisation"], {"id": organisation_id}).fetchone()
    if before is None:
        raise NotInScopeError(f"there is no organisation {organisation_id} in your scope")
    _write_organisation(conn, "update_organisation", before | dict(values), "organisation.change", actor)


def _write_organisation(
    conn: Connection[Any], statement: str, values: Mapping[str, Any], action: str, actor: Actor
) -> int:
    try:
        with conn.cursor(row_factory=scalar_row) as cursor:
            organisation_id: int | None = cursor.execute(SQL[statement], values).fetchone()
    except psycopg.errors.UniqueViolation as error:
        raise ConflictError(f"an organisation is called {values['name']} already") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise OutsideScopeError(
            "organisations are the whole city's: its administrators add and change them"
        ) from error
    if organisation_id is None:
        raise OutsideScopeError("organisations are the whole city's: its administrators add and change them")
    audit.write(conn, actor, action, f"organisation/{organisation_id}")
    return organisation_id


def _give(conn: Connection[Any], user_id: int, username: str, grant: Grant, actor: Actor) -> int:
    require_organisation(conn, grant.organisation_id)
    if grant.division_code is not None:
        known = conn.execute(SQL["division_is_there"], {"code": grant.division_code}).fetchone()
        if known is None:
            raise NotInScopeError(f"there is no division {grant.division_code}")
    values = {
        "user_id": user_id,
        "role": grant.role,
        "division_code": grant.division_code,
        "organisation_id": grant.organisation_id,
    }
    try:
        with conn.cursor(row_factory=scalar_row) as cursor:
            grant_id: int | None = cursor.execute(
                SQL["give"], values | {"granted_by": actor.user_id}
            ).fetchone()
            if grant_id is None:
                grant_id = cursor.execute(SQL["same_grant"], values).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise OutsideScopeError("this grant would reach beyond your own scope") from error
    assert grant_id is not None
    audit.write(conn, actor, "grant.give", f"user/{username}", details=values)
    return grant_id


def _lock(conn: Connection[Any], user_id: int) -> dict[str, Any]:
    with conn.cursor(row_factory=dict_row) as cursor:
        user = cursor.execute(SQL["lock_user"], {"id": user_id}).fetchone()
    if user is None:
        raise NotInScopeError(f"there is no user {user_id} in your scope")
    return user


def _require(conn: Connection[Any], user_id: int) -> None:
    if conn.execute(SQL["user"], {"id": user_id}).fetchone() is None:
        raise OutsideScopeError("the user would stand outside your scope: give at least one grant within it")
