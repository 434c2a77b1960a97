"""Requests of an open page that the test answers in the server's place, or lets wait."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Page, Route


def intercept(page: Page, pattern: str, handler: Callable[[Route], object]) -> None:
    """From now on the test answers these requests of an open page.

    A busy page goes on asking past a route that was just set, and hears of it only after the key that was pressed
    later: so it is let ask for something else until that is intercepted.
    """
    page.route(pattern, handler)
    probe = "**/healthz?intercepted"
    page.route(probe, lambda route: route.fulfill(body="intercepted"))
    page.wait_for_function(
        "async () => (await (await fetch('/healthz?intercepted')).text()) === 'intercepted'"
    )
    page.unroute(probe)


class Held:
    """Requests of one kind, answered when the test says so."""

    def __init__(self, page: Page, pattern: str) -> None:
        self.page = page
        self.routes: list[Route] = []
        intercept(page, pattern, lambda route: self.routes.append(route))

    def one(self) -> Route:
        """The next one, once it was sent."""
        deadline = time.monotonic() + 20
        while not self.routes:
            assert time.monotonic() < deadline, "nothing was sent"
            self.page.wait_for_timeout(20)  # the browser's events are heard only while this waits
        return self.routes.pop(0)
