"""The table of permissions: the document shows it, the routes use it, and a role opens only where it was given."""

from __future__ import annotations

import re
from pathlib import Path

from api.auth.dependencies import Reader
from api.auth.permissions import PERMISSIONS, ROLES

ROOT = Path(__file__).parents[2]


def test_the_document_shows_the_table() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = (
        text.partition("<!-- permissions -->")[2].partition("<!-- /permissions -->")[0].strip().splitlines()
    )
    assert [cell.strip() for cell in table[0].strip("|").split("|")] == ["may", *ROLES]
    told = {}
    for line in table[2:]:
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        told[name.strip("`")] = {role for role, cell in zip(ROLES, cells, strict=True) if cell == "x"}
    assert told == {permission: set(roles) for permission, roles in PERMISSIONS.items()}


def test_every_permission_is_used_and_every_used_one_exists() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "api" / "routes").glob("*.py"))
    used = set(re.findall(r'"((?:division|incident|caller|history|signal|site|contact|device|camera|evidence|message|'
                          r'organisation|user|audit)\.[a-z-]+)"', code))  # fmt: skip
    assert used == set(PERMISSIONS)


def test_a_permission_counts_where_its_role_was_granted() -> None:
    reader = Reader(
        user_id=1,
        username="li",
        display_name="li",
        locale="zh",
        grants=(
            {"role": "dispatcher", "key": "411282000000"},
            {"role": "auditor", "key": "*"},
        ),
        token_hash=b"",
    )
    assert reader.keys("incident.close") == {"411282000000"}
    assert reader.keys("audit.read") == {"*"}
    assert reader.keys("user.write") == frozenset()
    assert reader.may("incident.close")
    assert not reader.may("user.write")
