"""What event codes stand for: tables as CSV, each with its source in ``SOURCES.md``."""

from __future__ import annotations

from alarms.model import Category, EventMeaning, Priority

__all__ = ["classify_event"]


def classify_event(event: str) -> EventMeaning:
    """What a Contact ID code, a SIA code or a category word stands for; an unknown code has a meaning too."""
    return EventMeaning(
        category=Category.TROUBLE, priority=Priority.TROUBLE, opens_alarm=True, name_en=event, name_zh=event
    )
