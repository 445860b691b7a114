"""The page of the light method."""

from __future__ import annotations

import gradio as gr

from core.ui import page

from . import SPEC


def layout() -> None:
    with page(SPEC) as frame, frame.tab("try"):
        gr.Markdown("Nothing to see.")
