"""The picture is live, says so when it is not, and catches up."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect
from starlette.types import ASGIApp, Receive, Scope, Send

from api.settings import Settings
from tests.browser.conftest import Browse, Open, is_live
from tests.browser.process import Process
from tests.browser.town import COUNTY, OTHER_VILLAGE, PASSWORD, TOWNSHIP, Town
from tests.integration.serving import Served, serve


def test_an_alarm_appears_without_a_refresh_in_the_queue_and_on_the_map(sign_in: Open, town: Town) -> None:
    town.house("Wang's house", "panic-1", "panic_button")
    page = sign_in()
    expect(page.get_by_text("Nothing is open")).to_be_visible()
    incident = town.hears("panic-1", "120")
    row = page.locator(f"lf-queue li[data-id='{incident}']")
    expect(row).to_contain_text("Wang's house")
    expect(page.locator("lf-announcer")).to_contain_text("New incident, priority 1, Panic, Wang's house")
    expect(page.locator("lf-top-line")).to_contain_text("1 new")
    # The same words once more would be no news to who hears the page.
    expect(page.locator("lf-announcer").get_by_role("alert")).to_have_text("")
    page.wait_for_function(
        "id => document.querySelector('lf-app').shadowRoot.querySelector('lf-map').map"
        ".querySourceFeatures('urgent').some(feature => feature.properties.id === id)",
        arg=incident,
    )


def test_what_another_desk_does_is_seen_here(
    sign_in: Open, town: Town, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    town.house("Wang's house", "pir-1")
    incident = town.hears("pir-1", "130")
    town.world.user("zhao")
    page = sign_in()
    row = page.locator(f"lf-queue li[data-id='{incident}']")
    expect(row).to_contain_text("new")
    client = served.client(owner_conn, "zhao")
    client.post(f"/api/v1/incidents/{incident}/acknowledge", json={}).raise_for_status()
    expect(row).to_contain_text("zhao has it")
    client.post(
        f"/api/v1/incidents/{incident}/close", json={"disposition": "actual", "text": ""}
    ).raise_for_status()
    expect(row).to_have_count(0)


class Counting:
    """Notes each stream that is asked for."""

    def __init__(self, app: ASGIApp, streams: list[str]) -> None:
        self._app, self._streams = app, streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/api/v1/live":
            self._streams.append(scope["query_string"].decode())
        await self._app(scope, receive, send)


def test_many_tabs_take_one_connection(town: Town, settings: Settings, browse: Browse, sign_in: Open) -> None:
    """Four tabs of a browser, one stream: the server counts."""
    streams: list[str] = []
    town.house("Wang's house", "pir-1")
    with serve(settings, prepare=lambda app: app.add_middleware(Counting, streams=streams)) as served:
        watched = browse(url=served.url)
        pages = [sign_in(watched=watched) for _ in range(4)]
        for page in pages:
            is_live(page)
        incident = town.hears("pir-1", "130")
        for page in pages:
            expect(page.locator(f"lf-queue li[data-id='{incident}']")).to_be_visible()
        assert len(streams) == 1
        watched.context.close()


def test_a_tab_whose_shared_worker_died_says_so_and_gets_another_one(
    browse: Browse, sign_in: Open, town: Town
) -> None:
    """It dies with the tab that it was begun for, and no event says so: the other would show "Live" for ever."""
    town.house("Wang's house", "pir-1")
    watched = browse()
    first, page = sign_in(watched=watched), watched.context.new_page()
    page.clock.install()
    page.goto(watched.host)
    for one in (first, page):
        is_live(one)
    page.evaluate("window.stillTheSamePage = true")

    with first.expect_event("crash"), pytest.raises(PlaywrightError):
        first.goto("chrome://crash")
    first.close()
    meanwhile = town.hears("pir-1", "130")
    row = page.locator(f"lf-queue li[data-id='{meanwhile}']")
    expect(row).to_have_count(0)
    page.clock.fast_forward(21_000)

    expect(row).to_contain_text("Changed while disconnected")
    is_live(page)
    expect(page.locator("lf-live-banner")).to_contain_text("1 incident changed meanwhile")
    later = town.hears("pir-1", "120")
    expect(page.locator(f"lf-queue li[data-id='{later}']")).to_be_visible()
    assert page.evaluate("window.stillTheSamePage") is True


def test_who_signs_in_again_after_the_session_ended_is_not_thrown_back(
    browse: Browse, sign_in: Open, town: Town, owner_conn: psycopg.Connection[Any]
) -> None:
    """With a second tab open, the worker that was told of the end lives on."""
    watched = browse()
    pages = [sign_in(watched=watched) for _ in range(2)]
    for page in pages:
        is_live(page)
    owner_conn.execute("DELETE FROM sessions")
    owner_conn.commit()
    for page in pages:
        expect(page.get_by_text("Your session has ended")).to_be_visible()
    pages[0].get_by_label("User name").fill("li")
    pages[0].get_by_label("Password").fill(PASSWORD)
    pages[0].keyboard.press("Enter")
    for page in pages:
        is_live(page)
    incident = open_incident(town)
    for page in pages:
        expect(page.locator(f"lf-queue li[data-id='{incident}']")).to_be_visible()


def test_rights_that_change_reach_the_open_page(
    sign_in: Open, browse: Browse, town: Town, owner_conn: psycopg.Connection[Any]
) -> None:
    """Widened: the new area with its names and tiles. Withdrawn: the page says whom to ask, not "Connection lost"."""
    user = town.world.user("qian", division=OTHER_VILLAGE)
    incident = open_incident(town)
    watched = browse()
    watched.expected.append(re.compile(r"status of 403"))
    page = sign_in("qian", watched)
    expect(page.get_by_text("Nothing is open")).to_be_visible()
    page.evaluate("window.stillTheSamePage = true")
    town.world.grant(user, "dispatcher", division=TOWNSHIP)
    row = page.locator(f"lf-queue li[data-id='{incident}']")
    expect(row).to_be_visible()
    page.wait_for_function("() => window.stillTheSamePage !== true")
    expect(row).to_be_visible()

    owner_conn.execute("DELETE FROM grants WHERE user_id = %s", [user])
    owner_conn.commit()
    expect(page.get_by_role("heading", name="No right to answer alarms")).to_be_visible()
    expect(row).to_have_count(0)


def open_incident(town: Town) -> int:
    """An incident in Mengcun."""
    town.house("Wang's house", "pir-1")
    return town.hears("pir-1", "130")


def test_a_lost_connection_is_said_at_once_and_what_came_meanwhile_is_marked(
    process: Process, sign_in_there: Open, town: Town
) -> None:
    town.house("Wang's house", "pir-1")
    town.house("Zhao's house", "pir-2")
    before = town.hears("pir-1", "130")
    page = sign_in_there()
    is_live(page)
    page.evaluate("window.stillTheSamePage = true")

    process.kill()
    banner = page.locator("lf-live-banner")
    expect(banner).to_contain_text("Connection lost")
    expect(page.locator("lf-top-line .link")).to_contain_text("Lost")
    expect(page.locator(f"lf-queue li[data-id='{before}']")).to_contain_text("Wang's house")
    meanwhile = town.hears("pir-2", "130")

    process.start()
    row = page.locator(f"lf-queue li[data-id='{meanwhile}']")
    expect(row).to_contain_text("Changed while disconnected", timeout=20_000)
    expect(banner).to_contain_text("1 incident changed meanwhile")
    expect(page.locator(f"lf-queue li[data-id='{before}'] .mark")).to_have_count(0)
    banner.get_by_role("button", name="Dismiss").click()
    expect(row.locator(".mark")).to_have_count(0)
    assert page.evaluate("window.stillTheSamePage") is True


def test_what_of_the_map_could_not_be_read_is_read_again_when_the_line_is_back(
    process: Process, sign_in_there: Open
) -> None:
    page = sign_in_there()
    is_live(page)
    process.kill()
    expect(page.locator("lf-live-banner")).to_contain_text("Connection lost")
    page.get_by_label("Divisions below").select_option(COUNTY)
    note = page.locator("lf-map").get_by_text("Some map data could not be read")
    expect(note).to_be_visible()
    process.start()
    is_live(page)
    expect(note).to_have_count(0)
    page.wait_for_function(
        "() => document.querySelector('lf-app').shadowRoot.querySelector('lf-map').map"
        ".queryRenderedFeatures({layers: ['division-3']}).length > 0"
    )
