"""Chromium for the tests of the dashboard."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dashboards import SCREENS, Watched
from playwright.sync_api import Browser, Page, sync_playwright


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One chromium for a module. It ends with it, because it keeps a loop of asyncio in this thread."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=["--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """Opens pages. The test fails if one said an error or broke the policy of its contents."""
    pages = Watched(browser)
    yield pages
    pages.close()
    assert pages.errors() == []


@pytest.fixture
def shoot() -> Callable[[Page, str], None]:
    """Keeps a picture, if a folder for them is named."""

    def take(page: Page, name: str) -> None:
        if SCREENS:
            Path(SCREENS).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(SCREENS) / f"{name}.png")

    return take
