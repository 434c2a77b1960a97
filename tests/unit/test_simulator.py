"""What the simulator says is what a maker's device says, and its scenarios are what docs/simulator.md promises."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from alarms.model import Category, Qualifier, RawMessage, Signal
from alarms.receiving.codes import classify_event
from alarms.receiving.protocols import DECODERS, decode
from alarms.simulator.command import parser
from alarms.simulator.device import ENDS, Happening, Publication, SimulatedDevice
from alarms.simulator.encoders import Encoder
from alarms.simulator.rates import DAY, QUIET_NIGHT, TRUE_BURGLARY_SHARE
from alarms.simulator.run import Options, SimulatorError
from alarms.simulator.scenarios import SCENARIOS, Moment, burglary, day, demo, quiet_night, storm

NOW = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
BOOT = 1_772_325_000
DOCUMENT = Path(__file__).parents[2] / "docs" / "simulator.md"
H = Happening

SPEAKS_ALONE = {"lianfang", "tasmota", "shelly2"}
CHILD = {"frigate": "cam-1", "shelly1": "shellydw2-A4CF12", "chirpstack": "24e124136b502217"}

CAN_SAY = {
    "lianfang": set(H),
    "zigbee2mqtt": {H.MOTION, H.OPENED, H.VIBRATION, H.SMOKE, H.GAS, H.WATER, H.TAMPER, H.BATTERY_LOW, H.PANIC,
                    H.OFFLINE, H.ALIVE},
    "tasmota": {H.MOTION, H.OPENED, H.PANIC, H.OFFLINE, H.ALIVE},
    "shelly1": {H.MOTION, H.OPENED, H.VIBRATION, H.SMOKE, H.GAS, H.WATER, H.PANIC, H.OFFLINE, H.ALIVE, H.BATTERY_LOW},
    "shelly2": {H.MOTION, H.OPENED, H.SMOKE, H.WATER, H.PANIC, H.OFFLINE, H.ALIVE, H.BATTERY_LOW},
    "frigate": {H.MOTION, H.OFFLINE},
    "ttn": {H.MOTION, H.OPENED, H.VIBRATION, H.SMOKE, H.GAS, H.WATER, H.TAMPER, H.PANIC, H.ALIVE, H.BATTERY_LOW},
    "chirpstack": {H.MOTION, H.OPENED, H.VIBRATION, H.SMOKE, H.GAS, H.WATER, H.TAMPER, H.PANIC, H.ALIVE,
                   H.BATTERY_LOW},
}  # fmt: skip
"""What each protocol has a word for; every end belongs to its beginning."""

KIND_FOR = {
    H.MOTION: "infrared_sensor", H.OPENED: "door_contact", H.VIBRATION: "vibration_sensor", H.SMOKE: "smoke_detector",
    H.GAS: "gas_detector", H.WATER: "water_detector", H.PANIC: "panic_button", H.TAMPER: "infrared_sensor",
    H.BATTERY_LOW: "infrared_sensor", H.POWER_LOST: "alarm_panel", H.OFFLINE: "infrared_sensor",
    H.ALIVE: "infrared_sensor",
}  # fmt: skip

CATEGORY = {
    H.MOTION: Category.BURGLARY, H.OPENED: Category.BURGLARY, H.VIBRATION: Category.BURGLARY, H.SMOKE: Category.FIRE,
    H.GAS: Category.GAS, H.WATER: Category.ENVIRONMENT, H.PANIC: Category.PANIC, H.TAMPER: Category.TAMPER,
    H.POWER_LOST: Category.POWER, H.OFFLINE: Category.SUPERVISION,
}  # fmt: skip


def device(protocol: str, kind: str = "infrared_sensor", number: int = 1, **more: object) -> SimulatedDevice:
    alone = protocol in SPEAKS_ALONE
    child = None if alone else CHILD.get(protocol, f"西屋/{kind}-{number}")
    made = SimulatedDevice(
        device_id=f"dev-{kind}-{number}",
        publisher=f"dev-{kind}-{number}" if alone else "gw-1",
        child=child,
        protocol=protocol,
        kind=kind,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def heard(publications: tuple[Publication, ...], protocol: str) -> list[Signal]:
    signals: list[Signal] = []
    for one in publications:
        raw = RawMessage(source="mqtt", topic=one.topic, payload=one.payload, received_at=NOW)
        decoded = decode(raw, lambda publisher: protocol)
        assert decoded.protocol == protocol
        signals += decoded.signals
    return signals


def test_every_decoder_has_an_encoder() -> None:
    encoder = Encoder(Random(1), boot=BOOT)
    assert set(CAN_SAY) == set(DECODERS)
    assert all(encoder.knows(protocol) for protocol in DECODERS)


@pytest.mark.parametrize("what", sorted(KIND_FOR))
@pytest.mark.parametrize("protocol", sorted(CAN_SAY))
def test_what_is_said_is_understood(protocol: str, what: Happening) -> None:
    """A happening encoded and decoded again means what happened, comes from who said it, and is ended by its end."""
    encoder = Encoder(Random(7), boot=BOOT)
    one = device(protocol, KIND_FOR[what])
    if protocol == "frigate" and what is H.OFFLINE:
        one = replace(one, child=None)
    began = heard(encoder.encode(one, what, NOW), protocol)
    if what not in CAN_SAY[protocol]:
        assert began == []
        return
    assert began
    assert {(signal.publisher, signal.child) for signal in began} == {(one.publisher, one.child)}
    category = CATEGORY.get(what)
    if category is not None:
        new = [signal for signal in began if signal.qualifier is Qualifier.NEW]
        assert [classify_event(signal.event).category for signal in new] == [category]
        if what in ENDS:
            ended = heard(encoder.encode(one, ENDS[what], NOW), protocol)
            restores = {
                (signal.zone, classify_event(signal.event).category)
                for signal in ended
                if signal.qualifier is Qualifier.RESTORE
            }
            assert (new[0].zone, category) in restores
            assert not [signal for signal in ended if signal.qualifier is Qualifier.NEW]
    if what is H.OFFLINE:
        assert began[0].online is False
    if what is H.ALIVE:
        assert all(not classify_event(s.event).opens_alarm or s.qualifier is not Qualifier.NEW for s in began)


def test_a_battery_that_runs_low_says_so_and_is_changed() -> None:
    encoder = Encoder(Random(7), boot=BOOT)
    one = device("zigbee2mqtt")
    low = heard(encoder.encode(one, H.BATTERY_LOW, NOW), "zigbee2mqtt")
    assert [s.battery_percent is not None and s.battery_percent < 10 for s in low] == [True] * len(low)
    assert ("384", Qualifier.NEW) in {(s.event, s.qualifier) for s in low}
    changed = heard(encoder.encode(one, H.BATTERY_CHANGED, NOW), "zigbee2mqtt")
    assert ("384", Qualifier.RESTORE) in {(s.event, s.qualifier) for s in changed}


def test_no_message_tells_that_it_is_simulated() -> None:
    encoder = Encoder(Random(3), boot=BOOT)
    for protocol, what in itertools.product(CAN_SAY, H):
        for one in encoder.encode(device(protocol), what, NOW):
            assert not re.search(rb"simul|fake|test|demo", one.topic.encode() + one.payload, re.IGNORECASE)


def test_message_ids_are_new_in_every_message_and_every_run() -> None:
    ids: list[str | None] = []
    for boot in (BOOT, BOOT + 60):
        encoder = Encoder(Random(1), boot=boot)
        for protocol in ("lianfang", "ttn", "chirpstack"):
            for what in (H.MOTION, H.MOTION_END, H.MOTION):
                ids += [
                    signal.message_id
                    for signal in heard(encoder.encode(device(protocol), what, NOW), protocol)
                ]
    assert None not in ids
    assert len(ids) == len(set(ids)) == 18


def test_the_zone_of_a_panel_is_restored_where_it_rang() -> None:
    encoder = Encoder(Random(1), boot=BOOT)
    panel = device("lianfang", "alarm_panel", zones=("1", "2", "3"))
    for _ in range(5):
        (motion,) = heard(encoder.encode(panel, H.MOTION, NOW), "lianfang")
        encoder.encode(panel, H.OPENED, NOW)
        (ended,) = heard(encoder.encode(panel, H.MOTION_END, NOW), "lianfang")
        assert motion.zone == ended.zone
        assert motion.zone in ("1", "2", "3")


# --- scenarios ---

KINDS = ("infrared_sensor", "door_contact", "alarm_panel", "camera", "vibration_sensor", "panic_button",
         "smoke_detector", "gas_detector", "water_detector", "gateway")  # fmt: skip


def city(sites: int = 200) -> list[SimulatedDevice]:
    """Sites with one device of each kind, in four townships."""
    return [
        device("lianfang", kind, site, site_id=site, township=f"4112021{site % 4:02}000", zones=("1",))
        for site in range(sites)
        for kind in KINDS
    ]


def until(scenario: object, seconds: float, devices: list[SimulatedDevice], seed: int = 1) -> list[Moment]:
    assert callable(scenario)
    return list(itertools.takewhile(lambda moment: moment.at_s < seconds, scenario(devices, Random(seed))))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_moments_come_in_order_and_the_same_seed_plays_the_same(name: str) -> None:
    devices = city(50)
    moments = until(SCENARIOS[name], 40_000, devices)
    assert moments
    assert [one.at_s for one in moments] == sorted(one.at_s for one in moments)
    assert moments == until(SCENARIOS[name], 40_000, devices)
    if name != "quiet-night":
        assert moments != until(SCENARIOS[name], 40_000, devices, seed=2)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_city_without_sites_or_devices_hangs_nothing(name: str) -> None:
    lonely = [device("lianfang", "infrared_sensor")]
    assert list(itertools.islice(SCENARIOS[name]([], Random(1)), 3)) == []
    assert len(list(itertools.islice(SCENARIOS[name](lonely, Random(1)), 3))) <= 3


def test_a_day_has_the_rates_of_the_table() -> None:
    devices = city()
    days = 20
    moments = until(day, days * 86_400, devices)
    counted = Counter((one.device.kind, one.what) for one in moments)
    for rate in DAY:
        expected = rate.per_1000_day * len(devices) / len(KINDS) / 1000 * days
        if expected < 50 or rate.burglary:
            continue  # too few to count; burglaries add moments of their own
        assert counted[(rate.kind, rate.what)] == pytest.approx(expected, rel=0.15), rate


def test_of_a_days_burglary_alarms_about_95_in_100_are_false() -> None:
    """True ones are told by several devices of one site within minutes; false ones by a single device."""
    moments = until(day, 30 * 86_400, city())
    tampered = [one for one in moments if one.what is H.TAMPER and one.device.kind == "infrared_sensor"]
    false = [one for one in moments if one.what in (H.MOTION, H.OPENED, H.VIBRATION)]
    episodes = sum(rate.per_1000_day for rate in DAY if rate.burglary) * 200 / 1000 * 30
    true = sum(
        1
        for one in tampered
        if len({other.device.kind for other in false
                if other.device.site_id == one.device.site_id and 0 <= one.at_s - other.at_s < 900}) >= 3
    )  # fmt: skip
    assert pytest.approx(0.05, abs=0.02) == true / episodes
    assert TRUE_BURGLARY_SHARE == 0.05


def test_a_quiet_night_has_no_burglary_no_panic_and_no_fire() -> None:
    happened = {one.what for one in until(quiet_night, 10 * 86_400, city())}
    assert happened == {H.MOTION, H.MOTION_END, H.ALIVE, H.BATTERY_LOW, H.BATTERY_CHANGED}


def left_open(moments: list[Moment]) -> set[tuple[str, Happening]]:
    """What began and did not end, or the other way round, by its end; a push of a button has none."""
    count: Counter[tuple[str, Happening]] = Counter()
    for one in moments:
        if one.what in ENDS:
            count[(one.device.device_id, ENDS[one.what])] += 1
        elif one.what is not H.PANIC:
            count[(one.device.device_id, one.what)] -= 1
    return {key for key, open_ in count.items() if open_}


def test_a_burglary_of_a_site_without_detectors_leaves_nothing_open() -> None:
    assert left_open(list(burglary([device("lianfang", "smoke_detector", site_id=1)], Random(1)))) == set()


def test_a_burglary_is_told_by_one_site_in_its_order() -> None:
    moments = list(burglary(city(), Random(5)))
    assert len({one.device.site_id for one in moments}) == 1
    first = {
        what: next(one.at_s for one in moments if one.what is what) for what in {one.what for one in moments}
    }
    assert first[H.VIBRATION] < first[H.OPENED] < first[H.MOTION] < first[H.TAMPER] < first[H.PANIC]
    assert first[H.PANIC] < 600
    assert first[H.PANIC] + 60 < min(first[H.CLOSED], first[H.TAMPER_END])
    assert left_open(moments) == set()
    assert len({one.device.kind for one in moments if one.what is H.MOTION}) == 3


def test_a_storm_is_hundreds_of_messages_in_a_minute_in_one_township_and_passes() -> None:
    moments = list(storm(city(800), Random(1)))
    assert len({one.device.township for one in moments}) == 1
    assert sum(one.at_s < 60 for one in moments) >= 300
    assert left_open(moments) == set()


def test_the_demo_shows_a_burglary_within_ten_seconds_and_again() -> None:
    moments = until(demo, 1200, city(50))
    calls = [one.at_s for one in moments if one.what is H.PANIC]
    assert moments[0].at_s < 10
    assert len(calls) >= 2


def test_the_document_shows_the_rates_that_are_played() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (\w+) \| ([\d.,]+) \|", text, re.MULTILINE)
    documented = {(kind, what, float(rate.replace(",", ""))) for kind, what, rate in rows}
    assert documented == {(rate.kind, rate.what.value, rate.per_1000_day) for rate in DAY}
    assert {rate.kind for rate in QUIET_NIGHT} <= {rate.kind for rate in DAY}
    for name in SCENARIOS:
        assert f"`{name}`" in text


def test_the_commands_in_the_document_are_understood() -> None:
    commands = re.findall(
        r"^\./run lianfang simulate\b([^#\n]*)", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(commands) >= 4
    for command in commands:
        assert parser().parse_args(command.split()).scenario in SCENARIOS


# --- options ---


@pytest.mark.parametrize(
    "wrong", [{"scenario": "war"}, {"rate_per_s": 0}, {"speed": -1}, {"window": 0}, {"duration_s": 0}]
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SimulatorError):
        Options(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["4112", "411202", "411202100", "411202000000", "411202100201"])
def test_a_division_is_said_as_commands_take_it(text: str) -> None:
    given = parser().parse_args(["day", "--division", text])
    assert given.division == text.ljust(12, "0")


@pytest.mark.parametrize("text", ["41", "4112021", "灵宝市", "411202000201"])
def test_what_is_no_division_is_wrong_usage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["day", "--division", text])
    assert ended.value.code == 2
    assert text in capsys.readouterr().err
