"""What each screen is held to: axe finds nothing, and no word is clipped; and the ways in which it is looked at."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import DESKTOP, PHONE, ROOT

VARIANTS = [
    pytest.param(size, language, theme, id=f"{name}-{language}-{theme}")
    for name, size in (("desktop", DESKTOP), ("phone", PHONE))
    for language in ("en", "zh")
    for theme in ("dark", "light")
]
"""Every size, language and theme that a screen is looked at in."""

AXE = ROOT / "map_ui/node_modules/axe-core/axe.min.js"

CLIPPED = """() => {
    const clipped = [];
    const visit = (root) => {
        for (const element of root.querySelectorAll('*')) {
            if (element.shadowRoot) visit(element.shadowRoot);
            if (!element.matches('button, label, h1, h2, h3, legend, dt, .note, .link, kbd, summary')) continue;
            const style = getComputedStyle(element);
            if (element.classList.contains('heard') || style.visibility === 'hidden' || !element.offsetParent) continue;
            // What may be long is cut with an ellipsis and has its whole text in its title.
            if (element.closest('.open') || style.textOverflow === 'ellipsis') continue;
            const box = element.getBoundingClientRect();
            if (box.width < 2) continue;
            if (element.scrollWidth > element.clientWidth + 1 && style.overflow !== 'visible')
                clipped.push(element.textContent.trim());
            if (box.right > innerWidth + 1) clipped.push('beyond the edge: ' + element.textContent.trim());
        }
    };
    visit(document);
    return clipped;
}"""


def violations(page: Page) -> list[str]:
    """What axe finds, with where."""
    # Through the debugger, which the content security policy does not stop.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes'][:3]]}"
        for one in found["violations"]
    ]


def accessible(page: Page) -> None:
    """Fails when somebody could not use what the page shows now."""
    assert violations(page) == []
    assert page.evaluate(CLIPPED) == []
