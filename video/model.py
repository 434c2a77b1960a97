"""What a camera is to its worker, and what it has to tell. Pure values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LOST_EVENT = "380"
"""SIA DC-05: sensor trouble. It opens an alarm of the category trouble; its restore ends the condition."""
MOTION_EVENT = "burglary"
"""Somebody or something moves: an intrusion where the site is armed, mere activity where it is not."""
STREAM_ZONE = "stream"
"""The zone of what concerns the stream itself, so that it is an alarm apart from what is seen."""


class State(StrEnum):
    """How a camera's stream stands."""

    UNKNOWN = "unknown"
    SEEING = "seeing"
    LOST = "lost"


class What(StrEnum):
    """What a camera has to tell."""

    MOTION = "motion"
    STILL = "still"
    """Nothing has moved for a while."""
    LOST = "lost"
    RECOVERED = "recovered"
    """Pictures come: again, or for the first time."""

    @property
    def about_stream(self) -> bool:
        """Whether it is about the stream, not about what is seen in it."""
        return self in (What.LOST, What.RECOVERED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """A camera as its lease hands it over."""

    id: int
    device_id: str
    stream_url: str
    """A secret: it never goes into a log line or a message."""
    state: State

    def __repr__(self) -> str:
        """Without the secret, wherever it is printed."""
        return f"Camera({self.device_id})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A snapshot that is kept under its SHA-256."""

    sha256: str
    bytes: int
    width_px: int
    height_px: int
    taken_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """One message of a camera, as the native protocol has it (``docs/protocols/lianfang.md``)."""

    id: str
    """The message's own id: told again, it is the same signal."""
    device_id: str
    what: What
    at: datetime
    text: str = ""
    picture: Picture | None = None

    @property
    def topic(self) -> str:
        """Where it is published."""
        return f"lianfang/v1/{self.device_id}/signal"

    def payload(self) -> bytes:
        """The JSON of it."""
        restore = self.what in (What.STILL, What.RECOVERED)
        body: dict[str, object] = {
            "event": LOST_EVENT if self.what.about_stream else MOTION_EVENT,
            "id": self.id,
            "time": self.at.isoformat(),
            "qualifier": "restore" if restore else "new",
        }
        if self.what.about_stream:
            body["zone"] = STREAM_ZONE
        if self.text:
            body["text"] = self.text
        if self.picture is not None:
            body["picture"] = {
                "sha256": self.picture.sha256,
                "width_px": self.picture.width_px,
                "height_px": self.picture.height_px,
            }
        return json.dumps(body).encode()
