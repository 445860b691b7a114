"""Code that calls a public endpoint, for the "Use in API" panel of a result."""

from __future__ import annotations

import html
import json
from typing import Any

ORIGIN = "http://127.0.0.1:7860"  # the script on the page replaces it by the true address


def curl(name: str, arguments: dict[str, Any]) -> str:
    """Two shell commands: start the call, then read its result."""
    body = json.dumps(arguments, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"EVENT=$(curl -s {ORIGIN}/gradio_api/call/v2/{name} \\\n"
        f"  -H 'Content-Type: application/json' -d '{body}' | cut -d'\"' -f4)\n"
        f"curl -sN {ORIGIN}/gradio_api/call/{name}/$EVENT"
    )


def python(name: str, arguments: dict[str, Any]) -> str:
    """A call with `gradio_client`."""
    lines = "".join(f"    {key}={value!r},\n" for key, value in arguments.items())
    uses_file = any(_is_file(value) for value in arguments.values())
    imports = "Client, handle_file" if uses_file else "Client"
    for value in arguments.values():
        if _is_file(value):
            lines = lines.replace(repr(value), f"handle_file({value['path']!r})")
    return (
        f"from gradio_client import {imports}\n\n"
        f'client = Client("{ORIGIN}")\n'
        f'result = client.predict(\n{lines}    api_name="/{name}",\n)\nprint(result)'
    )


def javascript(name: str, arguments: dict[str, Any]) -> str:
    """A call with `@gradio/client`."""
    body = json.dumps(arguments, indent=2, ensure_ascii=False)
    return (
        'import { Client } from "@gradio/client";\n\n'
        f'const client = await Client.connect("{ORIGIN}");\n'
        f'const result = await client.predict("/{name}", {body});\nconsole.log(result.data);'
    )


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and "path" in value and "meta" in value


def file_argument(name: str) -> dict[str, Any]:
    """A placeholder for a file argument: `name` is what the reader replaces, such as `clip.wav`."""
    return {"path": name, "meta": {"_type": "gradio.FileData"}}


def panel(name: str, arguments: dict[str, Any]) -> str:
    """A fold-out with the three snippets, each with a Copy button. HTML, escaped."""
    parts = []
    for label, text in (
        ("Python", python(name, arguments)),
        ("Shell", curl(name, arguments)),
        ("JavaScript", javascript(name, arguments)),
    ):
        parts.append(
            f'<figure class="vt-code"><figcaption>{label}'
            '<button type="button" class="vt-button" data-do="copy-code">Copy</button></figcaption>'
            f'<pre tabindex="0"><code data-origin>{html.escape(text)}</code></pre></figure>'
        )
    return (
        '<details class="vt-fold"><summary class="vt-button">Use in API</summary>'
        f'<div class="vt-fold-body">{"".join(parts)}</div></details>'
    )
