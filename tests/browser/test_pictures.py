"""A camera's picture in the case: seen at once while the incident is open, against a reason afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from api.settings import Settings
from tests.browser.accessible import accessible
from tests.browser.conftest import DESKTOP, PHONE, Open, Watched
from tests.browser.town import Town
from tests.integration.serving import Served
from tests.integration.taking import sees, took
from tests.stories import Seen

SHOWN = "image => image.complete && image.naturalWidth === 320"


@pytest.fixture
def incident(town: Town, settings: Settings, owner_conn: psycopg.Connection[Any]) -> int:
    """Somebody was seen at the market, twice."""
    town.house("Market square", "cam-1", "camera")
    owner_conn.execute("UPDATE devices SET name = 'North gate'")
    row = owner_conn.execute("SELECT id FROM devices").fetchone()
    assert row is not None
    sees(owner_conn, row[0])
    incident = town.hears("cam-1", "burglary")
    alarm = Seen(owner_conn).alarms[0]["id"]
    for message_id in ("m-1", "m-2"):
        took(owner_conn, settings, row[0], alarm, message_id=message_id)
    return incident


def looks(conn: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """Who looked, and why."""
    rows = Seen(conn).rows(
        "SELECT username, reason FROM audit_log WHERE action = 'evidence.look' ORDER BY seq"
    )
    return [(row["username"], row["reason"]) for row in rows]


def seen(image: Locator) -> None:
    expect(image).to_be_visible()
    image.evaluate(
        f"image => image.decode().then(() => {{ if (!({SHOWN})(image)) throw new Error('no picture'); }})"
    )


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_newest_picture_is_there_with_its_time_and_camera(
    sign_in: Open, incident: int, owner_conn: psycopg.Connection[Any], size: tuple[int, int], language: str
) -> None:
    page = sign_in(size=size, language=language)
    page.locator(f"lf-queue li[data-id='{incident}'] .open").click()
    newest = page.locator("lf-detail .pictures").first.locator("lf-picture")
    expect(newest).to_have_count(1)
    seen(newest.locator("img"))
    expect(newest).to_contain_text("North gate")
    assert "North gate" in (newest.locator("img").get_attribute("alt") or "")
    assert looks(owner_conn) == [("li", f"incident {incident}")], "one look, one line"
    page.locator("lf-detail details summary").click()
    earlier = page.locator("lf-detail details lf-picture")
    expect(earlier).to_have_count(1)
    expect(earlier.locator("img")).to_have_count(0)
    accessible(page)
    earlier.locator("button.link").click()
    earlier.locator("input").fill("the owner asked")
    earlier.locator("input").press("Enter")
    seen(earlier.locator("img"))
    assert looks(owner_conn)[1:] == [("li", "the owner asked")]
    accessible(page)


def test_what_the_camera_sees_is_on_the_map(sign_in: Open, incident: int) -> None:
    page = sign_in()
    page.locator(f"lf-queue li[data-id='{incident}'] .open").click()
    page.evaluate(
        "document.querySelector('lf-app').shadowRoot.querySelector('lf-map').map"
        ".jumpTo({ center: [110.915, 34.615], zoom: 17 })"
    )
    page.wait_for_function(
        "() => document.querySelector('lf-app').shadowRoot.querySelector('lf-map').map"
        ".querySourceFeatures('selection').some(feature => feature.properties.role === 'sector')"
    )


def closed(incident: int, town: Town, li: httpx.Client, page: Page) -> Locator:
    """Li closes the incident, and opens it again from the next one's history: its newest picture."""
    for action, body in (("acknowledge", {}), ("close", {"disposition": "actual", "text": ""})):
        li.post(f"/api/v1/incidents/{incident}/{action}", json=body).raise_for_status()
    again = town.hears("cam-1", "burglary")
    page.locator(f"lf-queue li[data-id='{again}'] .open").click()
    page.locator("lf-detail .lines button.link").click()
    newest = page.locator("lf-detail .pictures").first.locator("lf-picture")
    expect(newest).to_contain_text("North gate")
    return newest


def test_a_closed_incident_asks_why(
    sign_in: Open, incident: int, town: Town, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    page = sign_in()
    newest = closed(incident, town, served.client(owner_conn, "li"), page)
    expect(newest.locator("img")).to_have_count(0)
    assert looks(owner_conn) == [], "nobody looked yet"
    newest.locator("button.link").click()
    accessible(page)
    newest.locator("button.primary").click()
    expect(newest.get_by_role("alert")).to_be_visible()
    newest.locator("input").fill("it went to court")
    newest.locator("button.primary").click()
    seen(newest.locator("img"))
    assert looks(owner_conn) == [("li", "it went to court")]


def test_a_picture_that_did_not_come_is_asked_for_again(
    browse: Callable[..., Watched], sign_in: Open, incident: int, owner_conn: psycopg.Connection[Any]
) -> None:
    """The connection broke for a moment: nobody has to leave the case for it."""
    watched = browse(size=PHONE)
    watched.expected.append(re.compile("Failed to load resource"))
    watched.context.route("**/api/v1/evidence/**", lambda route: route.abort(), times=1)
    page = sign_in(watched=watched)
    page.locator(f"lf-queue li[data-id='{incident}'] .open").click()
    newest = page.locator("lf-detail .pictures").first.locator("lf-picture")
    expect(newest.get_by_role("alert")).to_be_visible()
    accessible(page)
    newest.get_by_role("button", name="Show picture").click()
    seen(newest.locator("img"))
    expect(newest.get_by_role("alert")).to_have_count(0)
    assert looks(owner_conn) == [("li", f"incident {incident}")]


def test_a_case_that_is_opened_again_shows_its_picture_at_once(
    sign_in: Open, incident: int, town: Town, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    li = served.client(owner_conn, "li")
    newest = closed(incident, town, li, sign_in())
    assert looks(owner_conn) == []
    li.post(f"/api/v1/incidents/{incident}/reopen", json={"text": "it goes on"}).raise_for_status()
    seen(newest.locator("img"))
    assert looks(owner_conn) == [("li", f"incident {incident}")]
