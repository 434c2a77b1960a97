"""Whether something moves: OpenCV's MOG2 on small grey pictures, one keyframe after another.

Chosen by measurement (``docs/cameras.md``). A change of the whole picture (a cloud, a lamp, the switch to infrared by
night) is no motion: the background is learnt anew instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 180
"""Pixels of the pictures that are looked at."""
WARM_UP = 3
"""Pictures that a background needs before anything can move before it."""
HISTORY = 60
"""Pictures after which what stands still is background: two minutes at a keyframe in two seconds."""
SMALLEST_PX = 60
"""Pixels of the least thing that moves: a person at 30 m in a picture of 60 degrees."""
WHOLE = 0.60
"""So much of the picture at once is no motion in it: the light or the camera changed."""
BRIGHTER = 14.0
"""Grey levels by which the mean of two pictures may differ before it is the light that changed."""

Grey = NDArray[np.uint8]

cv2.setNumThreads(1)  # a thread a camera is enough; OpenCV's own would fight over the cores


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What one picture showed."""

    moving: bool
    share: float
    """Of the picture that differs from the background, 0 to 1."""
    whole: bool = False
    """The whole picture changed, and the background is learnt anew."""


class Motion:
    """One camera's background."""

    def __init__(self) -> None:
        self._mean: float | None = None
        self._begin()

    def _begin(self) -> None:
        self._background = cv2.createBackgroundSubtractorMOG2(
            history=HISTORY, varThreshold=25, detectShadows=True
        )
        self._seen = 0

    def look(self, picture: Grey) -> Sight:
        """Look at the next picture (``uint8 (180, 320)``)."""
        if picture.shape != (HEIGHT, WIDTH):
            raise ValueError(f"a picture of {WIDTH}x{HEIGHT} was expected, not {picture.shape}")
        mean = float(picture.mean())
        before, self._mean = self._mean, mean
        if before is not None and abs(mean - before) > BRIGHTER:
            return self._learn_anew(picture, 1.0)
        blurred = cv2.GaussianBlur(picture, (3, 3), 0)
        mask = self._background.apply(blurred)
        self._seen += 1
        if self._seen <= WARM_UP:
            return Sight(moving=False, share=0.0)
        differs = cv2.countNonZero(mask) / mask.size
        if differs > WHOLE:
            return self._learn_anew(picture, differs)
        _, mask = cv2.threshold(mask, 200, 255, cv2.THRESH_BINARY)  # 127 is a shadow
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        differ = cv2.countNonZero(mask)
        moving = (
            differ >= SMALLEST_PX and _largest(mask) >= SMALLEST_PX
        )  # the search costs as much as the rest
        return Sight(moving=moving, share=differ / mask.size)

    def _learn_anew(self, picture: Grey, share: float) -> Sight:
        self._begin()
        self._background.apply(cv2.GaussianBlur(picture, (3, 3), 0))
        self._seen = 1
        return Sight(moving=False, share=share, whole=True)


def _largest(mask: NDArray[np.generic]) -> int:
    """Pixels of the largest thing in a mask."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(np.asarray(mask, np.uint8), connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0
