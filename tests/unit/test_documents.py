"""The documents hold together: links lead somewhere, both READMEs say the same, tables are as the code is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from alarms.simulator.command import parser
from api.auth.permissions import PERMISSIONS, ROLES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert "://" not in target, f"{page.name}: control rooms have no internet: {target}"
        assert (page.parent / target).exists(), f"{page.name}: there is no {target}"


def test_both_readmes_show_the_same_commands_and_pages() -> None:
    english, chinese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")
    )

    def commands(text: str) -> list[str]:
        return [line.strip() for block in BLOCK.findall(text) for line in block.splitlines()]

    def pages(text: str) -> list[str]:
        return [link for link in LINK.findall(text) if not link.startswith("README")]

    assert commands(english) == commands(chinese)
    assert pages(english) == pages(chinese)


def test_the_first_screen_shows_the_two_commands_in_their_order() -> None:
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:20]
    assert first.index("./run demo") < first.index("./run test")


def test_the_simulator_knows_what_the_documents_ask_of_it() -> None:
    """It is endless for the most part, so no test runs these as they stand: tests/integration/test_simulator_run.py."""
    text = "\n".join(block for page in PAGES for block in BLOCK.findall(page.read_text(encoding="utf-8")))
    asked = re.findall(r"^\s*\./run lianfang simulate(.*?)(?:#.*)?$", text, re.MULTILINE)
    assert len(asked) > 4
    for words in asked:
        parser().parse_args(shlex.split(words))


def permission_table() -> str:
    """The table of docs/security.md."""
    rows = ["| may | " + " | ".join(ROLES) + " |", "| --- |" + " :-: |" * len(ROLES)]
    for permission, roles in PERMISSIONS.items():
        rows.append(
            f"| `{permission}` | " + " | ".join("x" if role in roles else " " for role in ROLES) + " |"
        )
    return "\n".join(rows)


def test_the_security_page_shows_who_may_what() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    shown = text.split("<!-- permissions -->")[1].split("<!-- /permissions -->")[0]
    assert shown.strip() == permission_table()
