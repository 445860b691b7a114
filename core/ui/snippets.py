"""Code that calls a public endpoint, for the API page and the "Use in API" panel of a result."""

from __future__ import annotations

import html
import json
import re
import shlex
from typing import Any

from core import settings

ORIGIN = "http://127.0.0.1:7860"  # the script on the page replaces it by the true address
_MARK = re.compile("\ue000(\\d+)\ue000")  # stands for a file: characters that no text uses


def curl(name: str, arguments: dict[str, Any], *, login: bool = False) -> str:
    """Shell commands: upload each file, start the call, then read its result.

    Args:
        name: of the endpoint.
        arguments: of the call.
        login: log in first; the words come from HUB_USER and HUB_PASSWORD.
    """
    files, marked = _marked(arguments)
    web = "curl -s -b cookies.txt" if login else "curl -s"
    logged = (
        f"curl -s -o /dev/null -c cookies.txt {ORIGIN}/login \\\n"
        '  --data-urlencode "username=$HUB_USER" --data-urlencode "password=$HUB_PASSWORD"\n'
        if login
        else ""
    )
    examples = "".join(
        f"{web} -o {shlex.quote(file)} {ORIGIN}/{address}\n"
        for file, address in files.items()
        if address
    )
    uploads = "".join(
        f"FILE{k}=$({web} {ORIGIN}/gradio_api/upload \\\n"
        f"  -F {shlex.quote(_form_file(file))} | cut -d'\"' -f2)\n"
        for k, file in enumerate(files, 1)
    )
    body = json.dumps(marked, ensure_ascii=False).replace("'", "'\\''")
    body = _MARK.sub(lambda found: f"'\"$FILE{found[1]}\"'", body)
    return (
        f"{logged}{examples}{uploads}EVENT=$({web} {ORIGIN}/gradio_api/call/v2/{name} \\\n"
        f"  -H 'Content-Type: application/json' -d '{body}' | cut -d'\"' -f4)\n"
        f"{web} -N {ORIGIN}/gradio_api/call/{name}/$EVENT"
    )


def python(name: str, arguments: dict[str, Any], *, login: bool = False) -> str:
    """A call with `gradio_client`; see `curl` for `login`."""
    files, _ = _marked(arguments)
    examples = {file: address for file, address in files.items() if address}
    lines = "".join(f"    {key}={_python_value(value)},\n" for key, value in arguments.items())
    imports = "from gradio_client import Client" + (", handle_file" if files else "") + "\n"
    client = f'client = Client("{ORIGIN}")\n'
    if login:
        standard = "import os\n" + ("from pathlib import Path\n" if examples else "")
        imports = f"{standard}\n" + ("import httpx\n" if examples else "") + imports
        words = 'os.environ["HUB_USER"], os.environ["HUB_PASSWORD"]'
        client = f'client = Client("{ORIGIN}", auth=({words}))\n'
        client += "".join(
            f'found = httpx.get("{ORIGIN}/{address}", cookies=client.cookies)\n'
            f"Path({_quoted(file)}).write_bytes(found.content)\n"
            for file, address in examples.items()
        )
    elif examples:
        imports = f"from urllib.request import urlretrieve\n\n{imports}"
        fetched = "".join(
            f'urlretrieve("{ORIGIN}/{address}", {_quoted(file)})\n'
            for file, address in examples.items()
        )
        client = f"{fetched}\n{client}"
    return (
        f"{imports}\n{client}"
        f'result = client.predict(\n{lines}    api_name="/{name}",\n)\nprint(result)'
    )


def javascript(name: str, arguments: dict[str, Any], *, login: bool = False) -> str:
    """A call with `@gradio/client`; see `curl` for `login`.

    With examples for all files it runs in Node and in a page. Files of the reader's own are read
    as Node does; a page has them from its file field.
    """
    files, marked = _marked(arguments, whole=True)
    body = json.dumps(marked, indent=2, ensure_ascii=False)
    body = re.sub(f'"{_MARK.pattern}"', lambda found: f"handle_file(file{found[1]})", body)
    own = any(not address for address in files.values())
    words = ", { auth: [process.env.HUB_USER, process.env.HUB_PASSWORD] }" if login else ""
    read = "".join(
        _javascript_file(k, file, address, "client.fetch" if login else "fetch")
        for k, (file, address) in enumerate(files.items(), 1)
    )
    imports = "Client, handle_file" if files else "Client"
    node = 'import { readFile } from "node:fs/promises";\n' if own else ""
    return (
        f'{node}import {{ {imports} }} from "@gradio/client";\n\n'
        f'const client = await Client.connect("{ORIGIN}"{words});\n{read}'
        f'const result = await client.predict("/{name}", {body});\n'
        "console.log(JSON.stringify(result.data[0]));\n"
        "// Node: the client would keep the process alive\n"
        'globalThis.process?.stdout.write("", () => process.exit());'
    )


def _javascript_file(k: int, file: str, address: str, fetch: str) -> str:
    name = json.dumps(file, ensure_ascii=False)
    if not address:
        return f"const file{k} = new Blob([await readFile({name})]);\n"
    return (
        f'const answer{k} = await {fetch}("{ORIGIN}/{address}");\n'
        f"const file{k} = new File([await answer{k}.blob()], {name});\n"
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _marked(arguments: dict[str, Any], *, whole: bool = False) -> tuple[dict[str, str], Any]:
    """The files among the arguments with the address of each example, and the arguments with marks.

    Args:
        arguments: of the call; files may be in lists.
        whole: the mark replaces the whole file argument, not its path only.
    """
    files: dict[str, str] = {}

    def walk(value: Any) -> Any:
        if _is_file(value):
            files.setdefault(value["path"], value.get("example", ""))
            mark = f"\ue000{list(files).index(value['path']) + 1}\ue000"
            return mark if whole else {"path": mark, "meta": value["meta"]}
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
        return f"handle_file({_quoted(value['path'])})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_python_value(part) for part in value)}]"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and "path" in value and "meta" in value


def file_argument(name: str, example: str = "") -> dict[str, Any]:
    """A file argument: `name` is what the reader has or replaces, such as `clip.wav`.

    Args:
        name: of the file.
        example: address of a file of this hub, relative to it, which the call fetches first.
    """
    found = {"path": name, "meta": {"_type": "gradio.FileData"}}
    return found | ({"example": example} if example else {})


def figure(label: str, text: str, note: str = "") -> str:
    """One piece of code with a Copy button. HTML; all but `note` is escaped."""
    return (
        f'<figure class="vt-code"><figcaption><span>{html.escape(label)}{note}</span>'
        '<button type="button" class="vt-button" data-do="copy-code">Copy</button></figcaption>'
        f'<pre tabindex="0"><code data-origin>{html.escape(text)}</code></pre></figure>'
    )


def figures(name: str, arguments: dict[str, Any]) -> str:
    """The three snippets, each with a Copy button. HTML, escaped."""
    login = settings.current().auth is not None
    return "".join(
        figure(label, write(name, arguments, login=login))
        for label, write in (("Python", python), ("Shell", curl), ("JavaScript", javascript))
    )


def panel(name: str, arguments: dict[str, Any]) -> str:
    """A fold-out with the three snippets. HTML, escaped."""
    return (
        '<details class="vt-fold"><summary class="vt-button">Use in API</summary>'
        f'<div class="vt-fold-body">{figures(name, arguments)}</div></details>'
    )
