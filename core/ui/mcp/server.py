"""The hub's MCP server: tools from the public endpoints, examples and method cards as resources."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import mimetypes
import re
from collections.abc import Iterable
from typing import Any

import gradio as gr
import mcp.types as types
from gradio.route_utils import get_root_url
from mcp.server.lowlevel import Server
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.shared.exceptions import McpError
from pydantic import AnyUrl
from starlette.requests import Request

import core
from core import registry
from core.errors import BusyError, NotFoundError, VitrineError
from core.ui import routes
from core.ui.errors import sentence
from core.ui.manual import functions, method_of
from core.ui.received import received

from . import answers, calling, files, progress
from .tools import Tool

logger = logging.getLogger(__name__)

PATH = "/gradio_api/mcp"
MAX_CALLS = 32  # under way or waiting at once; jobs have their own limits below that
_CARD = re.compile(r"vitrine://([a-z0-9_]+)/card")
INSTRUCTIONS = """\
Vitrine runs published research methods on what you give it. Each tool is one verb of one method \
and does the real work.

Files in: a file argument is a text. It can be a path of this hub (/example/METHOD/ID, a file of an \
earlier answer, or what an upload answered), a public http(s) address, or a data: URI. HUB stands for \
the address of this server without /gradio_api/mcp/. To send a file of the user, POST it as a form \
field named files to HUB/gradio_api/upload and give the tool the path that this answers. The \
resources of this server are examples to try a tool with.

Answers: JSON. Where a result was saved, "run" holds the address of a page that shows it to a person, \
and addresses of its files; pass the page on to the user. What is too long is left out, and \
"whole_answer" is the address of all of it, for ten minutes. Numbers come with their chance level and n \
where they are known; report them together.

