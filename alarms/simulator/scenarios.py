"""What happens, when and where: pure generators of moments from a seeded random.

A scenario yields moments in the order of time, in seconds from its beginning. Times are the scenario's own: the
run decides how fast they pass. Rates stand in ``rates.py`` and in ``docs/simulator.md``; a test holds them equal.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from alarms.simulator.device import ENDS, Happening, SimulatedDevice
from alarms.simulator.rates import DAY, QUIET_NIGHT, TRUE_BURGLARY_SHARE, Rate

H = Happening
SECONDS_OF_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Something happens at a device, ``at_s`` seconds after the scenario began."""

    at_s: float
    device: SimulatedDevice
    what: Happening


Scenario = Callable[[Sequence[SimulatedDevice], Random], Iterator[Moment]]


def day(devices: Sequence[SimulatedDevice], rng: Random) -> Iterator[Moment]:
    """A day's mix, without end: of burglary alarms 95 in 100 are false and restore themselves."""
    return _mix(devices, rng, DAY)


def quiet_night(devices: Sequence[SimulatedDevice], rng: Random) -> Iterator[Moment]:
    """A quiet night, without end: periodic reports, a cat, an empty battery, no burglar and no panic."""
    return _mix(devices, rng, QUIET_NIGHT)


def burglary(devices: Sequence[SimulatedDevice], rng: Random) -> Iterator[Moment]:
    """One burglary where most can be told of it: a door, room by room, a sensor torn off, a call for help."""
    sites = _richest_sites(devices)
    return iter(_burglary_at(rng.choice(sites), rng, 0.0) if sites else ())


def storm(devices: Sequence[SimulatedDevice], rng: Random) -> Iterator[Moment]:
    """A power cut in one township: in the first minute most of its mains-powered devices speak or fall silent.

    What has a battery of its own reports the loss (Contact ID 301); gateways and cameras drop off; some sensors
    ring when the voltage breaks down. The power is back after 10 to 30 minutes, and everything restores.
    """
    area = _one_township(devices, rng)
    back_s = rng.uniform(600, 1800)
    moments: list[Moment] = []
    for device in area:
        at, again = rng.triangular(0, 60, 8), back_s + rng.triangular(0, 90, 15)
        if device.kind == "alarm_panel" or (device.protocol == "lianfang" and rng.random() < 0.5):
            moments += [Moment(at, device, H.POWER_LOST), Moment(again, device, H.POWER_BACK)]
        elif device.kind in ("gateway", "camera") or device.protocol in ("tasmota", "shelly1", "shelly2"):
            moments += [Moment(at, device, H.OFFLINE), Moment(again, device, H.ONLINE)]
        elif device.protocol == "zigbee2mqtt" and device.child is not None and rng.random() < 0.3:
            moments += [Moment(at + 2, device, H.OFFLINE), Moment(again + 20, device, H.ONLINE)]
        if device.kind == "infrared_sensor" and rng.random() < 0.15:
            moments += [
                Moment(at + 1, device, H.MOTION),
                Moment(at + rng.uniform(6, 40), device, H.MOTION_END),
            ]
    return iter(sorted(moments, key=lambda moment: moment.at_s))


def demo(devices: Sequence[SimulatedDevice], rng: Random) -> Iterator[Moment]:
    """A day's mix and every few minutes a burglary, so that somebody who looks for the first time sees one."""
    return heapq.merge(
        day(devices, Random(rng.getrandbits(64))),
        _burglaries(devices, Random(rng.getrandbits(64))),
        key=lambda moment: moment.at_s,
    )


def _burglaries(devices: Sequence[SimulatedDevice], rng: Random) -> Iterator[Moment]:
    sites = _richest_sites(devices)
    begins_s = 8.0
    while sites:
        moments = _burglary_at(rng.choice(sites), rng, begins_s)
        yield from moments
        begins_s = moments[-1].at_s + rng.uniform(30, 120)


SCENARIOS: dict[str, Scenario] = {
    "demo": demo,
    "day": day,
    "quiet-night": quiet_night,
    "burglary": burglary,
    "storm": storm,
}


