"""The Conceptor page: five tabs in the order of every method, and the public endpoints.

No torch at import: the pipeline is loaded by the first job.
"""

from __future__ import annotations

import gradio as gr

from core.ui.page import page

from . import SPEC, endpoints

_ABOUT = (
    "Conceptor writes a concept as a weighted sum of words whose pictures are the concept's own. "
    "The calls of this method are on the API page."
)


def layout() -> None:
    """Lay out the page inside the Blocks or route that is open."""
    with page(SPEC) as frame:
        for name in ("try", "why", "check", "train", "about"):
            with frame.tab(name):
                gr.Markdown(_ABOUT)


def api() -> None:
    """Register the public endpoints inside the Blocks that is open."""
    endpoints.register()
