"""A client of the live feed, as the map in a browser is one: a snapshot, then the changes after it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx

from tests.integration.serving import wait_until

Documents = dict[tuple[str, int], dict[str, Any]]


def documents_of(snapshot: dict[str, Any]) -> Documents:
    """A snapshot's documents by kind and id."""
    return {("incident", one["id"]): one for one in snapshot["incidents"]} | {
        ("alarm", one["id"]): one for one in snapshot["alarms"]
    }


class Listener:
    """Follows the feed in a thread of its own, from a snapshot or from a number."""

    def __init__(
        self,
        client: httpx.Client,
        after: int | None = None,
        *,
        state: Documents | None = None,
        by_header: bool = False,
    ) -> None:
        """``state``: what was there at ``after``; it must be here before the first change is."""
        self.state: Documents = dict(state or {})
        self.events: list[tuple[str, dict[str, Any]]] = []
        """All but heartbeats, in their order."""
        self.seq = after or 0
        self.heard = 0
        """How many heartbeats came."""
        self.error: BaseException | None = None
        self._client = client
        if after is None:
            snapshot = client.get("/api/v1/live/snapshot").raise_for_status().json()
            self.seq = snapshot["seq"]
            self.state = documents_of(snapshot)
        self._headers = {"Last-Event-ID": str(self.seq)} if by_header else {}
        self._query = {} if by_header else {"after": self.seq}
        self._response: httpx.Response | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="listener")
        self._thread.start()
        wait_until(lambda: self.heard or self.ended, what="the first event")

    @property
    def ended(self) -> bool:
        """Whether the stream is over."""
        return not self._thread.is_alive()

    @property
    def names(self) -> list[str]:
        """The events' names."""
        return [name for name, _ in self.events]

    def _run(self) -> None:
        timeout = httpx.Timeout(30, read=30)
        try:
            with self._client.stream(
                "GET", "/api/v1/live", params=self._query, headers=self._headers, timeout=timeout
            ) as response:
                self._response = response
                response.raise_for_status()
                for name, event_id, data in parse(response.iter_lines()):
                    self._take(name, event_id, data)
        except httpx.TransportError as error:
            self.error = None if self._closing else error
        except (AssertionError, httpx.HTTPStatusError, ValueError) as error:
            self.error = error

    def _take(self, name: str, event_id: int | None, data: dict[str, Any]) -> None:
        if name == "heartbeat":
            self.heard += 1
            return
        self.events.append((name, data))
        if name == "reset":
            return
        assert event_id == data["seq"] > self.seq, (event_id, data["seq"], self.seq)
        self.seq = data["seq"]
        key = (data["kind"], data["id"])
        if data["kind"] == "device":
            return
        if name == "gone" or data["document"]["closed_at"] is not None:
            self.state.pop(key, None)
        else:
            assert data["document"]["version"] == data["version"]
            self.state[key] = data["document"]

    def close(self) -> None:
        """Go away, as a closed browser does."""
        self._closing = True
        if self._response is not None and not self.ended:
            connection: socket.socket = self._response.extensions["network_stream"].get_extra_info("socket")
            connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        assert self.ended
        if self.error is not None:
            raise self.error

    def hears(self, seq: int) -> None:
        """Wait until everything up to ``seq`` has come, or what a new snapshot is needed for."""
        wait_until(lambda: self.seq >= seq or self.ended, 30, f"change {seq}, it is at {self.seq}")
        if self.error is not None:
            raise self.error

    def comes_to(self, expected: Documents) -> None:
        """Wait until the state is this one."""
        wait_until(
            lambda: self.state == expected or self.ended, 20, "the same documents as a fresh snapshot's"
        )
        if self.error is not None:
            raise self.error
        assert self.state == expected


def parse(lines: Iterator[str]) -> Iterator[tuple[str, int | None, dict[str, Any]]]:
    """Server-Sent Events: name, id and data (HTML standard, 9.2.6)."""
    name, event_id, data = "message", None, ""
    for line in lines:
        if not line:
            yield name, event_id, json.loads(data)
            name, event_id, data = "message", None, ""
            continue
        field, _, value = line.partition(": ")
        match field:
            case "event":
                name = value
            case "id":
                event_id = int(value)
            case "data":
                data += value
            case _:
                raise AssertionError(f"an unexpected line in the feed: {line!r}")
