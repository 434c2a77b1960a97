"""The map: what is drawn, where a click leads, what lies at one point."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.town import COUNTY, TOWNSHIP, Town

MAP = "document.querySelector('lf-app').shadowRoot.querySelector('lf-map').map"


def drawn(page: Page, *layers: str) -> list[dict[str, Any]]:
    """Properties of what these layers show right now."""
    found: list[dict[str, Any]] = page.evaluate(
        f"layers => {MAP}.queryRenderedFeatures({{layers}}).map(feature => feature.properties)", list(layers)
    )
    return found


def wait_drawn(page: Page, layer: str, condition: str = "features.length > 0") -> None:
    """Wait until the layer shows what is wanted."""
    page.wait_for_function(
        f"layer => {{ const features = {MAP}.queryRenderedFeatures({{layers: [layer]}}); return {condition}; }}",
        arg=layer,
    )


def click_on_map(page: Page, lon: float, lat: float) -> None:
    """Click what lies at a place."""
    point = page.evaluate(f"([lon, lat]) => {MAP}.project([lon, lat])", [lon, lat])
    page.locator("lf-map canvas").click(position=point)


def test_counts_lead_down_the_tiers_and_backspace_up(sign_in: Open, town: Town) -> None:
    town.house("Wang's house", "pir-1")
    town.house("Zhao's house", "panic-1", "panic_button")
    town.hears("pir-1", "130")
    town.hears("panic-1", "120")
    page = sign_in()
    wait_drawn(page, "count-2")
    county = next(one for one in drawn(page, "count-2") if one["code"] == COUNTY)
    assert (county["open"], county["top"]) == (2, 1)
    assert drawn(page, "division-2"), "the county's line is drawn from its tile"
    click_on_map(page, 110.8, 34.5)
    here = page.locator("lf-top-line nav [aria-current=true]")
    expect(here).to_have_text("Lingbao City")
    wait_drawn(page, "count-3")
    township = next(one for one in drawn(page, "count-3") if one["code"] == TOWNSHIP)
    assert (township["open"], township["top"]) == (2, 1)
    page.get_by_label("Divisions below").select_option(TOWNSHIP)
    expect(here).to_have_text("Hanguguan Town")
    page.keyboard.press("Backspace")
    expect(here).to_have_text("Lingbao City")


def test_a_division_without_a_boundary_is_in_the_menu(sign_in: Open) -> None:
    page = sign_in()
    menu = page.get_by_label("Divisions below")
    expect(menu).to_contain_text("Development Zone (no boundary)")
    menu.select_option(label="Development Zone (no boundary)")
    expect(page.locator("lf-top-line nav [aria-current=true]")).to_have_text("Development Zone")


def test_flats_in_one_building_fan_out_and_can_be_told_apart(sign_in: Open, town: Town) -> None:
    place = (110.9151, 34.6151)
    incidents = {}
    for n, unit in enumerate(("1-101", "1-202", "2-301")):
        town.house("Sunny Court 3", f"pir-{n}", unit=unit, at=place)
        incidents[unit] = town.hears(f"pir-{n}", "130", ago_s=30 - n)
    page = sign_in()
    expect(page.locator("lf-queue li")).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("z")
    wait_drawn(page, "incident-cluster")
    assert drawn(page, "incident-cluster")[0]["point_count"] == 3
    click_on_map(page, *place)
    fan = page.get_by_role("list", name="3 incidents here")
    expect(fan.get_by_role("button")).to_have_count(3)
    fan.get_by_role("button", name="1-202").click()
    detail = page.locator("lf-detail")
    expect(detail).to_contain_text(f"Incident {incidents['1-202']}")

    # Escape closes the innermost open thing: the fan, then the case.
    page.keyboard.press("Escape")
    expect(fan).to_have_count(0)
    expect(page.locator("lf-map canvas")).to_be_focused()
    expect(detail).to_contain_text(f"Incident {incidents['1-202']}")
    click_on_map(page, *place)
    expect(fan.get_by_role("button", name="1-101")).to_be_focused()
    page.get_by_role("button", name="Fold up").click()
    expect(fan).to_have_count(0)
    page.keyboard.press("Escape")
    expect(detail).to_contain_text("Choose an incident")


def test_a_cluster_shows_the_gravest_inside(sign_in: Open, town: Town) -> None:
    place = (110.9151, 34.6151)
    for n, (kind, event) in enumerate(
        (("infrared_sensor", "130"), ("infrared_sensor", "137"), ("panic_button", "120"))
    ):
        town.house(f"Flat {n}", f"device-{n}", kind, at=place)
        town.hears(f"device-{n}", event)
    page = sign_in()
    page.keyboard.press("j")
    page.keyboard.press("z")
    wait_drawn(page, "incident-cluster", "features[0]?.properties.point_count === 3")
    assert drawn(page, "incident-cluster")[0]["top"] == 1


def test_what_has_no_place_is_listed_in_a_corner(sign_in: Open, town: Town) -> None:
    town.house("Somewhere", "pir-1", village=None)
    incident = town.hears("pir-1", "130")
    page = sign_in()
    page.get_by_text("No place (1)").click()
    page.get_by_role("list", name="Incidents without a place").get_by_role("button").click()
    expect(page.locator("lf-detail")).to_contain_text(f"Incident {incident}")
    expect(page.locator("lf-detail")).to_contain_text("Place unknown")


def test_a_call_is_reported_by_hand_with_a_click_on_the_map(sign_in: Open, town: Town) -> None:
    page = sign_in()
    page.keyboard.press("r")
    page.get_by_label("Category").select_option("fire")
    page.get_by_label("In short").fill("Smoke over the mill")
    page.get_by_label("Caller's telephone").fill("0398-1234567")
    page.get_by_role("button", name="Pick the place on the map").click()
    expect(page.locator("lf-map")).to_contain_text("Click the place on the map")
    page.locator("lf-map canvas").click(position={"x": 250, "y": 300})
    expect(page.locator("lf-report")).to_contain_text("Picked:")
    page.get_by_role("button", name="Report", exact=True).click()
    expect(page.locator("lf-queue li")).to_contain_text("Smoke over the mill")
    expect(page.locator("lf-detail h2")).to_have_text("Smoke over the mill")
    caller = page.locator("lf-contact.caller")
    expect(caller).to_contain_text("039*****4567")
    caller.get_by_role("button", name="Show number").click()
    caller.get_by_label("Reason").fill("To call back")
    caller.get_by_role("button", name="Show", exact=True).click()
    expect(caller.get_by_role("link", name="0398-1234567")).to_be_visible()
    row = town.owner.execute("SELECT reason FROM audit_log WHERE action = 'caller.reveal'").fetchone()
    assert row == ("To call back",)


def test_a_telephone_number_takes_a_reason_which_the_audit_log_keeps(sign_in: Open, town: Town) -> None:
    town.house("Wang's house", "pir-1")
    town.hears("pir-1", "130")
    page = sign_in()
    expect(page.locator("lf-queue li")).to_have_count(1)
    page.keyboard.press("j")
    contact = page.locator("lf-contact")
    expect(contact).to_contain_text("****")
    contact.get_by_role("button", name="Show number").click()
    contact.get_by_role("button", name="Show", exact=True).click()
    expect(contact.get_by_role("alert")).to_have_text("Please write something.")
    contact.get_by_label("Reason").fill("Is anybody at home?")
    contact.get_by_role("button", name="Show", exact=True).click()
    expect(contact.get_by_role("link", name="13812345678")).to_be_visible()
    row = town.owner.execute("SELECT reason FROM audit_log WHERE action = 'contact.reveal'").fetchone()
    assert row is not None
    assert row[0] == "Is anybody at home?"
