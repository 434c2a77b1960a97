"""Users and grants from the command line and the demo: plain SQL as the owner, each act in the audit log."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row, tuple_row

from gis import divisions

ACTOR = "command line"


class UserError(Exception):
    """What was asked of a user cannot be; the message says why and what would be right."""


@dataclass(frozen=True, slots=True)
class Added:
    """A new user and the password; no password when the user was known."""

    user_id: int
    password: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A line of `lianfang user list`."""

    username: str
    display_name: str
    disabled: bool
    grants: str


def add_user(
    conn: psycopg.Connection,
    username: str,
    role: str,
    *,
    division: str | None = None,
    organisation: str | None = None,
    display_name: str | None = None,
    locale: str = "zh",
    password: str | None = None,
) -> Added:
    """Add a user with one grant, or add the grant to a known user. Raises ``UserError``; commits nothing itself."""
    from api.auth.passwords import hash_password

    cursor = conn.cursor(row_factory=tuple_row)
    organisation_id = _organisation(cursor, organisation)
    division = _division(cursor, division)
    made = None
    try:
        with conn.transaction():
            row = cursor.execute("SELECT id FROM users WHERE username = %s", [username]).fetchone()
            if row is None:
                made = password or secrets.token_urlsafe(12)
                row = cursor.execute(
                    "INSERT INTO users (username, display_name, password_hash, locale) VALUES (%s, %s, %s, %s)"
                    " RETURNING id",
                    [username, display_name or username, hash_password(made), locale],
                ).fetchone()
                assert row is not None
            user_id: int = row[0]
            cursor.execute(
                "INSERT INTO grants (user_id, role, division_code, organisation_id) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [user_id, role, division, organisation_id],
            )
            _audit(
                conn, "user.add", username, {"role": role, "division": division, "organisation": organisation}
            )
    except psycopg.errors.CheckViolation as error:
        raise UserError(_which_check(str(error.diag.constraint_name), username, role, locale)) from error
    return Added(user_id, made)


def list_users(conn: psycopg.Connection) -> list[Listed]:
    """All users by name, each with the grants in words."""
    return (
        conn.cursor(row_factory=class_row(Listed))
        .execute(
            "SELECT u.username, u.display_name, u.disabled_at IS NOT NULL AS disabled,"
            "       coalesce(string_agg(concat_ws(' ', g.role,"
            "                  coalesce(d.name, g.division_code, '(everywhere)'), o.name),"
            "                           ', ' ORDER BY g.id), '(no grant)') AS grants"
            "  FROM users u LEFT JOIN grants g ON g.user_id = u.id"
            "  LEFT JOIN divisions d ON d.code = g.division_code AND d.valid_to IS NULL"
            "  LEFT JOIN organisations o ON o.id = g.organisation_id"
            " GROUP BY u.id ORDER BY u.username"
        )
        .fetchall()
    )


def disable_user(conn: psycopg.Connection, username: str) -> None:
    """No sign-in any more, and no session left. Raises ``UserError`` for an unknown name."""
    with conn.transaction():
        cursor = conn.cursor(row_factory=tuple_row)
        row = cursor.execute(
            "UPDATE users SET disabled_at = coalesce(disabled_at, now()) WHERE username = %s RETURNING id",
            [username],
        ).fetchone()
        if row is None:
            raise UserError(f"there is no user {username}: see `lianfang user list`")
        cursor.execute("DELETE FROM sessions WHERE user_id = %s", [row[0]])
        _audit(conn, "user.disable", username, {})


def _organisation(cursor: psycopg.Cursor[tuple[object, ...]], name: str | None) -> int | None:
    if name is None:
        return None
    row = cursor.execute("SELECT id FROM organisations WHERE name = %s", [name]).fetchone()
    if row is None:
        raise UserError(f"there is no organisation {name}")
    return int(str(row[0]))


def _division(cursor: psycopg.Cursor[tuple[object, ...]], text: str | None) -> str | None:
    """The 12-digit code of a division that is loaded."""
    if text is None:
        return None
    try:
        code = divisions.parse(text)
    except divisions.DivisionCodeError as error:
        raise UserError(str(error)) from error
    if not cursor.execute("SELECT 1 FROM divisions WHERE code = %s", [code]).fetchone():
        raise UserError(
            f"there is no division {code}: load it with `lianfang load divisions`, or say another"
        )
    return code


def _which_check(constraint: str, username: str, role: str, locale: str) -> str:
    if "username" in constraint:
        return f"{username!r} cannot be a login name: 1 to 64 of letters, digits and _ . @ -"
    if "role" in constraint:
        return f"there is no role {role!r}: dispatcher, installer, investigator, patrol, grid_member, auditor, admin"
    return f"there is no language {locale!r}: zh or en"


def _audit(conn: psycopg.Connection, action: str, username: str, details: dict[str, str | None]) -> None:
    conn.execute(
        "INSERT INTO audit_log (username, action, object, details) VALUES (%s, %s, %s, %s)",
        [ACTOR, action, f"user/{username}", json.dumps(details)],
    )
