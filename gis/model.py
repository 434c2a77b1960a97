"""The places an alarm can happen in, as plain values.

Coordinates are longitude, latitude in degrees, WGS 84 (EPSG:4326), unless a name says otherwise.
Division codes are the 12-digit codes of the National Bureau of Statistics (GB/T 2260 extended):
2 province + 2 city + 2 county + 3 township + 3 village.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Tier(IntEnum):
    """The five tiers, outermost first; the number orders them."""

    CITY = 1
    COUNTY = 2
    TOWNSHIP = 3
    VILLAGE = 4
    HOUSEHOLD = 5


class SiteKind(StrEnum):
    """What kind of protected place a site is."""

    HOUSEHOLD = "household"
    SHOP = "shop"
    KEY_SITE = "key_site"
    COMPOUND = "compound"
    MARKET = "market"
    PUBLIC_PLACE = "public_place"


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """A point on the ground in WGS 84, remembering which system it was given in."""

    lon: float
    lat: float
    source_crs: str = "EPSG:4326"
    """Where the numbers came from: an EPSG code, ``GCJ-02`` or ``BD-09``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Division:
    """An administrative division of any of the first four tiers."""

    id: int
    code: str
    tier: Tier
    name: str
    parent_code: str | None
    has_boundary: bool
    synthetic: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where something is in the five tiers. Any tier may be missing: ``None``."""

    county: str | None = None
    township: str | None = None
    village: str | None = None
    grid_cell: str | None = None
