"""Vitrine inside pages of others: a frame and a web component, from another port, offline."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.taken import READY, SECONDS, kill, seen
from tests.serving import free_port, served

STYLE = "body { max-width: 820px; margin: 20px auto; padding: 0 16px } button { color: red }"


class Site:
    """A small site on a port of its own: path to the body of a page."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        pages = self.pages

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = pages.get(self.path)
                self.send_response(200 if body else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write((body or "").encode())

            def log_message(self, *args) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def put(self, path: str, body: str, style: str = "") -> str:
        self.pages[path] = (
            '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">'
            f"<title>A blog</title><style>{STYLE} {style}</style><h1>A blog</h1>{body}"
            "<p id='after'>The text goes on.</p></html>"
        )
        return self.address + path


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def reader(chromium) -> Iterator:
    """A factory of pages that may ask only the site and the hub."""
    contexts, errors, foreign = [], [], []

    def new(*allowed: str, **options):
        context = chromium.new_context(**options)
        context.set_default_timeout(SECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith(("data:", "blob:", *allowed)) or foreign.append(asked.url)
            ),
        )
        return page

    yield new
    for context in contexts:
        context.close()
    assert errors == []
    assert foreign == []


def snippets(page) -> list[str]:
    """The code that the Embed dialog in front offers: web component, then frame."""
    page.locator("dialog.vt-embed[open]").wait_for()
    return [code.inner_text() for code in page.locator(".vt-embed code").all()]


def frame_of(page, hub: str):
    return next(frame for frame in page.frames if frame.url.startswith(hub))


def predict(page) -> list:
    """Explore inside the embedded page; returns what it shows."""
    inside = page.frame_locator("iframe")
    inside.locator(READY).wait_for()
    inside.locator("#tr-explore").click()
    inside.locator(".tr-out-explore .vt-bar[data-state=done]").wait_for()


def fits(page, hub: str) -> None:
    """Nothing runs off the page around, nor off the embedded one."""
    frame = frame_of(page, hub)
    for one in (page, frame):
        sizes = one.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert sizes[0] <= sizes[1] + 1, one.url


def grown(page, hub: str) -> None:
    """The component is as tall as what is in it: no second scroll bar."""
    frame_of(page, hub).wait_for_function(
        "Math.abs(document.documentElement.scrollHeight - innerHeight) <= 2 && innerHeight > 700"
    )


@pytest.mark.slow  # two hubs one after the other, four pages
def test_both_forms_work_on_a_page_of_another_port_and_survive_a_restart(reader, site, tmp_path):
    port = free_port()  # an embedded address stays the same over a restart
    with served(tmp_path, "--methods", "trill", port=port) as hub:
        page = reader(hub)
        page.goto(f"{hub}/trill")
        page.wait_for_selector(READY)
        page.click(".vt-head [data-do=embed]")
        component, frame = snippets(page)
        assert f'src="{hub}/embed.js"' in component
        assert f'src="{hub}/trill?embed=1"' in frame
        page.keyboard.press("Escape")
        page.click("#tr-explore")
        page.wait_for_selector(".tr-out-explore .vt-bar[data-state=done]")
        expected = seen(page)
        page.click(".tr-out-explore [data-do=embed]")
        shown_component, shown_frame = snippets(page)
        assert "?run=" in shown_component
        assert html.unescape(shown_frame).count("&embed=1") == 1

        for path, code in (("/component", component), ("/frame", frame)):
            blog = reader(hub, site.address, viewport={"width": 1000, "height": 800})
            blog.goto(site.put(path, code))
            predict(blog)
            inside = frame_of(blog, hub)
            assert seen(inside) == expected, path
            for hidden in (".vt-nav", ".vt-history-column", "footer", ".vt-alone"):
                assert not inside.locator(hidden).first.is_visible(), hidden
            for kept in ("h1", ".vt-whole", ".tr-out-explore .tr-say"):
                assert inside.locator(kept).first.is_visible(), kept
            fits(blog, hub)
            if path == "/component":
                grown(blog, hub)
            inside.locator(".vt-whole").focus()
            whole = inside.locator(".vt-whole").get_attribute("href")
            assert whole.startswith(f"{hub}/trill?run=")
            assert "embed" not in whole
            colour = blog.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily")
            assert "Georgia" not in colour  # the styles of the hub stay inside
        kill(hub)
    with served(tmp_path, "--methods", "trill", port=port) as hub:
        for path, code in (("/stored-component", shown_component), ("/stored-frame", shown_frame)):
            blog = reader(hub, site.address, viewport={"width": 390, "height": 800})
            blog.goto(site.put(path, code))
            blog.frame_locator("iframe").locator(".vt-bar[data-state=stored]").wait_for()
            assert seen(frame_of(blog, hub)) == expected, path
            fits(blog, hub)


