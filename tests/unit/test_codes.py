"""Every event code has a meaning that a person can read in English and in Chinese, known or not."""

from __future__ import annotations

import csv
import os
import re
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.model import Category, EventMeaning, Priority, Qualifier
from alarms.receiving.codes import classify_event, contact_id_codes, is_known_sia_code, sia_codes

SHARED = Path(os.environ.get("LIANFANG_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))

PRIORITY_OF = {
    **dict.fromkeys(["panic", "duress", "holdup", "medical", "fire", "gas"], 1),
    "burglary": 3,
    **dict.fromkeys(["tamper", "power", "trouble", "supervision", "environment"], 4),
    **dict.fromkeys(["arming", "access", "activity", "test", "information"], 5),
}


def test_every_category_is_a_word_with_its_priority() -> None:
    for category in Category:
        meaning = classify_event(category.value)
        assert meaning.category is category
        assert meaning.priority == PRIORITY_OF[category.value]
        assert meaning.opens_alarm == (PRIORITY_OF[category.value] < 5)


@pytest.mark.parametrize("name", ["categories.csv", "contact_id.csv", "sia.csv"])
def test_tables_name_each_code_once_in_both_languages_and_say_where_they_come_from(name: str) -> None:
    text = files("alarms.receiving.codes").joinpath(name).read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "SOURCES.md" in text.splitlines()[0]
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    key = "category" if name == "categories.csv" else "code"
    codes = [row[key] for row in rows]
    assert len(codes) == len(set(codes))
    assert codes == sorted(codes) or name == "categories.csv"
    for row in rows:
        assert re.search("[A-Za-z]", row["name_en"]), row
        assert re.search("[\u4e00-\u9fff]", row["name_zh"]), row
        assert None not in row, f"a comma too many in {row}"
        assert None not in row.values(), f"a field is missing in {row}"


BLOCK_CATEGORIES = {
    "10": {Category.MEDICAL},
    "11": {Category.FIRE},
    "12": {Category.PANIC, Category.DURESS, Category.HOLDUP},
    "13": {Category.BURGLARY, Category.TAMPER},
    "14": {Category.BURGLARY, Category.TAMPER, Category.TROUBLE, Category.SUPERVISION},
    "15": {Category.ENVIRONMENT, Category.GAS, Category.BURGLARY, Category.TROUBLE},
    "16": {Category.ENVIRONMENT, Category.GAS},
    "2": {Category.TROUBLE},
    "3": {Category.TROUBLE, Category.POWER, Category.TAMPER, Category.SUPERVISION, Category.INFORMATION},
}


def test_each_contact_id_code_is_of_its_block() -> None:
    for code, meaning in contact_id_codes().items():
        assert re.fullmatch(r"\d{3}", code)
        block = BLOCK_CATEGORIES.get(code[:2]) or BLOCK_CATEGORIES.get(code[:1])
        if block is not None:
            assert meaning.category in block, (code, meaning)


@pytest.mark.parametrize("block", [f"{start:02}" for start in range(100)])
def test_an_unknown_contact_id_code_is_of_the_class_of_its_block(block: str) -> None:
    known = contact_id_codes()
    for last in "0123456789":
        code = block + last
        meaning = classify_event(code)
        if code in known:
            assert meaning == known[code]
            continue
        assert code in meaning.name_en
        assert code in meaning.name_zh
        expected = {
            "10": Category.MEDICAL, "11": Category.FIRE, "12": Category.PANIC, "13": Category.BURGLARY,
            "14": Category.BURGLARY, "15": Category.ENVIRONMENT, "16": Category.ENVIRONMENT,
        }.get(block) or {"4": Category.ARMING, "6": Category.TEST}.get(block[0], Category.TROUBLE)  # fmt: skip
        assert meaning.category is expected


def test_what_the_brief_codes_stand_for() -> None:
    assert [classify_event(code).category.value for code in ("100", "110", "120", "121", "130", "137", "151")] == [
        "medical", "fire", "panic", "duress", "burglary", "tamper", "gas"
    ]  # fmt: skip
    assert classify_event("301").priority is Priority.TROUBLE
    assert not classify_event("401").opens_alarm
    assert not classify_event("602").opens_alarm


def test_an_intrusion_rings_whatever_the_hour_when_the_code_says_so() -> None:
    """A safe's 24-hour zone, a forced door: no shop's opening hours make them harmless."""
    always = {
        code
        for code, meaning in (contact_id_codes() | sia_codes()).items()
        if meaning.whatever_the_hour and meaning.category is Category.BURGLARY
    }
    assert always == {"133", "139", "155", "423", "BV", "DF"}
    assert not classify_event("burglary").whatever_the_hour


def test_a_sia_restore_has_the_category_of_what_it_restores() -> None:
    codes = sia_codes()
    for alarm, restores in {"A": ("H", "R"), "T": ("J",)}.items():
        for code, meaning in codes.items():
            if (
                code[1] != alarm
                or meaning.default_qualifier is not Qualifier.NEW
                or code[0] not in "BFGHKMPQSTWUZ"
            ):
                continue
            for restore in restores:
                other = codes[code[0] + restore]
                assert other.default_qualifier is Qualifier.RESTORE
                assert other.category is meaning.category, (code, code[0] + restore)
    for new, restored in (("AT", "AR"), ("YT", "YR"), ("XT", "XR"), ("LT", "LR"), ("NT", "NR"), ("XQ", "XH")):
        assert codes[new].category is codes[restored].category
        assert codes[restored].default_qualifier is Qualifier.RESTORE


def test_every_sia_code_of_a_published_list_is_known() -> None:
    """Held against pysiaalarm's list where it is at hand; the count holds it where it is not."""
    path = SHARED / "payloads" / "sia_dc09" / "sia_codes.csv"
    if path.is_file():
        listed = {row["CODE"] for row in csv.DictReader(path.open(encoding="utf-8-sig"))}
        assert listed <= set(sia_codes())
    assert len(sia_codes()) >= 280
    assert is_known_sia_code("BA")
    assert not is_known_sia_code("ba")


def test_an_unknown_sia_code_makes_somebody_look() -> None:
    meaning = classify_event("QZ")
    assert (meaning.category, meaning.opens_alarm) == (Category.TROUBLE, True)
    assert "QZ" in meaning.name_en


@given(event=st.text(max_size=40))
def test_whatever_the_code_there_is_a_meaning(event: str) -> None:
    meaning = classify_event(event)
    assert isinstance(meaning, EventMeaning)
    assert meaning.name_en
    assert meaning.name_zh
    assert "\x00" not in meaning.name_en
