"""What a page of another site may do with the hub in a visitor's browser: what any stranger may.

Gradio answers every site's script with the visitor's cookies (its CORS rule names each origin and
allows credentials), because apps are embedded as web components. So a page elsewhere could read a
hub behind a password, or save to the account of whoever is signed in. Here requests of other sites
lose their cookies: embedding goes on to work, with nobody's rights. A hub on the visitor's own
machine has no cookie to lose and trusts its network, so other sites may not write to it at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

Scope = dict[str, Any]
_LOCAL = {"localhost", "127.0.0.1", "0.0.0.0", "::1"}
_READS = {"GET", "HEAD", "OPTIONS"}


class ForeignOrigins:
    """Middleware that takes cookies and sessions from requests which another site's page made."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not is_foreign(headers := Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        if scope["method"] not in _READS and _reaches_in(headers):
            refused = PlainTextResponse("Pages of other sites may not use this hub.", 403)
            await refused(scope, receive, send)
            return
        kept = [
            (k, v) for k, v in scope["headers"] if k.lower() not in (b"cookie", b"authorization")
        ]
        # A copy: the session middleware around us keeps the visitor's own session as it is.
        await self.app({**scope, "headers": kept, "session": {}}, receive, send)


def is_foreign(headers: Headers) -> bool:
    """Whether a page of another site made this request; following a link there does not count.

    `Sec-Fetch-Site` cannot be set by scripts, but browsers send it only over HTTPS and to the own
    machine; elsewhere `Origin` is compared.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site in ("same-origin", "none"):
            return False
        following = headers.get("sec-fetch-mode") == "navigate" and "origin" not in headers
        return not following
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != _own_host(headers).lower()


def _own_host(headers: Headers) -> str:
    host = headers.get("host", "")
    if _name(host) not in _LOCAL:
        return host  # scripts may set the forwarded host, so it is not believed
    # Under a local name they may not: Gradio refuses their preflight. A proxy said it.
    return headers.get("x-forwarded-host", host)


def _reaches_in(headers: Headers) -> bool:
    """Whether a page from elsewhere talks to a hub under a name of the visitor's own machine."""
    origin = headers.get("origin")
    there = urlsplit(origin).hostname or "" if origin else ""
    proxied = "x-forwarded-for" in headers or "x-forwarded-host" in headers
    return not proxied and _name(headers.get("host", "")) in _LOCAL and there not in _LOCAL


def _name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""
