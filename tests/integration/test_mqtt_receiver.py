"""The receiver between a real broker and a real database: acknowledged after the commit, stored once, never lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import active_children
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from alarms.model import RawMessage
from alarms.receiving import mqtt as receiving
from alarms.receiving.intake import Outcome
from alarms.receiving.storing import Here
from alarms.receiving.worker import Worker, WorkerEndedError
from api.database.pool import connect
from api.embedded.mosquitto import EmbeddedMosquitto
from api.settings import load_settings
from tests.acceptance.fleet import until
from tests.integration.receiving import Connect, broker_of, receiving_from
from tests.integration.servers import Broker, start
from tests.integration.talking import Talker, talking
from tests.stories import Seen, World

END_CONNECTIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'receiver' AND datname = current_database()"""


@pytest.fixture
def seen(owner_conn: psycopg.Connection) -> Seen:
    world = World(owner_conn)
    for number in range(5):
        world.device(f"pir-{number}", site=world.site())
    return Seen(owner_conn)


@pytest.fixture
def database(database_url: str) -> Connect:
    """Opens connections as the intake."""
    settings = load_settings(database_url=database_url)
    return partial(connect, settings, "intake", application_name="receiver")  # workers are sent it


@pytest.fixture
def devices(fresh_broker: Broker) -> Iterator[Talker]:
    """All devices on one connection, which hears their answers."""
    talker = Talker(fresh_broker.login("demo"))
    talker.subscribe("lianfang/v1/+/ack")
    yield talker
    talker.close()


def say(devices: Talker, device: str, *, retain: bool = False, **body: Any) -> None:
    payload = json.dumps({"event": "130"} | body)
    devices.client.publish(f"lianfang/v1/{device}/signal", payload, qos=1, retain=retain)


def answers(devices: Talker) -> list[dict[str, Any]]:
    return [json.loads(payload) for topic, payload in list(devices.heard) if topic.endswith("/ack")]


def test_a_device_that_waits_is_told_what_became_of_its_message(
    fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen
) -> None:
    with receiving_from(fresh_broker, database):
        say(devices, "pir-1", id="a")
        devices.until(lambda: answers(devices) == [{"id": "a", "status": "stored"}])
        assert [s["message_id"] for s in seen.signals] == ["a"], "told after the commit, not before"
        say(devices, "pir-1", id="a")
        devices.until(lambda: answers(devices)[1:] == [{"id": "a", "status": "stored"}])
        say(devices, "pir-1", id="b", event="no such")
        say(devices, "nobody", id="c")
        say(devices, "pir-2", id=7, battery=255)
        devices.until(lambda: len(answers(devices)) == 5)
    refused = {answer["id"]: answer for answer in answers(devices)[2:]}
    half = refused.pop("7")
    assert half["status"] == "stored"
    assert "battery" in half["reason"], "its maker learns what could not be read"
    assert {answer["status"] for answer in refused.values()} == {"rejected"}
    assert "event" in refused["b"]["reason"]
    assert "registry" in refused["c"]["reason"]
    assert [a["occurrence_count"] for a in seen.alarms] == [1, 1]


def test_without_an_id_nothing_is_answered_and_the_broker_is_acknowledged(
    fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen
) -> None:
    with receiving_from(fresh_broker, database):
        say(devices, "pir-1")
        until(lambda: seen.signals, "it is not stored")
    with receiving_from(fresh_broker, database):
        say(devices, "pir-2", id="later")
        devices.until(lambda: answers(devices))
    assert [a["occurrence_count"] for a in seen.alarms] == [1, 1], "it did not come again"


def test_what_is_said_while_the_intake_is_away_waits_at_the_broker(
    fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen
) -> None:
    with receiving_from(fresh_broker, database):
        pass
    for number in range(50):
        say(devices, f"pir-{number % 5}", n=number)
    with receiving_from(fresh_broker, database):
        until(lambda: seen.count("signals") == 50, "not all came")
    assert [a["occurrence_count"] for a in seen.alarms] == [10] * 5


