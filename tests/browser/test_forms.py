"""What a dispatcher writes is not torn away, not lost, and not taken for commands."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.accessible import accessible
from tests.browser.answering import Held, intercept
from tests.browser.conftest import DESKTOP, PHONE, Browse, Open, is_live
from tests.browser.process import Process
from tests.browser.town import Town
from tests.integration.serving import Served

ORDER = "Car 3 to the door"


@pytest.fixture
def two(town: Town) -> tuple[int, int]:
    """A panic and a burglary, in the order of the queue."""
    town.house("Wang's house", "panic-1", "panic_button")
    town.house("Zhao's house", "pir-1")
    burglary = town.hears("pir-1", "130", ago_s=60)
    return town.hears("panic-1", "120"), burglary


def row(page: Page, incident: int) -> Locator:
    return page.locator(f"lf-queue li[data-id='{incident}']")


def order_form(page: Page) -> Locator:
    return page.locator("lf-actions").get_by_label("Who goes, to do what")


def note_form(page: Page) -> Locator:
    return page.locator("lf-actions").get_by_label("What is worth knowing")


def open_case(page: Page, incident: int) -> None:
    row(page, incident).locator(".open").click()
    expect(page.locator("lf-detail .timeline")).to_be_visible()
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {incident}")


def refuse(route: Route) -> None:
    route.fulfill(
        status=409,
        content_type="application/problem+json",
        body='{"type":"/problems/wrong-state","title":"x","status":409,"detail":"","errors":[]}',
    )


def test_following_takes_no_form_from_under_the_hands(
    sign_in: Open, town: Town, two: tuple[int, int]
) -> None:
    _, burglary = two
    town.house("Li's shop", "pir-2")
    town.house("Sun's house", "pir-3")
    page = sign_in()
    page.locator("lf-map lf-legend summary").click()
    page.get_by_label("Follow new alarms").check()
    open_case(page, burglary)
    page.keyboard.press("d")
    page.keyboard.type("Car 3")
    second = town.hears("pir-2", "130")
    expect(row(page, second)).to_be_visible()
    page.keyboard.type(" to the door")
    expect(order_form(page)).to_have_value(ORDER)
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {burglary}")
    assert town.state(second) == "new"

    page.keyboard.press("Escape")
    third = town.hears("pir-3", "130")
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {third}")


def test_another_desk_is_faster_and_the_words_stay(
    sign_in: Open, town: Town, served: Served, owner_conn: psycopg.Connection[Any], two: tuple[int, int]
) -> None:
    panic, burglary = two
    town.world.user("zhao")
    page = sign_in()
    open_case(page, panic)
    page.keyboard.press("d")
    page.keyboard.type("Car 3")
    client = served.client(owner_conn, "zhao")
    for action, body in (("acknowledge", {}), ("close", {"disposition": "actual", "text": ""})):
        client.post(f"/api/v1/incidents/{panic}/{action}", json=body).raise_for_status()
    expect(row(page, panic)).to_have_count(0)
    expect(page.locator("lf-actions form").get_by_role("alert")).to_contain_text("Somebody was faster")
    page.keyboard.type(" to the door, jack")
    expect(order_form(page)).to_have_value("Car 3 to the door, jack")
    assert town.state(burglary) == "new"
    accessible(page)


def test_who_writes_on_while_it_is_sent_keeps_the_form(sign_in: Open, two: tuple[int, int]) -> None:
    panic, _ = two
    page = sign_in()
    open_case(page, panic)
    page.keyboard.press("n")
    page.keyboard.type("She answers")
    held = Held(page, "**/notes")
    page.keyboard.press("Control+Enter")
    route = held.one()
    expect(page.locator("lf-actions form button[type=submit]")).to_have_text("Sending…")
    page.keyboard.type(", her son is with her")
    route.continue_()
    expect(page.locator("lf-detail .timeline")).to_contain_text("She answers")
    expect(page.locator("lf-actions form button[type=submit]")).to_have_text("Send")
    expect(note_form(page)).to_have_value("She answers, her son is with her")


def test_letters_that_follow_a_field_that_went_away_are_no_commands(
    sign_in: Open, town: Town, two: tuple[int, int]
) -> None:
    page = sign_in()
    expect(page.locator("lf-queue li")).to_have_count(2)
    # All in one go: what matters is that no time passes between the letters.
    page.evaluate(
        """() => {
            const queue = document.querySelector('lf-app').shadowRoot.querySelector('lf-queue').shadowRoot;
            const field = queue.querySelector('input[type=search]');
            const press = (key, at) =>
                at.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, composed: true }));
            field.focus();
            press('w', field);
            field.blur();
            for (const key of 'ja') press(key, document.body);
        }"""
    )
    expect(page.locator("lf-detail")).to_contain_text("Choose an incident")
    assert [town.state(one) for one in two] == ["new", "new"]
    page.locator("lf-map canvas").first.click(position={"x": 5, "y": 5})
    page.keyboard.press("j")
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {two[0]}")


def test_escape_that_ends_a_chinese_word_throws_no_draft_away(sign_in: Open, two: tuple[int, int]) -> None:
    page = sign_in()
    open_case(page, two[0])
    page.keyboard.press("n")
    page.keyboard.type("laoren")
    note_form(page).evaluate(
        "at => at.dispatchEvent(new KeyboardEvent('keydown',"
        " { key: 'Escape', isComposing: true, bubbles: true, composed: true }))"
    )
    expect(note_form(page)).to_have_value("laoren")


def test_a_refusal_is_seen_from_another_case_and_its_words_are_still_there(
    sign_in: Open, browse: Browse, two: tuple[int, int]
) -> None:
    panic, burglary = two
    watched = browse()
    watched.expected.append(re.compile("status of 409"))
    page = sign_in(watched=watched)
    open_case(page, panic)
    held = Held(page, "**/dispatch")
    page.keyboard.press("d")
    page.keyboard.type(ORDER)
    page.keyboard.press("Control+Enter")
    route = held.one()
    row(page, burglary).locator(".open").click()
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {burglary}")
    refuse(route)
    expect(row(page, panic)).to_contain_text("Not sent")
    elsewhere = page.locator("lf-detail").get_by_role("alert").get_by_role("button")
    expect(elsewhere).to_have_text(f"Not sent: Incident {panic}")
    accessible(page)
    elsewhere.click()
    expect(page.locator("lf-actions .unsent")).to_contain_text(ORDER)
    accessible(page)
    page.keyboard.press("d")
    expect(order_form(page)).to_have_value(ORDER)
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    expect(order_form(page)).to_have_value("")
    page.keyboard.press("Escape")
    page.locator("lf-actions").get_by_role("button", name="Dismiss").click()
    expect(row(page, panic).locator(".unsent")).to_have_count(0)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_report_waits_behind_the_case_that_is_looked_at(
    sign_in: Open, town: Town, two: tuple[int, int], size: tuple[int, int]
) -> None:
    """A caller is on the line, and a panic comes."""
    panic, burglary = two
    page = sign_in(size=size)
    open_case(page, burglary)
    page.get_by_role("button", name="Show number").click()
    page.locator("lf-contact input").fill("she called us")
    page.locator("lf-contact input").press("Enter")
    expect(page.locator("lf-contact a")).to_have_text("13812345678")
    page.keyboard.press("r")
    page.get_by_label("In short").fill("Smoke over the mill")
    page.locator("lf-report h2").click()
    page.keyboard.press("a")
    expect(page.locator("lf-detail .timeline")).to_be_visible()
    expect(page.locator("lf-report")).to_be_hidden()
    assert town.state(burglary) == "new", "nothing is acknowledged unseen"
    expect(page.locator("lf-contact a")).to_be_visible()
    page.keyboard.press("0")
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {panic}")
    accessible(page)
    page.keyboard.press("a")
    expect(row(page, panic)).to_contain_text("Li Jiejing has it")
    page.get_by_role("button", name="Back to the report").click()
    expect(page.get_by_label("Category")).to_be_focused()
    expect(page.get_by_label("In short")).to_have_value("Smoke over the mill")
    page.keyboard.press("Escape")
    expect(page.locator("lf-report")).to_have_count(0)
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {panic}")


def test_a_report_opened_over_a_form_takes_neither_its_words_nor_escape(
    sign_in: Open, two: tuple[int, int]
) -> None:
    page = sign_in()
    open_case(page, two[0])
    page.keyboard.press("d")
    page.keyboard.type(ORDER)
    page.get_by_role("button", name="Report by hand").click()
    expect(page.get_by_label("Category")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("lf-report")).to_have_count(0)
    page.keyboard.press("d")
    expect(order_form(page)).to_have_value(ORDER)


def test_a_folded_detail_unfolds_for_what_is_asked_for(sign_in: Open, two: tuple[int, int]) -> None:
    page = sign_in()
    page.get_by_role("button", name="Fold the detail").click()
    page.keyboard.press("j")
    page.keyboard.press("d")
    expect(order_form(page)).to_be_focused()
    page.keyboard.type("c")
    page.get_by_role("button", name="Fold the detail").click()
    expect(order_form(page)).to_have_count(0)
    page.keyboard.press("0")
    expect(page.locator("lf-detail .timeline")).to_be_visible()
    expect(order_form(page)).to_have_value("c")
    page.get_by_role("button", name="Fold the detail").click()
    page.keyboard.press("r")
    expect(page.get_by_label("Category")).to_be_focused()
    page.get_by_label("In short").fill("Smoke over the mill")
    page.locator("lf-report h2").click()
    page.evaluate("() => document.querySelector('lf-app').app.detailFolded.set(true)")
    expect(page.locator("lf-report")).to_be_hidden()
    page.get_by_role("button", name="Unfold the detail").click()
    expect(page.get_by_label("In short")).to_have_value("Smoke over the mill")


def test_a_report_that_is_answered_late_takes_no_case_away(sign_in: Open, two: tuple[int, int]) -> None:
    page = sign_in()
    page.keyboard.press("r")
    page.get_by_label("In short").fill("Smoke over the mill")
    held = Held(page, "**/api/v1/incidents")
    page.get_by_role("button", name="Report", exact=True).click()
    route = held.one()
    page.keyboard.press("Escape")
    open_case(page, two[1])
    page.keyboard.press("n")
    page.keyboard.type("She answers")
    route.continue_()
    expect(page.locator("lf-queue li")).to_have_count(3)
    expect(note_form(page)).to_have_value("She answers")
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {two[1]}")


def test_a_case_that_could_not_be_read_is_read_when_the_line_is_back(
    process: Process, sign_in_there: Open, two: tuple[int, int]
) -> None:
    page = sign_in_there()
    is_live(page)
    process.kill()
    expect(page.locator("lf-live-banner")).to_contain_text("Connection lost")
    row(page, two[0]).locator(".open").click()
    expect(page.locator("lf-detail").get_by_role("button", name="Try again")).to_be_visible()
    process.start()
    expect(page.locator("lf-detail .timeline")).to_be_visible()
    expect(page.locator("lf-detail").get_by_role("alert")).to_have_count(0)


def test_an_older_reading_that_comes_last_says_nothing(
    sign_in: Open, served: Served, owner_conn: psycopg.Connection[Any], two: tuple[int, int]
) -> None:
    panic, _ = two
    client = served.client(owner_conn, "li")
    older = client.get(f"/api/v1/incidents/{panic}").text
    page = sign_in()
    held = Held(page, f"**/api/v1/incidents/{panic}")
    row(page, panic).locator(".open").click()
    first = held.one()
    client.post(f"/api/v1/incidents/{panic}/notes", json={"text": "She answers"}).raise_for_status()
    held.one().continue_()
    expect(page.locator("lf-detail .timeline")).to_contain_text("She answers")
    with page.expect_response(f"**/api/v1/incidents/{panic}") as answered:
        first.fulfill(body=older, content_type="application/json")
    answered.value.finished()
    page.evaluate("() => new Promise(done => setTimeout(() => requestAnimationFrame(done)))")
    assert "She answers" in page.locator("lf-detail .timeline").inner_text()


def test_a_note_on_a_closed_case_is_in_its_timeline(
    sign_in: Open, served: Served, owner_conn: psycopg.Connection[Any], two: tuple[int, int]
) -> None:
    panic, _ = two
    page = sign_in()
    open_case(page, panic)
    served.client(owner_conn, "li").post(
        f"/api/v1/incidents/{panic}/close", json={"disposition": "actual", "text": ""}
    ).raise_for_status()
    expect(page.locator("lf-detail")).to_contain_text("This incident is closed")
    page.locator("lf-actions").get_by_role("button", name="Note").click()
    page.keyboard.type("The key is with the neighbour")
    page.keyboard.press("Control+Enter")
    expect(page.locator("lf-detail .timeline")).to_contain_text("The key is with the neighbour")


def test_escape_in_a_reason_leaves_the_case_open(sign_in: Open, two: tuple[int, int]) -> None:
    page = sign_in()
    open_case(page, two[0])
    page.get_by_role("button", name="Show number").click()
    page.locator("lf-contact input").press("Escape")
    expect(page.locator("lf-contact form")).to_have_count(0)
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {two[0]}")
    page.keyboard.press("Escape")
    expect(page.locator("lf-detail")).to_contain_text("Choose an incident")


def test_an_empty_form_is_not_scolded_when_it_opens(sign_in: Open, two: tuple[int, int]) -> None:
    page = sign_in()
    open_case(page, two[0])
    page.keyboard.press("d")
    page.keyboard.press("Control+Enter")
    expect(page.locator("lf-actions form").get_by_role("alert")).to_have_text("Please write something.")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(note_form(page)).to_be_focused()
    expect(page.locator("lf-actions form").get_by_role("alert")).to_have_count(0)


def test_ticked_rows_that_another_desk_took_are_not_in_the_way(
    sign_in: Open, town: Town, served: Served, owner_conn: psycopg.Connection[Any], two: tuple[int, int]
) -> None:
    panic, burglary = two
    town.world.user("zhao")
    page = sign_in()
    row(page, burglary).get_by_role("checkbox").check()
    served.client(owner_conn, "zhao").post(
        f"/api/v1/incidents/{burglary}/acknowledge", json={}
    ).raise_for_status()
    expect(row(page, burglary)).to_contain_text("zhao has it")
    open_case(page, panic)
    page.keyboard.press("a")
    expect(row(page, panic)).to_contain_text("Li Jiejing has it")
    expect(page.locator("lf-queue .selection .problem")).to_have_count(0)


def test_what_a_mass_acknowledgement_refused_goes_with_escape(sign_in: Open, two: tuple[int, int]) -> None:
    page = sign_in()
    row(page, two[0]).get_by_role("checkbox").check()
    intercept(
        page,
        "**/incidents/acknowledge",
        lambda route: route.fulfill(
            json={"done": [], "refused": [{"id": two[0], "type": "x", "detail": "it is acknowledged"}]}
        ),
    )
    page.keyboard.press("a")
    problem = page.locator("lf-queue .selection .problem")
    expect(problem).to_contain_text("1 was refused")
    expect(page.locator("lf-queue").get_by_role("button", name="Dismiss")).to_be_visible()
    page.keyboard.press("Escape")
    expect(problem).to_have_count(0)


def test_a_queue_that_is_shown_again_begins_at_its_top(sign_in: Open, town: Town) -> None:
    town.owner.execute(
        "INSERT INTO incidents (source, state, category, priority, opened_at, last_alarm_at)"
        " SELECT 'device', 'new', 'burglary', 3, now() - n * interval '1 second', now()"
        " FROM generate_series(1, 200) n"
    )
    town.owner.commit()
    page = sign_in()
    rows = page.locator("lf-queue li")
    for again in ("folded", "searched"):
        page.locator("lf-queue .scroll").evaluate("at => { at.scrollTop = at.scrollHeight; }")
        expect(rows.last).to_have_attribute("aria-posinset", "200")
        if again == "folded":
            page.get_by_role("button", name="Fold the queue").click()
            page.get_by_role("button", name="Unfold the queue").click()
        else:
            page.get_by_label("Search").fill("nobody")
            page.get_by_role("button", name="Clear search").click()
        expect(rows.first).to_have_attribute("aria-posinset", "1")
        expect(rows.first).to_be_in_viewport()
