"""Every screen, both languages, desktop and phone, dark and light: accessible, and nothing clipped."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.accessible import VARIANTS, accessible
from tests.browser.conftest import PHONE, Browse, Open
from tests.browser.town import Town
from tests.integration.serving import Served

TABS = {"en": ("Queue", "Map", "Case"), "zh": ("列表", "地图", "警情")}


@pytest.fixture
def busy(town: Town) -> Town:
    """One of each: grave, trivial, without a place, with a very long name."""
    town.house("Wang's house", "panic-1", "panic_button")
    town.house(
        "The house with the very long name behind the old mill at the end of the lower village road", "pir-1"
    )
    town.house("Zhao's house", "pir-2")
    town.house("Somewhere", "pir-3", village=None)
    town.hears("pir-1", "130", ago_s=200)
    town.hears("pir-2", "137", ago_s=100)
    town.hears("pir-3", "130", ago_s=20)
    town.hears("panic-1", "120")
    return town


@pytest.mark.parametrize(("size", "language", "theme"), VARIANTS)
def test_every_screen_is_accessible_and_whole(
    sign_in: Open,
    browse: Browse,
    busy: Town,
    served: Served,
    size: tuple[int, int],
    language: str,
    theme: str,
) -> None:
    phone = size == PHONE
    signed_out = browse(size=size, language=language, theme=theme).context.new_page()
    signed_out.goto(served.url)
    expect(signed_out.locator("lf-sign-in button[type=submit]")).to_be_visible()
    accessible(signed_out)

    page = sign_in(size=size, language=language, theme=theme)
    expect(page.locator("lf-queue li")).to_have_count(4)
    accessible(page)

    page.locator("lf-queue li .open").first.click()
    expect(page.locator("lf-detail .timeline")).to_be_visible()
    accessible(page)
    for action in ("dispatch", "verify", "close"):
        page.locator(f"lf-actions [data-action={action}]").click()
        expect(page.locator("lf-actions form")).to_be_visible()
        accessible(page)
    page.locator("lf-contact button").click()
    accessible(page)

    if phone:
        page.locator("lf-tabs").get_by_role("button", name=TABS[language][1]).click()
    page.locator("lf-map lf-legend summary").click()
    page.locator("lf-map lf-no-place summary").click()
    accessible(page)

    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(page.locator("lf-report form")).to_be_visible()
    accessible(page)
    page.keyboard.press("Escape")
    page.locator("lf-top-line .who").click()
    accessible(page)
    page.locator("lf-top-line .who").click()
    page.keyboard.press("?")
    accessible(page)


def test_an_empty_queue_is_a_calm_word(sign_in: Open, town: Town) -> None:
    page = sign_in()
    expect(page.locator("lf-queue .empty")).to_have_text("Nothing is open")
    accessible(page)


def test_the_queue_is_a_list_for_those_who_hear_it(sign_in: Open, busy: Town) -> None:
    page = sign_in()
    expect(page.get_by_role("list", name="Queue").get_by_role("listitem")).to_have_count(4)
    first = page.get_by_role("list", name="Queue").get_by_role("listitem").first
    expect(first).to_have_attribute("aria-setsize", "4")
    expect(first.get_by_role("button")).to_contain_text("1 Life")


def test_thousands_of_rows_stay_a_few_in_the_page(sign_in: Open, town: Town) -> None:
    town.owner.execute(
        "INSERT INTO incidents (source, state, category, priority, opened_at, last_alarm_at)"
        " SELECT 'device', 'new', 'burglary', 3, now() - n * interval '1 second', now()"
        " FROM generate_series(1, 10000) n"
    )
    town.owner.commit()
    page = sign_in()
    expect(page.locator("lf-top-line .counts")).to_contain_text("10,000 new")
    rows = page.locator("lf-queue li")
    assert rows.count() < 60
    page.locator("lf-queue .scroll").evaluate("at => { at.scrollTop = at.scrollHeight; }")
    expect(rows.last).to_have_attribute("aria-posinset", "10000")
    assert rows.count() < 60
