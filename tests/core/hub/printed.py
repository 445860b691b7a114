"""Reads the API page as a visitor gets it, and gives out the code that is printed on it."""

from __future__ import annotations

import json
import re
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser

from core.ui.snippets import ORIGIN


@dataclass
class Printed:
    """What stands on the page, with the address of the hub in place, as its script puts it there.

    Attributes:
        calls: code by endpoint and language.
        clients: settings by MCP client.
        tools: the names of the tools.
        text: all words of the page.
    """

    calls: dict[str, dict[str, str]] = field(default_factory=dict)
    clients: dict[str, str] = field(default_factory=dict)
    tools: list[str] = field(default_factory=list)
    text: str = ""


def page_html(address: str, opener: urllib.request.OpenerDirector | None = None) -> str:
    """The markup of the API page: a value in the configuration that Gradio sends with the page."""
    opened = (opener or urllib.request.build_opener()).open(f"{address}/api", timeout=60)
    with opened as answer:
        page = answer.read().decode()
    config = json.loads(re.search(r"window\.gradio_config = (\{.*?\});</script>", page, re.S)[1])
    values = [c["props"].get("value") for c in config["components"] if c["type"] == "html"]
    return next(value for value in values if isinstance(value, str) and 'id="vt-tabs"' in value)


def printed(address: str, opener: urllib.request.OpenerDirector | None = None) -> Printed:
    """Read the page of a running hub."""
    reader = _Reader()
    reader.feed(page_html(address, opener).partition("</style>")[2])
    found = reader.found
    for codes in (*found.calls.values(), found.clients):
        for label, text in codes.items():
            codes[label] = text.replace(ORIGIN, address)
    return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = Printed()
        self._section = self._tab = self._caption = self._code = ""
        self._tabs: dict[str, str] = {}
        self._panel = ""
        self._in: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {key: value or "" for key, value in attrs}
        if tag == "section":
            self._section = known.get("id", "")
        if known.get("role") == "tab":
            self._tab = known["aria-controls"]
            self._in.append("tab")
        if known.get("role") == "tabpanel":
            self._panel = known["id"]
        if tag == "figcaption":
            self._caption = ""
            self._in.append("caption")
        if tag == "pre":
            self._code = ""
            self._in.append("pre")
        if known.get("class") == "vt-tools":
            self._in.append("tools")

    def handle_data(self, data: str) -> None:
        self.found.text += data
        where = self._in[-1] if self._in else ""
        if where == "tab":
            self._tabs[self._tab] = self._tabs.get(self._tab, "") + data
        elif where == "caption":
            self._caption += data
        elif where == "pre":
            self._code += data
        elif where == "tools":
            self.found.tools += re.findall(r"[a-z]+_\w+", data)

    def handle_endtag(self, tag: str) -> None:
        ends = {"button": "tab", "figcaption": "caption", "pre": "pre", "p": "tools"}
        if self._in and ends.get(tag) == self._in[-1]:
            self._in.pop()
            if tag == "pre" and self._section == "mcp":
                name = re.split(r"\s{2,}|\xa0|Copy", self._caption.strip())[0].strip()
                self.found.clients[name] = self._code
            elif tag == "pre":
                language = self._tabs[self._panel]
                self.found.calls.setdefault(self._section, {})[language] = self._code
