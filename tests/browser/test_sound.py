"""The room hears what it must: after a reload, from one tab of several, and when nobody is signed in any more."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Browse, Open, Watched
from tests.browser.town import Town

PANIC_HZ = [880, 659, 880, 659, 880]
ENDED_HZ = [587, 440, 330]

TOO_EARLY = re.compile("AudioContext was not allowed to start")
"""A tab that nobody has touched yet asks for sound; Chromium writes so."""

LISTEN = """
window.heard = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...at) {
    window.heard.push(this.frequency.value);
    start.apply(this, at);
};
"""


@pytest.fixture
def desk(town: Town, browse: Browse) -> Watched:
    """A dispatcher's browser, and a house with a panic button."""
    town.house("Wang's house", "panic-1", "panic_button")
    watched = browse()
    watched.expected.append(TOO_EARLY)
    return watched


def enable_sound(page: Page) -> None:
    page.get_by_role("button", name="Enable sound").click()
    expect(page.get_by_role("button", name="Sound on")).to_be_visible()


def wait_heard(page: Page, tones: list[int]) -> None:
    """Wait until the page sounds these one after the other."""
    page.wait_for_function("tones => window.heard.map(Math.round).join().includes(tones.join())", arg=tones)


def test_sound_that_was_on_comes_on_again_with_the_first_key_at_the_latest(
    sign_in: Open, town: Town, desk: Watched
) -> None:
    page = sign_in(watched=desk)
    enable_sound(page)
    desk.context.add_init_script(LISTEN)
    page.reload()
    expect(page.get_by_text("Nothing is open")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_role("button", name="Sound on")).to_be_visible()
    town.hears("panic-1", "120")
    wait_heard(page, PANIC_HZ)

    page.goto("about:blank")  # and so says goodbye, which a closed page of the driver's may not
    page.close()
    anew = sign_in(watched=desk)
    anew.keyboard.press("j")
    wait_heard(anew, PANIC_HZ)


def test_what_rings_is_silenced_from_the_tab_that_somebody_works_in(
    sign_in: Open, town: Town, desk: Watched
) -> None:
    sounds = sign_in(watched=desk)
    enable_sound(sounds)
    works = sign_in(watched=desk)
    expect(works.get_by_role("button", name="Sound in another tab")).to_be_visible()
    incident = town.hears("panic-1", "120")
    silence = "Silence what rings now"
    expect(sounds.get_by_role("button", name=silence)).to_be_visible()
    expect(works.get_by_role("button", name=silence)).to_be_visible()
    works.keyboard.press("s")
    expect(sounds.get_by_role("button", name="Sound on")).to_be_visible()
    expect(works.get_by_role("button", name=silence)).to_have_count(0)
    assert town.state(incident) == "new"


def test_a_session_that_ends_is_heard(sign_in: Open, town: Town, owner_conn: psycopg.Connection[Any]) -> None:
    page = sign_in()
    page.evaluate(f"() => {{ {LISTEN} }}")
    enable_sound(page)
    owner_conn.execute("DELETE FROM sessions")
    owner_conn.commit()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=60_000)
    wait_heard(page, ENDED_HZ)
