"""One connection of the HTTP server, which whoever is at its other end can neither keep nor fill for nothing.

uvicorn waits for the end of a request for ever, and its parser keeps a head of any size: a thousand connections that
say nothing take all its descriptors, and one that never ends its head takes the memory, both before any sign-in.
"""

from __future__ import annotations

import asyncio
import resource

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_S = 30.0
"""A request, head and body, has come within this time: a megabyte over a slow telephone line."""
MAX_HEAD = 65_536
"""Bytes of a request that are not its body. Browsers refuse to send a cookie of more than 4,096."""
DESCRIPTORS = 65_536


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection whose request takes too long to come, or is too much besides its body."""

    _request_s = REQUEST_S
    _deadline: asyncio.TimerHandle | None = None
    _besides = 0
    """Bytes of the request at hand, its body apart."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A browser may open a connection ahead of its need: that waits no longer than a request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nothing to wait for any more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is too much."""
        self._besides += len(data)
        super().data_received(data)
        if self._besides > MAX_HEAD:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._wait()

    def on_body(self, body: bytes) -> None:
        """Part of a body, which ``BodyLimit`` counts."""
        self._besides -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It has come; its answer may take what it takes, and the live feed's does."""
        self._wait_no_more()
        self._besides = 0
        super().on_message_complete()

    def _wait(self) -> None:
        self._wait_no_more()
        self._deadline = self.loop.call_later(self._request_s, self._too_late)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self.transport.abort()


def take_descriptors() -> None:
    """Raise this process's limit of open connections, commonly 1,024, as far as it may and as is of use."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(most, DESCRIPTORS)), most))
