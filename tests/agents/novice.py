"""A small agent without a language model: it knows the protocol and English words, and no hub.

It finds tools by what their descriptions say, and fills arguments by what the schema says of them.
What it needs beyond that, an agent would need a manual for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import ClientSession

from tests.agents.talking import upload


@dataclass
class Novice:
    """Serves a user who has files on a disk and names for them."""

    session: ClientSession
    address: str  # of the server, as in its settings, without /gradio_api/mcp/

    async def tool(self, *words: str) -> Any:
        """The tool whose description holds most of the words."""
        tools = (await self.session.list_tools()).tools
        found = max(tools, key=lambda tool: sum(w in tool.description.lower() for w in words))
        assert all(word in found.description.lower() for word in words), found.description
        return found

    def send(self, files: list[Path]) -> list[str]:
        """Upload files as the server's instructions say."""
        return [upload(self.address, file.read_bytes(), file.name) for file in files]

    async def call(self, tool: Any, **arguments: Any) -> dict[str, Any]:
        """Call a tool and read its answer."""
        result = await self.session.call_tool(tool.name, arguments)
        assert not result.isError, result.content[0].text
        return json.loads(result.content[0].text)

    async def teach(self, lesson: dict[str, list[Path]]) -> dict[str, Any]:
        """Teach classes from files; `lesson` maps the name of each class to its recordings."""
        tool = await self.tool("teach", "classes", "recordings")
        files = argument(tool, "array", "path of this hub")
        labels = argument(tool, "array", "class of each")
        paths = [path for members in lesson.values() for path in self.send(members)]
        names = [name for name, members in lesson.items() for _ in members]
        return await self.call(tool, **{files: paths, labels: names})

    async def classify(self, taught: dict[str, Any], file: Path) -> dict[str, Any]:
        """Ask what was taught about another file."""
        tool = await self.tool("ask a head", "recording")
        clip = argument(tool, "string", "recording", "path of this hub")
        head = argument(tool, "string", "head", "path of this hub")
        made = next(url for name, url in taught["run"]["files"].items() if name.startswith("head"))
        return await self.call(tool, **{clip: self.send([file])[0], head: made})


def argument(tool: Any, kind: str, *words: str) -> str:
    """The argument of a tool of a kind, described with these words; there must be one."""
    found = [
        name
        for name, schema in tool.inputSchema["properties"].items()
        if schema["type"] == kind and all(word in schema["description"].lower() for word in words)
    ]
    assert found, f"{tool.name} has no {kind} described with {words}"
    return found[0]
