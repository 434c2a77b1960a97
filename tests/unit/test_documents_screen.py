"""Documents, files and the screen say the same words for the same thing, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alarms.history.words import DISPOSITIONS, ENTRIES, STATES, Language
from alarms.receiving.protocols import conditions
from gis.load_rows import DEVICE_KINDS, SITE_KINDS
from video.model import STREAM_ZONE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MESSAGE = re.compile(r"^ {2}'([\w.-]+)':\s*(?:'((?:[^'\\]|\\.)*)'|\"([^\"]*)\"),$", re.MULTILINE)


def catalogue(language: str) -> dict[str, str]:
    """What the screen says, by key."""
    folder = ROOT / "map_ui" / "src" / "i18n"
    text = "".join(
        (folder / name).read_text(encoding="utf-8") for name in (f"{language}.ts", f"install.{language}.ts")
    )
    found = {key: single or double for key, single, double in MESSAGE.findall(text)}
    assert len(found) == len(re.findall(r"^ {2}'[\w.-]+':", text, re.MULTILINE)), (
        "a message was not understood"
    )
    return found


@pytest.mark.parametrize(
    ("page", "language", "mark"),
    [("first-day.md", "en", r"\*([^*\n]+)\*"), ("first-day.zh-CN.md", "zh", r"「([^」\n]+)」")],
)
def test_the_first_day_names_what_stands_on_the_screen(page: str, language: str, mark: str) -> None:
    text = re.sub(r"\*\*[^*]+\*\*", "", (DOCS / page).read_text(encoding="utf-8"))
    said = {message.rstrip(":：") for message in catalogue(language).values()}
    named = set(re.findall(mark, text)) - {"so"}
    assert len(named) > 15
    assert named <= said


def test_the_page_of_the_map_lists_the_keys_of_the_screen() -> None:
    text = (DOCS / "map.md").read_text(encoding="utf-8").partition("## Keys")[2].partition("\n## ")[0]
    cells = [
        cell for row in re.findall(r"^\| (`.*) \|$", text, re.MULTILINE) for cell in row.split(" | ")[::2]
    ]
    told = sorted(re.findall(r"`([^`]+)`", " ".join(cells)))
    code = (ROOT / "map_ui" / "src" / "ui" / "keys.ts").read_text(encoding="utf-8")
    keys = [key for key, _ in re.findall(r"^ {2}\['([^']+)', '(keys\.\w+)'\],$", code, re.MULTILINE)]
    assert told == sorted(one for key in keys for one in key.split(" / "))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_files_say_what_the_screen_says(language: Language) -> None:
    said = catalogue(language)
    for prefix, words in (("state", STATES), ("disposition", DISPOSITIONS), ("entry", ENTRIES)):
        for key, word in words[language].items():
            assert said[f"{prefix}.{key}"].lower() == word, key


def test_a_file_may_say_a_kind_as_the_screen_does() -> None:
    said = catalogue("zh")
    for prefix, kinds in (("kind", SITE_KINDS), ("device", DEVICE_KINDS)):
        for kind in set(kinds.values()):
            assert kinds[said[f"{prefix}.{kind}"]] == kind


def test_the_glossary_names_the_roles_as_the_screen_does() -> None:
    glossary = (DOCS / "glossary.md").read_text(encoding="utf-8")
    said = catalogue("zh")
    for key in ("nopermission.text", "install.not_permitted.text", "history.no_right_text"):
        role = re.search(r"由其授予(\w+)权限", said[key])
        assert role, key
        assert role[1] in glossary


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_zone_that_a_decoder_names_has_a_word(language: Language) -> None:
    said = catalogue(language)
    named = {one.zone for one in vars(conditions).values() if isinstance(one, conditions.Condition)}
    assert {f"zone.{zone}" for zone in named | {STREAM_ZONE}} <= set(said)
