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
from playwright.sync_api import Page, Route, expect

from alarms.receiving.mqtt import Receiver
from api.auth.dependencies import COOKIE
from api.database.pool import connect
from api.embedded.mosquitto import Login
from api.settings import Settings, load_settings
from tests.browser.conftest import PHONE, Browse, Open, Watched, intercept
from tests.browser.accessible import accessible
from tests.browser.town import HASHED, PASSWORD, VILLAGE, ZONE, Town
from tests.integration.servers import Broker
from tests.integration.serving import Served, wait_until
from tests.integration.talking import Talker
from tests.integration.receiving import receiving_from

HERE = (110.915, 34.615)
HERE_GCJ = (110.920438, 34.613635)
"""The same point as a Chinese phone map tells it."""

WORDS = {
    "en": {
        "phone": "Use this phone's position",
        "paste": "Paste coordinates",
        "find": "Look at this place",
        "back": "Back",
        "which": "Choose where the numbers are from.",
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
        "in_service": "In service: what it says rings",
        "rang": "Rang at the desk",
        "begin": "Test it for 30 minutes",
        "two": "2 signals",
    },
    "zh": {
        "phone": "使用手机定位",
        "paste": "粘贴坐标",
        "find": "查看此处",
        "back": "返回",
        "which": "请选择坐标来自哪里。",
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
        "in_service": "已投入使用，信号会在值守台报警",
        "rang": "已在值守台报警",
        "begin": "测试30分钟",
        "two": "收到2个信号",
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
    watched.expected.append(
        re.compile(r"status of (409|422) .*")
    )  # of an id, of coordinates that the server refuses
    watched.expected.append(re.compile(r"net::ERR_FAILED"))  # of requests whose answer the test loses
    watched.context.grant_permissions(["geolocation"], origin=served.url)
    watched.context.set_geolocation({"longitude": HERE[0], "latitude": HERE[1], "accuracy": 8})
    token = served.token(town.owner, user)
    page = watched.signed_in(token)
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
    expect(page.get_by_role("alert")).to_have_text(
        words["which"]
    )  # nobody takes one system for another unasked
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


def at_the_site_form(page: Page, words: dict[str, str]) -> None:
    page.get_by_role("button", name=words["phone"]).click()
    page.get_by_role("button", name=words["next"]).click()
    page.locator("[name=name]").fill("Wang's shop")


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
    expect(page.locator("[name=external_id]")).to_have_value(
        "door"
    )  # its field comes when the gateway is chosen
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
    expect(page.locator("[name=name]")).to_have_value(
        "Wang's shop"
    )  # five metres on: the same place, better hit
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
    county.select_option("Development Zone")
    page.get_by_label("Township without boundary").select_option("Estate")
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
