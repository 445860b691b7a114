"""MCP over HTTP at `/gradio_api/mcp/`: streamable HTTP that survives restarts and can be cancelled.

Each request stands alone, as on any web page: a hub that was restarted, or one of several behind a
balancer, answers a client that knows nothing of it. Only one thing needs memory: a cancellation
comes as a request of its own. So a client gets a session id when it begins, and a running call is
known by that id and its number.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import gradio as gr
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Message, Receive, Scope, Send

from .server import PATH, HubServer, origin_of

logger = logging.getLogger(__name__)

MAX_BODY = 24 * 2**20  # bytes; a data: URI of an 18 MB file
_SESSION = b"mcp-session-id"
_Call = tuple[str, str]  # session, number of the request


class McpRoutes:
    """The routes of a hub's MCP server, and what must run as long as the hub does."""

    def __init__(self, blocks: gr.Blocks, slugs: tuple[str, ...]) -> None:
        """Serve the public endpoints of `blocks`."""
        self.hub = HubServer(blocks, slugs)
        self._blocks = blocks
        self._manager = self._new_manager()
        self._running: dict[_Call, anyio.CancelScope] = {}

    def _new_manager(self) -> StreamableHTTPSessionManager:
        return StreamableHTTPSessionManager(
            app=self.hub.server, stateless=True, max_request_body_size=MAX_BODY
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Run the server; a new one each time, because the protocol's manager runs once."""
        self._manager = self._new_manager()
        async with self._manager.run():
            yield

    def routes(self) -> list[BaseRoute]:
        """The routes, to stand before Gradio's."""
        # Not the object itself: Starlette takes an app's `routes` for a list, and `url_for`, which
        # the login with Hugging Face needs, would trip over the method.
        answer = self.__call__
        return [
            Route(PATH, endpoint=self),
            Mount(PATH, routes=[Route("/schema", self._schema), Mount("/", app=answer)]),
        ]

    async def _schema(self, request: Request) -> Response:
        """Tools and their arguments, as Hugging Face reads them from a Space without a session."""
        wanted = request.query_params.get("tools")
        names = self.hub.tools if wanted is None else set(wanted.split(","))
        found = [
            {
                "name": tool.name,
                "description": tool.description,
                "inputSchema": tool.schema,
                "meta": {
                    "file_data_present": tool.takes_files,
                    "mcp_type": "tool",
                    "endpoint_name": tool.name,
                },
            }
            for tool in self.hub.tools.values()
            if tool.name in names
        ]
        return JSONResponse(found)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request of a client, or of a person who opened the address."""
        if scope["method"] != "POST":
            origin = origin_of(Request(scope), self._blocks.root_path)
            await _other_method(scope, receive, send, origin)
            return
        body = await _body(receive)
        if body is None:
            await _too_long(scope, receive, send)
            return
        message = _message(body)
        session = dict(scope["headers"]).get(_SESSION, b"").decode("latin-1")
        if message.get("method") == "notifications/cancelled":
            self._cancel(session, message)
        if message.get("method") == "initialize":
            send = _with_session(send, secrets.token_urlsafe(24))
        scope_of_call = anyio.CancelScope()
        call = (session, repr(message.get("id")))
        known = session and message.get("method") == "tools/call" and call not in self._running
        if known:
            self._running[call] = scope_of_call
        try:
            with scope_of_call:
                await self._manager.handle_request(scope, _replay(body, receive), send)
        finally:
            if known:
                del self._running[call]

    def _cancel(self, session: str, message: dict[str, Any]) -> None:
        params = message.get("params")
        number = params.get("requestId") if isinstance(params, dict) else None
        running = self._running.get((session, repr(number))) if session else None
        if running is not None:
            running.cancel()


def _message(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:  # the protocol's server answers what is wrong with it
        return {}
    return found if isinstance(found, dict) else {}


async def _body(receive: Receive) -> bytes | None:
    """The body of a request; None when it is too long."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read already, then what comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _with_session(
    send: Send, session: str
) -> Callable[[MutableMapping[str, Any]], Awaitable[None]]:
    """Add a session id to the headers of an answer."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] < 300:
            headers = [*message.get("headers", []), (_SESSION, session.encode())]
            message = {**message, "headers": headers}
        await send(message)

    return sending


async def _too_long(scope: Scope, receive: Receive, send: Send) -> None:
    text = (
        f"The request is longer than {MAX_BODY // 2**20} MiB. Files inside it must be smaller. "
        "Upload the file to /gradio_api/upload and give the path that this answers."
    )
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": text}}
    await JSONResponse(error, status_code=413)(scope, receive, send)


async def _other_method(scope: Scope, receive: Receive, send: Send, origin: str) -> None:
    """Send a person to the API page; tell a client that nothing comes here without being asked."""
    accepted = dict(scope["headers"]).get(b"accept", b"")
    response: Response
    if scope["method"] in ("GET", "HEAD") and b"text/html" in accepted:
        response = RedirectResponse(f"{origin}/api", status_code=303)
    else:
        text = "This address is for MCP clients: streamable HTTP, by POST."
        response = PlainTextResponse(text, status_code=405, headers={"allow": "POST"})
    await response(scope, receive, send)
