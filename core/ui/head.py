"""Middleware that finishes each page before it leaves: head, size, security headers, counting."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from core import health
from core import metrics as metrics_of
from core.ui import chrome, theme

_CONFIG = re.compile(r"(window\.gradio_config = )(\{.*?\})(;</script>)", re.DOTALL)
# Server-side keys of Gradio's component descriptions; the page's scripts never read them.
_UNREAD = ("api_info", "api_info_as_input", "api_info_as_output", "example_inputs")

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    # Gradio compiles its HTML templates and styles at run time, hence the two unsafe words; no
    # other host may be reached, whatever the page holds.
    "content-security-policy": (
        "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self' data: blob: ws: wss:; media-src 'self' data: blob:; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'self'"
    ),
}


def _kind(name: str, pages: Mapping[str, Any]) -> str:
    if name in pages:
        return "page"
    if name.startswith("gradio_api"):
        return "api"
    if name.startswith(("assets", "static", "vitrine", "theme.css")):
        return "asset"
    return "file" if name.startswith(("artifact", "download")) else "service"


Scope = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]


def _slim(found: re.Match[str], name: str) -> str:
    """The page's description without what only the server and other pages read; a quarter of it, compressed."""
    try:
        config = json.loads(found[2])
    except ValueError:  # not the form we know: leave it alone
        return found[0]
    for component in config.get("components", ()):
        for key in _UNREAD:
            component.pop(key, None)
    pages = config.get("page", {})
    if name in pages:  # Gradio lists the parts of every page in each
        config["page"] = {name: pages[name]}
    text = json.dumps(config, separators=(",", ":"), ensure_ascii=False)
    for sign, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(sign, escape)
    return found[1] + text + found[3]


def _shared() -> str:
    """The public address while the hub is shared: copied links use it, wherever they are copied."""
    address = getattr(health.built.get("blocks"), "share_url", None)
    if not address:
        return ""
    return (
        f'<meta name="vitrine-address" content="{html.escape(address.rstrip("/"))}/">'
        '<meta name="robots" content="noindex">'  # the address is one visitor's, and passes
    )


class PageHead:
    """Middleware that puts title, language, style sheet and script into each page's head.

    Gradio inserts them by script after the first paint, which would flash, and it names a picture
    on another host. Pages are held back until complete (tens of kilobytes); nothing else is.
    """

    def __init__(self, app: Any, titles: Mapping[str, tuple[str, str]]) -> None:
        """Wrap `app`; `titles` maps a page's path without slashes to title and description."""
        self.app = app
        self.titles = titles

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        root = scope.get("root_path", "")
        name = path.removeprefix(root).strip("/")
        held: list[bytes] = []
        start: dict[str, Any] = {}

        async def passed(message: Any) -> None:
            if message["type"] == "http.response.start":
                metrics_of.count_answer(_kind(name, self.titles), message["status"])
                headers = [(k.lower(), v) for k, v in message["headers"]]
                present = {k for k, _ in headers}
                headers += [
                    (k.encode(), v.encode())
                    for k, v in HEADERS.items()
                    if k.encode() not in present
                ]
                message = {**message, "headers": headers}
                kind = dict(headers).get(b"content-type", b"")
                if name in self.titles and kind.startswith(b"text/html"):
                    start.update(message)
                    return
                await send(message)
            elif start:
                held.append(message.get("body", b""))
                if not message.get("more_body"):
                    await self._finish(start, b"".join(held), name, send)
            else:
                await send(message)

        await self.app(scope, receive, passed)

    async def _finish(self, start: dict[str, Any], body: bytes, name: str, send: Send) -> None:
        text = body.decode("utf-8")
        title, description = self.titles[name]
        text = re.sub(r'\s*<meta\s+(property|name)="(og|twitter):[^>]*>', "", text)
        tags = (
            f"<title>{html.escape(title)}</title>"
            f'<meta name="description" content="{html.escape(description)}">{_shared()}'
            f"{theme.head_tags(chrome.method_at(name))}"
        )
        text = _CONFIG.sub(lambda found: _slim(found, name), text, count=1)
        body = text.replace(
            '<meta charset="utf-8" />', f'<meta charset="utf-8" />{tags}', 1
        ).encode()
        headers = [(k, v) for k, v in start["headers"] if k != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})
