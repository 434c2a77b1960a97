"""Cameras a core: our worker's looking against Motion's, on the same streams.

``python -m tests.bench.video``: one RTSP server plays a real CCTV clip (H.264, 640x360, 25 pictures a second, a
keyframe in two seconds) from several places at once. Each in turn reads it as so many cameras over TCP: a process of
ours (demultiplex, decode keyframes, look for motion: the threads that ``lianfang video`` runs, without database and
broker), and Motion as it comes, with all that it would write or serve turned off. What is counted is the reader's own
CPU time once all of its cameras are open; the server's is nobody's. Cameras a core: cameras x seconds / CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from api.demo_cameras import CLIP, PROGRAM, SYSTEM_PYTHON, encode
from api.embedded.ports import any_free
from tests.bench.report import report, warn_if_busy
from video.capture import Gate, Small, keyframes
from video.model import State
from video.motion import Motion
from video.watch import Watch

WIDTH, HEIGHT, FPS, GOP = 640, 360, 25, 50
MOUNTS = 8
"""The clip is played from so many places: keyframes of a city's cameras do not come all at once."""
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=Path("var/video") / CLIP)
    parser.add_argument("--cameras", type=int, default=60, help="of ours at once")
    parser.add_argument("--peer-cameras", type=int, default=12, help="of Motion's at once")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--look", nargs=2, type=int, metavar=("PORT", "CAMERAS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.look:
        port, cameras = asked.look
        look(port, cameras, asked.seconds)
        return
    warn_if_busy()
    with tempfile.TemporaryDirectory() as folder:
        coded = Path(folder) / "clip.h264"
        encode(asked.clip, coded, WIDTH, HEIGHT, FPS, GOP)
        ours, peers, seen = [], [], []
        with server(coded) as port:
            for number in range(asked.rounds):
                per_core, share = of_ours(port, asked.cameras, asked.seconds)
                peer = of_motion(port, asked.peer_cameras, asked.seconds, Path(folder) / f"motion-{number}")
                print(f"round {number + 1}: ours {per_core:.0f}, Motion {peer:.0f} cameras a core")
                ours.append(per_core)
                peers.append(peer)
                seen.append(share)
    report(
        "video",
        {
            "cameras_per_core_360p": median(ours),
            "peer_cameras_per_core_360p": median(peers),
            "ratio_motion_360p": median(one / peer for one, peer in zip(ours, peers, strict=True)),
            "keyframes_seen_percent": 100 * min(seen),
        },
        {
            "cameras_per_core_360p": f"{asked.cameras} at once, aim 200",
            "peer_cameras_per_core_360p": f"Motion, {asked.peer_cameras} at once",
            "ratio_motion_360p": "aim 5",
            "keyframes_seen_percent": "of those that were sent; below 95 the reader was starved",
        },
    )


@contextmanager
def server(coded: Path) -> Iterator[int]:
    """The RTSP server; its port."""
    port = any_free("127.0.0.1")
    command = [SYSTEM_PYTHON, str(PROGRAM), "serve", str(port), str(FPS), str(MOUNTS), str(coded)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield port
        finally:
            process.kill()


def url(port: int, camera: int) -> str:
    """The stream of a camera."""
    return f"rtsp://127.0.0.1:{port}/cam{camera % MOUNTS + 1}"


def of_ours(port: int, cameras: int, seconds: float) -> tuple[float, float]:
    """Cameras a core, and the share of the keyframes that was looked at."""
    command = [sys.executable, "-m", "tests.bench.video", "--look", str(port), str(cameras)]
    done = subprocess.run(
        [*command, "--seconds", str(seconds)], check=True, stdout=subprocess.PIPE, text=True
    )
    result = json.loads(done.stdout.splitlines()[-1])
    expected = cameras * result["wall_s"] * FPS / GOP
    return cameras * result["wall_s"] / result["cpu_s"], result["keyframes"] / expected


def look(port: int, cameras: int, seconds: float) -> None:
    """Be the reader: threads as the worker has them. Prints what it took as JSON."""
    stop, gate = threading.Event(), Gate()
    counts = [0] * cameras

    def one(number: int) -> None:
        stop.wait(gate.turn_s())
        motion, small = Motion(), Small()
        watch = Watch(State.SEEING, time.monotonic())
        for frame in keyframes(url(port, number), stop):
            sight = motion.look(small.of(frame))
            watch.sees(time.monotonic(), moving=sight.moving)
            counts[number] += 1

    threads = [threading.Thread(target=one, args=(number,)) for number in range(cameras)]
    for thread in threads:
        thread.start()
    while min(counts) < 2:
        time.sleep(0.1)
    before, cpu, wall = sum(counts), time.process_time(), time.monotonic()
    time.sleep(seconds)
    result = {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.monotonic() - wall,
        "keyframes": sum(counts) - before,
    }
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps(result))


def of_motion(port: int, cameras: int, seconds: float, folder: Path) -> float:
    """Cameras a core of Motion."""
    program = shutil.which("motion")
    if program is None:
        raise SystemExit("Motion is not installed: ./run bench video brings it (apt-get install motion)")
    folder.mkdir()
    off = ["movie_output off", "picture_output off", "webcontrol_port 0", "stream_port 0"]
    settings = ["daemon off", f"width {WIDTH}", f"height {HEIGHT}", f"target_dir {folder}", *off]
    for number in range(cameras):
        camera = folder / f"camera{number}.conf"
        camera.write_text(
            f"camera_id {number + 1}\nnetcam_url {url(port, number)}\nnetcam_params rtsp_transport=tcp\n"
        )
        settings.append(f"camera {camera}")
    main_file = folder / "motion.conf"
    main_file.write_text("\n".join(settings) + "\n")
    log = folder / "motion.log"
    with subprocess.Popen([program, "-n", "-c", str(main_file), "-l", str(log)]) as process:
        try:
            until_all_look(log, cameras, process)
            cpu, wall = cpu_s(process.pid), time.monotonic()
            time.sleep(seconds)
            used, took = cpu_s(process.pid) - cpu, time.monotonic() - wall
        finally:
            process.terminate()
    return cameras * took / used


def until_all_look(log: Path, cameras: int, process: subprocess.Popen[bytes], limit_s: float = 90) -> None:
    """Wait until each camera of Motion is connected, and 5 s more."""
    deadline = time.monotonic() + limit_s
    while (text := log.read_text(errors="replace") if log.exists() else "").count("Camera (") < cameras:
        if time.monotonic() > deadline or process.poll() is not None:
            raise SystemExit(f"Motion did not open all cameras:\n{text[-3000:]}")
        time.sleep(0.2)
    time.sleep(5)


def cpu_s(pid: int) -> float:
    """The CPU time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main()
