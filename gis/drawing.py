"""Draws what no open source has: townships, villages and grid cells inside real counties, by a seed.

One mesh for the whole city, so that every tier and every neighbour share the same vertices. Villages get about the same
number of faces, and faces lie denser around a county's seat, where its subdistricts (街道) are. Everything from here is
synthetic and has to be marked so.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from gis import divisions, mesh
from gis.divisions import DivisionFact
from gis.mesh import DrawingError, Floats, Ints, Mesh
from gis.model import Tier
from gis.tianditu import CountyBoundary, county_boundaries
from gis.wkb import ewkb, read_shape

VERSION = 1
"""Of the rules below: it grows when the same seed draws something else."""

SEED = 4112
FACES_PER_VILLAGE = 28
HOUSEHOLDS_PER_CELL = 130
URBAN_VILLAGE_KM2 = 0.7
KM_PER_DEG = 111.2


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnCell:
    """A grid cell of a village."""

    code: str
    village: str
    boundary: shapely.MultiPolygon


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnCity:
    """Boundaries by 12-digit code; a division that is missing has none."""

    boundaries: dict[str, shapely.MultiPolygon]
    cells: list[DrawnCell]
    households: dict[str, int]
    """How many households each village is imagined to have; about 650,000 together."""


def city_facts(city: str = "411200000000") -> list[DivisionFact]:
    """The committed divisions of a city (see ``data/SOURCES.md``), outer tiers first."""
    path = Path(__file__).parent / "data" / f"{city[:6]}_divisions_2023.csv"
    with path.open(encoding="utf-8", newline="") as file:
        facts = [
            DivisionFact(
                code=row["code"],
                tier=Tier(int(row["tier"])),
                name=row["name"],
                name_latin=row["name_latin"],
                parent=row["parent"] or None,
            )
            for row in csv.DictReader(file)
        ]
    return sorted(facts, key=lambda fact: (fact.tier, fact.code))


def draw_city(
    facts: Sequence[DivisionFact],
    counties: Sequence[CountyBoundary],
    seed: int = SEED,
    progress: Callable[[str], None] = lambda _: None,
) -> DrawnCity:
    """Draw everything below the counties. The same facts, boundaries and seed always give the same city."""
    below: dict[str | None, list[DivisionFact]] = {}
    for fact in facts:
        below.setdefault(fact.parent, []).append(fact)
    households = _households(facts, seed)
    random = np.random.default_rng(seed)
    points = [_points(county, below, random) for county in counties]
    progress("cutting the ground into faces")
    ground = mesh.cut([county.boundary for county in counties], np.vstack(points))
    boundaries: dict[str, shapely.MultiPolygon] = {}
    cells: list[DrawnCell] = []
    for n, county in enumerate(counties):
        progress(f"drawing {county.name}")
        members = np.flatnonzero(ground.region == n)
        for township, own in _townships(ground, members, county, below[county.code], below):
            villages = below[township.code]
            if len(own) < 2 * len(villages):
                raise DrawingError(
                    f"{township.name} got too little ground for its villages: use another seed"
                )
            sizes = random.uniform(0.6, 1.4, len(villages)).tolist()
            labels = mesh.group(ground, own, mesh.spread(ground, own, len(villages)), sizes)
            for label, village in enumerate(villages):
                faces = own[labels == label]
                drawn = _cells(ground, faces, village.code, households[village.code])
                cells.extend(drawn)
                boundaries[village.code] = _union([cell.boundary for cell in drawn])
            boundaries[township.code] = _union([boundaries[village.code] for village in villages])
        boundaries[county.code] = _union([boundaries[one.code] for one in below[county.code]])
    for city in below[None]:
        boundaries[city.code] = _union([boundaries[county.code] for county in counties])
    return DrawnCity(boundaries=boundaries, cells=cells, households=households)


def drawn_city(
    city: str = "411200000000",
    seed: int = SEED,
    cache_dir: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> DrawnCity:
    """``draw_city`` for a committed city, kept in ``cache_dir`` so that the next call only reads it."""
    facts = city_facts(city)
    kept = cache_dir / f"{city[:6]}-drawn-v{VERSION}-{seed}.jsonl.gz" if cache_dir else None
    if kept is not None and kept.exists():
        progress("reading the boundaries drawn before")
        return _read(kept, _households(facts, seed))
    drawn = draw_city(facts, county_boundaries(city), seed, progress)
    if kept is not None:
        _write(kept, drawn)
    return drawn


def _households(facts: Sequence[DivisionFact], seed: int) -> dict[str, int]:
    """An imagined number per village: more in a subdistrict or town than in the hills; skewed, as they are."""
    random = np.random.default_rng([seed, 1])
    names = {fact.code: fact.name for fact in facts}
    counts = {}
    for fact in facts:
        if fact.tier is Tier.VILLAGE:
            township = names[fact.parent or ""]
            middle = 900 if township.endswith("街道") else 520 if township.endswith("镇") else 330
            counts[fact.code] = int(np.clip(random.lognormal(np.log(middle), 0.4), 60, 2500))
    return counts


def _points(
    county: CountyBoundary, below: dict[str | None, list[DivisionFact]], random: np.random.Generator
) -> Floats:
    """Where the faces of a county are to lie: even over the land, dense around the seat."""
    townships = below[county.code]
    urban = sum(len(below[one.code]) for one in townships if _is_urban(one))
    rural = sum(len(below[one.code]) for one in townships if not _is_urban(one))
    land = mesh.scatter(county.boundary, max(rural, 1) * FACES_PER_VILLAGE, random)
    wanted = urban * FACES_PER_VILLAGE
    if not wanted:
        return land
    spread_km = np.sqrt(urban * URBAN_VILLAGE_KM2 / np.pi) / 1.3
    seat = shapely.Point(county.seat)
    middle = seat if county.boundary.contains(seat) else county.boundary.representative_point()
    town = np.empty((0, 2))
    while len(town) < wanted:
        tries = random.normal((0, 0), spread_km, (2 * wanted, 2)) / KM_PER_DEG
        tries = tries / (np.cos(np.deg2rad(middle.y)), 1.0) + (middle.x, middle.y)
        town = np.vstack([town, tries[shapely.contains_xy(county.boundary, tries[:, 0], tries[:, 1])]])
    return np.vstack([land, town[:wanted]])


def _townships(
    ground: Mesh,
    members: Ints,
    county: CountyBoundary,
    townships: Sequence[DivisionFact],
    below: dict[str | None, list[DivisionFact]],
) -> list[tuple[DivisionFact, Ints]]:
    """The faces of each township: subdistricts seeded in the town, the others far apart."""
    ordered = sorted(townships, key=lambda one: (not _is_urban(one), one.code))
    urban = [one for one in ordered if _is_urban(one)]
    seeds: list[int] = []
    if urban:
        seat = np.array([county.seat[0] * np.cos(np.deg2rad(ground.centres[:, 1].mean())), county.seat[1]])
        near = members[np.argsort(((ground.centres[members] - seat) ** 2).sum(axis=1))]
        town = near[: sum(len(below[one.code]) for one in urban) * FACES_PER_VILLAGE]
        seeds = mesh.spread(ground, town, len(urban))
    seeds = mesh.spread(ground, members, len(ordered) - len(urban), seeds)
    labels = mesh.group(ground, members, seeds, [len(below[one.code]) for one in ordered])
    return [(one, members[labels == label]) for label, one in enumerate(ordered)]


def _cells(ground: Mesh, faces: Ints, village: str, households: int) -> list[DrawnCell]:
    count = max(1, min(round(households / HOUSEHOLDS_PER_CELL), len(faces) // 3, 999))
    labels = mesh.group(ground, faces, mesh.spread(ground, faces, count), [1.0] * count, rounds=2)
    return [
        DrawnCell(code=divisions.grid_cell_code(village, n), village=village, boundary=shape)
        for n, shape in enumerate(mesh.merge(ground, faces, labels, count), start=1)
    ]


def _union(parts: Sequence[shapely.MultiPolygon]) -> shapely.MultiPolygon:
    return mesh.outline(np.array(parts, dtype=object))


def _multi(shape: shapely.Polygon | shapely.MultiPolygon) -> shapely.MultiPolygon:
    return shape if isinstance(shape, shapely.MultiPolygon) else shapely.MultiPolygon([shape])


def _is_urban(township: DivisionFact) -> bool:
    return township.name.endswith("街道")


def _write(path: Path, drawn: DrawnCity) -> None:
    """A line a boundary; written beside and renamed, so that a half-written file is never read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    shapes = [*drawn.boundaries.items(), *((cell.code, cell.boundary) for cell in drawn.cells)]
    with gzip.open(temporary, "wt", encoding="ascii", compresslevel=3) as file:
        for code, shape in shapes:
            file.write(json.dumps([code, ewkb(shape)]) + "\n")
    temporary.replace(path)


def _read(path: Path, households: dict[str, int]) -> DrawnCity:
    with gzip.open(path, "rt", encoding="ascii") as file:
        lines: list[tuple[str, str]] = [json.loads(line) for line in file]
    shapes = {code: _multi(read_shape(bytes.fromhex(wkb))) for code, wkb in lines}
    return DrawnCity(
        boundaries={code: shape for code, shape in shapes.items() if "-" not in code},
        cells=[
            DrawnCell(code=code, village=code[:12], boundary=shape)
            for code, shape in shapes.items()
            if "-" in code
        ],
        households=households,
    )
