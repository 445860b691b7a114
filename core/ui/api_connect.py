"""How a program connects: addresses, logging in, limits, and the settings of MCP clients."""

from __future__ import annotations

import html
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core import settings
from core.ui import snippets
from core.ui.snippets import ORIGIN

MCP_ADDRESS = f"{ORIGIN}/gradio_api/mcp/"
FILES = (
    "An agent passes a file as text: the path of an example of this hub or of a file of an earlier "
    "answer, a public address, or a data: URI. Files on your disk it uploads first, with the "
    "second server of the settings for Claude Desktop, or with curl."
)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What to write into the settings of one MCP client."""

    client: str
    where: str
    text: str


def clients() -> tuple[ClientSettings, ...]:
    """Settings of common MCP clients, with the address of this hub."""
    remote = {"command": "npx", "args": ["-y", "mcp-remote", MCP_ADDRESS]}
    folder = "/folder/with/your/files"
    upload = {
        "command": "uvx",
        "args": ["--from", "gradio[mcp]", "gradio", "upload-mcp", ORIGIN, folder],
    }
    return (
        ClientSettings(
            "Cursor", "~/.cursor/mcp.json", _json({"mcpServers": {"vitrine": {"url": MCP_ADDRESS}}})
        ),
        ClientSettings(
            "Claude Code", "in a terminal", f"claude mcp add --transport http vitrine {MCP_ADDRESS}"
        ),
        ClientSettings(
            "VS Code",
            ".vscode/mcp.json",
            _json({"servers": {"vitrine": {"type": "http", "url": MCP_ADDRESS}}}),
        ),
        ClientSettings(
            "Claude Desktop",
            "claude_desktop_config.json; needs Node.js, and uv for the second server",
            _json({"mcpServers": {"vitrine": remote, "vitrine-files": upload}}),
        ),
    )


def mcp_served() -> bool:
    """Whether this process serves MCP: its package is there and no password guards the hub."""
    return settings.current().auth is None and importlib.util.find_spec("mcp") is not None


def start_section() -> str:
    """Addresses, logging in and limits. HTML."""
    chosen = settings.current()
    said = [
        "<p>Every example below runs as printed, from an empty folder: it fetches a shipped "
        "example first. For Python <code>pip install gradio_client</code>, for JavaScript "
        "<code>npm install @gradio/client</code> and a file that ends in <code>.mjs</code>. The "
        "command line runs in the folder of Vitrine, with the Python of its <code>.venv</code>.</p>",
        "<p>An answer is JSON. Its <code>run</code> holds the address of a page for people and an "
        "address for each file. While a call works, the Python and JavaScript clients report its "
        "progress; hang up or cancel, and the work stops.</p>",
    ]
    if chosen.auth is not None:
        said.append(
            "<p>This hub has a password. Python and JavaScript take it as <code>auth</code>, curl "
            "keeps a cookie; the examples read it from <code>HUB_USER</code> and "
            "<code>HUB_PASSWORD</code>. MCP is off, because its list of tools would stay public.</p>"
        )
    if chosen.on_space:
        said.append(
            "<p>If this Space is private, send a token of yours: <code>Client(…, "
            'token="hf_…")</code> in Python, <code>-H "Authorization: Bearer hf_…"</code> with each '
            'curl, <code>Client.connect(…, { token: "hf_…" })</code> in JavaScript.</p>'
        )
    limit = f"{chosen.max_upload_bytes / 2**20:.0f} MB"
    said.append(
        f"<p>A file may have {limit}. Calls take turns with each other and leave a place to "
        "visitors of the pages; a refusal says why in its error.</p>"
        '<p>Machine-readable: <a href="gradio_api/info">description</a>, '
        '<a href="gradio_api/openapi.json">OpenAPI</a>, '
        '<a href="llms.txt">llms.txt</a> for language models.</p>'
    )
    return _section("start", "Before the first call", "".join(said))


def mcp_section(tools: Sequence[str]) -> str:
    """How an agent connects. HTML."""
    if settings.current().auth is not None:
        body = (
            "<p>Off while the hub has a password. Start it without one to use it from agents.</p>"
        )
        return _section("mcp", "MCP", body)
    if not mcp_served():
        body = "<p>Off: this hub was installed without the <code>mcp</code> package.</p>"
        return _section("mcp", "MCP", body)
    names = " ".join(f"<code>{html.escape(name)}</code>" for name in tools)
    parts = "".join(
        snippets.figure(
            entry.client, entry.text, f" &nbsp; <small>{html.escape(entry.where)}</small>"
        )
        for entry in clients()
    )
    body = (
        "<p>Each endpoint is also a tool for agents, under the same name, over streamable HTTP at "
        f"<code data-origin>{MCP_ADDRESS}</code>. {FILES}</p>{parts}"
        f'<p class="vt-tools">Tools: {names}</p>'
    )
    return _section("mcp", "MCP", body)


def _section(ident: str, title: str, body: str) -> str:
    return (
        f'<section class="vt-api-part" id="{ident}"><h2>{title}'
        f'<a class="vt-anchor" href="api#{ident}" aria-label="Link to {title}">#</a></h2>{body}'
        "</section>"
    )


def _json(value: Any) -> str:
    return json.dumps(value, indent=2)
