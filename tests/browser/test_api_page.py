"""The API page in Chromium: tabs, keyboard, anchors, copying, narrow screens, and its JavaScript."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser.conftest import Visit
from tests.serving import served

JAVASCRIPT = os.environ.get("VITRINE_TEST_NODE", "")


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[str]:
    """A hub with the real methods."""
    with served(tmp_path_factory.mktemp("api-hub")) as url:
        yield url


@pytest.fixture
def opened(chromium, hub):
    """Opens the page as one visitor."""
    visits: list[Visit] = []

    def open_page(path: str = "/api", **options):
        visits.append(Visit(chromium, hub, **options))
        page = visits[-1].open(path)
        page.wait_for_selector(".vt-lang [role=tab]")
        return page

    yield open_page
    for visit in visits:
        visit.context.close()
        assert visit.errors == []
        assert visit.foreign == []


def chosen(page, name):
    return page.locator(f"#{name} [role=tab][aria-selected=true]").inner_text()


def test_a_language_is_chosen_for_all_calls_and_kept(opened):
    page = opened()
    assert chosen(page, "trill_explore") == "Python"
    page.locator("#trill_explore").get_by_role("tab", name="Shell").click()
    assert chosen(page, "trill_compare") == "Shell"
    assert (
        page.locator("#trill_compare [role=tabpanel]:visible code").inner_text().startswith("curl")
    )
    page.reload()
    page.wait_for_selector("#trill_embed [role=tab][aria-selected=true] >> text=Shell")
    page.locator("#trill_explore").get_by_role("tab", name="Shell").press("ArrowRight")
    assert chosen(page, "trill_explore") == "JavaScript"
    page.locator("#trill_explore").get_by_role("tab", name="Command line").click()
    assert chosen(page, "trill_teach") == "Python", "it has no command line, so the first stands"


def test_the_code_names_the_address_at_which_the_page_was_opened(opened, hub):
    page = opened()
    code = page.locator("#trill_explore [role=tabpanel]:visible code").inner_text()
    assert f'Client("{hub}")' in code
    assert f'"{hub}/gradio_api/mcp/"' in page.locator("#mcp").inner_text()
    assert "127.0.0.1:7860" not in page.locator(".vt-api").inner_text()


def test_copying_gives_the_code_as_printed(opened, hub):
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    panel = page.locator("#trill_embed [role=tabpanel]:visible")
    panel.get_by_role("button", name="Copy").click()
    panel.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == panel.locator("code").text_content()
    assert hub in copied


def test_an_address_with_an_anchor_opens_at_its_endpoint(opened):
    page = opened("/api#trill_train")
    page.wait_for_function(
        "Math.abs(document.getElementById('trill_train').getBoundingClientRect().top) < 60"
    )
    page.locator("#trill_explore .vt-anchor").click()
    page.wait_for_function(
        "Math.abs(document.getElementById('trill_explore').getBoundingClientRect().top) < 60"
    )
    assert page.url.endswith("/api#trill_explore")


@pytest.mark.parametrize(
    ("width", "scheme"), [(360, "light"), (390, "dark"), (768, "light"), (1920, "dark")]
)
def test_no_width_scrolls_the_page_sideways(opened, width, scheme):
    page = opened(viewport={"width": width, "height": 844}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for language in ("Shell", "JavaScript"):
        page.locator("#trill_explore").get_by_role("tab", name=language).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.skipif(
    not JAVASCRIPT, reason="VITRINE_TEST_NODE names no folder where npm installed @gradio/client"
)
def test_the_printed_javascript_runs_in_a_page_of_another_origin(opened, chromium, hub):
    """The bare name of the package is mapped to its browser build, as a bundler would."""
    code = opened().locator("#trill_compare-2 code").text_content()
    package = Path(JAVASCRIPT) / "node_modules/@gradio/client/dist"
    scripts = {"imports": {"@gradio/client": "/browser.js"}}
    markup = (
        f'<script type="importmap">{json.dumps(scripts)}</script>'
        f'<script type="module">{code}</script>'
    )

    class Elsewhere(SimpleHTTPRequestHandler):
        """A page on another port of this machine."""

        def do_GET(self) -> None:
            script = package / self.path.strip("/")
            is_page = self.path == "/"
            if not is_page and not script.is_file():
                return self.send_error(404)
            self.send_response(200)
            self.send_header("content-type", "text/html" if is_page else "text/javascript")
            self.end_headers()
            self.wfile.write(markup.encode() if is_page else script.read_bytes())

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = chromium.new_context()
    try:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        deadline = time.monotonic() + 90
        while not any(text.startswith('{"kind"') for text in said):
            assert time.monotonic() < deadline, said
            page.wait_for_timeout(100)
    finally:
        context.close()
        server.shutdown()
        server.server_close()
    found = json.loads(next(text for text in said if text.startswith('{"kind"')))
    assert found["kind"] == "compare"
    assert found["run"]["page"].startswith(hub)
