"""A dispatcher's night without a mouse."""

import re

from playwright.sync_api import Page, expect

from tests.browser.answering import intercept
from tests.browser.conftest import Browse, Open
from tests.browser.town import Town


def focused(page: Page) -> str:
    """The text or name of what has the focus, through all shadow roots."""
    return str(
        page.evaluate(
            """() => {
                let at = document.activeElement;
                while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
                return at?.getAttribute('name') ?? at?.textContent.trim() ?? '';
            }"""
        )
    )


def test_from_the_alarm_to_the_closed_case(sign_in: Open, town: Town) -> None:
    town.house("Wang's house", "panic-1", "panic_button")
    town.house("Zhao's house", "pir-1")
    burglary = town.hears("pir-1", "130", ago_s=60)
    panic = town.hears("panic-1", "120")
    page = sign_in()
    detail = page.locator("lf-detail")
    expect(page.locator("lf-queue li")).to_have_count(2)

    page.keyboard.press("j")
    expect(detail).to_contain_text(f"Incident {panic}")
    page.keyboard.press("j")
    expect(detail).to_contain_text(f"Incident {burglary}")
    page.keyboard.press("k")
    expect(detail).to_contain_text(f"Incident {panic}")

    page.keyboard.press("a")
    expect(page.locator(f"lf-queue li[data-id='{panic}']")).to_contain_text("Li Jiejing has it")
    assert town.state(panic) == "acknowledged"

    page.keyboard.press("d")
    expect(detail.get_by_label("Who goes, to do what")).to_be_focused()
    page.keyboard.type("Car 3 to the door")
    page.keyboard.press("Control+Enter")
    expect(page.locator(f"lf-queue li[data-id='{panic}']")).to_contain_text("dispatched")
    expect(detail).to_contain_text("Car 3 to the door")

    page.keyboard.press("n")
    page.keyboard.type("She answers the telephone")
    page.keyboard.press("Control+Enter")
    expect(detail).to_contain_text("She answers the telephone")

    page.keyboard.press("c")
    expect(detail.get_by_text("How it ended")).to_be_visible()
    page.get_by_role("button", name="False: user").press("Enter")
    assert town.state(panic) == "dispatched", "a false alarm takes one more press"
    page.get_by_role("button", name=re.compile("Confirm: close as")).press("Enter")
    expect(page.locator(f"lf-queue li[data-id='{panic}']")).to_have_count(0)
    expect(detail).to_contain_text("This incident is closed: False: user")

    page.get_by_role("button", name="Reopen").press("Enter")
    expect(detail.get_by_label("Why it is reopened")).to_be_focused()
    page.keyboard.type("She calls again")
    page.keyboard.press("Control+Enter")
    expect(page.locator(f"lf-queue li[data-id='{panic}']")).to_contain_text("new")
    expect(detail.get_by_label("Why it is reopened")).to_have_count(0)
    expect(detail).to_contain_text("She calls again")
    page.keyboard.press("Escape")
    expect(detail).to_contain_text("Choose an incident")


def test_several_are_acknowledged_at_once(sign_in: Open, town: Town) -> None:
    incidents = []
    for n in range(3):
        town.house(f"House {n}", f"pir-{n}")
        incidents.append(town.hears(f"pir-{n}", "130", ago_s=100 - n))
    page = sign_in()
    expect(page.locator("lf-queue li")).to_have_count(3)
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.get_by_role("button", name="Acknowledge 2")).to_be_visible()
    page.keyboard.press("a")
    expect(page.locator("lf-queue li.taken")).to_have_count(2)
    assert [town.state(one) for one in incidents] == ["acknowledged", "acknowledged", "new"]
    expect(page.get_by_role("button", name="Acknowledge 2")).to_have_count(0)


def test_search_help_and_escape(sign_in: Open, town: Town) -> None:
    town.house("Wang's house", "pir-1")
    town.house("Zhao's house", "pir-2")
    town.hears("pir-1", "130")
    town.hears("pir-2", "130")
    page = sign_in()
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.type("zhao mengcun")
    expect(page.locator("lf-queue li")).to_have_count(1)
    expect(page.locator("lf-queue li")).to_contain_text("Zhao's house")
    page.get_by_label("Search").fill("nobody")
    expect(page.get_by_text("No incident matches “nobody”")).to_be_visible()
    page.get_by_role("button", name="Clear search").click()
    expect(page.locator("lf-queue li")).to_have_count(2)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Newest unacknowledged")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_newest_alarm_is_one_key_away(sign_in: Open, town: Town) -> None:
    town.house("Wang's house", "panic-1", "panic_button")
    town.house("Zhao's house", "pir-1")
    town.hears("panic-1", "120", ago_s=60)
    newest = town.hears("pir-1", "130")
    page = sign_in()
    expect(page.locator("lf-queue li")).to_have_count(2)
    page.keyboard.press("0")
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {newest}")


def test_a_refusal_is_said_in_plain_words_beside_the_button(
    sign_in: Open, town: Town, browse: Browse
) -> None:
    """Two people press at once: the second is told, and nothing is shown as done."""
    town.house("Wang's house", "pir-1")
    incident = town.hears("pir-1", "130")
    watched = browse()
    watched.expected.append(re.compile("status of 409"))
    page = sign_in(watched=watched)
    expect(page.locator("lf-queue li")).to_have_count(1)
    page.keyboard.press("j")
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {incident}")
    intercept(
        page,
        "**/acknowledge",
        lambda route: route.fulfill(
            status=409,
            content_type="application/problem+json",
            body='{"type":"/problems/wrong-state","title":"x","status":409,"detail":"It is acknowledged.","errors":[]}',
        ),
    )
    page.keyboard.press("a")
    expect(page.locator("lf-actions").get_by_role("alert")).to_contain_text("Its state has changed")
    assert town.state(incident) == "new"


def test_tab_reaches_what_the_keys_reach_in_the_order_of_reading(sign_in: Open, town: Town) -> None:
    town.house("Wang's house", "pir-1")
    town.hears("pir-1", "130")
    page = sign_in()
    expect(page.locator("lf-queue li")).to_have_count(1)
    names = []
    for _ in range(16):
        page.keyboard.press("Tab")
        names.append(focused(page))
    order = [
        next(index for index, name in enumerate(names) if wanted in name)
        for wanted in ("Sanmenxia", "new", "Enable sound", "Li Jiejing", "Report by hand", "Burglary")
    ]
    assert order == sorted(order), names
