"""Debian's Chromium as the browser tests and the benchmark of latency start it: no other host, no graphics card."""

from __future__ import annotations

from playwright.sync_api import Browser, Playwright

_FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


def launch(playwright: Playwright) -> Browser:
    """A browser that its caller closes."""
    return playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_FLAGS)
