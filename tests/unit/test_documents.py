"""The documents hold together: links lead somewhere, both READMEs say the same, tables are as the code is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from alarms.simulator.command import parser
from api import cli
from api.auth.permissions import PERMISSIONS, ROLES
from api.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
ANCHOR = re.compile(r"\[[^\]]*\]\(([^)#\s]*)#([^)\s]+)\)")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert "://" not in target, f"{page.name}: control rooms have no internet: {target}"
        assert (page.parent / target).exists(), f"{page.name}: there is no {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_into_a_page_finds_its_heading(page: Path) -> None:
    for target, anchor in ANCHOR.findall(page.read_text(encoding="utf-8")):
        aim = (page.parent / target) if target else page
        assert anchor in anchors(aim), f"{page.name}: {aim.name} has no heading #{anchor}"


def anchors(page: Path) -> set[str]:
    """What its headings are called in an address."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_setting_that_a_page_names_is_there() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {
        "LIANFANG_URL"
    }  # the map's development server's
    for page in [*PAGES, ROOT / "CHANGELOG.md"]:
        named = set(re.findall(r"LIANFANG_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8")))
        assert named <= known, page.name


def test_every_command_is_told_of() -> None:
    app = get_command(cli.app)
    assert isinstance(app, TyperGroup)
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = {name for name, command in app.commands.items() if not command.hidden}
    assert len(shown) > 10
    missing = {name for name in shown if not re.search(rf"`(lianfang )?{name}\b|lianfang {name}\b", text)}
    assert not missing


def test_what_is_deleted_when_is_what_the_settings_say() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    told = " ".join(text.partition("## What is deleted when")[2].partition("\n## ")[0].split())
    days = {
        name: field.default for name, field in Settings.model_fields.items() if name.startswith("retention_")
    }
    for name, words in {
        "retention_raw_days": "Raw bytes after {}",
        "retention_signals_days": "signals after {}",
        "retention_changes_days": "feed's changes after {}",
        "retention_caller_days": "name and number go {} days after the incident",
        "retention_evidence_days": "pictures {} days after",
        "retention_searches_days": "searches after {}",
    }.items():
        assert words.format(days.pop(name)) in told
    assert not days, "a time that nobody is told of"


def test_both_readmes_show_the_same_commands_and_pages() -> None:
    english, chinese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")
    )

    assert commands(english) == commands(chinese)
    assert pages(english) == pages(chinese)


def commands(text: str) -> list[str]:
    return [line.strip() for block in BLOCK.findall(text) for line in block.splitlines()]


def pages(text: str) -> list[str]:
    """The pages that it leads to, in whichever language; the way to its own other edition apart."""
    links = [link.replace(".zh-CN.", ".") for link in LINK.findall(text)]
    return [link for link in links if link not in ("README.md", "first-day.md")]


def test_both_editions_of_the_first_day_have_the_same_steps() -> None:
    english, chinese = (
        (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("first-day.md", "first-day.zh-CN.md")
    )
    assert commands(english) == commands(chinese)
    assert pages(english) == pages(chinese)
    for shape in (r"^## ", r"^(?:\d\.|-) ", r"`[^`\n]+`", r"\d{1,3}(?:,\d{3})+"):
        found = [re.findall(shape, text, re.MULTILINE) for text in (english, chinese)]
        assert len(found[0]) == len(found[1]), shape
        assert sorted(found[0]) == sorted(found[1]), shape


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
