"""`/llms.txt`: the hub in plain text for language models, from the same data as the API page."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urljoin

from core import registry, settings
from core.ui import links, snippets
from core.ui.api_connect import FILES, mcp_served
from core.ui.manual import Manual


def text(found: Sequence[Manual], origin: str) -> str:
    """Markdown with what the hub is, how to call it, and each endpoint with its arguments.

    Args:
        found: the public endpoints.
        origin: address of the hub as the reader sees it.
    """
    parts = [
        "# Vitrine",
        "> Demonstrations of research methods that work on your own input. Each public endpoint "
        "is an HTTP call, a gradio_client call and an MCP tool of the same name.",
        _how(origin),
    ]
    for slug in dict.fromkeys(entry.method for entry in found):
        title, summary = slug, ""
        if slug:
            spec = registry.load(slug)
            title, summary = spec.title, spec.summary
        page = urljoin(f"{origin}/", links.address(slug)) if slug else f"{origin}/"
        parts.append(f"## {title}\n\n{summary}\n\nPage: {page}")
        parts += [_endpoint(entry) for entry in found if entry.method == slug]
    if found and (example := next((e for e in found if e.call), None)):
        code = snippets.python(example.name, example.call).replace(snippets.ORIGIN, origin)
        parts.append(f"## A call that runs as printed\n\n```python\n{code}\n```")
    return "\n\n".join(parts) + "\n"


def _how(origin: str) -> str:
    chosen = settings.current()
    said = [
        f"- HTTP: POST {origin}/gradio_api/call/v2/NAME with the arguments as JSON gives an "
        f"event_id; GET {origin}/gradio_api/call/NAME/EVENT_ID streams until `event: complete`.",
        f"- Files: POST {origin}/gradio_api/upload (form field `files`) gives a list of paths; a "
        'file argument is {"path": PATH, "meta": {"_type": "gradio.FileData"}}, where PATH may '
        "also be a public address.",
        "- The answer is JSON; its `run` holds `page` (show it to people) and `files`.",
        f"- Description: {origin}/gradio_api/info and {origin}/gradio_api/openapi.json; for "
        f"people: {origin}/api",
    ]
    if mcp_served():
        said.append(f"- MCP (streamable HTTP): {origin}/gradio_api/mcp/ . {FILES}")
    if chosen.auth is not None:
        said.append(
            f"- This hub has a password: POST username and password to {origin}/login and keep the "
            "cookie. MCP is off."
        )
    return "\n".join(said)


def _endpoint(entry: Manual) -> str:
    lines = [f"### {entry.name}", "", entry.summary]
    if entry.arguments:
        lines.append("")
    for argument in entry.arguments:
        default = "required" if argument.required else f"default {argument.default}"
        lines.append(f"- {argument.name} ({argument.kind}, {default}): {argument.meaning}")
    keys = [key for key, _ in entry.returns if key]
    if keys:
        lines += ["", f"Answers with: {', '.join(keys)}."]
    return "\n".join(lines)
