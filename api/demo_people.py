"""Makes up the demo city's sites, contacts and devices, by a seed: pure, no database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import shapely

from api.demo_words import COMPOUNDS, FIRST_PHONE, GIVEN, KEY_SITES, SHOPS, SURNAMES
from gis import mesh
from gis.divisions import DivisionFact
from gis.model import Tier

EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
METRE_DEG = 9e-6
TOWN_WITHOUT_BOUNDARY = (111.165, 34.775)
"""Longitude and latitude around which the sites of divisions without a boundary lie: in the city, on others' ground."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoSite:
    """A site as it is to be stored; its tiers come from PostGIS, or stand as declared."""

    ref: str
    kind: str
    name: str
    address: str
    lon: float
    lat: float
    unit: str = ""
    village: str
    organisation: int | None = None
    """Place in the list of organisations."""
    armed: list[dict[str, object]] | None = None
    contacts: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, telephone number, relation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoDevice:
    """A device of a site."""

    device_id: str
    kind: str
    name: str
    protocol: str
    site: str
    gateway: str | None = None
    child: str | None = None
    zone: str = ""


class People:
    """Makes sites village by village, in the order of the villages, and devices for them."""

    def __init__(self, facts: Sequence[DivisionFact], organisations: Mapping[str, int], seed: int) -> None:
        self._names = {fact.code: fact.name for fact in facts}
        self._organisations = organisations
        self._random = np.random.default_rng([seed, 2])
        self._phones = count(FIRST_PHONE)
        self._refs = count(1)
        self._device_ids = count(1)
        weights = 1.0 / np.arange(2, len(SURNAMES) + 2)
        self._surnames = np.cumsum(weights / weights.sum())

    def village(
        self, fact: DivisionFact, shape: shapely.MultiPolygon | None, households: int
    ) -> Iterator[DemoSite]:
        """The sites of a village with so many households."""
        urban = self._names[fact.parent or ""].endswith("街道")
        flats = round(households * 0.45) if urban and households >= 5 else 0
        yield from self._farms(fact, self._places(shape, households - flats, urban), urban)
        if flats:
            yield from self._compound(fact, self._places(shape, 1, urban)[0], flats)
        shops = self._random.poisson(households * (0.14 if urban else 0.06))
        for lon, lat in self._places(shape, int(shops), urban):
            yield self._shop(fact, lon, lat)

    def township(self, fact: DivisionFact, villages: Sequence[DivisionFact], shapes: Mapping[str, shapely.MultiPolygon]
                 ) -> Iterator[DemoSite]:  # fmt: skip
        """What stands once in a township: key sites, a market, a square."""
        if not villages:
            return
        seat = villages[0]
        short = self._names[fact.code]
        for what in self._random.permutation(np.array(KEY_SITES))[: int(self._random.integers(3, 6))]:
            (lon, lat), *_ = self._places(shapes.get(seat.code), 1, urban=True)
            yield self._site(seat, "key_site", f"{short}{what}", lon, lat, organisation=0, night=("18:00", "08:00"),
                             relation="值班")  # fmt: skip
        (lon, lat), (east, north) = self._places(shapes.get(seat.code), 2, urban=True)
        yield self._site(seat, "market", f"{short}农贸市场", lon, lat, organisation=0, night=("20:00", "05:00"),
                         relation="市场管理员")  # fmt: skip
        yield self._site(seat, "public_place", f"{short}文化广场", east, north, relation="网格员")

    def devices(self, site: DemoSite) -> Iterator[DemoDevice]:
        """The devices of a site; most households have none."""
        luck = self._random.random()
        if site.kind == "household":
            if luck < 0.11:
                yield self._alone(site, "infrared_sensor", "院内红外", ["lianfang"] * 6 + ["tasmota"] * 2)
            elif luck < 0.13:
                yield self._alone(site, "panic_button", "一键报警", ["lianfang"])
            elif luck < 0.155:
                yield self._alone(site, "door_contact", "大门门磁", ["lianfang", "shelly2", "tasmota"])
            elif luck < 0.17:
                yield self._alone(site, "smoke_detector", "厨房烟感", ["lianfang", "shelly2"])
            elif luck < 0.178:
                yield from self._zigbee(site)
        elif site.kind == "shop":
            yield self._device(site, "alarm_panel", "报警主机", "lianfang", zone="1")
            if luck < 0.2:
                yield self._device(site, "panic_button", "柜台紧急按钮", "lianfang")
            if luck > 0.9:
                yield from self._cameras(site, 2)
            elif luck > 0.82:
                yield from self._zigbee(site)
        elif site.kind in ("key_site", "market"):
            yield self._device(site, "alarm_panel", "报警主机", "lianfang", zone="1")
            yield self._device(site, "panic_button", "值班室紧急按钮", "lianfang")
            yield from self._cameras(site, 2)
            if site.kind == "market":
                yield from self._lora(site)
        elif site.kind == "compound":
            yield from self._cameras(site, 2)
            yield self._device(site, "smoke_detector", "地下车库烟感", "lianfang")
        elif site.kind == "public_place":
            yield self._device(site, "loudspeaker", "平安大喇叭", "lianfang")

    def _farms(self, fact: DivisionFact, places: np.ndarray, urban: bool) -> Iterator[DemoSite]:
        for number, (lon, lat) in enumerate(places, start=1):
            where = f"{number}号" if urban else f"{1 + (number - 1) // 30}组{1 + (number - 1) % 30}号"
            surname = self._surname()
            yield self._site(fact, "household", f"{surname}家", lon, lat, where=where, surname=surname)

    def _compound(self, fact: DivisionFact, middle: Sequence[float], flats: int) -> Iterator[DemoSite]:
        """Buildings of up to 36 flats each, all flats of a building at one point."""
        name = COMPOUNDS[int(self._random.integers(len(COMPOUNDS)))]
        company = int(self._random.integers(1, 4))
        lon, lat = middle
        yield self._site(fact, "compound", f"{name}小区", lon, lat, organisation=company, relation="物业")
        for flat in range(flats):
            building, rest = divmod(flat, 36)
            entrance, rest = divmod(rest, 12)
            unit = f"{building + 1}号楼{entrance + 1}单元{rest // 2 + 1}0{rest % 2 + 1}"
            surname = self._surname()
            yield self._site(
                fact, "household", f"{surname}家", lon + (building % 4) * 60 * METRE_DEG,
                lat + (building // 4) * 50 * METRE_DEG, where=f"{name}小区", unit=unit, surname=surname,
            )  # fmt: skip

    def _shop(self, fact: DivisionFact, lon: float, lat: float) -> DemoSite:
        surname = self._surname()
        plain = SHOPS[int(self._random.integers(len(SHOPS)))]
        name = f"老{surname}{plain[-2:]}" if self._random.random() < 0.3 else plain
        night = ("20:30", "07:00") if self._random.random() < 0.5 else ("22:00", "08:30")
        return self._site(
            fact, "shop", name, lon, lat, where=f"{int(self._random.integers(1, 200))}号", surname=surname,
            organisation=int(self._random.integers(1, 4)), night=night, relation="店主",
        )  # fmt: skip

    def _site(
        self, fact: DivisionFact, kind: str, name: str, lon: float, lat: float, *, where: str = "", unit: str = "",
        surname: str | None = None, organisation: int | None = None, night: tuple[str, str] | None = None,
        relation: str = "户主",
    ) -> DemoSite:  # fmt: skip
        owner = surname or self._surname()
        people = [(self._person(owner), str(next(self._phones)), relation)]
        if kind in ("household", "shop") and self._random.random() < 0.4:
            people.append((self._person(self._surname()), str(next(self._phones)), "邻居"))
        names = self._names
        township = fact.parent or ""
        address = f"{names[township[:6] + '000000']}{names[township]}{_short(fact.name)}{where}"
        return DemoSite(
            ref=f"demo-{next(self._refs):06d}",
            kind=kind,
            name=name,
            address=address,
            unit=unit,
            lon=round(float(lon), 7),
            lat=round(float(lat), 7),
            village=fact.code,
            organisation=self._organisations.get(fact.code) if organisation is None else organisation,
            armed=[{"days": EVERY_DAY, "from": night[0], "to": night[1]}] if night else None,
            contacts=people,
        )

    def _places(self, shape: shapely.MultiPolygon | None, wanted: int, urban: bool) -> np.ndarray:
        """Points in a few hamlets of a village: (wanted, 2) degrees."""
        random = self._random
        if shape is None:
            return np.array(TOWN_WITHOUT_BOUNDARY) + random.normal(0, 400 * METRE_DEG, (wanted, 2))
        if not wanted:
            return np.empty((0, 2))
        hamlets = mesh.scatter(shape, 3 if urban else int(random.integers(2, 5)), random)
        size = (220 if urban else 160) * METRE_DEG
        found = np.empty((0, 2))
        while len(found) < wanted:
            tries = hamlets[random.integers(len(hamlets), size=2 * wanted + 8)]
            tries = tries + random.normal(0, size, tries.shape) * (1.2, 1.0)
            found = np.vstack([found, tries[shapely.contains_xy(shape, tries[:, 0], tries[:, 1])]])
        return found[:wanted]

    def _alone(self, site: DemoSite, kind: str, name: str, protocols: Sequence[str]) -> DemoDevice:
        return self._device(site, kind, name, protocols[int(self._random.integers(len(protocols)))])

    def _zigbee(self, site: DemoSite) -> Iterator[DemoDevice]:
        gateway = self._device(site, "gateway", "Zigbee 网关", "zigbee2mqtt")
        yield gateway
        for kind, name, child in (
            ("infrared_sensor", "堂屋红外", "pir_hall"),
            ("door_contact", "大门门磁", "door_main"),
            ("panic_button", "床头报警按钮", "sos_bed"),
            ("vibration_sensor", "后窗震动", "window_back"),
        )[: int(self._random.integers(2, 5))]:
            yield self._device(site, kind, name, "zigbee2mqtt", gateway=gateway.device_id, child=child)

    def _cameras(self, site: DemoSite, number: int) -> Iterator[DemoDevice]:
        gateway = self._device(site, "gateway", "视频主机", "frigate")
        yield gateway
        for child, name in (("entrance", "门口摄像机"), ("yard", "院内摄像机"), ("hall", "大厅摄像机"))[
            :number
        ]:
            yield self._device(site, "camera", name, "frigate", gateway=gateway.device_id, child=child)

    def _lora(self, site: DemoSite) -> Iterator[DemoDevice]:
        gateway = self._device(site, "gateway", "LoRaWAN 网络", "ttn")
        yield gateway
        for kind, name, child in (
            ("infrared_sensor", "冷库红外", "cold-store-pir"),
            ("door_contact", "仓库门磁", "warehouse-door"),
            ("smoke_detector", "棚顶烟感", "roof-smoke"),
        ):
            yield self._device(site, kind, name, "ttn", gateway=gateway.device_id, child=child)

    def _device(
        self, site: DemoSite, kind: str, name: str, protocol: str, *, gateway: str | None = None,
        child: str | None = None, zone: str = "",
    ) -> DemoDevice:  # fmt: skip
        return DemoDevice(
            device_id=f"sx-{next(self._device_ids):06d}",
            kind=kind,
            name=name,
            protocol=protocol,
            site=site.ref,
            gateway=gateway,
            child=child,
            zone=zone,
        )

    def _surname(self) -> str:
        return SURNAMES[int(np.searchsorted(self._surnames, self._random.random()))]

    def _person(self, surname: str) -> str:
        return surname + GIVEN[int(self._random.integers(len(GIVEN)))]


def share(households: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Divide a number of households over villages in proportion to their weights; the sum is exact."""
    codes = list(weights)
    exact = np.array([weights[code] for code in codes], dtype=float)
    exact *= households / exact.sum()
    whole = np.floor(exact).astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: households - int(whole.sum())]] += 1
    return dict(zip(codes, whole.tolist(), strict=True))


def villages_of(facts: Sequence[DivisionFact]) -> dict[str, list[DivisionFact]]:
    """The villages of each township, by its code."""
    found: dict[str, list[DivisionFact]] = {}
    for fact in facts:
        if fact.tier is Tier.VILLAGE:
            found.setdefault(fact.parent or "", []).append(fact)
    return found


def _short(name: str) -> str:
    for ending in ("村民委员会", "居民委员会", "村委会", "居委会"):
        if name.endswith(ending):
            short = name.removesuffix(ending)
            return (
                short if short.endswith(("村", "社区")) else f"{short}{'社区' if ending[0] == '居' else '村'}"
            )
    return name
