"""An installer is broken off: the phone drops the page, an answer is lost, the session ends. Nothing is done twice."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from api.auth.dependencies import COOKIE
from tests.browser.accessible import accessible
from tests.browser.answering import intercept
from tests.browser.conftest import Browse
from tests.browser.installing import WORDS, at_the_site_form, open_page
from tests.browser.town import HASHED, HERE, PASSWORD, VILLAGE, Town
from tests.integration.serving import Served


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_was_typed_outlives_a_page_that_the_phone_drops(
    browse: Browse, served: Served, village: Town, language: str
) -> None:
    words = WORDS[language]
    village.world.device("zb-gw", kind="gateway", protocol="zigbee2mqtt", village=VILLAGE)
    page = open_page(browse, served, village, "zhang", language)
    at_the_site_form(page, words)
    page.locator("[name=kind][value=shop]").check()
    page.locator("[name=contact_name]").fill("Wang")
    page.locator("[name=contact_phone]").fill("13812345678")
    page.locator("[name=relation]").select_option("manager")
    page.get_by_text(words["consent"]).click()
    page.reload()
    expect(page.locator("[name=name]")).to_have_value("Wang's shop")
    expect(page.locator("[name=kind][value=shop]")).to_be_checked()
    expect(page.locator("[name=contact_phone]")).to_have_value("13812345678")
    expect(page.locator("[name=relation]")).to_have_value("manager")
    expect(page.locator("[name=consent]")).not_to_be_checked()  # somebody's word is given anew
    accessible(page)
    page.get_by_role("button", name=words["save_site"]).click()

    page.locator("[name=device_id]").fill("back-door")
    page.locator("[name=kind]").select_option("door_contact")
    page.locator("[name=gateway]").select_option(index=1)
    page.locator("[name=external_id]").fill("door")
    page.reload()
    # Its field comes when the gateway is chosen.
    expect(page.locator("[name=external_id]")).to_have_value("door")
    expect(page.locator("[name=device_id]")).to_have_value("back-door")
    page.get_by_role("button", name=words["save_device"]).click()
    page.get_by_role("button", name=words["go"]).click()
    page.reload()
    expect(page.get_by_role("button", name=words["unheard"])).to_be_visible()
    assert "13812345678" not in page.evaluate("JSON.stringify(sessionStorage)")
    page.get_by_role("button", name=words["unheard"]).click()
    expect(page.get_by_role("heading", name=words["serving"])).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    assert village.owner.execute(
        "SELECT device_id, kind, external_id, status FROM devices WHERE site_id = (SELECT max(id) FROM sites)"
    ).fetchall() == [("back-door", "door_contact", "door", "in_service")]


def test_what_was_typed_is_forgotten_at_the_sign_out_and_is_nobody_elses(
    browse: Browse, served: Served, village: Town
) -> None:
    page = open_page(browse, served, village, "zhang")
    at_the_site_form(page, WORDS["en"])
    village.world.user("chen", role="installer", division=VILLAGE)
    token = served.token(village.owner, "chen")
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": served.url, "sameSite": "Strict"}])
    page.reload()
    expect(page.get_by_role("button", name="Use this phone's position")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    at_the_site_form(page, WORDS["en"])
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("User name")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_another_place_begins_with_an_empty_form(browse: Browse, served: Served, village: Town) -> None:
    page = open_page(browse, served, village, "zhang")
    at_the_site_form(page, WORDS["en"])
    page.go_back()
    page.go_back()
    page.context.set_geolocation({"longitude": HERE[0] + 0.00005, "latitude": HERE[1], "accuracy": 8})
    page.get_by_role("button", name="Use this phone's position").click()
    page.get_by_role("button", name="Next").click()
    # Five metres on: the same place, better hit.
    expect(page.locator("[name=name]")).to_have_value("Wang's shop")
    page.go_back()
    page.go_back()
    page.context.set_geolocation({"longitude": HERE[0] + 0.005, "latitude": HERE[1], "accuracy": 8})
    page.get_by_role("button", name="Use this phone's position").click()
    page.get_by_role("button", name="Next").click()
    expect(page.locator("[name=name]")).to_have_value("")


def test_who_signs_in_again_in_the_middle_goes_on(browse: Browse, served: Served, village: Town) -> None:
    village.owner.execute("UPDATE users SET password_hash = %s", [HASHED])
    village.owner.commit()
    page = open_page(browse, served, village, "zhang")
    at_the_site_form(page, WORDS["en"])
    page.context.clear_cookies()
    page.get_by_role("button", name="Save the site").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_label("User name").fill("zhang")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("[name=name]")).to_have_value("Wang's shop")
    page.get_by_role("button", name="Save the site").click()
    expect(page.get_by_role("button", name="Save, and begin the test")).to_be_visible()


def test_an_answer_that_is_lost_saves_nothing_twice(browse: Browse, served: Served, village: Town) -> None:
    page = open_page(browse, served, village, "zhang")
    lost: list[str] = []

    def lose(route: Route) -> None:
        """The server does it, and the line breaks before the phone hears of it; once for each address."""
        url = route.request.url
        if route.request.method != "POST" or url in lost:
            route.continue_()
            return
        lost.append(url)
        assert route.fetch().ok
        route.abort()

    at_the_site_form(page, WORDS["en"])
    page.locator("[name=kind][value=shop]").check()
    page.locator("[name=contact_name]").fill("Wang")
    page.locator("[name=contact_phone]").fill("13812345678")
    intercept(page, "**/api/v1/sites**", lose)
    intercept(page, "**/api/v1/sites/*/contacts", lose)
    intercept(page, "**/api/v1/devices", lose)
    intercept(page, "**/api/v1/devices/*/setup", lose)
    told = page.get_by_role("alert").filter(has_text="nothing is saved twice")

    def press(button: str, *, loses: int) -> None:
        with page.expect_event("requestfailed"):
            page.get_by_role("button", name=button).click()
        assert len(lost) == loses
        expect(told).to_be_visible()

    press("Save the site", loses=1)
    accessible(page)
    page.reload()  # not even when the phone drops the page meanwhile
    press("Save the site", loses=2)
    page.get_by_role("button", name="Save the site").click()
    press("Save, and begin", loses=3)
    press("Save, and begin", loses=4)
    page.get_by_role("button", name="Save, and begin").click()
    expect(page.locator("lf-setup-step dd[data-name=password]")).to_be_visible()
    assert len(lost) == 4
    assert village.owner.execute(
        "SELECT (SELECT count(*) FROM sites WHERE name = 'Wang''s shop'),"
        " (SELECT count(*) FROM contacts c JOIN sites s ON s.id = c.site_id WHERE s.name = 'Wang''s shop'),"
        " (SELECT count(*) FROM devices d JOIN sites s ON s.id = d.site_id WHERE s.name = 'Wang''s shop')"
    ).fetchone() == (1, 1, 1)