def test_what_waited_at_the_broker_says_since_when_it_may_have_and_what_follows_does_not(
    fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what a sensor without a clock said in the night is judged by the hour at which the intake came back."""
    monkeypatch.setattr(receiving, "CAUGHT_UP_S", 600.0)
    taken: list[RawMessage] = []

    class Noting(Here):
        def store(self, messages: Sequence[RawMessage]) -> list[Outcome] | None:
            taken.extend(messages)
            return super().store(messages)

    began = datetime.now(UTC)
    last_night = began - timedelta(hours=9)
    with receiving_from(fresh_broker, database, Noting):
        pass
    say(devices, "pir-1")
    with receiving_from(fresh_broker, database, Noting, away_since=last_night) as receiver:
        until(lambda: len(taken) == 1, "it did not come")
        receiver._behind_until = 0.0  # ten minutes later
        say(devices, "pir-2")
        until(lambda: len(taken) == 2, "it did not come")
        line: Any = receiver._client.socket()
        line.shutdown(socket.SHUT_RDWR)  # as if the network had gone
        until(lambda: receiver._connection == 2, "it does not come back")
        say(devices, "pir-3")
        until(lambda: "pir-3" in taken[-1].topic, "it did not come")
    first, second, third = (taken[n].waiting_since for n in (0, 1, -1))
    assert (first, second) == (last_night, None)
    assert third is not None
    assert began - receiving.UNNOTICED <= third <= datetime.now(UTC) - receiving.UNNOTICED


def test_while_more_waits_at_the_broker_than_it_may_hand_over_each_may_have_waited(
    fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen
) -> None:
    held = threading.Event()
    taken: list[RawMessage] = []

    class Held(Here):
        def store(self, messages: Sequence[RawMessage]) -> list[Outcome] | None:
            taken.extend(messages)
            assert held.wait(30)
            return super().store(messages)

    before = datetime.now(UTC)
    with receiving_from(fresh_broker, database, Held, receive_maximum=4):
        for number in range(12):
            say(devices, "pir-1", n=number)
        until(lambda: taken, "none came")
        held.set()
        until(lambda: seen.count("signals") == 12, "not all came")
    assert taken[0].waiting_since is None
    waited = [message.waiting_since for message in taken[4:]]
    assert all(since is not None and since >= before for since in waited)
    assert len(set(waited)) == 1


def test_while_the_database_is_away_nothing_is_acknowledged_and_nothing_lost(
    fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen
) -> None:
    tried = threading.Event()

    def away() -> psycopg.Connection[Any]:
        tried.set()
        raise psycopg.OperationalError("connection refused")

    with receiving_from(fresh_broker, away):
        say(devices, "pir-1", id="a")
        say(devices, "pir-2")
        assert tried.wait(20)
    assert answers(devices) == []
    assert seen.raw == []
    with receiving_from(fresh_broker, database):
        devices.until(lambda: answers(devices) == [{"id": "a", "status": "stored"}])
        until(lambda: seen.count("signals") == 2, "the one without an id is lost")
    assert [a["occurrence_count"] for a in seen.alarms] == [1, 1]


def test_yesterdays_retained_panic_does_not_ring_and_todays_does(
    fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen
) -> None:
    devices.publish("lianfang/v1/pir-1/state", b'{"online": true}')
    say(devices, "pir-1", event="panic", retain=True, id="yesterday")
    devices.publish("lianfang/v1/pir-1/state", b'{"online": true}')  # what was said before has arrived
    with receiving_from(fresh_broker, database):
        until(lambda: seen.count("signals", "judgement = 'retained'") == 1, "the state does not come")
        assert seen.alarms == []
        say(devices, "pir-1", event="panic", retain=True)
        until(lambda: seen.alarms, "a live one must ring, retained at the broker or not")
    with receiving_from(fresh_broker, database):
        say(devices, "pir-2", id="later")
        devices.until(lambda: answers(devices))
    assert [answer["id"] for answer in answers(devices)] == ["later"], "yesterday's was not told that it rang"
    assert seen.count("alarms", "category = 'panic'") == 1, "the second subscription brings none again"
    assert [a["occurrence_count"] for a in seen.alarms] == [1, 1]


@pytest.mark.parametrize("kind", [Here, Worker])
def test_a_broken_database_connection_stores_every_message_once(
    kind: type[Here | Worker],
    fresh_broker: Broker,
    database: Connect,
    devices: Talker,
    seen: Seen,
    servers: dict[str, Any],
    database_url: str,
) -> None:
    """Devices without ids: connections are ended again and again, before, in and after transactions."""
    total, breaks = 400, 0
    superuser = urlsplit(servers["superuser_url"])._replace(path=urlsplit(database_url).path).geturl()
    with (
        psycopg.connect(superuser, autocommit=True) as admin,
        receiving_from(fresh_broker, database, kind, batch_size=5),
    ):
        for number in range(total):
            say(devices, f"pir-{number % 5}", n=number)
            if number % 80 == 40:
                until(lambda at=number: seen.count("signals") > at // 2, "signals do not flow")  # type: ignore[misc]
                breaks += len(admin.execute(END_CONNECTIONS).fetchall())
        until(lambda: seen.count("signals") >= total, "not all came")
    assert breaks >= 5
    assert seen.count("signals") == total
    assert sum(a["occurrence_count"] for a in seen.alarms) == total
    assert seen.feed_has_no_gap()


def test_a_broken_broker_connection_stores_every_message_once(
    fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen
) -> None:
    """Another client takes the session over, again and again: what was not acknowledged comes again with DUP."""
    total = 300
    login = fresh_broker.login("intake")
    client_id = broker_of(login).client_id
    with receiving_from(fresh_broker, database, batch_size=5) as receiver:
        for number in range(total):
            say(devices, f"pir-{number % 5}", n=number)
            if number % 100 == 50:
                thief = mqtt.Client(
                    CallbackAPIVersion.VERSION2,
                    client_id=client_id,
                    protocol=mqtt.MQTTv5,
                    manual_ack=True,
                )
                thief.username_pw_set(login.username, login.password)
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                properties.SessionExpiryInterval = receiving.NEVER_EXPIRES
                thief.connect(login.host, login.port, clean_start=False, properties=properties)
                until(lambda: thief.loop(0.05) or not receiver.connected, "the session is not taken over")  # noqa: B023
                thief.disconnect()
                until(lambda: receiver.connected, "the receiver does not come back")
        until(lambda: seen.count("signals") >= total, "not all came")
    assert seen.count("signals") == total
    assert sum(a["occurrence_count"] for a in seen.alarms) == total


def test_no_other_login_can_take_the_session_with_all_that_waits(
    fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen
) -> None:
    """A broker gives a session to any login that asks by its name: strangers' devices must not know it."""
    intake, stranger = fresh_broker.login("intake"), fresh_broker.login("enrol")
    with receiving_from(fresh_broker, database):
        pass
    say(devices, "pir-1", text="waits")
    guesses = ["lianfang-intake", "intake", broker_of(stranger).client_id]
    guesses.append(receiving.Broker(host="", port=0, username="intake", password="").client_id)
    assert broker_of(intake).client_id not in guesses
    for guess in guesses:
        with talking(stranger, guess) as thief:
            assert thief.code is not None
            assert not thief.code.is_failure
    with receiving_from(fresh_broker, database):
        until(lambda: seen.count("signals") == 1, "what waited is gone")


@pytest.mark.parametrize("kind", [Here, Worker])
def test_a_backlog_larger_than_the_queue_is_stored_once_and_in_order(
    kind: type[Here | Worker], fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen
) -> None:
    with receiving_from(fresh_broker, database):
        pass
    for number in range(1500):
        say(devices, f"pir-{number % 5}", text=str(number))
    with receiving_from(fresh_broker, database, kind, receive_maximum=40, batch_size=25):
        until(lambda: seen.count("signals") == 1500, "not all came")
    for number in range(5):
        told = [int(s["text"]) for s in seen.signals if s["device"] == f"pir-{number}"]
        assert told == list(range(number, 1500, 5)), "each device is heard in its order"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is meant to die
def test_a_worker_that_is_killed_ends_the_receiver_and_what_it_held_is_stored_by_the_next(
    fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen
) -> None:
    def talk() -> None:
        with receiving_from(fresh_broker, database, Worker) as receiver:
            say(devices, "pir-1")
            until(lambda: seen.count("signals") == 1, "signals do not flow")
            for worker in active_children():
                worker.kill()
            say(devices, "pir-1")
            until(lambda: not receiver.connected, "it stays, deaf")

    with pytest.raises(WorkerEndedError, match="exit code -9"):
        talk()
    assert active_children() == []
    with receiving_from(fresh_broker, database, Worker):
        until(lambda: seen.count("signals") == 2, "the message is lost")


def test_a_worker_waits_for_the_database_no_longer_than_until_it_is_told_to_stop(
    fresh_broker: Broker, devices: Talker
) -> None:
    nowhere = partial(psycopg.connect, "host=127.0.0.1 port=9")
    with receiving_from(fresh_broker, nowhere, Worker) as receiver:
        say(devices, "pir-1")
        until(lambda: len(receiver._order) == 1, "the receiver does not get it")
        began = time.monotonic()
    assert time.monotonic() - began < 5, "it was killed, not told"
    assert active_children() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is meant to die
def test_a_fault_that_waiting_cannot_heal_ends_the_receiver_with_its_reason(
    fresh_broker: Broker, devices: Talker, seen: Seen
) -> None:
    """The process ends, is started again and says why, rather than stand there deaf."""

    def broken() -> psycopg.Connection[Any]:
        raise RuntimeError("the program is wrong")

    def talk() -> None:
        with receiving_from(fresh_broker, broken) as receiver:
            say(devices, "pir-1")
            until(lambda: not receiver.connected, "it stays, deaf")

    with pytest.raises(RuntimeError, match="the program is wrong"):
        talk()


def test_what_was_received_is_stored_though_the_broker_was_killed_meanwhile(
    fresh_broker: Broker, database: Connect, devices: Talker, seen: Seen
) -> None:
    """The database is away, the intake holds messages, the broker dies before it saved them: they are here only."""
    back = threading.Event()

    def away_at_first() -> psycopg.Connection[Any]:
        if not back.is_set():
            raise psycopg.OperationalError("connection refused")
        return database()

    embedded = EmbeddedMosquitto(fresh_broker.folder)
    again = None
    with receiving_from(fresh_broker, away_at_first, batch_size=5) as receiver:
        for number in range(20):
            say(devices, f"pir-{number % 5}", n=number)
        until(lambda: len(receiver._order) == 20, "the receiver does not get them")
        os.kill(fresh_broker.pid, signal.SIGKILL)
        until(lambda: not receiver.connected, "the broker does not die")
        try:
            again = start(embedded)
            until(lambda: receiver.connected, "the receiver does not come back")
            back.set()
            until(lambda: seen.count("signals") >= 20, "what was confirmed to the devices is lost", 20)

            def heard_the_last() -> bool:
                """What the broker has to send again it sends before anything new."""
                say(devices, "pir-0", id="last", n=20)
                return seen.count("signals", "message_id = 'last'") == 1 and not receiver._order

            until(heard_the_last, "the receiver has gone deaf")
        finally:
            receiver.stop()
            if again is not None:
                again.kill()
                again.wait(20)
    assert sorted(s["details"]["extra"]["n"] for s in seen.signals) == list(range(21)), (
        "each once, whether the broker forgot the session or sent all of it again"
    )
