"""When a camera speaks: what it sees and how its stream stands, folded into few messages. Pure; times are given.

Motion is told when it begins, again as long as it goes on (with a new picture, but not at each keyframe), and once when
it has been still for a while. A stream is lost when nothing came for a while, not at its first hiccup, and is back when
pictures follow one another: a camera that gives one at each connection and no more is lost once, not each time.
"""

from __future__ import annotations

from dataclasses import dataclass

from video.model import State, What


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long each thing has to last."""

    repeat_s: float = 60.0
    """Motion that goes on is told again this often."""
    still_s: float = 30.0
    """Without motion for so long, it is over."""
    lost_s: float = 15.0
    """Without a picture for so long, the camera is lost."""


class Watch:
    """One camera's memory. ``state``: what was told of its stream before, perhaps by another worker.

    Times are seconds of a clock that is never set (``time.monotonic``): by one that is put back by an hour, a camera
    would be silent for as long.
    """

    def __init__(self, state: State, now_s: float, patience: Patience | None = None) -> None:
        self._state = state
        self._patience = patience or Patience()
        self._last_picture_s = now_s
        self._follows = False
        """Whether a picture came last, and not a break."""
        self._last_motion_s = now_s
        self._told_motion_s: float | None = None
        self._owes_still = True
        """Somebody may wait for the end of a motion that another worker told of: it is told, once too often at most."""

    def sees(self, now_s: float, *, moving: bool) -> list[What]:
        """A picture came; ``moving``: something moves in it. What is to be told, in this order."""
        told: list[What] = []
        self._last_picture_s = now_s
        if self._state is not State.SEEING and self._follows:
            self._state = State.SEEING
            told.append(What.RECOVERED)
        self._follows = True
        if moving:
            self._last_motion_s = now_s
            self._owes_still = True
            if self._told_motion_s is None or now_s - self._told_motion_s >= self._patience.repeat_s:
                self._told_motion_s = now_s
                told.append(What.MOTION)
        elif self._owes_still and now_s - self._last_motion_s >= self._patience.still_s:
            self._owes_still = False
            self._told_motion_s = None
            told.append(What.STILL)
        return told

    def sees_nothing(self, now_s: float) -> list[What]:
        """The stream broke, or could not be opened."""
        self._follows = False
        if self._state is State.LOST or now_s - self._last_picture_s < self._patience.lost_s:
            return []
        self._state = State.LOST
        return [What.LOST]
