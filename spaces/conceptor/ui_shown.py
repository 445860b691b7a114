"""How results get onto the page: the panel of each kind, and what stood there before anything ran."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from core.ui.actions import Shown

from . import gallery, panels, panels_check
from .panels_audit import audit_panel
from .panels_compare import compare_panel
from .panels_explain import explain_panel
from .panels_found import decompose_panel
from .panels_mix import mix_panel

MARK = "Finished example: computed when this model was made"
STORED = "Stored run"
NOTHING_YET = "The result will stand here."
Panel = Callable[[Any, panels.Link, str], str]
PANELS: dict[str, Panel] = {
    "decompose": decompose_panel,
    "explain": explain_panel,
    "mix": mix_panel,
    "audit": audit_panel,
    "compare": compare_panel,
    "check": panels_check.check_panel,
    "train": panels_check.train_panel,
}


def finished_link(name: str) -> panels.Link:
    """Addresses of the files of a finished result, which the examples folder carries."""
    return lambda file: gallery.address(name, file)


def finished_panel(name: str, panel: Panel | None = None, words: str = NOTHING_YET) -> str:
    """The panel of a finished result, or a place for the first one."""
    result = gallery.finished(name)
    if result is None:
        return panels.empty(words)
    return (panel or PANELS[result.kind])(result, finished_link(name), MARK)


def show_in(output: gr.HTML, panel: Panel | None = None) -> Callable[[Shown], dict[Any, Any]]:
    """A `show` that puts the result's panel into `output`."""

    def show(shown: Shown) -> dict[Any, Any]:
        make = panel or PANELS[shown.result.kind]
        return {output: make(shown.result, shown.link, STORED if shown.stored else "")}

    return show


def html(value: str = "", **options: Any) -> gr.HTML:
    """A place for markup, without Gradio's own style and script."""
    return gr.HTML(value, **({"js_on_load": None, "apply_default_css": False} | options))
