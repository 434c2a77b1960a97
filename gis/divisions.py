"""Division codes: 2 province + 2 city + 2 county + 3 township + 3 village digits (GB/T 2260, extended by the NBS).

Zeros stand for the tiers that are not said: ``411282000000`` is a county, ``411282101205`` a village in it. All
functions take and return full 12-digit codes; ``parse`` makes one from what people write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from gis.model import Place, Tier

_LENGTHS = {4: Tier.CITY, 6: Tier.COUNTY, 9: Tier.TOWNSHIP, 12: Tier.VILLAGE}
_DIGITS_OF = {tier: length for length, tier in _LENGTHS.items()}
_GRID_CELL = re.compile(r"([0-9]{12})-([0-9]{3})")


class DivisionCodeError(ValueError):
    """A text is no division code; the message says what would be."""


@dataclass(frozen=True, slots=True)
class DivisionFact:
    """A division as the statistics bureau lists it."""

    code: str
    tier: Tier
    name: str
    name_latin: str
    parent: str | None


def parse(text: str) -> str:
    """The 12-digit code for a text of 4 (city), 6 (county), 9 (township) or 12 digits.

    Raises DivisionCodeError for anything else, a province included: this server's top tier is a city.
    """
    given = text.strip()
    if not (given.isascii() and given.isdigit()) or len(given) not in _LENGTHS:
        raise DivisionCodeError(
            f"{text!r} is no division code: it takes 4 digits (city), 6 (county), 9 (township) or 12 (any tier)"
        )
    code = given.ljust(12, "0")
    groups = (code[:2], code[2:4], code[4:6], code[6:9], code[9:12])
    if int(groups[0]) < 11 or int(groups[1]) == 0:
        raise DivisionCodeError(
            f"{text!r} names no city: digits 1-4 are a province (11 or more) and a city in it"
        )
    empty = [int(group) == 0 for group in groups]
    if any(above and not below for above, below in pairwise(empty)):
        raise DivisionCodeError(
            f"{text!r} names a tier below one that it leaves out: zeros may only stand at the end"
        )
    return code


def tier(code: str) -> Tier:
    """The tier of a 12-digit code: CITY, COUNTY, TOWNSHIP or VILLAGE."""
    if code[9:] != "000":
        return Tier.VILLAGE
    if code[6:9] != "000":
        return Tier.TOWNSHIP
    return Tier.COUNTY if code[4:6] != "00" else Tier.CITY


def prefix(code: str) -> str:
    """The digits that every division in this one begins with: ``411282000000`` -> ``411282``."""
    return code[: _DIGITS_OF[tier(code)]]


def at_tier(code: str, wanted: Tier) -> str | None:
    """The division of that tier that holds this one, itself included; None when ``code`` is above it."""
    if tier(code) < wanted:
        return None
    return code[: _DIGITS_OF[wanted]].ljust(12, "0")


def parent(code: str) -> str | None:
    """The code one tier up; None for a city."""
    own = tier(code)
    return None if own is Tier.CITY else at_tier(code, Tier(own - 1))


def ancestors(code: str) -> tuple[str, ...]:
    """The codes above, outermost first: city, county, township for a village."""
    above = [at_tier(code, one) for one in Tier if one < tier(code)]
    return tuple(one for one in above if one is not None)


def contains(outer: str, inner: str) -> bool:
    """Whether ``inner`` is ``outer`` or lies below it."""
    return inner.startswith(prefix(outer))


def place(code: str) -> Place:
    """A code as the columns that signals and alarms carry."""
    return Place(
        county=at_tier(code, Tier.COUNTY),
        township=at_tier(code, Tier.TOWNSHIP),
        village=at_tier(code, Tier.VILLAGE),
    )


def grid_cell_code(village: str, number: int) -> str:
    """The code of a village's n-th grid cell, 1 to 999: ``411282101205-007``."""
    if tier(village) is not Tier.VILLAGE:
        raise DivisionCodeError(f"{village} is no village: a grid cell lies in exactly one village")
    if not 1 <= number <= 999:
        raise DivisionCodeError(f"a village has at most 999 grid cells, not {number}: draw larger ones")
    return f"{village}-{number:03d}"


def parse_grid_cell(text: str) -> tuple[str, int]:
    """Village code and number of a grid cell's code. Raises DivisionCodeError."""
    match = _GRID_CELL.fullmatch(text.strip())
    if match is None or match[2] == "000" or tier(parse(match[1])) is not Tier.VILLAGE:
        raise DivisionCodeError(f"{text!r} is no grid cell's code: a village's 12 digits, '-', three digits")
    return match[1], int(match[2])
