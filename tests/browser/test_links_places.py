"""Links from wherever a hub stands: behind a proxy's prefix, alone at `/`, on a Space."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.browser.taken import READY, SECONDS, drop, said, seen, take
from tests.serving import served

_OWN = {"connection", "transfer-encoding", "keep-alive", "server", "date"}


@contextmanager
def proxied(hub: str, prefix: str) -> Iterator[str]:
    """A reverse proxy that serves `hub` below `prefix` on a port of its own; yields its address."""
    target = urlsplit(hub)

    class Forward(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # the end of an answer is the end of its connection

        def forward(self) -> None:
            if not self.path.startswith(prefix + "/"):
                self.send_error(404)
                return
            length = int(self.headers.get("content-length") or 0)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _OWN}
            headers |= {"Host": self.headers["host"], "X-Forwarded-Host": self.headers["host"]}
            inner = http.client.HTTPConnection(target.hostname, target.port)
            try:
                path = self.path.removeprefix(prefix)
                inner.request(self.command, path, self.rfile.read(length), headers)
                answer = inner.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _OWN:
                        self.send_header(name, value)
                self.end_headers()
                while part := answer.read1(65_536):
                    self.wfile.write(part)
                    self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):
                pass  # the visitor went on
            finally:
                inner.close()

        do_GET = do_POST = do_HEAD = forward

        def log_message(self, *args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forward)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def visitor(chromium):
    """A factory of visitors who may ask nothing outside of an address; checked at the end."""
    wrong: list[str] = []

    @contextmanager
    def new(address: str):
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(SECONDS)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        # what was answered; on a Space Gradio also asks for fonts and a header of the platform,
        # which our content policy refuses
        page.on(
            "requestfinished",
            lambda asked: (
                asked.url.startswith((address, "data:", "blob:")) or wrong.append(asked.url)
            ),
        )
        yield page
        context.close()

    yield new
    # Gradio's page names its manifest from the root of the host
    assert [url for url in wrong if not url.endswith("/manifest.json")] == []


def explored(page, address: str, single: bool = False) -> None:
    page.goto(address + ("/" if single else "/trill"))
    page.wait_for_selector(READY)
    page.click("#tr-explore")


def everything_opens(visitor, address, taken, single: bool = False) -> None:
    for link in (taken.run, taken.settings):
        with visitor(address) as page:
            page.goto(f"{address}/{link}")
            assert seen(page) == taken.seen, link
    for path in taken.files.values():
        with visitor(address) as page:
            drop(page, address + ("/" if single else ""), path, single)
            assert seen(page) == taken.seen, path.name


@pytest.mark.slow
def test_links_and_files_open_behind_the_prefix_of_a_proxy(visitor, tmp_path, monkeypatch):
    monkeypatch.setenv("VITRINE_ROOT_PATH", "/demos/vitrine")
    with (
        served(tmp_path, "--methods", "trill") as hub,
        proxied(hub, "/demos/vitrine") as address,
    ):
        with visitor(address) as page:
            explored(page, address)
            taken = take(page, address, tmp_path / "taken")
            page.click(".tr-out-explore [data-do=embed]")
            code = page.locator(".vt-embed code").first.inner_text()
            assert f'src="{address}/embed.js"' in code
            assert f'src="{address}/trill?run=' in code
            assert page.request.get(f"{address}/embed.js").ok
        everything_opens(visitor, address, taken)


@pytest.mark.slow
def test_links_and_files_open_where_one_method_stands_alone(visitor, tmp_path):
    with served(tmp_path, "--single", "trill") as address:
        with visitor(address) as page:
            explored(page, address, single=True)
            taken = take(page, address, tmp_path / "taken")
            assert taken.run.startswith("./?run=")
        everything_opens(visitor, address, taken, single=True)


@pytest.mark.slow
def test_links_and_files_open_on_a_space_that_forgets(visitor, tmp_path, monkeypatch):
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "somebody/demos")
    (before := tmp_path / "before").mkdir()
    (after := tmp_path / "after").mkdir()
    with served(before, "--methods", "trill") as address:
        with visitor(address) as page:
            explored(page, address)
            taken = take(page, address, tmp_path / "taken")
            assert "until this Space restarts" in page.inner_text(".vt-history")
        everything_opens(visitor, address, taken)
    with served(after, "--methods", "trill") as address:  # its disk is new after a restart
        with visitor(address) as page:
            page.goto(f"{address}/{taken.run}")
            assert "is gone" in said(page)
            assert "computed again" in said(page)
        everything_opens(visitor, address, taken)
