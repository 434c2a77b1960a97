"""How often what happens: rates per 1,000 devices of a kind and day. ``docs/simulator.md`` tells their sources."""

from __future__ import annotations

from dataclasses import dataclass

from alarms.simulator.device import Happening

H = Happening

TRUE_BURGLARY_SHARE = 0.05
"""Of burglary alarms 94 to 98 in 100 are false (AVS-01 and the police studies it rests on)."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often an episode begins at a kind of device, and how long it lasts."""

    kind: str
    what: Happening
    per_1000_day: float
    lasts_s: tuple[float, float] = (0.0, 0.0)
    burglary: bool = False
    """An episode that is a burglary alarm: a share of these is a true one, told by the whole site."""
    why: str = ""


DAY: tuple[Rate, ...] = (
    Rate("infrared_sensor", H.MOTION, 30, (5, 60), True, "animals, wind, heat, family; restores itself"),
    Rate("infrared_sensor", H.ALIVE, 1000, why="one report a day"),
    Rate("infrared_sensor", H.BATTERY_LOW, 1.5, (7200, 172_800), why="a battery lasts about two years"),
    Rate("infrared_sensor", H.TAMPER, 0.3, (60, 900), why="cleaning, children"),
    Rate("infrared_sensor", H.OFFLINE, 3, (300, 7200), why="radio and network"),
    Rate("door_contact", H.OPENED, 25, (5, 300), True, "forgotten to disarm, door not shut"),
    Rate("door_contact", H.ALIVE, 1000, why="one report a day"),
    Rate("door_contact", H.BATTERY_LOW, 1.5, (7200, 172_800), why="a battery lasts about two years"),
    Rate("alarm_panel", H.MOTION, 12, (5, 120), True, "a shop's zones"),
    Rate("alarm_panel", H.ALIVE, 1000, why="daily test, Contact ID 602"),
    Rate("alarm_panel", H.POWER_LOST, 4, (60, 7200), why="power cuts"),
    Rate("alarm_panel", H.OFFLINE, 4, (120, 3600), why="lines and networks"),
    Rate("camera", H.MOTION, 40, (5, 90), True, "a person where the installer watches for one"),
    Rate("camera", H.OFFLINE, 5, (60, 3600), why="network"),
    Rate("vibration_sensor", H.VIBRATION, 8, (2, 10), True, "lorries, slammed doors"),
    Rate("vibration_sensor", H.ALIVE, 1000, why="one report a day"),
    Rate("panic_button", H.PANIC, 0.8, why="pushed by mistake, and sometimes not"),
    Rate("panic_button", H.ALIVE, 1000, why="one report a day"),
    Rate("smoke_detector", H.SMOKE, 0.6, (30, 600), why="cooking; a fire once in some thousand days"),
    Rate("smoke_detector", H.ALIVE, 1000, why="one report a day"),
    Rate("smoke_detector", H.BATTERY_LOW, 1, (7200, 172_800), why="a battery lasts about three years"),
    Rate("gas_detector", H.GAS, 0.4, (60, 900), why="cooking, a stove left on"),
    Rate("gas_detector", H.ALIVE, 1000, why="one report a day"),
    Rate("water_detector", H.WATER, 0.6, (300, 7200), why="washing machines, rain"),
    Rate("water_detector", H.ALIVE, 1000, why="one report a day"),
    Rate("gateway", H.OFFLINE, 6, (60, 3600), why="power and network of a household"),
)

QUIET_NIGHT: tuple[Rate, ...] = (
    Rate("infrared_sensor", H.MOTION, 3, (5, 30), why="a cat; nobody comes in, so no burglary begins here"),
    Rate("infrared_sensor", H.ALIVE, 1000, why="one report a day"),
    Rate("infrared_sensor", H.BATTERY_LOW, 1.5, (7200, 172_800), why="a battery lasts about two years"),
    Rate("door_contact", H.ALIVE, 1000, why="one report a day"),
    Rate("alarm_panel", H.ALIVE, 1000, why="daily test, Contact ID 602"),
    Rate("vibration_sensor", H.ALIVE, 1000, why="one report a day"),
    Rate("panic_button", H.ALIVE, 1000, why="one report a day"),
    Rate("smoke_detector", H.ALIVE, 1000, why="one report a day"),
    Rate("gas_detector", H.ALIVE, 1000, why="one report a day"),
    Rate("water_detector", H.ALIVE, 1000, why="one report a day"),
)
