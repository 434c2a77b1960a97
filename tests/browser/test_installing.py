"""The installer's page on a phone, with a real broker: from the place to the first alarm on a dispatcher's screen."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from alarms.receiving.mqtt import Receiver
from api.auth.dependencies import COOKIE
from api.database.pool import connect
from api.embedded.mosquitto import Login
from api.settings import Settings, load_settings
from tests.browser.conftest import PHONE, Browse, Open, Watched
from tests.browser.test_screens import accessible
from tests.browser.town import VILLAGE, Town
from tests.integration.servers import Broker
from tests.integration.serving import Served, wait_until
from tests.integration.test_embedded_mosquitto import Talker
from tests.integration.test_mqtt_receiver import receiving_from

HERE = (110.915, 34.615)
HERE_GCJ = (110.920438, 34.613635)
"""The same point as a Chinese phone map tells it."""

WORDS = {
    "en": {
        "phone": "Use this phone's position",
        "paste": "Paste coordinates",
        "find": "Look at this place",
        "next": "Next",
        "save_site": "Save the site",
        "save_device": "Save, and begin the test",
        "go": "Done: show its signals",
        "serve": "It works: in service",
        "unheard": "In service without a signal",
        "serving": "In service",
        "one": "1 signal",
        "consent": "agreed today",
        "missing": "A household's contact is saved only with that person's consent.",
        "wrong": "These are no coordinates.",
        "refused": "The coordinates are wrong",
        "village": "Mengcun",
    },
    "zh": {
        "phone": "使用手机定位",
        "paste": "粘贴坐标",
        "find": "查看此处",
        "next": "下一步",
        "save_site": "保存防范点",
        "save_device": "保存，开始测试",
        "go": "已填好，看信号",
        "serve": "测试通过，投入使用",
        "unheard": "未收到信号，仍投入使用",
        "serving": "已投入使用",
        "one": "收到1个信号",
        "consent": "本人今天当面同意",
        "missing": "农户的联系人须本人同意才能保存。",
        "wrong": "这不是坐标。",
        "refused": "坐标不对",
        "village": "孟村",
    },
}


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


@pytest.fixture
def village(town: Town) -> Town:
    """The town with a grid cell, an installer of its township, and a neighbour."""
    town.owner.execute(
        "INSERT INTO grid_cells (code, village, name, boundary)"
        " SELECT %s, code, '孟村一组', boundary FROM divisions WHERE code = %s",
        [f"{VILLAGE}-001", VILLAGE],
    )
    town.owner.commit()
    town.world.user("zhang", role="installer", division=VILLAGE[:9] + "000")
    town.house("Zhao's house", "pir-zhao", at=(HERE[0] + 0.0005, HERE[1]))
    return town


def open_page(browse: Browse, served: Served, town: Town, user: str, language: str = "en") -> Page:
    watched: Watched = browse(size=PHONE, language=language, theme="light")
    watched.expected.append(re.compile(r"status of 422 .*"))  # of coordinates that the server refuses
    watched.context.grant_permissions(["geolocation"], origin=served.url)
    watched.context.set_geolocation({"longitude": HERE[0], "latitude": HERE[1], "accuracy": 8})
    token = served.token(town.owner, user)
    watched.context.add_cookies([{"name": COOKIE, "value": token, "url": served.url, "sameSite": "Strict"}])
    page = watched.context.new_page()
    page.goto(f"{served.url}/install")
    return page


def thumb_sized(page: Page) -> None:
    """Whatever is to be pressed is 48 px high at least, and the big button is at the bottom."""
    small = page.evaluate(
        """() => {
            const small = [];
            const visit = (root) => {
                for (const one of root.querySelectorAll('*')) {
                    if (one.shadowRoot) visit(one.shadowRoot);
                    const pressed =
                        'button, select, summary, .choice, .button, input:not([type=radio], [type=checkbox])';
                    if (!one.matches(pressed)) continue;
                    const box = one.getBoundingClientRect();
                    if (box.height > 0 && box.height < 47.5) small.push(one.outerHTML.slice(0, 100));
                }
            };
            visit(document);
            return small;
        }"""
    )
    assert small == []
    button = page.locator("lf-install footer button.primary").bounding_box()
    assert button is not None
    assert button["y"] + button["height"] > PHONE[1] - 40


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
    page.locator("[name=contact_phone]").fill("13812345678")
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
        "SELECT c.name, c.consent_at IS NOT NULL, u.username FROM contacts c"
        " JOIN users u ON u.id = c.consent_by_user"
    ).fetchall()
    assert consent == [("王建国", True, "zhang")]
    page.reload()
    expect(page.get_by_text(words["village"])).to_be_visible()  # it remembers the last village


@pytest.mark.parametrize("language", ["en", "zh"])
def test_wrong_coordinates_are_told_beside_the_field_and_those_of_a_phone_map_are_converted(
    browse: Browse, served: Served, village: Town, language: str
) -> None:
    words = WORDS[language]
    page = open_page(browse, served, village, "zhang", language)
    page.get_by_role("button", name=words["paste"]).click()
    field = page.locator("[name=coordinates]")
    accessible(page)
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
    expect(page.locator("lf-where-step dl")).to_contain_text(words["village"])
    expect(page.locator("lf-where-step dl")).to_contain_text("110.91500, 34.61500")


def test_a_place_outside_the_area_or_every_boundary_says_so(
    browse: Browse, served: Served, village: Town
) -> None:
    page = open_page(browse, served, village, "zhang")
    for place, told in (("110.5, 34.3", "outside your area"), ("100.5, 34.3", "No division's boundary")):
        page.get_by_role("button", name="Paste coordinates").click()
        page.locator("[name=coordinates]").fill(place)
        page.get_by_role("button", name="Look at this place").click()
        expect(page.locator("lf-where-step")).to_contain_text(told)
        accessible(page)
        page.get_by_role("button", name="Next").click()
        expect(page.locator("lf-where-step footer")).to_contain_text("outside your area")
        page.get_by_role("button", name="Back").click()
        page.get_by_role("button", name="Back").click()


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


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_dispatcher_is_told_what_is_missing(
    browse: Browse, served: Served, village: Town, language: str
) -> None:
    page = open_page(browse, served, village, "li", language)
    missing = {"en": "Ask your administrator for the installer role", "zh": "由其授予安装员权限"}[language]
    expect(page.get_by_text(missing)).to_be_visible()
    accessible(page)


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


def test_an_installer_who_opens_the_map_is_led_to_this_page(
    browse: Browse, served: Served, village: Town
) -> None:
    page = open_page(browse, served, village, "zhang")
    page.goto(served.url)
    accessible(page)
    page.get_by_role("link", name="Install a device").click()
    expect(page.get_by_role("button", name="Use this phone's position")).to_be_visible()
