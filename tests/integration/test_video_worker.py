"""Cameras to incidents: real RTSP, real MQTT, the real intake, PostGIS; leases; what is lost and comes back."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from api.database.pool import connect
from api.embedded.mosquitto import EmbeddedMosquitto
from api.settings import Settings, load_settings
from tests.integration.receiving import receiving_from
from tests.integration.servers import Broker, start
from tests.integration.serving import Served, wait_until
from tests.integration.streaming import RtspServer, made_clip, playing
from tests.integration.taking import sees
from tests.integration.talking import Talker, talking
from tests.stories import Seen, World
from video import cameras, publish
from video.cameras import Leases
from video.evidence import EVIDENCE, Shelf
from video.model import Camera, Detection, State, What
from video.publish import Outbox
from video.records import Records
from video.watch import Patience
from video.worker import Options, Worker

QUICK = Options(
    patience=Patience(repeat_s=3, still_s=2, lost_s=3),
    renew_s=0.2,
)
Connect = Callable[[], psycopg.Connection[Any]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_clip(tmp_path_factory.mktemp("clip") / "yard.h264")


@pytest.fixture
def server(clip: Path) -> Iterator[RtspServer]:
    with playing(clip) as one:
        yield one


@pytest.fixture
def connect_video(database_url: str) -> Connect:
    """Opens connections as the worker."""
    return lambda: connect(load_settings(database_url=database_url), "video", autocommit=True)


def login(broker: Broker) -> publish.Broker:
    one = broker.login("video")
    return publish.Broker(host=one.host, port=one.port, username=one.username, password=one.password)


@contextmanager
def looking(worker: Worker) -> Iterator[Worker]:
    """The worker in a thread; what it raises is raised at the end."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            worker.run()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            errors.append(error)

    thread = threading.Thread(target=run, name="worker")
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(40)
        assert not thread.is_alive(), "the worker does not stop"
    if errors:
        raise errors[0]


@pytest.fixture
def camera(owner_conn: psycopg.Connection, server: RtspServer) -> int:
    world = World(owner_conn)
    camera = world.device("cam-1", kind="camera", site=world.site("Market square"))
    owner_conn.execute("UPDATE devices SET name = 'North gate'")
    sees(owner_conn, camera, stream=server.url())
    return camera


@pytest.mark.timeout(180)
def test_somebody_in_the_picture_becomes_an_incident_with_the_picture(
    camera: int,
    server: RtspServer,
    fresh_broker: Broker,
    connect_video: Connect,
    settings: Settings,
    served: Served,
    owner_conn: psycopg.Connection,
    database_url: str,
) -> None:
    seen = Seen(owner_conn)
    World(owner_conn).user("li")
    worker = Worker(connect_video, login(fresh_broker), settings.var_dir / EVIDENCE, QUICK)
    intake: Connect = lambda: connect(load_settings(database_url=database_url), "intake")  # noqa: E731
    with receiving_from(fresh_broker, intake), looking(worker):
        wait_until(lambda: seen.count("evidence", "alarm_id IS NOT NULL"), 60, "the picture of an alarm")
        (alarm,) = seen.alarms
        assert (alarm["device"], alarm["category"], alarm["active"]) == ("cam-1", "burglary", True)
        client = served.client(owner_conn, "li")
        case = client.get(f"/api/v1/incidents/{alarm['incident_id']}").json()
        picture = case["pictures"][-1]
        assert (picture["camera"], picture["device_id"]) == ("North gate", camera)
        assert case["cameras"][0]["sector"]["type"] == "Polygon"
        answer = client.get(f"/api/v1/evidence/{picture['sha256']}", params={"reason": "incident 1"})
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "private, no-store"
        assert hashlib.sha256(answer.content).hexdigest() == picture["sha256"]
        wait_until(
            lambda: seen.count("signals", "qualifier = 'restore' AND judgement = 'restore'"),
            60,
            "the end of it",
        )

        server.kill()
        wait_until(lambda: seen.count("alarms", "category = 'trouble' AND active"), 60, "the loss")
        (state,) = seen.rows("SELECT state, fault FROM cameras")
        wait_until(lambda: seen.rows("SELECT state FROM cameras")[0]["state"] == "lost", 10, "the state")
        assert "127.0.0.1" not in str(state["fault"])
        wait_until(lambda: seen.count("device_states", "NOT online"), 10, "and not online any more")
        server.start()
        wait_until(lambda: seen.count("alarms", "category = 'trouble' AND NOT active"), 60, "the recovery")
        wait_until(lambda: seen.rows("SELECT state FROM cameras")[0]["state"] == "seeing", 10, "the state")
        wait_until(lambda: seen.count("device_states", "online"), 10, "online again")
    assert seen.rows("SELECT leased_by FROM cameras") == [{"leased_by": None}], "given back at the end"


