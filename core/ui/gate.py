"""The password of a hub: a page that asks for it, and nothing else without it.

Gradio guards its own routes, but not those beside it, and its pages tell strangers what they are
about. Here everything is refused unless it stands on a short list, so that a route which somebody
adds is guarded from the start. Besides the login, `curl -u NAME:PASSWORD` and scrapers get in by
HTTP's own header. Tries are throttled for both.
"""

from __future__ import annotations

import base64
import html
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from core import health
from core.ui import theme
from core.ui.throttle import Throttle, whole_seconds

Scope = dict[str, Any]

_OPEN = {
    "healthz",
    "login",
    "logout",
    "robots.txt",
    "favicon.ico",
    "gradio_api/app_id",
    "gradio_api/startup-events",  # asked by the launch itself
}
_REFUSED = {"detail": {"error": "Not authenticated", "auth_message": None}}
_SCRIPT = """
const form = document.querySelector('form'), said = document.getElementById('said');
const button = form.querySelector('button');
form.addEventListener('submit', async event => {
  event.preventDefault();
  button.disabled = true;
  said.textContent = '';
  try {
    const answer = await fetch('login', {method: 'POST', body: new URLSearchParams(new FormData(form))});
    if (answer.ok) { location.reload(); return; }
    said.textContent = answer.status === 429 ? (await answer.json()).detail
      : answer.status === 400 ? 'The name or the password is wrong. Check both and try again.'
      : 'The hub could not check the password. Try again in a minute.';
  } catch { said.textContent = 'The hub does not answer. Check your connection and try again.'; }
  button.disabled = false;
  form.elements.password.select();
});
if (matchMedia('(prefers-color-scheme: dark)').matches) document.documentElement.classList.add('dark');
"""


class Gate:
    """Middleware that lets in who knows the password; only for apps that have one."""

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        pages: Mapping[str, tuple[str, str]],
        throttle: Throttle | None = None,
    ) -> None:
        """Wrap `app`; `pages` maps the path of each page, without slashes, to title and description."""
        self.app = app
        self.pages = pages
        self.throttle = throttle or Throttle()
        self._token = ""  # stands for all who come with the header; made at first use

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one request."""
        gradio = scope.get("app")
        if scope["type"] != "http" or getattr(gradio, "auth", None) is None:
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
        address = (scope.get("client") or ("", 0))[0]
        if path == "login" and scope["method"] == "POST":
            await self._login(scope, receive, send, address)
            return
        request = Request(scope)
        if _logged_in(request, gradio):
            await self.app(scope, receive, send)
            return
        answer = self._by_header(scope, gradio, address)
        if answer is None or path in _OPEN or path.startswith("vitrine/"):
            await self.app(scope, receive, send)
        elif path == "readyz":
            ready = health.state()["ready"]  # the names of the methods are not for everybody
            await JSONResponse({"ready": ready}, 200 if ready else 503)(scope, receive, send)
        elif (
            path in self.pages and scope["method"] in ("GET", "HEAD") and answer.status_code == 401
        ):
            await HTMLResponse(_login_page(self.pages[""][0]), headers=_NO_STORE)(
                scope, receive, send
            )
        else:
            await answer(scope, receive, send)

    async def _login(self, scope: Scope, receive: Any, send: Any, address: str) -> None:
        wait = self.throttle.attempt(address)
        if wait:
            await _too_many(wait)(scope, receive, send)
            return

        async def passed(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                self.throttle.passed(address)
            await send(message)

        await self.app(scope, receive, passed)

    def _by_header(self, scope: Scope, gradio: Any, address: str) -> Response | None:
        """Check the header of HTTP Basic; None lets the request in, with the cookie that Gradio asks."""
        given = _basic(Headers(scope=scope).get("authorization", ""))
        if given is None:
            return JSONResponse(_REFUSED, 401)
        if wait := self.throttle.attempt(address):
            return _too_many(wait)
        if not gradio.auth(*given):
            return JSONResponse(_REFUSED, 401)
        self.throttle.passed(address)
        if gradio.tokens.get(self._token) is None:
            self._token = secrets.token_urlsafe(24)
            gradio.tokens[self._token] = given[0]
        cookie = f"access-token-unsecure-{gradio.cookie_id}={self._token}"
        others = [(k, v) for k, v in scope["headers"] if k.lower() != b"cookie"]
        scope["headers"] = [*others, (b"cookie", cookie.encode())]
        return None


_NO_STORE = {"cache-control": "no-store"}


def _logged_in(request: Request, gradio: Any) -> bool:
    names = (f"access-token-{gradio.cookie_id}", f"access-token-unsecure-{gradio.cookie_id}")
    return any(request.cookies.get(name) in gradio.tokens for name in names)


def _basic(header: str) -> tuple[str, str] | None:
    """Name and password of a Basic header, or None when it is no such header."""
    scheme, _, coded = header.partition(" ")
    if scheme.lower() != "basic" or len(coded) > 1024:
        return None
    try:
        name, colon, password = base64.b64decode(coded, validate=True).decode().partition(":")
    except ValueError:  # not Base64, or not UTF-8
        return None
    return (name, password) if colon else None


def _too_many(wait: float) -> Response:
    seconds = whole_seconds(wait)
    words = f"Too many wrong passwords came from here. Try again in {seconds} s."
    return JSONResponse({"detail": words}, 429, headers={"retry-after": str(seconds)} | _NO_STORE)


@lru_cache(maxsize=4)
def _login_page(name: str) -> str:
    shown = html.escape(name)
    style = "".join(
        (theme.ASSETS / part).read_text("utf-8") for part in ("tokens.css", "login.css")
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>Log in · {shown}</title>'
        f"<style>{style}</style></head><body><main><h1>{shown}</h1>"
        "<p>This hub asks for a password. Whoever gave you its address knows it.</p>"
        '<form method="post" action="login"><label for="name">Name</label>'
        '<input id="name" name="username" autocomplete="username" autocapitalize="none" '
        'spellcheck="false" required autofocus><label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" '
        'required><button>Log in</button><p id="said" role="alert"></p></form>'
        "<noscript><p>Logging in needs JavaScript.</p></noscript></main>"
        f"<script>{_SCRIPT}</script></body></html>"
    )
