"""Where a device is, told by the phone, by coordinates, on the map, by a name: and nothing taken for another place."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.accessible import accessible
from tests.browser.answering import Held
from tests.browser.conftest import Browse
from tests.browser.installing import WORDS, open_page, thumb_sized
from tests.browser.town import HERE, ZONE, Town
from tests.integration.serving import Served, wait_until

HERE_GCJ = (110.920438, 34.613635)
"""The same point as a Chinese phone map tells it."""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_wrong_coordinates_are_told_beside_the_field_and_those_of_a_phone_map_are_converted(
    browse: Browse, served: Served, village: Town, language: str
) -> None:
    words = WORDS[language]
    page = open_page(browse, served, village, "zhang", language)
    page.get_by_role("button", name=words["paste"]).click()
    field = page.locator("[name=coordinates]")
    accessible(page)
    field.fill("111.195, 34.778")
    page.get_by_role("button", name=words["find"]).click()
    # Nobody takes one system for another unasked.
    expect(page.get_by_role("alert")).to_have_text(words["which"])
    expect(page.locator("[name=system]").first).to_be_focused()
    accessible(page)
    page.get_by_text("WGS 84").click()
    for typed, told in (("the yard", "wrong"), ("111.2", "wrong"), ("0, 0", "refused")):
        field.fill(typed)
        page.get_by_role("button", name=words["find"]).click()
        expect(page.get_by_role("alert")).to_contain_text(words[told])
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-describedby", "wrong-coordinates")
    accessible(page)
    field.fill(f"{HERE_GCJ[1]}, {HERE_GCJ[0]}")  # latitude first, as some maps have it
    page.get_by_text("GCJ-02").click()
    page.get_by_role("button", name=words["find"]).click()
    where = page.locator("lf-where-step")
    expect(where.locator("dl")).to_contain_text(words["village"])
    expect(where.locator("dl")).to_contain_text("110.91500, 34.61500")
    expect(where.locator("dl")).to_contain_text(re.compile(r"GCJ-02\D+5\d\d\D"))
    expect(where.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name=words["back"]).click()
    field.fill(f"{HERE_GCJ[1]}, {HERE_GCJ[0]}")
    page.get_by_text("WGS 84").click()
    page.get_by_role("button", name=words["find"]).click()
    expect(where.get_by_role("alert")).to_contain_text(re.compile(r"5\d\d"))
    accessible(page)


def test_a_place_outside_the_area_or_every_boundary_says_so(
    browse: Browse, served: Served, village: Town
) -> None:
    page = open_page(browse, served, village, "zhang")
    for place, told in (("110.5, 34.3", "outside your area"), ("100.5, 34.3", "No division's boundary")):
        page.get_by_role("button", name="Paste coordinates").click()
        page.locator("[name=coordinates]").fill(place)
        page.get_by_text("WGS 84").click()
        page.get_by_role("button", name="Look at this place").click()
        expect(page.locator("lf-where-step")).to_contain_text(told)
        accessible(page)
        page.get_by_role("button", name="Next").click()
        expect(page.locator("lf-where-step footer")).to_contain_text("outside your area")
        page.get_by_role("button", name="Back").click()
        page.get_by_role("button", name="Back").click()


def test_a_position_that_the_phone_hardly_knows_is_no_good_one(
    browse: Browse, served: Served, village: Town
) -> None:
    page = open_page(browse, served, village, "zhang")
    page.context.set_geolocation({"longitude": HERE[0], "latitude": HERE[1], "accuracy": 1500})
    page.get_by_role("button", name="Use this phone's position").click()
    expect(page.get_by_role("alert")).to_contain_text("only to about 1,500 m")
    accessible(page)


def test_the_pin_is_where_the_cross_is(browse: Browse, served: Served, village: Town) -> None:
    page = open_page(browse, served, village, "zhang")
    page.get_by_role("button", name="Choose on the map").click()
    pin = page.locator("lf-pin-step")
    wait_until(lambda: pin.evaluate("one => one.map !== null"), what="the map")
    pin.evaluate("(one, at) => one.map.jumpTo({ center: at, zoom: 16 })", list(HERE))
    accessible(page)
    page.get_by_role("button", name="Use this point").click()
    expect(page.locator("lf-where-step dl")).to_contain_text("110.91500, 34.61500")
    page.go_back()
    expect(page.get_by_role("button", name="Use this point")).to_be_visible()


def test_a_division_without_boundary_is_chosen_by_its_name(
    browse: Browse, served: Served, village: Town
) -> None:
    estate = ZONE[:6] + "001000"
    village.owner.execute(
        "INSERT INTO divisions (code, tier, name, name_latin, parent_code) VALUES (%s, 3, '园区', 'Estate', %s)",
        [estate, ZONE],
    )
    village.owner.commit()
    village.world.user("estate", role="installer", division=estate)
    page = open_page(browse, served, village, "estate")
    page.context.set_geolocation({"longitude": 111.5, "latitude": 34.3, "accuracy": 8})
    page.get_by_role("button", name="Use this phone's position").click()
    where = page.locator("lf-where-step")
    expect(where).to_contain_text("No division's boundary")
    expect(where).to_contain_text("outside your area")
    county = page.get_by_label("County without boundary")
    expect(county.locator("option")).to_have_text(["Not chosen", "Development Zone"])
    held = Held(page, "**/api/v1/locate?**")
    county.select_option("Development Zone")
    of_the_county = held.one()
    page.get_by_label("Township without boundary").select_option(
        "Estate"
    )  # on a slow line, before it is answered
    of_the_county.continue_()
    held.one().continue_()
    expect(where.locator("dl")).to_contain_text("Estate")
    expect(where).not_to_contain_text("outside your area")
    accessible(page)
    thumb_sized(page)
    page.get_by_role("button", name="Next").click()
    page.locator("[name=name]").fill("Gate house")
    page.locator("[name=kind][value=shop]").check()
    page.get_by_role("button", name="Save the site").click()
    expect(page.get_by_role("button", name="Save, and begin the test")).to_be_visible()
    placed = village.owner.execute("SELECT county, township FROM sites WHERE name = 'Gate house'").fetchone()
    assert placed == (ZONE, estate)
