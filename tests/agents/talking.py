"""A real MCP client for the tests: the `mcp` package's own, over streamable HTTP.

Its event loop runs in a thread of its own, because Playwright leaves one in the main thread.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from core.methods.trill import gallery

T = TypeVar("T")
Talk = Callable[[ClientSession], Awaitable[T]]


def in_thread(make: Callable[[], Awaitable[T]], timeout: float = 120) -> T:
    """Run a coroutine to its end on an event loop of its own."""
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append((asyncio.run(asyncio.wait_for(make(), timeout)), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    value, error = outcome[0]
    if error is not None:
        raise error
    return value


async def connected(url: str, talk: Talk[T]) -> T:
    """Connect to the hub at `url`, let `talk` use the session, and close it."""
    async with (
        streamable_http_client(f"{url}/gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        return await talk(session)


def talk_to(url: str, talk: Talk[T]) -> T:
    """Hold one conversation with the hub at `url`."""
    return in_thread(lambda: connected(url, talk))


def call(url: str, name: str, /, **arguments: Any) -> Any:
    """Call one tool; returns the whole answer of the protocol."""
    return talk_to(url, lambda session: session.call_tool(name, arguments))


def answer_of(result: Any) -> dict[str, Any]:
    """The JSON that a tool answered; its two forms must say the same."""
    assert not result.isError, result.content[0].text
    answer = json.loads(result.content[0].text)
    assert result.structuredContent == answer
    return answer


def words_of(result: Any) -> str:
    """The sentence of a tool that could not."""
    assert result.isError
    assert [block.type for block in result.content] == ["text"]
    return result.content[0].text


def fetch(address: str) -> bytes:
    """GET a file, as an agent does with an address in an answer."""
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read()


def example(name: str) -> str:
    """A shipped example as a path of the hub."""
    return f"/example/trill/{name}"


def data_uri(name: str) -> str:
    """A shipped example as a data: URI."""
    packed = base64.b64encode(gallery.example_bytes(name)).decode()
    return f"data:audio/flac;base64,{packed}"


def upload(url: str, data: bytes, name: str) -> str:
    """Send a file as the instructions say; returns what the hub calls it."""
    mark = "----vitrine-test"
    body = (
        f'--{mark}\r\ncontent-disposition: form-data; name="files"; filename="{name}"\r\n'
        "content-type: application/octet-stream\r\n\r\n"
    ).encode() + data
    request = urllib.request.Request(
        f"{url}/gradio_api/upload",
        body + f"\r\n--{mark}--\r\n".encode(),
        {"content-type": f"multipart/form-data; boundary={mark}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())[0]
