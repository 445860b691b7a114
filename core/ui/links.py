"""Links that bring a page back: `?p=` (settings), `?run=` (a stored run), and result files."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from core.errors import InputError, NotFoundError
from core.runs.png import SETTINGS_FILE
from core.settings import size_words

RESULT_FILE = "result.json"  # what the method answered, as canonical JSON
MAX_FALLBACK = 1_500  # characters of settings in a run link; chats cut longer addresses
_UPLOAD = re.compile(r"sha256:([0-9a-f]{64})")
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


class ForeignSettings(InputError):
    """Settings of another method: `settings` holds them, so that its page can be offered."""

    def __init__(self, settings: Settings, method: str) -> None:
        """Word it for the page of `method`."""
        self.settings = settings
        super().__init__(
            f"These settings belong to {settings.method[:40]!r}. Only settings of {method!r} work "
            "on this page. Open them on the page of their method."
        )


def read_stored(data: Any, *, method: str, said: str | None, run: str = "") -> Settings:
    """Read `{"action", "request"}`, the form in which requests are stored.

    Args:
        data: the JSON.
        method: the page that reads it.
        said: the method that the source names; None when it names none.
        run: the stored run that it came from.

    Raises:
        ForeignSettings: they are of another method.
        InputError: it is not one of ours.
    """
    if (
        not isinstance(data, dict)
        or not isinstance(data.get("request"), dict)
        or not isinstance(data.get("action"), str)
    ):
        raise InputError(
            "These are not settings of this page. A link or a result file that Vitrine made would "
            "work. Copy the link again from the result."
        )
    settings = Settings(said or method, data["action"], data["request"], run)
    if settings.method != method:
        raise ForeignSettings(settings, method)
    return settings


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
        ForeignSettings: the settings are of another method.
        InputError: the text is damaged or too large.
    """
    from core.runs.links import decode_params
    from core.runs.records import is_run_id

    found = decode_params(text)
    said, run = found.get("method"), found.get("run", "")
    return read_stored(
        found.get("request"),
        method=method,
        said=str(said) if said else None,
        run=run if is_run_id(run) else "",
    )


def read_file(data: bytes, name: str, *, method: str) -> Settings:
    """Read the settings that a result file (PNG, JSON or exported zip) carries.

    Raises:
        ForeignSettings: the settings are of another method.
        InputError: the file holds none.
    """
    return take_file(data, name, method=method, keep=False)


def take_file(data: bytes, name: str, *, method: str, keep: bool = True) -> Settings:
    """Read a result file and keep the uploads that it carries and its settings name.

    Args:
        data: the file.
        name: what the visitor calls it; only for messages.
        method: the page that reads it.
        keep: whether uploads inside an exported zip go into the run store.

    Raises:
        ForeignSettings: the settings are of another method; its uploads are kept nevertheless.
        InputError: the file holds no settings, or an upload in it is too large.
    """
    from core.runs.png import open_file

    found = open_file(data, name)
    if keep and found.inputs:
        from core.runs import store
        from core.runs.artifacts import hash_of

        named = uploads_of(found.request)
        for content in found.inputs:
            if hash_of(content)[0] in named:
                store().put_input(content)
    return read_stored(found.request, method=method, said=found.method, run=found.run)


def uploads_of(request: Any) -> dict[str, str]:
    """The uploads that a request names: sha256 to what the visitor called the file, if known."""
    return dict(_uploads(request, ""))


def _uploads(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        called = value.get("name")
        for inner, part in value.items():
            match = _UPLOAD.fullmatch(part) if isinstance(part, str) else None
            if match:
                yield match[1], called if isinstance(called, str) and called else f"the {inner}"
            else:
                yield from _uploads(part, inner)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _uploads(part, key)
    elif isinstance(value, str) and (match := _UPLOAD.fullmatch(value)):
        yield match[1], f"the {key}" if key else ""


def missing_uploads(request: Any) -> list[str]:
    """Words for each upload that a request names and this hub does not have (any more)."""
    from core.runs import store

    missing = []
    for sha256, called in uploads_of(request).items():
        try:
            store().input_media_type(sha256)
        except NotFoundError:
            name = f"“{called}”" if called and not called.startswith("the ") else called
            missing.append(f"{name or 'a file'} (sha256 {sha256[:8]}…)")
    return missing


def address(method: str) -> str:
    """Address of a method's page, relative to the hub."""
    from core.ui import chrome

    return "./" if chrome.is_single() else quote(method)


def run_link(method: str, run_id: str, settings: Settings | None = None) -> str:
    """Address, relative to the hub, that shows a stored run.

    Args:
        method: slug of the method.
        run_id: the run.
        settings: the run's own; they go into the link, unless they are long, so that it still
            opens when the run has expired or the hub lost its disk.
    """
    link = f"{address(method)}?run={quote(run_id)}"
    if settings is not None:
        from core.runs.links import encode_params

        try:
            packed = encode_params(envelope(Settings(method, settings.action, settings.request)))
        except InputError:
            return link
        if len(packed) <= MAX_FALLBACK:
            link += f"&p={packed}"
    return link


def artifact_link(run_id: str, name: str, *, download: bool = False) -> str:
    """Address, relative to the hub, of one file of a stored run."""
    return f"artifact/{quote(run_id)}/{quote(name)}" + ("?download=1" if download else "")


def copy_button(link: str, text: str = "Copy link", says: str = "") -> str:
    """A button that copies the absolute form of a relative address; `says` explains it on hover."""
    title = f' title="{html.escape(says)}"' if says else ""
    return (
        f'<button type="button" class="vt-button" data-do="copy-link"{title} '
        f'data-link="{html.escape(link)}">{html.escape(text)}</button>'
    )


def embed_button(link: str, title: str) -> str:
    """A button that offers the code to place `link` on another page; see `core.ui.embed`."""
    return (
        f'<button type="button" class="vt-button" data-do="embed" aria-haspopup="dialog" '
        f'data-link="{html.escape(link)}" data-name="{html.escape(title)}">Embed</button>'
    )


def download_menu(run: Any) -> str:
    """A fold-out with every file of a run, and the run as a JSON file that reopens the page.

    Where visitors can sign in, a link that saves the run to their account follows.
    """
    from core.ui import account

    rows = [
        f'<li><a href="{html.escape(artifact_link(run.id, name, download=True))}" download>'
        f"{html.escape(name)}</a> <small>{size_words(artifact.size)}</small></li>"
        for name, artifact in sorted(run.artifacts.items())
    ]
    rows.append(
        f'<li><a href="{html.escape(artifact_link(run.id, SETTINGS_FILE))}" download>'
        f"{SETTINGS_FILE}</a> <small>drop it on this page to reopen</small></li>"
    )
    return (
        '<details class="vt-fold vt-menu"><summary class="vt-button">Download</summary>'
        f'<ul class="vt-fold-body">{"".join(rows)}</ul></details>{account.run_button(run.id)}'
    )
