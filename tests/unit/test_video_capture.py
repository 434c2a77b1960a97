"""A stream gathers between two readings, and nobody falls behind for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video import capture

CLOCK_HZ = 90_000


@dataclass
class FakePacket:
    pts: int | None
    time_base: Fraction | None = Fraction(1, CLOCK_HZ)


class Camera:
    """Packets that come when it is their time; reading one takes a while; its clock is everybody's."""

    def __init__(self, sent_s: list[float], stamps_s: list[float | None], reading_s: float) -> None:
        self.now = 0.0
        self.slept_s = 0.0
        self._sent_s, self._stamps_s, self._reading_s = sent_s, stamps_s, reading_s

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.slept_s += seconds
        return False

    def packets(self) -> Iterator[FakePacket]:
        for sent_s, stamp_s in zip(self._sent_s, self._stamps_s, strict=True):
            self.now = max(self.now, sent_s) + self._reading_s
            yield FakePacket(None if stamp_s is None else round(stamp_s * CLOCK_HZ))

    def watch(self) -> list[float]:
        """How late each packet was handed on, in seconds."""
        packets, stop = cast("Any", self.packets()), cast("threading.Event", self)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("video.capture.time.monotonic", self.monotonic)
            handed_on = [self.now for _ in capture._gathered(packets, stop)]
        return [at - sent for at, sent in zip(handed_on, self._sent_s, strict=True)]


def at_rate(per_s: float, seconds: float) -> list[float]:
    return [n / per_s for n in range(int(seconds * per_s))]


def test_most_of_a_stream_is_read_from_what_has_gathered() -> None:
    sent = at_rate(25, 60)
    camera = Camera(sent, list(sent), 0.0001)
    late = camera.watch()
    assert camera.slept_s > 60 * 0.6
    assert max(late) <= capture.GATHER_S + 0.01


@given(per_s=st.floats(1, 60), load=st.floats(0, 0.19))
def test_who_can_hardly_keep_up_does_not_fall_behind(per_s: float, load: float) -> None:
    """Reading takes this share of the time, however slow the machine is."""
    sent = at_rate(per_s, 120)
    camera = Camera(sent, list(sent), load / per_s)
    late = camera.watch()
    assert late[-1] < 2 * capture.GATHER_S + 1 / per_s


@given(st.lists(st.none() | st.floats(-1e5, 1e5), min_size=1, max_size=200))
def test_a_clock_that_jumps_or_is_missing_costs_no_more_than_a_moment_a_packet(
    stamps: list[float | None],
) -> None:
    camera = Camera(at_rate(25, len(stamps) / 25 + 1)[: len(stamps)], stamps, 0.002)
    camera.watch()
    assert camera.slept_s <= capture.GATHER_S * len(stamps)


def test_without_a_clock_nothing_is_waited_for() -> None:
    sent = at_rate(25, 10)
    camera = Camera(sent, [None] * len(sent), 0.002)
    camera.watch()
    assert camera.slept_s == 0
