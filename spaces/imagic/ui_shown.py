"""How results get onto the page: the panel of each kind, and what stood there before anything ran."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import VitrineError
from core.runs.request import from_json
from core.ui.actions import Shown

from . import gallery, panels, reports
from .config import Sampling
from .results import RESULTS, AnyResult

FILE = Path(__file__).parent / "examples" / "finished.json"
MARK = "Finished example: computed when this model was made"
STORED = "Stored run"
NOTHING_YET = "The result will stand here."
Panel = Callable[[Any, panels.Link, str], str]
PANELS: dict[str, Panel] = {
    "edit": panels.strip_panel,
    "resample": panels.strip_panel,
    "imagine": panels.imagine_panel,
    "check": reports.check_panel,
    "train": reports.train_panel,
}


@functools.cache
def _entries() -> dict[str, Any]:
    if not FILE.exists():
        return {}
    return json.loads(FILE.read_text("utf-8"))["results"]


def finished(name: str) -> AnyResult | None:
    """The stored result of a scene of the gallery or of a verb; None before it was computed."""
    entry = _entries().get(name)
    try:
        return RESULTS.from_dict(entry["result"]) if entry else None
    except VitrineError:  # stored by another version of this method
        return None


def finished_sampling(name: str) -> Sampling:
    """How a finished strip was drawn, so that Draw again repeats it; the defaults before that."""
    entry = _entries().get(name) or {}
    try:
        return from_json(Sampling, (entry.get("request") or {}).get("sampling") or {})
    except VitrineError:  # stored by another version of this method
        return Sampling()


def finished_link(name: str) -> panels.Link:
    """Addresses of the files of a finished result, which the examples folder carries."""

    def link(file: str) -> str:
        stem = file.rpartition(".")[0]
        if stem == "input" and name in gallery.examples():
            return f"example/imagic/{name}"
        kept = FILE.parent / "finished" / f"{name}-{file}"
        return f"example/imagic/{name}-{stem}" if kept.is_file() else ""

    return link


def finished_panel(name: str, panel: Panel | None = None) -> str:
    """The panel of a finished result, or a place for the first one."""
    result = finished(name)
    if result is None:
        return panels.empty(NOTHING_YET)
    return (panel or PANELS[result.kind])(result, finished_link(name), MARK)


def show_in(output: gr.HTML, panel: Panel | None = None) -> Callable[[Shown], dict[Any, Any]]:
    """A `show` that puts the result's panel into `output`."""

    def show(shown: Shown) -> dict[Any, Any]:
        stored = STORED if shown.stored else ""
        make = panel or PANELS[shown.result.kind]
        return {output: make(shown.result, shown.link, stored)}

    return show


def html(value: str = "", **options: Any) -> gr.HTML:
    """A place for markup, without Gradio's own style and script."""
    return gr.HTML(value, **({"js_on_load": None, "apply_default_css": False} | options))
