"""Links that bring a page back: `?p=` (settings), `?run=` (a stored run), and result files."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from core.errors import InputError

SETTINGS_FILE = "settings.json"
FORMAT = 1  # version of the envelope below; `core.runs.png` reads the same one


@dataclass(frozen=True, slots=True)
class Settings:
    """What a link or a result file says: which action of which method, with which request."""

    method: str
    action: str
    request: dict[str, Any]
    run: str = ""  # the stored run it came from, when there is one


def envelope(settings: Settings) -> dict[str, Any]:
    """Plain JSON form of `settings`: the content of `?p=`, of PNG text and of JSON files."""
    found = {
        "vitrine": FORMAT,
        "method": settings.method,
        "request": {"action": settings.action, "request": settings.request},
    }
    return found | ({"run": settings.run} if settings.run else {})


def read_stored(data: Any, *, method: str, said: str | None, run: str = "") -> Settings:
    """Read `{"action", "request"}`, the form in which requests are stored.

    Args:
        data: the JSON.
        method: the page that reads it.
        said: the method that the source names; None when it names none.
        run: the stored run that it came from.

    Raises:
        InputError: it is not one of ours, or of another method.
    """
    if said is not None and said != method:
        raise InputError(
            f"These settings belong to {said[:40]!r}. Only settings of {method!r} work on this "
            "page. Open them on the page of their method."
        )
    if (
        not isinstance(data, dict)
        or not isinstance(data.get("request"), dict)
        or not isinstance(data.get("action"), str)
    ):
        raise InputError(
            "These are not settings of this page. A link or a result file that Vitrine made would "
            "work. Copy the link again from the result."
        )
    return Settings(method, data["action"], data["request"], run)


def params_link(settings: Settings) -> str:
    """Address, relative to the hub, that opens the page with these settings; needs no server state.

    Raises:
        InputError: the settings are too long for an address.
    """
    from core.runs.links import encode_params

    return f"{address(settings.method)}?p={encode_params(envelope(settings))}"


def read_params(text: str, *, method: str) -> Settings:
    """Read the value of `?p=`.

    Raises:
        InputError: the text is damaged, too large, or of another method.
    """
    from core.runs.links import decode_params

    found = decode_params(text)
    said = found.get("method")
    return read_stored(found.get("request"), method=method, said=str(said) if said else None)


def read_file(data: bytes, name: str, *, method: str) -> Settings:
    """Read the settings that a result file (PNG, JSON or exported zip) carries.

    Raises:
        InputError: the file holds none, or those of another method.
    """
    from core.runs.png import open_file

    found = open_file(data, name)
    return read_stored(found.request, method=method, said=found.method)


def address(method: str) -> str:
    """Address of a method's page, relative to the hub."""
    from core.ui import chrome

    return "./" if chrome.is_single() else quote(method)


def run_link(method: str, run_id: str) -> str:
    """Address, relative to the hub, that shows a stored run."""
    return f"{address(method)}?run={quote(run_id)}"


def artifact_link(run_id: str, name: str, *, download: bool = False) -> str:
    """Address, relative to the hub, of one file of a stored run."""
    return f"artifact/{quote(run_id)}/{quote(name)}" + ("?download=1" if download else "")


def copy_button(link: str, text: str = "Copy link") -> str:
    """A button that copies the absolute form of a relative address."""
    return (
        f'<button type="button" class="vt-button" data-do="copy-link" '
        f'data-link="{html.escape(link)}">{html.escape(text)}</button>'
    )


def download_menu(run: Any) -> str:
    """A fold-out with every file of a run, and the run as a JSON file that reopens the page."""
    rows = [
        f'<li><a href="{html.escape(artifact_link(run.id, name, download=True))}" download>'
        f"{html.escape(name)}</a> <small>{_size(artifact.size)}</small></li>"
        for name, artifact in sorted(run.artifacts.items())
    ]
    rows.append(
        f'<li><a href="{html.escape(artifact_link(run.id, SETTINGS_FILE))}" download>'
        f"{SETTINGS_FILE}</a> <small>drop it on this page to reopen</small></li>"
    )
    return (
        '<details class="vt-fold vt-menu"><summary class="vt-button">Download</summary>'
        f'<ul class="vt-fold-body">{"".join(rows)}</ul></details>'
    )


def _size(count: int) -> str:
    from core.readiness import size_words

    return size_words(count)
