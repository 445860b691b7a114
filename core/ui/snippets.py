"""Code that calls a public endpoint, for the "Use in API" panel of a result."""

from __future__ import annotations

import html
import json
import re
import shlex
from typing import Any

ORIGIN = "http://127.0.0.1:7860"  # the script on the page replaces it by the true address
_MARK = re.compile("\ue000(\\d+)\ue000")  # stands for a file: characters that no text uses


def curl(name: str, arguments: dict[str, Any]) -> str:
    """Shell commands: upload each file, start the call, then read its result."""
    files, marked = _marked(arguments)
    uploads = "".join(
        f"FILE{k}=$(curl -s {ORIGIN}/gradio_api/upload \\\n"
        f"  -F {shlex.quote(_form_file(file))} | cut -d'\"' -f2)\n"
        for k, file in enumerate(files, 1)
    )
    body = json.dumps(marked, ensure_ascii=False).replace("'", "'\\''")
    body = _MARK.sub(lambda found: f"'\"$FILE{found[1]}\"'", body)
    return (
        f"{uploads}EVENT=$(curl -s {ORIGIN}/gradio_api/call/v2/{name} \\\n"
        f"  -H 'Content-Type: application/json' -d '{body}' | cut -d'\"' -f4)\n"
        f"curl -sN {ORIGIN}/gradio_api/call/{name}/$EVENT"
    )


def python(name: str, arguments: dict[str, Any]) -> str:
    """A call with `gradio_client`."""
    lines = "".join(f"    {key}={_python_value(value)},\n" for key, value in arguments.items())
    imports = "Client, handle_file" if _marked(arguments)[0] else "Client"
    return (
        f"from gradio_client import {imports}\n\n"
        f'client = Client("{ORIGIN}")\n'
        f'result = client.predict(\n{lines}    api_name="/{name}",\n)\nprint(result)'
    )


def javascript(name: str, arguments: dict[str, Any]) -> str:
    """A call with `@gradio/client` in Node; a page in a browser has the Blob from its file field."""
    files, marked = _marked(arguments, whole=True)
    body = json.dumps(marked, indent=2, ensure_ascii=False)
    body = re.sub(f'"{_MARK.pattern}"', lambda found: f"handle_file(file{found[1]})", body)
    read = "".join(
        f"const file{k} = new Blob([await readFile({json.dumps(file, ensure_ascii=False)})]);\n"
        for k, file in enumerate(files, 1)
    )
    imports = "Client, handle_file" if files else "Client"
    node = 'import { readFile } from "node:fs/promises";\n' if files else ""
    return (
        f'{node}import {{ {imports} }} from "@gradio/client";\n\n{read}'
        f'const client = await Client.connect("{ORIGIN}");\n'
        f'const result = await client.predict("/{name}", {body});\nconsole.log(result.data);'
    )


def _marked(arguments: dict[str, Any], *, whole: bool = False) -> tuple[list[str], Any]:
    """The files among the arguments, and the arguments with a mark for each.

    Args:
        arguments: of the call; files may be in lists.
        whole: the mark replaces the whole file argument, not its path only.
    """
    files: list[str] = []

    def walk(value: Any) -> Any:
        if _is_file(value):
            if value["path"] not in files:
                files.append(value["path"])
            mark = f"\ue000{files.index(value['path']) + 1}\ue000"
            return mark if whole else value | {"path": mark}
        if isinstance(value, dict):
            return {key: walk(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [walk(part) for part in value]
        return value

    marked = walk(arguments)
    return files, marked


def _form_file(name: str) -> str:
    """A file for `curl -F`, which reads `;` and `,` in a name unless it is quoted."""
    if re.fullmatch(r"[\w .-]+", name):
        return f"files=@{name}"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'files=@"{escaped}"'


def _python_value(value: Any) -> str:
    if _is_file(value):
        return f"handle_file({value['path']!r})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_python_value(part) for part in value)}]"
    return repr(value)


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and "path" in value and "meta" in value


def file_argument(name: str) -> dict[str, Any]:
    """A placeholder for a file argument: `name` is what the reader replaces, such as `clip.wav`."""
    return {"path": name, "meta": {"_type": "gradio.FileData"}}


def figures(name: str, arguments: dict[str, Any]) -> str:
    """The three snippets, each with a Copy button. HTML, escaped."""
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
    return "".join(parts)


def panel(name: str, arguments: dict[str, Any]) -> str:
    """A fold-out with the three snippets. HTML, escaped."""
    return (
        '<details class="vt-fold"><summary class="vt-button">Use in API</summary>'
        f'<div class="vt-fold-body">{figures(name, arguments)}</div></details>'
    )
