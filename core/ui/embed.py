"""Pages inside other pages: the script of the web component, and how an address is embedded.

Two forms, both made by the Embed button in the browser, because only the browser knows the address
under which others reach the hub:

- a frame, `<iframe src="ADDRESS?...&embed=1">`;
- a web component, `<vitrine-app src="ADDRESS">`, whose script the hub itself serves at `/embed.js`.

`embed=1` leaves out navigation and history; `__theme=light` or `dark` sets the colours. Gradio's own
`<gradio-app>` cannot show one page of a hub of several: it asks for `ADDRESS/config`, which only the
first page has, and it shares its styles and its query with the page around it. A frame inside a
component keeps the two apart.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.ui import theme

PATH = "/embed.js"
_HOUR = "public, max-age=3600, must-revalidate"


@lru_cache(maxsize=1)
def _content() -> tuple[bytes, str]:
    text = (theme.ASSETS / "embed.js").read_bytes()
    return text, f'"{hashlib.sha256(text).hexdigest()[:16]}"'


async def script(request: Request) -> Response:
    """The web component's script; its name never changes, because it stands in pages of others."""
    body, tag = _content()
    headers = {
        "cache-control": _HOUR,
        "etag": tag,
        "x-content-type-options": "nosniff",
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="text/javascript; charset=utf-8", headers=headers)


def routes() -> list[Route]:
    """What the hub serves for pages that embed it."""
    return [Route(PATH, script)]
