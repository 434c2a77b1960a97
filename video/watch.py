"""When a camera speaks: what it sees and how its stream stands, folded into few messages. Pure; times are given.

Motion is told when it begins, again as long as it goes on (with a new picture, but not at each keyframe), and once when
it has been still for a while. A stream is lost when nothing came for a while, not at its first hiccup.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from video.model import State, What


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long each thing has to last."""

    repeat: timedelta = timedelta(seconds=60)
    """Motion that goes on is told again this often."""
    still: timedelta = timedelta(seconds=30)
    """Without motion for so long, it is over."""
    lost: timedelta = timedelta(seconds=15)
    """Without a picture for so long, the camera is lost."""


class Watch:
    """One camera's memory. ``state``: what was told of its stream before, perhaps by another worker."""

    def __init__(self, state: State, now: datetime, patience: Patience | None = None) -> None:
        self.state = state
        self._patience = patience or Patience()
        self._last_picture = now
        self._last_motion: datetime | None = None
        self._told_motion: datetime | None = None

    def sees(self, now: datetime, *, moving: bool) -> list[What]:
        """A picture came; ``moving``: something moves in it. What is to be told, in this order."""
        told: list[What] = []
        self._last_picture = now
        if self.state is State.LOST:
            told.append(What.RECOVERED)
        self.state = State.SEEING
        if moving:
            self._last_motion = now
            if self._told_motion is None or now - self._told_motion >= self._patience.repeat:
                self._told_motion = now
                told.append(What.MOTION)
        elif (
            self._told_motion is not None
            and self._last_motion is not None
            and now - self._last_motion >= self._patience.still
        ):
            self._told_motion = self._last_motion = None
            told.append(What.STILL)
        return told

    def sees_nothing(self, now: datetime) -> list[What]:
        """The stream broke, or could not be opened."""
        if self.state is State.LOST or now - self._last_picture < self._patience.lost:
            return []
        self.state = State.LOST
        return [What.LOST]
