"""How sure we are that somebody is there (ANSI/TMA AVS-01), and what that makes of the priority."""

from __future__ import annotations

from collections.abc import Collection

from alarms.model import Category, Priority

PERSON_LIKELY, THREAT_TO_PROPERTY, THREAT_TO_LIFE = 2, 3, 4


def verified_priority(own: Priority, level: int) -> Priority:
    """Raise a priority by the verification level; a level never lowers what the event itself says.

    Level 4 is a threat to life: priority 1. Level 3 is a crime being committed: priority 2.
    """
    if level >= THREAT_TO_LIFE:
        return Priority.LIFE
    if level >= THREAT_TO_PROPERTY:
        return min(own, Priority.VERIFIED_CRIME)
    return own


def level_from_alarms(level: int, conditions: Collection[tuple[int, str, Category]]) -> int:
    """Two burglary alarms of different devices or zones at one site: a person is likely moving through it.

    ``conditions`` are the incident's alarms as (device id, zone, category).
    """
    burglaries = {(device, zone) for device, zone, category in conditions if category is Category.BURGLARY}
    return max(level, PERSON_LIKELY) if len(burglaries) >= 2 else level
