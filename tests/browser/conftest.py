"""Chromium in front of a running hub; skipped with a reason where there is no Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.core.hub.fake_hub import serving

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOTS = Path(__file__).parent / "shots"
CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def address(tmp_path_factory) -> Iterator[str]:
    """Address of a running hub of the fake methods."""
    with serving(tmp_path_factory.mktemp("hub")) as url:
        yield url


@pytest.fixture(scope="session")
def chromium():
    """One headless Chromium for all tests."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install it, or name it in CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A visitor: one browser profile with one page, and what it asked of the network."""

    def __init__(self, chromium, address: str, **options) -> None:
        self.context = chromium.new_context(**options)
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()
        self.address = address
        self.foreign: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", self._asked)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _asked(self, request) -> None:
        url = urlsplit(request.url)
        if (
            url.scheme in {"http", "https", "ws", "wss"}
            and url.netloc != urlsplit(self.address).netloc
        ):
            self.foreign.append(request.url)

    def open(self, path: str = ""):
        """Open a page of the hub and wait until its frame stands."""
        self.page.goto(self.address + path)
        self.page.wait_for_selector(".vt-head h1")
        return self.page

    def open_echo(self, query: str = ""):
        """Open the echo page and wait until its load event has filled the history."""
        page = self.open("echo" + query)
        page.wait_for_selector(".vt-history h2")
        return page


@pytest.fixture
def visit(chromium, address) -> Iterator:
    """Factory of visitors; asserts at the end that nothing was asked of another host."""
    made: list[Visit] = []

    def new(**options) -> Visit:
        made.append(Visit(chromium, address, **options))
        return made[-1]

    yield new
    for visitor in made:
        visitor.context.close()
    assert [url for visitor in made for url in visitor.foreign] == []
    assert [error for visitor in made for error in visitor.errors] == []
