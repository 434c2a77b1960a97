"""The receiver of the intake, running between a test's broker and a test's database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from alarms.receiving import mqtt
from alarms.receiving.mqtt import Receiver
from alarms.receiving.storing import Here
from alarms.receiving.worker import Worker
from api.embedded.mosquitto import Login
from tests.integration.servers import Broker
from tests.integration.serving import wait_until
from tests.stories import RULES

LANES = 2
Connect = Callable[[], psycopg.Connection[Any]]


def broker_of(login: Login) -> mqtt.Broker:
    """A login as the receiver is given it."""
    return mqtt.Broker(host=login.host, port=login.port, username=login.username, password=login.password)


@contextmanager
def receiving_from(
    broker: Broker, database: Connect, kind: type[Here | Worker] = Here, **options: Any
) -> Iterator[Receiver]:
    """A receiver that runs in a thread and is connected; what it raises is raised at the end."""
    receiver = Receiver(
        broker_of(broker.login("intake")),
        [kind(database, RULES) for _ in range(LANES)],
        **options,
    )
    errors: list[BaseException] = []

    def run() -> None:
        try:
            receiver.run()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: receiver.connected or errors, 60, "the receiver to connect")
        yield receiver
    finally:
        receiver.stop()
        thread.join(30)
        assert not thread.is_alive(), "the receiver does not stop"
    if errors:
        raise errors[0]
