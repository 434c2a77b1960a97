"""What moves is seen, what only gets brighter is not: on pictures that are made here."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from video.motion import HEIGHT, WARM_UP, WIDTH, Motion

Grey = NDArray[np.uint8]
RNG = np.random.default_rng(7)
GROUND = RNG.integers(30, 170, (HEIGHT // 10, WIDTH // 10)).repeat(10, 0).repeat(10, 1).astype(np.int16)


def picture(
    *, light: float = 0.0, person_at: tuple[int, int] | None = None, size: tuple[int, int] = (30, 12)
) -> Grey:
    """A yard with a little noise, perhaps with somebody in it (row, column)."""
    shown = GROUND + RNG.integers(-3, 4, GROUND.shape) + light
    if person_at is not None:
        row, column = person_at
        shown[row : row + size[0], column : column + size[1]] = 210
    return np.asarray(np.clip(shown, 0, 255), np.uint8)


@pytest.fixture
def motion() -> Motion:
    """A camera that knows its yard."""
    one = Motion()
    for _ in range(15):
        one.look(picture())
    return one


def test_an_empty_yard_is_still(motion: Motion) -> None:
    assert not any(motion.look(picture()).moving for _ in range(200))


def test_somebody_who_walks_in_moves_at_once(motion: Motion) -> None:
    walk = [motion.look(picture(person_at=(100, 40 + 25 * n))).moving for n in range(8)]
    assert walk == [True] * 8
    assert [motion.look(picture()).moving for _ in range(3)] == [False] * 3, "gone again"


@pytest.mark.parametrize("light", [-50.0, -25.0, 25.0, 50.0])
def test_a_jump_of_the_light_is_no_motion(motion: Motion, light: float) -> None:
    """A cloud, a lamp, the switch to infrared by night: and afterwards people are seen again."""
    after = [motion.look(picture(light=light)) for _ in range(10)]
    assert after[0].whole
    assert not any(sight.moving for sight in after)
    assert motion.look(picture(light=light, person_at=(90, 150))).moving


def test_another_picture_of_the_same_brightness_is_learnt_anew(motion: Motion) -> None:
    """The camera was turned: the mean may be the same, all pixels are not."""
    turned = np.ascontiguousarray(np.fliplr(255 - picture())[::-1])
    turned = np.clip(turned.astype(np.int16) + int(GROUND.mean() - turned.mean()), 0, 255).astype(np.uint8)
    sight = motion.look(turned)
    assert (sight.whole, sight.moving) == (True, False)


def test_a_slow_dawn_is_no_motion(motion: Motion) -> None:
    assert not any(motion.look(picture(light=n / 8)).moving for n in range(240))


def test_a_moth_is_too_small(motion: Motion) -> None:
    assert not any(motion.look(picture(person_at=(50, 20 * n), size=(5, 5))).moving for n in range(10))


def test_the_first_pictures_are_only_learnt() -> None:
    motion = Motion()
    assert not any(motion.look(picture(person_at=(50, 20 * n))).moving for n in range(WARM_UP))


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="320x180"):
        Motion().look(np.zeros((10, 10), np.uint8))