Errors say in words what was given, what would work and what to do."""


class HubServer:
    """Answers MCP requests about one app.

    Attributes:
        server: the protocol's server, for a transport to run.
        tools: by name.
    """

    def __init__(self, blocks: gr.Blocks, slugs: Iterable[str]) -> None:
        """Serve the public endpoints of `blocks`, and the examples of the methods in `slugs`."""
        self.tools = {
            name: Tool(name, function, _addresses(method_of(name, function))[:2])
            for name, function in functions(blocks).items()
        }
        self._slugs = tuple(slugs)
        self._blocks = blocks
        self._free = asyncio.Semaphore(MAX_CALLS)
        self._shelf = answers.Shelf()
        self.server: Server[Any, Request] = Server(
            "vitrine", version=core.__version__, instructions=INSTRUCTIONS
        )
        self.server.list_tools()(self._list_tools)
        self.server.call_tool(validate_input=False)(self._call)
        self.server.list_resources()(self._list_resources)
        self.server.read_resource()(self._read_resource)

    def _request(self) -> Request:
        request = self.server.request_context.request
        if request is None:
            raise McpError(types.ErrorData(code=types.INTERNAL_ERROR, message="no HTTP request"))
        return request

    def _origin(self) -> str:
        """Address of the hub as the agent sees it, without a slash at its end."""
        return origin_of(self._request(), self._blocks.root_path)

    async def _list_tools(self) -> list[types.Tool]:
        return [
            types.Tool(
                name=tool.name,
                title=tool.name.replace("_", " "),
                description=tool.description,
                inputSchema=tool.schema,
                # A call adds a run and changes nothing that is there.
                annotations=types.ToolAnnotations(destructiveHint=False, openWorldHint=False),
            )
            for tool in self.tools.values()
        ]

    async def _call(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        try:
            tool = self.tools.get(name)
            if tool is None:
                raise NotFoundError(
                    f"There is no tool {name[:80]!r}. There are {', '.join(self.tools)}. Call one."
                )
            return await self._answer(tool, arguments)
        except Exception as error:  # the agent reads a sentence; bugs go to the log
            text = types.TextContent(type="text", text=sentence(error))
            return types.CallToolResult(content=[text], isError=True)

    async def _answer(self, tool: Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        origin, given = self._origin(), tool.read(arguments)
        if self._free.locked():
            raise BusyError(
                f"{MAX_CALLS} calls are under way on this hub. Fewer at once would work. "
                "Try again in a minute."
            )
        async with self._free, progress.Notes(self._sender()) as notes:
            if tool.takes_files:
                notes.tell(None, "Reading the files")
                given = await asyncio.to_thread(files.with_files, given, origin)
            request = gr.Request(request=self._request())
            answer = await calling.run(self._blocks, tool.function, given, request, notes.tell)
            made = functools.partial(
                answers.content,
                answer,
                whole=lambda data: origin + self._shelf.put(data),
                read=lambda address: received({"path": address}, origin=origin).data,
            )
            return await asyncio.to_thread(made)

    def _sender(self) -> progress.Send | None:
        """How to notify this caller of progress; None when it did not ask."""
        context = self.server.request_context
        token = context.meta.progressToken if context.meta is not None else None
        if token is None:
            return None

        async def send(share: float, words: str) -> None:
            await context.session.send_progress_notification(
                token, share, 1.0, words or None, related_request_id=str(context.request_id)
            )

        return send

    async def _list_resources(self) -> list[types.Resource]:
        origin = self._origin()
        found = []
        for slug in self._slugs:
            title = registry.load(slug).title
            found.append(
                types.Resource(
                    uri=AnyUrl(f"vitrine://{slug}/card"),
                    name=f"{slug} card",
                    title=f"{title}: what it is, how well it does, limits, licences",
                    mimeType="text/markdown",
                )
            )
            for row in _rows(slug):
                found.append(
                    types.Resource(
                        uri=AnyUrl(f"{origin}/example/{slug}/{row['id']}"),
                        name=row["id"],
                        title=row.get("title"),
                        description=_described(row),
                        mimeType=mimetypes.guess_type(row["file"])[0],
                    )
                )
        return found

    async def _read_resource(self, uri: AnyUrl) -> list[ReadResourceContents]:
        text = str(uri)
        try:
            if (card := _CARD.fullmatch(text)) and card[1] in self._slugs:
                readme = registry.load(card[1]).folder / "README.md"
                words = re.sub(r"\A---\n.*?\n---\n", "", readme.read_text("utf-8"), flags=re.S)
                return [ReadResourceContents(content=words, mime_type="text/markdown")]
            file = await asyncio.to_thread(received, {"path": text}, origin=self._origin())
        except (VitrineError, OSError) as error:
            raise McpError(
                types.ErrorData(code=types.INVALID_PARAMS, message=sentence(error))
            ) from error
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return [ReadResourceContents(content=file.data, mime_type=kind)]


def origin_of(request: Request, root_path: str) -> str:
    """Address of the hub as the sender of a request to the MCP path sees it."""
    path = request.url.path
    if PATH in path:  # what follows is of the protocol
        path = path[path.index(PATH) :]
    return get_root_url(request, route_path=path, root_path=root_path)


def _rows(slug: str) -> list[dict[str, Any]]:
    listing = registry.load(slug).folder / "examples" / "examples.json"
    if not listing.is_file():
        return []
    return [row for rows in json.loads(listing.read_text("utf-8")).values() for row in rows]


def _described(row: dict[str, Any]) -> str:
    """What is known of an example, in one line."""
    seconds = f"{row['seconds']:g} s" if isinstance(row.get("seconds"), int | float) else ""
    parts = (seconds, row.get("source", ""), row.get("licence", ""))
    return ", ".join(part for part in parts if part)


def _addresses(slug: str) -> tuple[str, ...]:
    """Paths of a method's examples on the hub."""
    try:
        return tuple(f"/example/{slug}/{name}" for name in routes.examples(slug))
    except (NotFoundError, OSError, KeyError):
        return ()