def test_an_embedded_page_takes_the_colours_of_the_page_around_it(reader, site, address):
    code = f'<script async src="{address}embed.js"></script><vitrine-app src="{address}echo"></vitrine-app>'
    page = reader(address, site.address)
    page.goto(site.put("/dark", code, "body { background: #181818; color: #eee }"))
    page.frame_locator("iframe").locator(".vt-history h2").wait_for(state="attached")
    inside = frame_of(page, address)
    inside.wait_for_function("document.body.classList.contains('dark')")
    page.evaluate("document.body.style.background = '#fff'")
    inside.wait_for_function("!document.body.classList.contains('dark')")
    page.evaluate("document.querySelector('vitrine-app').setAttribute('theme', 'dark')")
    inside.wait_for_function("document.body.classList.contains('dark')")


def test_the_component_shows_another_page_when_its_address_changes(reader, site, address):
    code = f'<script async src="{address}embed.js"></script><vitrine-app src="{address}echo" title="Echo"></vitrine-app>'
    page = reader(address, site.address)
    page.goto(site.put("/other", code))
    frame = page.locator("iframe")
    assert frame.get_attribute("title") == "Echo"
    page.evaluate("src => document.querySelector('vitrine-app').setAttribute('src', src)", address)
    page.frame_locator("iframe").locator(".vt-cards").wait_for()
    # a page of several methods keeps its navigation, or nobody could leave it
    assert page.frame_locator("iframe").locator(".vt-nav").is_visible()
    page.evaluate("document.querySelector('vitrine-app').remove()")
    assert frame.count() == 0


def test_a_script_is_no_address_to_embed(reader, site, address):
    code = f'<script async src="{address}embed.js"></script><vitrine-app src="javascript:alert(1)"></vitrine-app>'
    page = reader(address, site.address)
    page.goto(site.put("/script", code))
    page.wait_for_function("!!customElements.get('vitrine-app')")
    assert page.locator("iframe").get_attribute("src") is None


def test_embedding_can_be_asked_for_and_refused_in_the_address(visit):
    page = visit().open("echo?embed=1")
    page.locator(".vt-history h2").wait_for(state="attached")
    assert not page.locator(".vt-nav").is_visible()
    assert not page.locator(".vt-history").is_visible()
    assert page.locator(".vt-whole").is_visible()
    page.get_by_label("Your text").fill("still embedded")
    page.get_by_role("button", name="Repeat", exact=True).click()
    page.wait_for_selector(".vt-bar[data-state=done]")
    page.wait_for_function("location.search.includes('run=')")
    assert re.search(r"[?&]embed=1", page.url)  # a reload stays embedded
    assert visit().open_echo("?embed=0").locator(".vt-nav").is_visible()


def test_the_embed_dialog_works_by_keyboard_and_fits_a_phone(visit):
    page = visit(viewport={"width": 390, "height": 800}).open_echo()
    page.locator(".vt-head [data-do=embed]").focus()
    page.keyboard.press("Enter")
    codes = snippets(page)
    assert len(codes) == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 391
    box = page.locator(".vt-embed").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    page.keyboard.press("Escape")
    page.locator(".vt-embed[open]").wait_for(state="detached")
    assert page.evaluate("document.activeElement.dataset.do") == "embed"
