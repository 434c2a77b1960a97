"""A device is tried out: for how long, what it said and whether that rang, and how to come back to it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.accessible import accessible
from tests.browser.answering import intercept
from tests.browser.conftest import Browse
from tests.browser.installing import WORDS, open_page
from tests.browser.town import VILLAGE, Town
from tests.integration.serving import Served


def test_a_phone_whose_clock_is_wrong_tests_for_as_long_as_it_says(
    browse: Browse, served: Served, village: Town
) -> None:
    page = open_page(browse, served, village, "zhang")
    page.clock.install(time=datetime.now(UTC) - timedelta(hours=5))
    page.reload()
    page.get_by_role("button", name="Use this phone's position").click()
    page.get_by_text("Zhao's house").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Save, and begin the test").click()
    page.get_by_role("button", name="Done: show its signals").click()
    expect(page.locator("lf-test-step")).to_contain_text("ends by itself in 29:5")
    left = village.owner.execute("SELECT test_until - now() FROM devices WHERE status = 'test'").fetchone()
    assert left is not None
    assert timedelta(minutes=28) < left[0] < timedelta(minutes=31)


def test_a_password_is_shown_once_and_a_new_one_made_on_demand(
    browse: Browse, served: Served, village: Town
) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    village.world.device("yard-1", status="test", test_until=until, village=VILLAGE)
    page = open_page(browse, served, village, "zhang")
    page.get_by_role("button", name="yard-1").click()
    page.get_by_role("button", name="What to type in").click()
    shown = page.locator("lf-setup-step dd[data-name=password]")
    expect(shown).to_have_text("••••••••")
    page.get_by_role("button", name="Make a new password").click()
    expect(shown).to_have_text(re.compile(r"^[A-Za-z0-9_-]{24}$"))
    page.get_by_role("button", name="Done: show its signals").click()
    page.get_by_role("button", name="What to type in").click()
    expect(shown).to_have_text("••••••••")
    for _ in range(4):  # test, setup, test, and the first screen
        page.go_back()
    expect(page.get_by_role("button", name="Paste coordinates")).to_be_visible()
    assert village.owner.execute("SELECT count(*) FROM device_credentials").fetchone() == (1,)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_there_already_is_tested_again_and_its_state_is_told(
    browse: Browse, served: Served, village: Town, language: str
) -> None:
    words = WORDS[language]
    page = open_page(browse, served, village, "zhang", language)
    page.get_by_role("button", name=words["phone"]).click()
    page.get_by_text("Zhao's house").click()
    page.get_by_role("button", name=words["next"]).click()
    page.get_by_role("button", name="pir-zhao").click()
    test = page.locator("lf-test-step")
    expect(test).to_contain_text(words["in_service"])
    village.hears("pir-zhao", "130")
    expect(test).to_contain_text(words["rang"])
    accessible(page)
    page.get_by_role("button", name=words["begin"]).click()
    expect(test).to_contain_text(re.compile(r"(29:5\d|30:00)"))
    village.hears("pir-zhao", "130")
    expect(page.get_by_role("heading", name=words["two"])).to_be_visible()
    expect(test.get_by_text(words["rang"])).to_have_count(1)  # the one of the test rang nowhere
    village.owner.execute("UPDATE devices SET status = 'in_service', test_until = NULL")  # by somebody else
    village.owner.commit()
    expect(test).to_contain_text(words["in_service"])


def test_a_line_that_is_half_dead_is_not_taken_for_a_silent_device(
    browse: Browse, served: Served, village: Town
) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    village.world.device("yard-1", status="test", test_until=until, village=VILLAGE)
    page = open_page(browse, served, village, "zhang")
    intercept(page, "**/api/v1/signals**", lambda _route: None)  # no answer, and no error either
    page.get_by_role("button", name="yard-1").click()
    expect(page.get_by_role("alert")).to_contain_text("Connection lost", timeout=6000)
    page.unroute("**/api/v1/signals**")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_newest_tests_are_led_back_to_however_many_ended(
    browse: Browse, served: Served, village: Town
) -> None:
    now = datetime.now(UTC)
    for n in range(25):
        ended = now - timedelta(hours=2)
        village.world.device(f"old-{n}", status="test", test_until=ended, village=VILLAGE)
    village.world.device("yard-1", status="test", test_until=now + timedelta(minutes=5), village=VILLAGE)
    page = open_page(browse, served, village, "zhang")
    expect(page.locator("lf-place-step li").first).to_contain_text("yard-1")
