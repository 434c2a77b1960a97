"""Signing in and out; what is remembered; who may see nothing."""

import re
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Route, expect

from tests.browser.accessible import accessible
from tests.browser.answering import intercept
from tests.browser.conftest import Browse, Open
from tests.browser.town import PASSWORD, Town
from tests.integration.serving import Served


def test_a_wrong_password_is_told_beside_the_field_and_the_right_one_opens_the_map(
    browse: Browse, served: Served, town: Town
) -> None:
    page = browse().context.new_page()
    page.goto(served.url)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Enter your user name and password.")
    page.get_by_label("User name").fill("li")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("User name or password is wrong. Please try again.")
    expect(page.get_by_label("Password")).to_be_focused()
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is open")).to_be_visible()
    expect(page.locator("lf-top-line")).to_contain_text("Li Jiejing")


def test_signing_out_in_one_tab_ends_all_tabs(sign_in: Open, town: Town) -> None:
    first = sign_in()
    second = first.context.new_page()
    second.goto(first.url)
    expect(second.get_by_text("Nothing is open")).to_be_visible()
    first.get_by_role("button", name="Li Jiejing").click()
    first.get_by_role("button", name="Sign out").click()
    for page in (first, second):
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(("path", "menu"), [("", "wu ▾"), ("/history", "wu ▾"), ("/install", "Settings")])
def test_who_could_not_be_signed_out_is_told_so_on_every_page(
    browse: Browse, served: Served, town: Town, owner_conn: psycopg.Connection[Any], path: str, menu: str
) -> None:
    """Whoever walks away believing it leaves the next one at this computer with all that they may see."""
    user = town.world.user("wu")
    for role in ("investigator", "installer"):
        town.world.grant(user, role)
    watched = browse()
    watched.expected.append(re.compile("net::ERR_FAILED"))
    page = watched.signed_in(served.token(owner_conn, "wu"))
    page.goto(f"{served.url}{path}")
    page.get_by_role("button", name=menu).click()

    def unless_signing_out(route: Route) -> None:
        if route.request.method == "DELETE":
            route.abort()
        else:
            route.continue_()

    intercept(page, "**/api/v1/session", unless_signing_out)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
    accessible(page)
    page.unroute("**/api/v1/session")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_language_and_appearance_are_kept(sign_in: Open) -> None:
    page = sign_in()
    page.get_by_role("button", name="Li Jiejing").click()
    page.get_by_label("Language").select_option("zh")
    page.get_by_label("外观").select_option("light")
    page.reload()
    expect(page.get_by_text("目前没有未结警情")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_who_may_see_no_incident_is_told_whom_to_ask(
    browse: Browse, served: Served, town: Town, owner_conn: psycopg.Connection[Any]
) -> None:
    town.world.user("auditor", role="auditor")
    watched = browse()
    page = watched.signed_in(served.token(owner_conn, "auditor"))
    page.goto(served.url)
    expect(page.get_by_role("heading", name="No right to answer alarms")).to_be_visible()
    expect(page.get_by_text("Ask your administrator")).to_be_visible()
