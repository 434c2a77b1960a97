#!/usr/bin/python3
"""An RTSP server that plays a clip for ever, for the demo, tests and benchmarks. Run by the system's /usr/bin/python3,
for GStreamer's bindings come with Debian (gir1.2-gst-rtsp-server-1.0) and are in no virtual environment.

    demo_rtsp.py encode WIDTH HEIGHT FPS GOP OUT.h264   raw I420 pictures on stdin, a keyframe every GOP pictures
    demo_rtsp.py serve PORT FPS COUNT CLIP.h264         rtsp://127.0.0.1:PORT/cam1 .. camCOUNT, each begun elsewhere

Prints ``ready PORT`` when it listens; port 0 is a free one.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def encode(width: int, height: int, fps: int, gop: int, out: str) -> None:
    """Encode once what is played ever after."""
    pipeline = Gst.parse_launch(
        f"fdsrc fd=0 ! rawvideoparse format=i420 width={width} height={height} framerate={fps}/1"
        f" ! openh264enc gop-size={gop} bitrate=700000 complexity=low scene-change-detection=false"
        " ! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au"
        f" ! filesink location={out}"
    )
    run(pipeline)


def run(pipeline: Gst.Pipeline) -> None:
    """Play a pipeline to its end."""
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(
        Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR
    )
    pipeline.set_state(Gst.State.NULL)
    if message.type == Gst.MessageType.ERROR:
        raise SystemExit(str(message.parse_error()[0]))


def pictures(clip: str) -> list[tuple[bytes, bool]]:
    """The clip's coded pictures, and which of them are keyframes."""
    pipeline = Gst.parse_launch(
        f"filesrc location={clip} ! h264parse config-interval=-1"
        " ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=out sync=false"
    )
    sink = pipeline.get_by_name("out")
    pipeline.set_state(Gst.State.PLAYING)
    found = []
    while (sample := sink.emit("pull-sample")) is not None:
        buffer = sample.get_buffer()
        key = not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
        found.append((buffer.extract_dup(0, buffer.get_size()), key))
    pipeline.set_state(Gst.State.NULL)
    return found


class Looping(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]  # of C, without types
    """One mount: all its readers share one pipeline."""

    def __init__(self, clip: list[tuple[bytes, bool]], begin: int, fps: int) -> None:
        super().__init__()
        self._clip, self._begin, self._fps = clip, begin, fps
        self.set_shared(True)
        self.set_launch(
            "( appsrc name=src is-live=true format=time"
            f" caps=video/x-h264,stream-format=byte-stream,alignment=au,framerate={fps}/1"
            " ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
        )

    def feed(self, media: GstRtspServer.RTSPMedia) -> None:
        """Feed it from where its part of the clip begins."""
        state = {"n": self._begin, "shown": 0}
        duration = Gst.SECOND // self._fps

        def need(source: Gst.Element, _length: int) -> None:
            data, _ = self._clip[state["n"] % len(self._clip)]
            buffer = Gst.Buffer.new_wrapped(data)
            buffer.pts = buffer.dts = state["shown"] * duration
            buffer.duration = duration
            state["n"] += 1
            state["shown"] += 1
            source.emit("push-buffer", buffer)

        media.get_element().get_by_name("src").connect("need-data", need)


def serve(port: int, fps: int, count: int, clip: str) -> None:
    """Play until killed."""
    coded = pictures(clip)
    keys = [n for n, (_, key) in enumerate(coded) if key]
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(port))
    for number in range(count):
        factory = Looping(coded, keys[number * len(keys) // count], fps)
        factory.connect("media-configure", lambda own, media: own.feed(media))
        server.get_mount_points().add_factory(f"/cam{number + 1}", factory)
    if server.attach(None) == 0:
        raise SystemExit(f"port {port} is taken")
    print(f"ready {server.get_bound_port()}", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    Gst.init(None)
    match sys.argv[1:]:
        case ["encode", width, height, fps, gop, out]:
            encode(int(width), int(height), int(fps), int(gop), out)
        case ["serve", port, fps, count, clip]:
            serve(int(port), int(fps), int(count), clip)
        case _:
            raise SystemExit(__doc__)
