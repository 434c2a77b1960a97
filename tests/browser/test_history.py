"""The history page: a question with its purpose, an area drawn by hand, what is found on map and in table, files."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import orjson
import psycopg
import pytest
from playwright.sync_api import Page, expect

from api.auth.dependencies import Sessions
from tests.browser.accessible import VARIANTS, accessible
from tests.browser.conftest import DESKTOP, PHONE, Browse, Watched
from tests.browser.town import COUNTY, HASHED, OTHER_VILLAGE, PASSWORD, Town
from tests.integration.serving import Served, wait_until
from tests.stories import Seen

MAP = "document.querySelector('lf-history').shadowRoot.querySelector('lf-history-map').map"
PURPOSE = "case 2026-0311"
LONG = "The house with the very long name behind the old mill at the end of the lower village road"
WORDS = {
    "en": ("Purpose (required)", "Search", "Search the past", "Time"),
    "zh": ("查询目的（必填）", "查询", "历史查询", "时间范围"),
}
OpenHistory = Callable[..., Page]


@pytest.fixture
def past(town: Town) -> Town:
    """Three incidents, one without a place, and an investigator of the whole city."""
    town.house("王家大院", "pir-1")
    town.house(LONG, "panic-1", "panic_button", at=(110.945, 34.62), village=OTHER_VILLAGE)
    town.house("Somewhere", "pir-3", village=None)
    town.hears("pir-1", "130", ago_s=3 * 86_400)
    town.hears("panic-1", "120", ago_s=3600)
    town.hears("pir-3", "130", ago_s=60)
    user = town.world.user("zhao", role="investigator")
    town.owner.execute(
        "UPDATE users SET display_name = 'Zhao Zhencha', password_hash = %s, locale = 'en' WHERE id = %s",
        [HASHED, user],
    )
    town.owner.commit()
    return town


@pytest.fixture
def open_history(
    browse: Browse, served: Served, past: Town, owner_conn: psycopg.Connection[Any]
) -> OpenHistory:
    """Opens the page as the investigator Zhao (or ``user``), by cookie."""

    def open_page(user: str = "zhao", watched: Watched | None = None, **how: Any) -> Page:
        where = watched or browse(**how)
        page = where.signed_in(served.token(owner_conn, user))
        page.goto(f"{where.host}/history")
        return page

    return open_page


def ask(page: Page, language: str = "en", purpose: str = PURPOSE) -> None:
    purpose_label, search, *_ = WORDS[language]
    page.get_by_label(purpose_label).fill(purpose)
    page.get_by_role("button", name=search, exact=True).click()


def rows(page: Page) -> list[str]:
    """The places in the table, in its order."""
    return page.locator("lf-results tbody tr td:nth-child(4)").all_inner_texts()


def wait_drawn(page: Page, layer: str) -> None:
    page.locator("lf-history-map canvas").wait_for()
    page.wait_for_function(f"layer => {MAP}.queryRenderedFeatures({{layers: [layer]}}).length > 0", arg=layer)


def click_at(page: Page, lon: float, lat: float) -> None:
    point = page.evaluate(f"([lon, lat]) => {MAP}.project([lon, lat])", [lon, lat])
    page.locator("lf-history-map canvas").click(position=point)


@pytest.mark.parametrize(("size", "language", "theme"), VARIANTS)
def test_the_page_is_accessible_and_whole(
    open_history: OpenHistory, size: tuple[int, int], language: str, theme: str
) -> None:
    page = open_history(size=size, language=language, theme=theme)
    purpose, search, title, _ = WORDS[language]
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    accessible(page)
    page.get_by_role("button", name=search, exact=True).click()
    expect(page.get_by_label(purpose)).to_be_focused()
    expect(page.locator("lf-search-form [role=alert]")).to_be_visible()
    accessible(page)
    for summary in page.locator("lf-search-form summary").all():
        summary.click()
    page.locator("[name=period]").select_option("between")
    accessible(page)
    page.locator("[name=period]").select_option("month")
    ask(page, language)
    expect(page.locator("lf-results tbody tr")).to_have_count(3)
    wait_drawn(page, "incident-point")
    accessible(page)
    page.locator("lf-results .open").first.click()
    expect(page.locator("lf-case .timeline")).to_be_visible()
    accessible(page)
    page.keyboard.press("Escape")
    expect(page.locator("lf-case")).to_have_count(0)
    page.locator(".who").click()
    accessible(page)


def test_without_a_purpose_nothing_is_asked(open_history: OpenHistory, past: Town) -> None:
    page = open_history()
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Say what you search for: at least three characters.")
    ask(page, purpose="ab")
    expect(page.get_by_role("alert")).to_be_visible()
    assert Seen(past.owner).count("searches") == 0
    ask(page)
    expect(page.locator("lf-results tbody tr")).to_have_count(3)
    [line] = Seen(past.owner).rows("SELECT username, reason FROM audit_log WHERE action = 'search.open'")
    assert line == {"username": "zhao", "reason": PURPOSE}


def test_an_area_drawn_by_clicks_finds_what_lies_in_it(open_history: OpenHistory) -> None:
    page = open_history()
    for _ in range(5):
        page.get_by_role("button", name="Zoom in").click()
    page.evaluate(f"{MAP}.jumpTo({{center: [110.92, 34.615], zoom: 12}})")
    page.get_by_role("button", name="Draw an area").click()
    corners = [(110.9, 34.60), (110.93, 34.60), (110.93, 34.63), (110.9, 34.63)]
    for corner in corners:
        click_at(page, *corner)
    expect(page.locator("lf-search-form")).to_contain_text("Area of 4 points")
    click_at(page, 110.915, 34.59)
    expect(page.get_by_role("alert")).to_have_text("The outline would cross itself there.")
    click_at(page, *corners[0])
    expect(page.get_by_role("button", name="Draw an area")).to_be_visible()
    wait_drawn(page, "area-fill")
    ask(page)
    expect(page.locator("lf-results tbody tr")).to_have_count(1)
    assert "王家大院" in rows(page)[0]
    expect(page.locator("lf-results .asked")).to_contain_text("in an area of 4 points")
    page.get_by_role("button", name="Remove the area").click()
    expect(page.locator("lf-search-form")).to_contain_text("No area: everywhere")


@pytest.mark.parametrize(
    ("language", "draw", "undo", "finish"),
    [("en", "Draw an area", "Undo point", "Close the area"), ("zh", "绘制区域", "撤销一点", "完成绘制")],
)
def test_a_thumb_draws_an_area_with_all_that_it_needs_in_sight(
    open_history: OpenHistory, language: str, draw: str, undo: str, finish: str
) -> None:
    page = open_history(size=PHONE, language=language)
    wait_drawn(page, "division-2")
    page.get_by_role("button", name=draw).click()
    for button in (undo, finish):
        expect(page.get_by_role("button", name=button)).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("button", name=button)).to_be_disabled()
    accessible(page)
    canvas = page.locator("lf-history-map canvas")
    alert = page.get_by_role("alert")
    for x, y in ((60, 300), (300, 300), (300, 420), (180, 240)):
        canvas.click(position={"x": x, "y": y})
    expect(alert).to_be_in_viewport(ratio=1)  # the last one is not taken
    canvas.click(position={"x": 60, "y": 420})
    expect(alert).to_have_count(0)
    page.get_by_role("button", name=undo).click()
    page.get_by_role("button", name=finish).click()
    expect(page.get_by_role("button", name=finish)).to_have_count(0)
    wait_drawn(page, "area-fill")


def test_the_keyboard_alone_sets_an_area(open_history: OpenHistory) -> None:
    page = open_history()
    wait_drawn(page, "division-2")
    page.evaluate(f"{MAP}.jumpTo({{center: [110.945, 34.62], zoom: 14}})")
    page.get_by_role("button", name="Use the map's view").focus()
    page.keyboard.press("Enter")
    expect(page.locator("lf-search-form")).to_contain_text("Area of 4 points")
    page.get_by_label("Purpose (required)").fill(PURPOSE)
    page.get_by_role("button", name="Search", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("lf-results tbody tr")).to_have_count(1)
    assert LONG in rows(page)[0]
    page.locator("lf-results .open").focus()
    page.keyboard.press("Enter")
    expect(page.locator("lf-case .timeline")).to_be_visible()


def test_time_place_kind_and_words_narrow_what_is_found(open_history: OpenHistory) -> None:
    page = open_history()
    ask(page)
    expect(page.locator("lf-results tbody tr")).to_have_count(3)
    assert LONG in rows(page)[1]
    page.locator("lf-results th button").click()
    expect(page.locator("lf-results th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    assert "王家大院" in rows(page)[0]

    page.locator("[name=period]").select_option("day")
    ask(page)
    expect(page.locator("lf-results tbody tr")).to_have_count(2)
    page.get_by_label("County").select_option(COUNTY)
    ask(page)
    expect(page.locator("lf-results tbody tr")).to_have_count(1)
    page.get_by_text("Category").click()
    page.get_by_label("Fire").check()
    ask(page)
    expect(page.locator("lf-results")).to_contain_text("Nothing was found")
    expect(page.locator("lf-results")).to_contain_text("category Fire")
    expect(page.locator("lf-results")).to_contain_text("411282000000")

    page.get_by_label("Fire").uncheck()
    page.get_by_label("County").select_option("")
    page.locator("[name=period]").select_option("all")
    page.get_by_label("Words").fill("王家")
    ask(page)
    expect(page.locator("lf-results tbody tr")).to_have_count(1)
    assert "王家大院" in rows(page)[0]


@pytest.mark.parametrize("days", [-2, 2])
def test_the_last_day_is_the_servers_whatever_this_machines_clock_says(
    open_history: OpenHistory, browse: Browse, days: int
) -> None:
    """By a clock that goes before, it would be a day that has not come yet: nothing found, and nobody the wiser."""
    watched = browse()
    watched.context.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=days))
    page = open_history(watched=watched)
    page.locator("[name=period]").select_option("day")
    ask(page)
    expect(page.locator("lf-results tbody tr")).to_have_count(2)


def test_hours_need_two_times_that_differ(open_history: OpenHistory) -> None:
    page = open_history()
    hours = page.locator("[name=hours_from]"), page.locator("[name=hours_to]")
    hours[0].select_option("22:00")
    ask(page)
    expect(page.get_by_role("alert")).to_have_text("Enter two different times, or none.")
    hours[1].select_option("06:00")
    ask(page)
    expect(page.locator("lf-results")).to_contain_text("22:00 to 06:00 by the clock of Asia/Shanghai")


def test_a_case_is_read_and_nothing_in_it_can_be_pressed(open_history: OpenHistory, past: Town) -> None:
    page = open_history()
    ask(page)
    page.locator("lf-results .open").last.click()
    expect(page.locator("lf-case .timeline")).to_contain_text("burglary", ignore_case=True)
    opened = past.owner.execute(
        "SELECT to_char(min(opened_at) AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS') FROM incidents"
    ).fetchone()
    assert opened is not None
    expect(page.locator("lf-case .timeline time")).to_have_text(opened[0])
    expect(page.locator("lf-case lf-actions")).to_have_count(0)
    [line] = Seen(past.owner).rows("SELECT object, reason FROM audit_log WHERE action = 'search.case'")
    assert line["reason"] == PURPOSE
    wait_drawn(page, "ring")


@pytest.mark.parametrize(("button", "suffix"), [("Excel", "xlsx"), ("GeoJSON", "geojson")])
def test_what_was_found_is_taken_away(
    open_history: OpenHistory, tmp_path: Path, button: str, suffix: str
) -> None:
    page = open_history()
    ask(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    assert download.value.suggested_filename.endswith(f".{suffix}")
    path = tmp_path / f"f.{suffix}"
    download.value.save_as(path)
    if suffix == "xlsx":
        book = openpyxl.load_workbook(path)
        assert book["incidents"].max_row == 4
        assert book["about"]["B3"].value == PURPOSE
    else:
        assert len(orjson.loads(path.read_bytes())["features"]) == 3


@pytest.mark.parametrize(
    ("language", "wrong"),
    [("en", "The end must be after the beginning."), ("zh", "结束时间须晚于开始时间。")],
)
def test_an_end_before_its_beginning_is_told_beside_the_field(
    open_history: OpenHistory, language: str, wrong: str
) -> None:
    page = open_history(language=language, size=PHONE)
    page.locator("[name=period]").select_option("between")
    page.locator("[name=from]").fill("2026-03-03T02:00")
    page.locator("[name=to]").fill("2026-03-02T02:00")
    ask(page, language)
    expect(page.locator("[name=to]")).to_be_focused()
    expect(page.get_by_role("alert")).to_have_text(wrong)
    accessible(page)
    page.locator("[name=to]").fill("2026-03-04T02:00")
    ask(page, language)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("lf-results .asked, lf-results .quiet").first).to_be_visible()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_search_that_takes_too_long_is_told_in_plain_words(
    open_history: OpenHistory, past: Town, browse: Browse, servers: dict[str, str], language: str
) -> None:
    watched = browse(language=language)
    watched.expected.append(re.compile("status of 503"))
    page = open_history(watched=watched)
    past.owner.execute("LOCK TABLE searches")
    ask(page, language)
    with psycopg.connect(servers["superuser_url"], autocommit=True) as superuser:
        stop = (
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
            " AND query LIKE 'INSERT INTO searches%%'"
        )
        wait_until(lambda: superuser.execute(stop, [past.owner.info.dbname]).fetchone(), what="the search")
    said = {
        "en": "This took too long and was stopped.",
        "zh": "查询时间过长，已停止。请缩短时间或缩小范围。",
    }[language]
    expect(page.locator("lf-results [role=alert]")).to_contain_text(said)
    past.owner.rollback()
    ask(page, language)
    expect(page.locator("lf-results tbody tr")).to_have_count(3)


def test_what_the_server_refuses_is_said(open_history: OpenHistory, past: Town, browse: Browse) -> None:
    watched = browse()
    watched.expected.append(re.compile("status of 404"))
    page = open_history(watched=watched)
    ask(page)
    expect(page.locator("lf-results tbody tr")).to_have_count(3)
    past.owner.execute("UPDATE searches SET expires_at = now()")
    past.owner.commit()
    page.get_by_role("button", name="CSV").click()
    expect(page.locator("lf-results [role=alert]")).to_contain_text("search again")


def test_a_base_map_that_is_broken_is_told_and_the_rest_goes_on(
    open_history: OpenHistory, served: Served, browse: Browse
) -> None:
    served.app.state.settings = served.settings.model_copy(update={"basemap_pmtiles": Path("gone.pmtiles")})
    watched = browse()
    watched.expected.append(re.compile("status of 404"))
    page = open_history(watched=watched)
    expect(page.locator("lf-history-map")).to_contain_text("The base map could not be loaded")
    ask(page)
    expect(page.locator("lf-results tbody tr")).to_have_count(3)
    wait_drawn(page, "incident-point")


def test_thousands_come_page_by_page(open_history: OpenHistory, past: Town) -> None:
    past.owner.execute(
        "INSERT INTO incidents (source, state, category, priority, opened_at, last_alarm_at)"
        " SELECT 'device', 'new', 'burglary', 3, now() - n * interval '1 second', now()"
        " FROM generate_series(1, 3000) n"
    )
    past.owner.commit()
    page = open_history()
    ask(page)
    expect(page.locator("lf-results .head")).to_contain_text("100 incidents shown; there are more")
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("lf-results tbody tr")).to_have_count(200)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_an_investigator_who_signs_in_lands_here(
    browse: Browse, served: Served, past: Town, size: tuple[int, int]
) -> None:
    page = browse(size=size).context.new_page()
    page.goto(served.url)
    page.get_by_label("User name").fill("zhao")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Search the past")).to_be_visible()
    assert page.url == f"{served.url}/history"
    expect(page.get_by_role("link", name="Alarm map")).to_have_count(0)
    page.goto(served.url)
    expect(page.get_by_role("heading", name="No right to answer alarms")).to_be_visible()
    page.get_by_role("link", name="Search the past").click()
    expect(page.get_by_label("Purpose (required)")).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_who_answers_alarms_too_goes_to_and_fro(
    open_history: OpenHistory, past: Town, size: tuple[int, int]
) -> None:
    past.world.grant(past.world.user("qian", role="investigator"), "dispatcher")
    page = open_history("qian", size=size)
    page.get_by_role("link", name="Alarm map").click()
    expect(page.locator("lf-queue li")).to_have_count(3)
    if size == PHONE:
        page.locator("lf-top-line .who").click()
    page.get_by_role("link", name="Search the past").click()
    expect(page.get_by_label("Purpose (required)")).to_be_visible()


def test_a_dispatcher_is_told_whom_to_ask(open_history: OpenHistory) -> None:
    page = open_history("li")
    expect(page.get_by_role("heading", name="No right to search the past")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name="Alarm map").click()
    expect(page.locator("lf-queue li")).to_have_count(3)
    expect(page.get_by_role("link", name="Search the past")).to_have_count(0)


def test_a_session_that_is_over_leads_to_the_sign_in_page(
    open_history: OpenHistory, past: Town, served: Served
) -> None:
    page = open_history()
    expect(page.get_by_label("Purpose (required)")).to_be_visible()
    past.owner.execute("DELETE FROM sessions")
    past.owner.commit()
    served.app.state.sessions = Sessions()  # it would be remembered for a few seconds
    ask(page)
    expect(page.get_by_text("Your session has ended. Please sign in again.")).to_be_visible()
    page.get_by_label("User name").fill("zhao")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Purpose (required)")).to_be_visible()
    assert page.url == f"{served.url}/history"
