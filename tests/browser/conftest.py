"""The command map as people use it: the real API, a database of the test's own, Debian's Chromium.

Every page is watched: a request to another host, an error on the console (a broken content security policy shows there)
or an exception in a script fails the test that caused it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)
from playwright.sync_api import Error as PlaywrightError

from api.auth.dependencies import COOKIE
from api.settings import Settings
from tests.browser.process import LINE_LOST, Process
from tests.browser.town import HERE, VILLAGE, Town
from tests.chromium import launch
from tests.integration.conftest import (
    api_conn,
    broker,
    database_url,
    fresh_broker,
    intake_conn,
    owner_conn,
    run_dir,
    served,
    servers,
    settings,
)
from tests.integration.serving import Served

__all__ = [
    "api_conn",
    "broker",
    "database_url",
    "fresh_broker",
    "intake_conn",
    "owner_conn",
    "run_dir",
    "served",
    "servers",
    "settings",
]

ROOT = Path(__file__).resolve().parents[2]
DESKTOP, PHONE = (1280, 800), (390, 844)

# Asking who is signed in is answered with 401 while nobody is; the browser logs that by itself.
NOBODY_SIGNED_IN = re.compile(r"status of 401 .*")
Open = Callable[..., Page]
Browse = Callable[..., "Watched"]

expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")  # not longer: its event loop would starve the async tests that follow
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a file; each test has contexts of its own in it."""
    assert (ROOT / "map_ui/dist/index.html").is_file(), "the map is not built: npm run build in map_ui/"
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def town(owner_conn: psycopg.Connection[Any], intake_conn: psycopg.Connection[Any]) -> Town:
    """A small town without a house, and the words to build some and raise alarms in them."""
    return Town(owner_conn, intake_conn)


@pytest.fixture
def village(town: Town) -> Town:
    """The town with a grid cell, an installer of its township, Zhang, and a neighbour 46 m from where Zhang stands."""
    town.owner.execute(
        "INSERT INTO grid_cells (code, village, name, boundary)"
        " SELECT %s, code, '孟村一组', boundary FROM divisions WHERE code = %s",
        [f"{VILLAGE}-001", VILLAGE],
    )
    town.owner.commit()
    town.world.user("zhang", role="installer", division=VILLAGE[:9] + "000")
    town.house("Zhao's house", "pir-zhao", at=(HERE[0] + 0.0005, HERE[1]))
    return town


class Watched:
    """A browser context whose pages are watched."""

    def __init__(self, context: BrowserContext, host: str) -> None:
        self.context = context
        self.host = host
        self.wrong: list[str] = []
        self.expected: list[re.Pattern[str]] = [NOBODY_SIGNED_IN]
        """Errors on the console that the test causes on purpose."""
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.wrong.append(f"exception: {error.error}"))

    def signed_in(self, token: str) -> Page:
        """An empty page of somebody who has this session."""
        self.context.add_cookies([{"name": COOKIE, "value": token, "url": self.host, "sameSite": "Strict"}])
        return self.context.new_page()

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.host, "blob:", "data:")):
            self.wrong.append(f"a request to another host: {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(
            known.search(message.text) for known in self.expected
        ):
            self.wrong.append(f"console {message.type}: {message.text}")


def leave(page: Page) -> None:
    """Chromium may never close a page that is just being loaded anew, as every page is after a sign-in."""
    while page.url != "about:blank":
        try:
            page.goto("about:blank")
        except PlaywrightError as error:
            # It was loaded anew this very moment; and what interrupted us may in turn be interrupted by our next try.
            if "interrupted by another navigation" not in error.message:
                raise


@pytest.fixture
def browse(chromium: Browser, served: Served) -> Iterator[Callable[..., Watched]]:
    """Makes a watched browser context; nothing may have gone wrong in it by the end of the test."""
    made: list[Watched] = []

    def make(
        size: tuple[int, int] = DESKTOP, language: str = "en", theme: str = "dark", url: str | None = None
    ) -> Watched:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale={"en": "en-GB", "zh": "zh-CN"}[language],
            color_scheme="light" if theme == "light" else "dark",
            reduced_motion="reduce",
        )
        context.add_init_script(
            "if (location.protocol === 'http:') "
            f"localStorage.getItem('lianfang.locale') ?? localStorage.setItem('lianfang.locale', '{language}')"
        )
        context.set_default_timeout(20_000)
        made.append(Watched(context, url or served.url))
        return made[-1]

    yield make
    wrong = [line for watched in made for line in watched.wrong]
    for watched in made:
        for page in watched.context.pages:
            leave(page)
        watched.context.close()
    assert wrong == []


@pytest.fixture
def process(settings: Settings) -> Iterator[Process]:
    """The API as a process that the test may kill and start again."""
    one = Process(settings)
    one.start()
    yield one
    one.kill()


@pytest.fixture
def sign_in_there(process: Process, browse: Browse, sign_in: Open) -> Open:
    """Opens the map of ``process``; what the browser says of the lost line is no fault."""

    def open_page(**how: Any) -> Page:
        watched = browse(url=process.url, **how)
        watched.expected.append(LINE_LOST)
        return sign_in(watched=watched)

    return open_page


def is_live(page: Page) -> None:
    """The page says that its picture is live."""
    expect(page.locator("lf-top-line .link")).to_contain_text("Live")


@pytest.fixture
def sign_in(
    browse: Callable[..., Watched], served: Served, town: Town, owner_conn: psycopg.Connection[Any]
) -> Open:
    """Opens the map as the dispatcher Li (or ``user``), by cookie, and waits until the queue is there."""

    def open_page(user: str = "li", watched: Watched | None = None, **how: Any) -> Page:
        where = watched or browse(**how)
        page = where.signed_in(served.token(owner_conn, user))
        page.goto(where.host)
        page.wait_for_selector("lf-queue .empty, lf-queue .rows")
        return page

    return open_page
