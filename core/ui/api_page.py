"""The API page: every public endpoint with its arguments, and how to call one."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Callable
from typing import Any

import gradio as gr

from core.ui import chrome, snippets

LEAD = (
    "Everything the pages do, without a page: over HTTP, from Python or JavaScript, as MCP tools."
)


def endpoints(blocks: gr.Blocks) -> dict[str, Callable[..., Any]]:
    """Public endpoints of an app by name, with the function behind each."""
    found = {}
    for fn in blocks.default_config.fns.values():
        if fn.api_visibility == "public" and isinstance(fn.api_name, str) and fn.fn is not None:
            found[fn.api_name] = fn.fn
    return found


def _section(name: str, fn: Callable[..., Any]) -> str:
    parts = inspect.getdoc(fn) or ""
    first, _, rest = parts.partition("\n")
    signature = inspect.signature(fn)
    arguments = {
        key: _example(parameter)
        for key, parameter in signature.parameters.items()
        if parameter.default is inspect.Parameter.empty
    }
    return (
        f'<section class="vt-endpoint" id="{html.escape(name)}"><h2><code>{html.escape(name)}</code></h2>'
        f"<p>{_coded(first)}</p>"
        f'<details class="vt-more"><summary>Arguments and an example</summary>'
        f"<pre tabindex='0'>{html.escape(rest.strip())}</pre>"
        f"<pre tabindex='0'><code data-origin>{html.escape(snippets.python(name, arguments))}</code></pre>"
        "</details></section>"
    )


def _coded(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _example(parameter: inspect.Parameter) -> Any:
    kind = str(parameter.annotation)
    if "FileData" in kind or "Path" in kind or parameter.name in {"clip", "file", "audio", "image"}:
        return snippets.file_argument(f"{parameter.name}.wav" if "audio" in kind else "your-file")
    if "int" in kind:
        return 1
    if "float" in kind:
        return 0.5
    return "..."


def layout(blocks: gr.Blocks) -> None:
    """Lay out the page after all endpoints were declared."""
    found = endpoints(blocks)
    chrome.plain_header("API", LEAD, "api")
    sections = "".join(_section(name, fn) for name, fn in sorted(found.items()))
    if not sections:
        sections = '<p class="vt-quiet">No method has published an endpoint.</p>'
    gr.HTML(
        '<div id="vt-tabs" class="vt-api">'
        '<p class="vt-quiet">Machine-readable: <a href="gradio_api/info">description</a>, '
        '<a href="gradio_api/openapi.json">OpenAPI</a>. '
        "MCP clients connect to <code data-origin>"
        f"{snippets.ORIGIN}/gradio_api/mcp/</code> when the hub runs without a password.</p>"
        f"{sections}</div>",
        apply_default_css=False,
        js_on_load=(
            "window.vitrine ? vitrine.origins(element) : "
            "addEventListener('vitrine', () => vitrine.origins(element))"
        ),
    )
