"""What the database lets the api role and the intake do: no more than they need."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import Connection


def test_functions_that_run_as_the_owner_look_for_nothing_in_a_callers_schema(owner_conn: Connection) -> None:
    """pg_temp is searched first unless it is named: a caller's temporary table would stand in for ours. And nobody may
    call them but who was named."""
    found = owner_conn.execute(
        "SELECT p.oid::regprocedure::text, coalesce(array_to_string(p.proconfig, ' '), ''),"
        "       p.prorettype <> 'trigger'::regtype AND EXISTS ("
        "           SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) WHERE grantee = 0)"
        "  FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace"
        "   AND p.proowner = 'lianfang_owner'::regrole"
    ).fetchall()
    assert len(found) > 10
    assert not [name for name, config, _ in found if "search_path=public, pg_temp" not in config]
    assert not [name for name, _, by_anybody in found if by_anybody]


@pytest.mark.parametrize("role", ["api", "intake"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO changes (seq, at, kind, object_id, version, scope_keys, document)"
        " VALUES (1, now(), 'alarm', 1, 1, '{}', '{}')",
        "UPDATE feed_position SET last_seq = 7",
        "UPDATE device_history SET reason = 'another'",
        "DELETE FROM device_history",
        "DELETE FROM incident_entries",
        "SELECT phone FROM contacts",
        "SELECT caller_phone FROM incidents",
        "SELECT caller_name FROM incidents",
        "SELECT password_hash FROM users",
        "UPDATE audit_log SET username = 'nobody'",
    ],
)
def test_what_neither_role_may(
    api_conn: Connection, intake_conn: Connection, role: str, statement: str
) -> None:
    conn = {"api": api_conn, "intake": intake_conn}[role]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(statement.encode())
