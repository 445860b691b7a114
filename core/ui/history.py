"""The panel of the visitor's stored runs on a page: look, re-open, pin, delete, export.

One `gr.HTML` and one upload button. Buttons in the panel call server functions with the browser's
id; the run store checks that the run is that browser's own.
"""

from __future__ import annotations

import html
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from core import settings
from core.errors import VitrineError
from core.settings import Settings
from core.ui import jobs, links
from core.ui.errors import sentence

LIMIT = 24  # runs shown; older ones stay in the store
_JS = "window.vitrine ? vitrine.history(element, server, trigger, props) : addEventListener('vitrine', () => vitrine.history(element, server, trigger, props)); /* 'open' 'follow' */"


def _runs(method: str, owner: str) -> list[Any]:
    from core.runs import store

    return store().list(method=method, owner=owner, limit=LIMIT)


def when(created: Any) -> str:
    """A point in time for people, such as `3 min ago` or `04 Nov, 12:30`."""
    moment = created.timestamp() if hasattr(created, "timestamp") else float(created)
    age = max(time.time() - moment, 0.0)
    if age < 45:
        return "just now"
    if age < 5400:
        return f"{age / 60:.0f} min ago"
    if age < 86400:
        return f"{age / 3600:.0f} h ago"
    return time.strftime("%d %b, %H:%M", time.localtime(moment))


_describers: dict[str, dict[str, Callable[[dict[str, Any]], str]]] = {}


def describe(method: str, words: dict[str, Callable[[dict[str, Any]], str]]) -> None:
    """Tell the history how each action of a method says its settings in words."""
    _describers[method] = words


def _settings_words(method: str, stored: Any) -> str:
    """The settings of a run in the words of its method; empty where it has none for them."""
    action = stored.get("action") if isinstance(stored, dict) else None
    words = _describers.get(method, {}).get(str(action))
    if words is None:
        return ""
    try:
        return words(stored["request"])
    except (KeyError, TypeError, ValueError):  # stored by another version
        return ""


def keeps_runs(chosen: Settings | None = None) -> bool:
    """Whether stored runs outlive a restart: on a Space only with a volume or a database."""
    chosen = chosen or settings.current()
    if not chosen.on_space or chosen.database_url:
        return True
    return chosen.data_dir.is_relative_to("/data")  # where a Space's volume is attached


def _item(run: Any) -> str:
    ident = html.escape(run.id)
    picture = '<span class="vt-thumb" aria-hidden="true"></span>'
    if run.thumbnail and run.thumbnail in run.artifacts:
        source = html.escape(links.artifact_link(run.id, run.thumbnail))
        picture = f'<img class="vt-thumb" src="{source}" alt="" loading="lazy">'
    title = html.escape(run.title or run.method)
    facts = [when(run.created), jobs.seconds_words(run.seconds)]
    if words := _settings_words(run.method, run.request):
        facts.append(words)
    pinned = "true" if run.pinned else "false"
    label = "Unpin" if run.pinned else "Pin"
    return (
        f'<li class="vt-run" data-run="{ident}">'
        f'<label class="vt-pick"><input type="checkbox" data-pick="{ident}">'
        f'<span class="vt-sr">Select {title}</span></label>'
        f"{picture}<div class='vt-run-text'>"
        f'<a href="{html.escape(links.run_link(run.method, run.id))}" data-do="open" '
        f'data-run="{ident}">{title}</a>'
        f"<small>{html.escape(' · '.join(facts))}</small></div>"
        f'<button type="button" class="vt-button" data-do="pin" data-run="{ident}" '
        f'aria-pressed="{pinned}">{label}</button>'
        f'<button type="button" class="vt-button" data-do="delete" data-run="{ident}" '
        f'aria-label="Delete {title}">Delete</button></li>'
    )


def markup(method: str, owner: str) -> str:
    """The panel's HTML for one visitor; every text from a run is escaped."""
    try:
        runs = _runs(method, owner)
    except VitrineError as error:
        return f'<p class="vt-quiet">{html.escape(sentence(error))}</p>'
    if not runs:
        kept = "Every result is kept here without asking." if keeps_runs() else _stay()
        body = f'<p class="vt-quiet">Nothing yet. {kept}</p>'
    else:
        items = "".join(_item(run) for run in runs)
        body = (
            f'<ul class="vt-runs">{items}</ul><p class="vt-runs-tools">'
            '<button type="button" class="vt-button" data-do="export">Export as zip</button>'
            f'<span class="vt-quiet">the selected runs, or all of them. {_stay()}</span></p>'
        )
    return (
        f'<section class="vt-history" data-owner="{html.escape(owner)}" '
        f'data-method="{html.escape(method)}" aria-label="Your runs">'
        f'<h2>Your runs</h2><p class="vt-drop" role="status"></p>{body}</section>'
    )


def _stay() -> str:
    if keeps_runs():
        return "Runs that are not pinned are deleted after a while."
    return (
        "Results stay until this Space restarts. Settings links and downloaded files always reopen."
    )


def _said(payload: Any, name: str) -> str:
    """A text in what a page's script sent, or an empty one; anybody can send anything here."""
    value = payload.get(name) if isinstance(payload, dict) else None
    return value if isinstance(value, str) else ""


def _pin(payload: Any) -> dict[str, str]:
    """Pin or unpin a run of this browser."""
    on = isinstance(payload, dict) and payload.get("on") is True
    return _change(payload, lambda store, run, owner: store.pin(run, owner, on))


def _delete(payload: Any) -> dict[str, str]:
    """Delete a run of this browser."""
    return _change(payload, lambda store, run, owner: store.delete(run, owner))


def _change(payload: Any, change: Any) -> dict[str, str]:
    from core.runs import store

    owner, method = jobs.known_owner(payload), _said(payload, "method")
    try:
        change(store(), _said(payload, "run"), owner)
    except VitrineError as error:
        return {"error": sentence(error)}
    return {"html": markup(method, owner)}


def _export(payload: Any) -> dict[str, str]:
    """Zip runs of this browser and return the address of the file's one-time copy."""
    from core.runs import store
    from core.ui.routes import offer_download

    owner, method = jobs.known_owner(payload), _said(payload, "method")
    own = {run.id: run for run in store().list(method=method, owner=owner, limit=200)}
    asked = payload.get("runs") if isinstance(payload, dict) else None
    if not isinstance(asked, list) or not asked:
        asked = list(own)
    chosen = [run for run in asked if isinstance(run, str) and run in own]
    if not chosen:
        return {"error": "There is nothing to export yet."}
    folder = Path(tempfile.mkdtemp(prefix="vitrine-export-"))
    try:
        target = store().export_zip(chosen, folder / f"vitrine-{method}.zip")
    except VitrineError as error:
        return {"error": sentence(error)}
    return {"link": offer_download(target)}


def panel(method: str) -> tuple[gr.HTML, gr.UploadButton]:
    """Place the panel and its "Open a result file" button below the tabs."""
    with gr.Column(elem_classes="vt-history-column"):
        shown = gr.HTML(
            f'<section class="vt-history" data-method="{html.escape(method)}"></section>',
            elem_classes="vt-history-host",
            apply_default_css=False,
            js_on_load=_JS,
            server_functions=[_pin, _delete, _export],
        )
        opener = gr.UploadButton(
            "Open a result file",
            file_types=[".png", ".json", ".zip"],
            type="binary",
            size="sm",
            variant="secondary",
            elem_classes="vt-open-file",
        )
    return shown, opener
