"""Debian's Chromium, driven by Playwright, for tests of pages that open from a file."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Software rendering: the 3D view needs WebGL, and a machine for tests has no display.
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking"]


def needs_browser() -> pytest.MarkDecorator:
    """Skips where there is no Chromium, unless SSMPOSE_REQUIRE_BROWSER says that there must be one."""
    absent = CHROMIUM is None and not os.environ.get("SSMPOSE_REQUIRE_BROWSER")
    return pytest.mark.skipif(absent, reason="no Chromium on this machine (apt-get install chromium)")


@contextmanager
def browser() -> Iterator[Browser]:
    """A running browser."""
    assert CHROMIUM, "SSMPOSE_REQUIRE_BROWSER is set, but there is no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


def complaints(page: Page) -> list[str]:
    """What a page will have written to the console as errors, or thrown; filled while it runs."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found
