"""What event codes stand for: tables as CSV, read once, each with its source in ``SOURCES.md``.

``classify_event`` gives every code a meaning; a code that no table knows is never dropped and never silent.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files

from alarms.model import Category, EventMeaning, Priority, Qualifier

__all__ = ["classify_event", "contact_id_codes", "is_known_sia_code", "sia_codes"]

_BLOCKS: tuple[tuple[str, Category, str, str], ...] = (
    ("10", Category.MEDICAL, "medical", "医疗"),
    ("11", Category.FIRE, "fire", "火警"),
    ("12", Category.PANIC, "panic", "紧急求助"),
    ("13", Category.BURGLARY, "burglary", "入侵"),
    ("14", Category.BURGLARY, "general alarm", "一般报警"),
    ("15", Category.ENVIRONMENT, "24-hour non-burglary", "24小时非入侵"),
    ("16", Category.ENVIRONMENT, "24-hour non-burglary", "24小时非入侵"),
    ("2", Category.TROUBLE, "fire supervisory", "消防监管"),
    ("3", Category.TROUBLE, "trouble", "故障"),
    ("4", Category.ARMING, "open, close or access", "布撤防或出入"),
    ("5", Category.TROUBLE, "bypass or disabled", "旁路或停用"),
    ("6", Category.TEST, "test or miscellaneous", "测试或其他"),
)
"""DC-05: the first digits of a Contact ID code say its class."""

_WHATEVER_THE_HOUR = frozenset({"133", "139", "155", "423", "BV", "DF"})
"""Intrusions that do not ask whether the site is armed: 24-hour zones and window foil (a safe by day), a door forced,
what is verified. The panel or the door's own control has judged the hour already."""


@lru_cache(maxsize=4096)
def classify_event(event: str) -> EventMeaning:
    """What a Contact ID code (``"130"``), a SIA code (``"BA"``) or a category word (``"burglary"``) stands for.

    ANSI/SIA DC-05 and DC-03. An unknown Contact ID code takes the class of its block; any other unknown code is
    ``trouble``, so that somebody looks at it once. Never raises.
    """
    meaning = contact_id_codes().get(event) or sia_codes().get(event) or _words().get(event)
    return meaning if meaning is not None else _unknown(event)


def is_known_sia_code(event: str) -> bool:
    """Whether the DC-03 table knows this two-letter code."""
    return event in sia_codes()


@cache
def contact_id_codes() -> dict[str, EventMeaning]:
    """The DC-05 table: meaning by three-digit code."""
    return {row["code"]: _meaning(row, None) for row in _rows("contact_id.csv")}


@cache
def sia_codes() -> dict[str, EventMeaning]:
    """The DC-03 table: meaning by two-letter code, which also says new, restore or status."""
    return {row["code"]: _meaning(row, Qualifier(row["qualifier"])) for row in _rows("sia.csv")}


@cache
def _words() -> dict[str, EventMeaning]:
    return {
        row["category"]: EventMeaning(
            category=Category(row["category"]),
            priority=Priority(int(row["priority"])),
            opens_alarm=_yes(row["opens_alarm"]),
            name_en=row["name_en"],
            name_zh=row["name_zh"],
        )
        for row in _rows("categories.csv")
    }


def _meaning(row: dict[str, str], default_qualifier: Qualifier | None) -> EventMeaning:
    word = _words()[row["category"]]
    return EventMeaning(
        category=word.category,
        priority=word.priority,
        opens_alarm=word.opens_alarm,
        name_en=row["name_en"],
        name_zh=row["name_zh"],
        whatever_the_hour=row["code"] in _WHATEVER_THE_HOUR,
        default_qualifier=default_qualifier,
    )


def _unknown(event: str) -> EventMeaning:
    code = "".join(character for character in event[:16] if character.isprintable())
    category, of_en, of_zh = Category.TROUBLE, "", ""
    if len(event) == 3 and event.isascii() and event.isdigit():
        for start, block, name_en, name_zh in _BLOCKS:
            if event.startswith(start):
                category, of_en, of_zh = block, f" ({name_en})", f"（{name_zh}）"
                break
    word = _words()[category]
    return EventMeaning(
        category=word.category,
        priority=word.priority,
        opens_alarm=word.opens_alarm,
        name_en=f"Unknown event code {code}{of_en}",
        name_zh=f"未知事件码 {code}{of_zh}",
    )


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    return csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))


def _yes(word: str) -> bool:
    if word not in ("yes", "no"):
        raise ValueError(f"opens_alarm must be yes or no, not {word!r}")
    return word == "yes"