@pytest.mark.timeout(120)
def test_a_loss_that_nobody_stored_is_told_by_the_next_worker(
    camera: int,
    server: RtspServer,
    fresh_broker: Broker,
    connect_video: Connect,
    settings: Settings,
    owner_conn: psycopg.Connection,
    database_url: str,
) -> None:
    seen = Seen(owner_conn)
    server.kill()
    first = Worker(connect_video, login(fresh_broker), settings.var_dir / EVIDENCE, QUICK)
    with looking(first):
        wait_until(lambda: first.untold, 30, "the loss")
    assert seen.rows("SELECT state FROM cameras") == [{"state": "unknown"}], "nobody knows of it yet"
    second = Worker(
        connect_video, login(fresh_broker), settings.var_dir / EVIDENCE, replace(QUICK, name="second")
    )
    intake: Connect = lambda: connect(load_settings(database_url=database_url), "intake")  # noqa: E731
    with receiving_from(fresh_broker, intake), looking(second):
        wait_until(lambda: seen.count("alarms", "category = 'trouble' AND active"), 30, "the loss")
        wait_until(lambda: seen.rows("SELECT state FROM cameras")[0]["state"] == "lost", 10, "the state")


@pytest.mark.timeout(120)
def test_while_the_database_is_away_it_looks_and_keeps_the_pictures(
    camera: int,
    fresh_broker: Broker,
    settings: Settings,
    owner_conn: psycopg.Connection,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Away from the worker alone: the alarm is there, and its picture belongs to it when that is written down."""
    monkeypatch.setattr(cameras, "LEASE_S", 1.0)
    seen, away = Seen(owner_conn), threading.Event()
    url = load_settings(database_url=database_url)

    def connect_video() -> psycopg.Connection[Any]:
        if away.is_set():
            raise psycopg.OperationalError("no way to the database")
        return connect(url, "video", application_name="looking", autocommit=True)

    worker = Worker(connect_video, login(fresh_broker), settings.var_dir / EVIDENCE, QUICK)
    with receiving_from(fresh_broker, lambda: connect(url, "intake")), looking(worker):
        wait_until(lambda: worker.looking_at, 30, "a lease")
        away.set()
        with connect(url, None) as anybody:
            anybody.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'looking'"
            )
        wait_until(lambda: seen.count("alarms", "category = 'burglary'"), 60, "an alarm all the same")
        assert seen.count("evidence") == 0
        away.clear()
        wait_until(lambda: seen.count("evidence", "alarm_id IS NOT NULL"), 30, "its picture")
    (row,) = seen.rows("SELECT sha256 FROM evidence ORDER BY taken_at LIMIT 1")
    assert Shelf(settings.var_dir / EVIDENCE).read(row["sha256"])


def test_no_camera_waits_long_for_a_database_that_hangs(
    camera: int, connect_video: Connect, settings: Settings, owner_conn: psycopg.Connection
) -> None:
    """Its stream would break off meanwhile. What they took is written down when that can be."""

    def impatient() -> psycopg.Connection[Any]:
        conn = connect_video()
        assert conn.execute("SHOW statement_timeout").fetchone() == ("5s",)
        conn.execute("SET statement_timeout = '500ms'")
        return conn

    records, shelf = Records(impatient), Shelf(settings.var_dir / EVIDENCE)
    one = Camera(id=camera, device_id="cam-1", stream_url="rtsp://127.0.0.1:9/", state=State.SEEING)
    pictures = [shelf.keep(b"%d" % n, datetime.now(UTC), 8, 8) for n in range(12)]
    owner_conn.execute("LOCK TABLE evidence")
    threads = [
        threading.Thread(
            target=records.picture, args=(one, f"m-{number}", picture, timedelta(days=30)), daemon=True
        )
        for number, picture in enumerate(pictures)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert time.monotonic() - began < 4, "not one after another"
    owner_conn.rollback()
    with connect_video() as conn:
        records.catch_up(conn, Leases("one", 1))
    records.close()
    assert Seen(owner_conn).count("evidence") == len(pictures)


def test_a_camera_is_read_by_one_worker_and_a_silent_one_loses_it(
    camera: int, connect_video: Connect, owner_conn: psycopg.Connection
) -> None:
    one, two = Leases("one", 10), Leases("two", 10)
    with connect_video() as conn:
        assert [c.device_id for c in one.hold(conn).values()] == ["cam-1"]
        assert two.hold(conn) == {}
        assert list(one.hold(conn)) == [camera], "renewed"
        owner_conn.execute("UPDATE cameras SET leased_until = now() - interval '1 ms'")
        owner_conn.commit()
        assert list(two.hold(conn)) == [camera], "after 20 s of silence"
        assert one.hold(conn) == {}
        one.set_state(conn, camera, State.LOST, "an old story")
        assert conn.execute("SELECT state FROM cameras").fetchone() == ("unknown",), "it is not its any more"
        two.give_back(conn, [camera])
        assert list(one.hold(conn)) == [camera], "at once"


def test_workers_that_ask_at_once_share_without_a_double(
    connect_video: Connect, owner_conn: psycopg.Connection
) -> None:
    world = World(owner_conn)
    for number in range(12):
        sees(owner_conn, world.device(f"cam-{number}", kind="camera", site=world.site()))
    held: dict[str, set[int]] = {}

    def ask(name: str) -> None:
        with connect_video() as conn:
            held[name] = set(Leases(name, 5).hold(conn))

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(cameras) for cameras in held.values()) == len(set().union(*held.values()))
    assert all(len(cameras) <= 5 for cameras in held.values())
    with connect_video() as conn:
        left = sum(len(Leases(name, 5).hold(conn)) for name in "abc")
    assert left == 12, "all are read when each has asked again"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE devices SET status = 'out_of_service'",
        "UPDATE devices SET status = 'retired'",
        "UPDATE cameras SET stream_url = NULL",
    ],
)
def test_what_is_not_to_be_read_is_not_leased(
    camera: int, connect_video: Connect, owner_conn: psycopg.Connection, change: str
) -> None:
    leases = Leases("one", 10)
    with connect_video() as conn:
        assert list(leases.hold(conn)) == [camera]
        owner_conn.execute(change.encode())
        owner_conn.commit()
        assert leases.hold(conn) == {}


def test_the_worker_can_read_and_write_nothing_else(connect_video: Connect, camera: int) -> None:
    for statement in (
        "SELECT * FROM incidents",
        "SELECT phone FROM contacts",
        "SELECT password_hash FROM users",
        "SELECT sha256 FROM evidence",
        "DELETE FROM evidence",
        "UPDATE cameras SET stream_url = 'rtsp://elsewhere/'",
        "INSERT INTO signals (id) VALUES (1)",
        "UPDATE devices SET status = 'retired'",
    ):
        with connect_video() as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement.encode())


def test_a_detection_is_sent_again_until_it_is_stored(fresh_broker: Broker) -> None:
    intake = Talker(fresh_broker.login("intake"))
    intake.subscribe("lianfang/v1/+/signal")
    outbox = Outbox(login(fresh_broker), "test", look_s=0.05)
    outbox.listen_for("cam-1")
    outbox.start()
    try:
        wait_until(lambda: outbox.connected, what="the broker")
        outbox.put(Detection(id="v-1", device_id="cam-1", what=What.MOTION, at=datetime.now(UTC)))
        wait_until(lambda: len(intake.heard) >= 2, 20, "it comes again")
        assert {orjson.loads(payload)["id"] for _, payload in intake.heard} == {"v-1"}
        for rubbish in (b"not json", b"[]", b'{"id": ["v-1"], "status": "stored"}', b'{"id": {}}'):
            intake.client.publish("lianfang/v1/cam-1/ack", rubbish, qos=1)
        intake.client.publish("lianfang/v1/cam-1/ack", b'{"id": "v-1", "status": "stored"}', qos=1)
        wait_until(lambda: outbox.waiting == 0, what="the answer")
    finally:
        outbox.stop()
        intake.close()


def test_what_is_seen_while_the_broker_is_away_comes_when_it_is_back(fresh_broker: Broker) -> None:
    outbox = Outbox(login(fresh_broker), "test", look_s=0.05)
    outbox.listen_for("cam-1")
    outbox.start()
    again = None
    try:
        wait_until(lambda: outbox.connected, what="the broker")
        os.kill(fresh_broker.pid, signal.SIGKILL)
        os.waitpid(fresh_broker.pid, 0)
        wait_until(lambda: not outbox.connected, what="its end")
        outbox.put(Detection(id="v-1", device_id="cam-1", what=What.MOTION, at=datetime.now(UTC)))
        again = start(EmbeddedMosquitto(fresh_broker.folder))
        with talking(fresh_broker.login("intake")) as intake:
            intake.subscribe("lianfang/v1/+/signal")
            wait_until(lambda: intake.heard, 30, "the detection")
            intake.client.publish("lianfang/v1/cam-1/ack", b'{"id": "v-1", "status": "stored"}', qos=1)
            wait_until(lambda: outbox.waiting == 0, what="the answer")
    finally:
        outbox.stop()
        if again is not None:
            again.kill()
            again.wait(20)


def test_what_a_camera_says_goes_in_order_the_next_when_the_one_before_is_stored(
    fresh_broker: Broker,
) -> None:
    """A loss that came again after its end would be an alarm that nothing ends."""
    intake = Talker(fresh_broker.login("intake"))
    intake.subscribe("lianfang/v1/+/signal")
    outbox = Outbox(login(fresh_broker), "test", look_s=0.05)
    stored: list[str] = []
    for name in ("cam-1", "cam-2"):
        outbox.listen_for(name)
    for number, (name, what) in enumerate(
        [("cam-1", What.LOST), ("cam-1", What.RECOVERED), ("cam-2", What.LOST)], 1
    ):
        one = Detection(id=f"v-{number}", device_id=name, what=what, at=datetime.now(UTC))
        outbox.put(one, partial(stored.append, one.id))
    outbox.start()
    try:
        wait_until(lambda: len(intake.heard) >= 2, what="the first of each")
        assert [orjson.loads(payload)["id"] for _, payload in intake.heard[:2]] == ["v-1", "v-3"]
        assert stored == []
        intake.client.publish("lianfang/v1/cam-1/ack", b'{"id": "v-1", "status": "stored"}', qos=1)
        wait_until(lambda: any(b"v-2" in payload for _, payload in intake.heard), what="the next")
        assert stored == ["v-1"]
        intake.client.publish("lianfang/v1/cam-1/ack", b'{"id": "v-2", "status": "rejected"}', qos=1)
        wait_until(lambda: outbox.waiting == 1, what="the answer")
        assert stored == ["v-1"], "refused is not stored"
    finally:
        outbox.stop()
        intake.close()


def test_what_cannot_be_sent_is_given_up_after_a_bounded_time_and_number(fresh_broker: Broker) -> None:
    now = [0.0]
    outbox = Outbox(login(fresh_broker), "test", clock=lambda: now[0])
    at = datetime.now(UTC)
    one = Detection(id="0", device_id="cam-1", what=What.MOTION, at=at)
    for number in range(publish.MOST_WAITING + 5):
        outbox.put(replace(one, id=str(number)))
    assert outbox.waiting == publish.MOST_WAITING
    outbox.put(replace(one, id="lost", what=What.LOST))
    now[0] = publish.GIVEN_UP_S + 1
    outbox._send_due()
    assert outbox.waiting == 2, "its last words: that something moves, and that it is lost"
    now[0] *= 10
    outbox._send_due()
    assert outbox.waiting == 2
