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
    "What a program can ask: from Python, over HTTP, from JavaScript, as MCP tools. What is not "
    "listed here is on the pages and the command line."
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
        key: _example(parameter, _described(key, rest))
        for key, parameter in signature.parameters.items()
        if parameter.default is inspect.Parameter.empty or _takes_file(parameter)
    }
    return (
        f'<section class="vt-endpoint" id="{html.escape(name)}"><h2><code>{html.escape(name)}</code></h2>'
        f"<p>{_coded(first)}</p>"
        f'<details class="vt-more"><summary>Arguments and examples</summary>'
        f"<pre tabindex='0'>{html.escape(rest.strip())}</pre>"
        f"{snippets.figures(name, arguments)}"
        "</details></section>"
    )


def _coded(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _described(key: str, text: str) -> str:
    """What the `Args` of a docstring say about an argument, in its first line."""
    found = re.search(rf"^\s*{re.escape(key)}: *(.*)$", text, re.MULTILINE)
    return found[1] if found else ""


def _takes_file(parameter: inspect.Parameter) -> bool:
    return "FileData" in str(parameter.annotation) or "Path" in str(parameter.annotation)


def _example(parameter: inspect.Parameter, described: str) -> Any:
    """A value of the right shape for an argument; `described` tells the kind of a file."""
    kind = str(parameter.annotation)
    several = re.search(r"\b(list|tuple|Sequence)\[", kind)
    if _takes_file(parameter):
        ending = _ending(described)
        if several:
            return [snippets.file_argument(f"{name}{ending}") for name in "ab"]
        return snippets.file_argument(f"{parameter.name}{ending}")
    if re.search(r"\bbool\b", kind):
        one, two = True, False
    elif re.search(r"\bint\b", kind):
        one, two = 1, 2
    elif re.search(r"\bfloat\b", kind):
        one, two = 0.5, 1.0
    else:
        one, two = ("one", "two") if several else ("...", "")
    return [one, two] if several else one


def _ending(described: str) -> str:
    """The ending of a file's name that suits what the docstring says about it."""
    for words, ending in (
        (r"JSON", ".json"),
        (r"record|sound|audio|clip|speech|voice", ".wav"),
        (r"video", ".mp4"),
        (r"image|picture|photo", ".png"),
    ):
        if re.search(words, described, re.IGNORECASE):
            return ending
    return ""


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
