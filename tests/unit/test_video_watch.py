"""When a camera speaks: few messages, none missing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alarms.model import Qualifier, RawMessage
from alarms.receiving.codes import classify_event
from alarms.receiving.protocols import decode
from video.model import Camera, Detection, Picture, State, What
from video.watch import Patience, Watch

START = datetime(2026, 3, 3, 2, 10, tzinfo=UTC)


def test_motion_is_told_when_it_begins_again_each_minute_and_when_it_is_over() -> None:
    watch = Watch(State.SEEING, 0)
    told = {n: what for n in range(0, 400, 2) for what in watch.sees(n, moving=10 <= n <= 140)}
    assert told == {10: What.MOTION, 70: What.MOTION, 130: What.MOTION, 170: What.STILL}


def test_a_pause_is_not_the_end() -> None:
    watch = Watch(State.SEEING, 0)
    told = [what for n in range(0, 60, 2) for what in watch.sees(n, moving=n % 20 == 0)]
    assert told == [What.MOTION]


def test_a_hiccup_is_no_loss_and_a_loss_is_told_once() -> None:
    watch = Watch(State.SEEING, 0)
    watch.sees(0, moving=False)
    assert watch.sees_nothing(5) == []
    assert watch.sees(6, moving=False) == []
    assert watch.sees_nothing(20) == []
    assert watch.sees_nothing(21) == [What.LOST]
    assert watch.sees_nothing(24) == []
    assert watch.sees(25, moving=False) == []
    assert watch.sees(27, moving=False) == [What.RECOVERED]


def test_a_camera_that_gives_one_picture_at_each_connection_is_lost_once() -> None:
    """Its keyframes come once in a minute: we leave it after half of that, and it answers us with a new one."""
    watch = Watch(State.SEEING, 0)
    told = []
    for n in range(0, 600, 31):
        told += watch.sees(n, moving=False) + watch.sees_nothing(n + 30)
    assert [what for what in told if what.about_stream] == [What.LOST]


def test_a_worker_that_takes_over_tells_of_what_another_lost() -> None:
    watch = Watch(State.LOST, 0)
    assert [watch.sees(n, moving=True) for n in (1, 3)] == [[What.MOTION], [What.RECOVERED]]
    assert Watch(State.LOST, 0).sees_nothing(60) == []
    assert Watch(State.UNKNOWN, 0).sees_nothing(60) == [What.LOST], "it never answered"
    watch = Watch(State.UNKNOWN, 0)
    told = watch.sees(1, moving=False) + watch.sees(3, moving=False)
    assert told == [What.RECOVERED], "its loss may be on the screen"


def test_a_worker_that_takes_over_ends_the_motion_that_another_told_of() -> None:
    watch = Watch(State.SEEING, 0)
    told = {n: what for n in range(0, 200, 2) for what in watch.sees(n, moving=False)}
    assert told == {30: What.STILL}, "once"


Events = st.lists(st.tuples(st.sampled_from(["moving", "still", "nothing"]), st.floats(0.1, 40)), max_size=60)


@given(Events)
def test_lost_and_recovered_take_turns_and_each_still_follows_motion(events: list[tuple[str, float]]) -> None:
    watch = Watch(State.SEEING, 0, Patience())
    now = 0.0
    told: list[What] = []
    for what, later in events:
        now += later
        told += watch.sees_nothing(now) if what == "nothing" else watch.sees(now, moving=what == "moving")
    stream = [what for what in told if what in (What.LOST, What.RECOVERED)]
    assert all(a != b for a, b in pairwise(stream))
    assert not stream or stream[0] is What.LOST
    seen = [what for what in told if what in (What.MOTION, What.STILL)]
    assert all(a is What.MOTION for a, b in pairwise(seen) if b is What.STILL)


def signal_of(
    what: What, picture: Picture | None = None, text: str = ""
) -> tuple[str, Qualifier, dict[str, object]]:
    """What the intake's own decoder makes of a detection."""
    one = Detection(id="v-1", device_id="cam-1", what=what, at=START, picture=picture, text=text)
    message = RawMessage(source="mqtt", topic=one.topic, payload=one.payload(), received_at=START)
    decoded = decode(message, lambda _: None)
    (signal,) = decoded.signals
    assert (signal.publisher, signal.message_id, signal.occurred_at) == ("cam-1", "v-1", START)
    return classify_event(signal.event).category.value, signal.qualifier, dict(signal.details)


def test_detections_are_signals_of_the_native_protocol() -> None:
    picture = Picture(sha256="ab" * 32, bytes=9, width_px=640, height_px=480, taken_at=START)
    shown = {"sha256": "ab" * 32, "width_px": 640, "height_px": 480}
    assert signal_of(What.MOTION, picture) == ("burglary", Qualifier.NEW, {"picture": shown})
    assert signal_of(What.STILL) == ("burglary", Qualifier.RESTORE, {})
    assert signal_of(What.LOST, text="it broke off") == ("trouble", Qualifier.NEW, {})
    assert signal_of(What.RECOVERED) == ("trouble", Qualifier.RESTORE, {})


def test_a_lost_stream_is_an_alarm_apart_from_what_is_seen() -> None:
    zones = [
        json.loads(Detection(id="1", device_id="c", what=what, at=START).payload()).get("zone")
        for what in What
    ]
    assert zones == [None, None, "stream", "stream"]


def test_a_camera_is_printed_without_its_secret() -> None:
    camera = Camera(id=1, device_id="cam-1", stream_url="rtsp://a:secret@b/c", state=State.UNKNOWN)
    assert "secret" not in f"{camera} {camera!r}"