def _mix(devices: Sequence[SimulatedDevice], rng: Random, rates: Iterable[Rate]) -> Iterator[Moment]:
    """Episodes as independent Poisson processes, each begun at a device of its kind."""
    by_kind: dict[str, list[SimulatedDevice]] = defaultdict(list)
    for device in devices:
        by_kind[device.kind].append(device)
    sites = _by_site(devices)
    rates = [rate for rate in rates if by_kind[rate.kind]]
    per_s = [rate.per_1000_day / 1000 * len(by_kind[rate.kind]) / SECONDS_OF_DAY for rate in rates]
    total = sum(per_s)
    if total == 0:
        return
    cumulative = list(itertools.accumulate(per_s))
    pending: list[tuple[float, int, Moment]] = []
    order = itertools.count()
    begins_s = rng.expovariate(total)
    while True:
        while pending and pending[0][0] <= begins_s:
            yield heapq.heappop(pending)[2]
        rate = rng.choices(rates, cum_weights=cumulative)[0]
        device = rng.choice(by_kind[rate.kind])
        for moment in _episode(rate, device, sites, rng, begins_s):
            heapq.heappush(pending, (moment.at_s, next(order), moment))
        begins_s += rng.expovariate(total)


def _episode(
    rate: Rate,
    device: SimulatedDevice,
    sites: dict[int, list[SimulatedDevice]],
    rng: Random,
    begins_s: float,
) -> Iterable[Moment]:
    if rate.burglary and rng.random() < TRUE_BURGLARY_SHARE:
        own_site = sites.get(device.site_id, [device]) if device.site_id is not None else [device]
        return _burglary_at(own_site, rng, begins_s)
    moments = [Moment(begins_s, device, rate.what)]
    end = ENDS.get(rate.what)
    if end is not None:
        moments.append(Moment(begins_s + rng.uniform(*rate.lasts_s), device, end))
    return moments


def _burglary_at(devices: Sequence[SimulatedDevice], rng: Random, begins_s: float) -> list[Moment]:
    """Somebody comes in, walks from room to room, tears a sensor off, and may be found by the owner.

    Some minutes later the owner shuts the door and hangs the sensor up again.
    """
    by_kind: dict[str, list[SimulatedDevice]] = defaultdict(list)
    for device in devices:
        by_kind[device.kind].append(device)
    moments: list[Moment] = []
    left_open: list[tuple[SimulatedDevice, Happening]] = []
    now = begins_s
    for device in by_kind["vibration_sensor"][:1]:
        moments += [Moment(now, device, H.VIBRATION), Moment(now + 4, device, H.VIBRATION_END)]
        now += rng.uniform(5, 25)
    for device in by_kind["door_contact"][:1]:
        moments.append(Moment(now, device, H.OPENED))
        left_open.append((device, H.CLOSED))
        now += rng.uniform(3, 10)
    rooms = by_kind["infrared_sensor"] + by_kind["camera"] + by_kind["alarm_panel"]
    for device in rooms:
        for _ in range(rng.randint(1, 3)):
            lasts_s = rng.uniform(5, 15)
            moments += [Moment(now, device, H.MOTION), Moment(now + lasts_s, device, H.MOTION_END)]
            now += lasts_s + rng.uniform(4, 20)
    for device in (by_kind["infrared_sensor"] or by_kind["door_contact"] or by_kind["alarm_panel"])[-1:]:
        moments.append(Moment(now, device, H.TAMPER))
        left_open.append((device, H.TAMPER_END))
        now += rng.uniform(10, 40)
    for device in by_kind["panic_button"][:1]:
        moments.append(Moment(now, device, H.PANIC))
        now += rng.uniform(20, 60)
    if not moments:
        moments += [Moment(now, devices[0], H.MOTION), Moment(now + 10, devices[0], H.MOTION_END)]
    moments += [Moment(now + rng.uniform(120, 240), device, end) for device, end in left_open]
    return sorted(moments, key=lambda moment: moment.at_s)


def _by_site(devices: Iterable[SimulatedDevice]) -> dict[int, list[SimulatedDevice]]:
    sites: dict[int, list[SimulatedDevice]] = defaultdict(list)
    for device in devices:
        if device.site_id is not None and device.kind != "gateway":
            sites[device.site_id].append(device)
    return dict(sites)


def _richest_sites(devices: Iterable[SimulatedDevice]) -> list[list[SimulatedDevice]]:
    """The twenty sites with the most kinds of devices."""
    return heapq.nsmallest(
        20, _by_site(devices).values(), key=lambda one: (-len({device.kind for device in one}), -len(one))
    )


def _one_township(devices: Sequence[SimulatedDevice], rng: Random) -> Sequence[SimulatedDevice]:
    """One of the ten townships with the most devices; all devices where none has a township."""
    townships: dict[str, list[SimulatedDevice]] = defaultdict(list)
    for device in devices:
        if device.township is not None:
            townships[device.township].append(device)
    if not townships:
        return devices
    largest = sorted(townships.values(), key=lambda one: (-len(one), one[0].township or ""))
    return largest[rng.randrange(min(10, len(largest)))]
