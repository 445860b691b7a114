"""Links that bring a page back: `?p=` (settings), `?run=` (a stored run), and result files."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from core.errors import InputError

FORMAT = 1  # version of the envelope below


@dataclass(frozen=True, slots=True)
class Settings:
    """What a link or a result file says: which action of which method, with which request."""

    method: str
    action: str
    request: dict[str, Any]
    run: str = ""  # the stored run it came from, when there is one


def envelope(settings: Settings) -> dict[str, Any]:
    """Plain JSON form of `settings`, the content of `?p=`, of PNG text and of JSON files."""
    found = {
        "vitrine": FORMAT,
        "method": settings.method,
        "action": settings.action,
        "request": settings.request,
    }
    return found | ({"run": settings.run} if settings.run else {})


def from_envelope(data: Any, *, method: str) -> Settings:
    """Read an envelope that must belong to `method`.

    Raises:
        InputError: it is not one of ours, or of another method.
    """
    if not isinstance(data, dict) or data.get("vitrine") != FORMAT:
        raise InputError(
            "These are not settings of this page. Use a link or a result file that Vitrine made."
        )
    request = data.get("request")
    if not isinstance(request, dict) or not isinstance(data.get("action"), str):
        raise InputError("The settings are incomplete. Copy the link again from the result.")
    if data.get("method") != method:
        other = str(data.get("method"))[:40]
        raise InputError(f"These settings belong to {other!r}. Open them on that method's page.")
    return Settings(method, data["action"], request, str(data.get("run", "")))


def params_link(settings: Settings) -> str:
    """Address, relative to the hub, that opens the page with these settings; needs no server state."""
    from core.runs.links import encode_params

    return f"{quote(settings.method)}?p={encode_params(envelope(settings))}"


def read_params(text: str, *, method: str) -> Settings:
    """Read the value of `?p=`.

    Raises:
        InputError: the text is damaged, too large, or of another method.
    """
    from core.runs.links import decode_params

    return from_envelope(decode_params(text), method=method)


def read_file(data: bytes, name: str, *, method: str) -> Settings:
    """Read the settings that a result file (PNG or JSON) carries.

    Raises:
        InputError: the file holds none, or those of another method.
    """
    from core.runs.png import read_request_any

    found = read_request_any(data, name)
    if found is None:
        raise InputError(
            f"{name or 'The file'} holds no settings. Use a PNG or JSON file that this page made."
        )
    return from_envelope(found, method=method)


def run_link(method: str, run_id: str) -> str:
    """Address, relative to the hub, that shows a stored run."""
    return f"{quote(method)}?run={quote(run_id)}"


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
        f'<li><a href="{html.escape(artifact_link(run.id, "vitrine.json"))}" download>'
        "vitrine.json</a> <small>settings and numbers; drop it on the page to reopen</small></li>"
    )
    return (
        '<details class="vt-fold vt-menu"><summary class="vt-button">Download</summary>'
        f'<ul class="vt-fold-body">{"".join(rows)}</ul></details>'
    )


def _size(count: int) -> str:
    from core.ui.readiness import size_words

    return size_words(count)
