"""The installer's page on a phone: opened, its words in both languages, and what each screen of it is held to."""

from __future__ import annotations

import re

from playwright.sync_api import Page

from tests.browser.conftest import PHONE, Browse, Watched
from tests.browser.town import HERE, Town
from tests.integration.serving import Served

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


def open_page(browse: Browse, served: Served, town: Town, user: str, language: str = "en") -> Page:
    """The page on the phone of somebody who is signed in and stands at ``HERE``."""
    watched: Watched = browse(size=PHONE, language=language, theme="light")
    # Of an id, of coordinates that the server refuses; of requests whose answer the test loses.
    watched.expected += [re.compile(r"status of (409|422) .*"), re.compile(r"net::ERR_FAILED")]
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


def at_the_site_form(page: Page, words: dict[str, str]) -> None:
    """On from the first screen to the form of a new site, whose name is typed in already."""
    page.get_by_role("button", name=words["phone"]).click()
    page.get_by_role("button", name=words["next"]).click()
    page.locator("[name=name]").fill("Wang's shop")
