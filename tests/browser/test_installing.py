"""The installer's page on a phone, with a real broker: from the place to the first alarm on a dispatcher's screen."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import expect

from alarms.receiving.mqtt import Receiver
from api.database.pool import connect
from api.embedded.mosquitto import Login
from api.settings import Settings, load_settings
from tests.browser.accessible import accessible
from tests.browser.answering import intercept
from tests.browser.conftest import PHONE, Browse, Open
from tests.browser.installing import WORDS, at_the_site_form, open_page, thumb_sized
from tests.browser.town import VILLAGE, Town
from tests.integration.receiving import receiving_from
from tests.integration.servers import Broker
from tests.integration.serving import Served
from tests.integration.talking import Talker


@pytest.fixture
def settings(database_url: str, fresh_broker: Broker, tmp_path: Path) -> Settings:
    """An installation with a broker of its own, whose logins this test may change."""
    one = fresh_broker.login("intake")
    return load_settings(
        database_url=database_url,
        mqtt_url=f"mqtt://{one.username}:{one.password}@{one.host}:{one.port}",
        var_dir=tmp_path / "var",
    )


@pytest.fixture
def receiver(fresh_broker: Broker, database_url: str) -> Iterator[Receiver]:
    """The intake, running."""

    def database() -> psycopg.Connection[Any]:
        return connect(load_settings(database_url=database_url), "intake", application_name="receiver")

    with receiving_from(fresh_broker, database) as running:
        yield running


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_installer_registers_a_device_tests_it_and_it_rings(
    browse: Browse,
    sign_in: Open,
    served: Served,
    village: Town,
    fresh_broker: Broker,
    receiver: Receiver,
    language: str,
) -> None:
    words = WORDS[language]
    page = open_page(browse, served, village, "zhang", language)
    big = page.locator("lf-install footer button.primary")

    expect(big).to_have_text(words["phone"])
    accessible(page)
    thumb_sized(page)
    big.click()

    expect(page.locator("lf-where-step dl")).to_contain_text(words["village"])
    expect(page.locator("lf-where-step dl")).to_contain_text("孟村一组")
    expect(page.locator("lf-where-step")).to_contain_text("Zhao's house")
    expect(page.locator("lf-where-step .far")).to_contain_text("46")
    accessible(page)
    thumb_sized(page)
    big.click()

    expect(big).to_have_text(words["save_site"])
    page.locator("[name=name]").fill("王建国家")
    page.locator("[name=contact_name]").fill("王建国")
    page.locator("[name=contact_phone]").fill("１３８12345678")
    accessible(page)
    thumb_sized(page)
    big.click()
    expect(page.get_by_role("alert")).to_have_text(words["missing"])
    expect(page.locator("[name=consent]")).to_be_focused()
    accessible(page)
    page.get_by_text(words["consent"]).click()
    big.click()

    expect(big).to_have_text(words["save_device"])
    device_id = page.locator("[name=device_id]").input_value()
    assert re.fullmatch(r"pir-103205-[a-z0-9]{4}", device_id)
    accessible(page)
    thumb_sized(page)
    big.click()

    values = {
        name: page.locator(f"lf-setup-step dd[data-name={name}]")
        for name in ("host", "port", "user", "password", "base_topic")
    }
    expect(values["base_topic"]).to_have_text(f"lianfang/v1/{device_id}")
    password = values["password"].inner_text()
    assert len(password) == 24
    assert page.locator("lf-setup-step img").evaluate("image => image.complete && image.naturalWidth > 50")
    accessible(page)
    thumb_sized(page)
    login = Login(
        values["host"].inner_text(), int(values["port"].inner_text()), values["user"].inner_text(), password
    )
    fresh_broker.add_devices({device_id: password})  # `up` does it within a second of the commit
    big.click()

    device = Talker(login)
    try:
        say = json.dumps({"event": "130", "zone": "1"}).encode()
        expect(big).to_have_text(words["unheard"])
        accessible(page)
        began = time.monotonic()
        device.publish(f"lianfang/v1/{device_id}/signal", say)
        expect(page.get_by_role("heading", name=words["one"])).to_be_visible(timeout=2000)
        assert time.monotonic() - began < 2.0
        accessible(page)
        thumb_sized(page)

        dispatcher = sign_in()
        expect(dispatcher.locator("lf-queue .empty")).to_be_visible()
        page.bring_to_front()
        page.get_by_role("button", name=words["serve"]).click()
        expect(page.get_by_role("heading", name=words["serving"])).to_be_visible()
        accessible(page)
        device.publish(f"lianfang/v1/{device_id}/signal", say)
        expect(dispatcher.locator("lf-queue li")).to_contain_text("王建国家")
    finally:
        device.close()

    consent = village.owner.execute(
        "SELECT c.name, c.phone, c.consent_at IS NOT NULL, u.username FROM contacts c"
        " JOIN users u ON u.id = c.consent_by_user"
    ).fetchall()
    assert consent == [("王建国", "13812345678", True, "zhang")]
    page.reload()
    expect(page.get_by_text(words["village"])).to_be_visible()  # it remembers the last village


def test_who_talks_and_is_unknown_is_offered_for_adoption(
    browse: Browse, served: Served, village: Town
) -> None:
    village.world.user("city", role="installer")
    village.world.device("zb-gw", kind="gateway", protocol="zigbee2mqtt", village=VILLAGE)
    village.owner.execute(
        "INSERT INTO unknown_devices (publisher, child, protocol, first_seen, last_seen, last_topic)"
        " VALUES ('zb-gw', '西屋/红外', 'zigbee2mqtt', now(), now(), 'gw/zb-gw/zigbee2mqtt/x')"
    )
    village.owner.commit()
    page = open_page(browse, served, village, "city")
    page.get_by_role("button", name="Use this phone's position").click()
    page.get_by_text("Zhao's house").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Which one").select_option(index=1)
    page.locator("[name=device_id]").fill("west-room")
    accessible(page)
    page.get_by_role("button", name="Save, and begin the test").click()
    expect(page.locator("lf-setup-step")).to_contain_text("It speaks through the gateway zb-gw")
    expect(page.locator("lf-setup-step")).to_contain_text("西屋/红外")
    row = village.owner.execute(
        "SELECT status, test_until > now(), external_id FROM devices WHERE device_id = 'west-room'"
    ).fetchone()
    assert row == ("test", True, "西屋/红外")


def test_what_others_speak_through_is_registered_as_a_gateway(
    browse: Browse, served: Served, village: Town, fresh_broker: Broker, receiver: Receiver
) -> None:
    village.world.user("city", role="installer")
    page = open_page(browse, served, village, "city")
    page.get_by_role("button", name="Use this phone's position").click()
    page.get_by_text("Zhao's house").click()
    page.get_by_role("button", name="Next").click()
    protocols = page.get_by_label("Protocol").locator("option")
    expect(protocols).to_have_text(["Lianfang", "Tasmota", "Shelly Gen 2+"])
    page.get_by_label("Kind").select_option("gateway")
    expect(protocols).to_have_text(
        ["Zigbee2MQTT", "The Things Stack", "ChirpStack", "Frigate", "Shelly Gen 1"]
    )
    expect(page.get_by_label("Through a gateway")).to_have_count(0)
    page.locator("[name=device_id]").fill("zb-gw")
    page.get_by_role("button", name="Save, and begin the test").click()
    login = {name: page.locator(f"lf-setup-step dd[data-name={name}]") for name in ("password", "base_topic")}
    expect(login["base_topic"]).to_have_text("gw/zb-gw/zigbee2mqtt")
    password = login["password"].inner_text()
    fresh_broker.add_devices({"zb-gw": password})
    page.get_by_role("button", name="Done: show its signals").click()
    gateway = Talker(Login(fresh_broker.host, fresh_broker.port, "zb-gw", password))
    try:
        gateway.publish("gw/zb-gw/zigbee2mqtt/院门", b'{"contact": false}')
        expect(page.locator("lf-test-step")).to_contain_text("Speaks through it and is not registered yet")
        expect(page.locator("lf-test-step")).to_contain_text("院门")
        accessible(page)
        page.get_by_role("button", name="In service without a signal").click()
        page.get_by_role("button", name="Another device here").click()
        page.get_by_label("Which one").select_option(index=1)
        page.locator("[name=device_id]").fill("yard-gate")
        page.get_by_role("button", name="Save, and begin the test").click()
        page.get_by_role("button", name="Done: show its signals").click()
        gateway.publish("gw/zb-gw/zigbee2mqtt/院门", b'{"contact": false}')
        expect(page.get_by_role("heading", name="1 signal")).to_be_visible()
    finally:
        gateway.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_dispatcher_is_told_what_is_missing(
    browse: Browse, served: Served, village: Town, language: str
) -> None:
    page = open_page(browse, served, village, "li", language)
    missing = {"en": "Ask your administrator for the installer role", "zh": "由其授予安装员权限"}[language]
    expect(page.get_by_text(missing)).to_be_visible()
    accessible(page)


def test_an_installer_who_opens_the_map_is_led_to_this_page(
    browse: Browse, served: Served, village: Town
) -> None:
    page = open_page(browse, served, village, "zhang")
    page.goto(served.url)
    accessible(page)
    page.get_by_role("link", name="Install a device").click()
    expect(page.get_by_role("button", name="Use this phone's position")).to_be_visible()


def test_an_id_that_a_retired_device_had_is_told_beside_the_field(
    browse: Browse, served: Served, village: Town
) -> None:
    village.world.device("pir-old", status="retired", village=VILLAGE)
    page = open_page(browse, served, village, "zhang")
    page.get_by_role("button", name="Use this phone's position").click()
    page.get_by_text("Zhao's house").click()
    page.get_by_role("button", name="Next").click()
    expect(page.locator("lf-device-step")).to_contain_text("shown to the whole city's installers only")
    page.locator("[name=device_id]").fill("pir-old")
    page.get_by_label("Kind").select_option("siren")
    expect(page.locator("[name=device_id]")).to_have_value("pir-old")  # another kind takes no typed id away
    page.get_by_role("button", name="Save, and begin the test").click()
    expect(page.get_by_role("alert")).to_contain_text("An id is given once")
    expect(page.locator("[name=device_id]")).to_be_focused()
    accessible(page)
    page.locator("[name=device_id]").fill("pir-new")
    page.get_by_role("button", name="Save, and begin the test").click()
    expect(page.locator("lf-setup-step dd[data-name=user]")).to_have_text("pir-new")


def test_lists_that_could_not_be_read_are_read_again_and_stop_nobody(
    browse: Browse, served: Served, village: Town
) -> None:
    village.world.device("zb-gw", kind="gateway", protocol="zigbee2mqtt", village=VILLAGE)
    page = open_page(browse, served, village, "zhang")
    page.get_by_role("button", name="Use this phone's position").click()
    page.get_by_text("Zhao's house").click()
    intercept(page, "**/api/v1/devices?**", lambda route: route.abort())
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("alert")).to_contain_text("could not be read")
    expect(page.get_by_role("button", name="Save, and begin the test")).to_be_enabled()
    accessible(page)
    page.unroute("**/api/v1/devices?**")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_label("Through a gateway").locator("option")).to_have_text(
        ["Connects itself", "zb-gw"]
    )
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_with_the_keyboard_open_the_field_and_the_button_are_both_to_be_seen(
    browse: Browse, served: Served, village: Town, language: str
) -> None:
    words = WORDS[language]
    page = open_page(browse, served, village, "zhang", language)
    viewport = page.locator("meta[name=viewport]").get_attribute("content")
    assert viewport is not None
    assert "interactive-widget=resizes-content" in viewport, "the keyboard takes its height from the page"
    at_the_site_form(page, words)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1] - 380})
    button = page.locator("lf-install footer button.primary")
    for name in ("name", "address", "contact_name", "contact_phone"):
        field = page.locator(f"lf-site-step [name={name}]")
        field.focus()
        expect(field).to_be_in_viewport(ratio=1)
        box, foot = field.bounding_box(), button.bounding_box()
        assert box is not None
        assert foot is not None
        assert box["y"] + box["height"] <= foot["y"], f"{name} is under the button"
        assert foot["y"] + foot["height"] <= PHONE[1] - 380
    accessible(page)
