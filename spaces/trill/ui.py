"""The TRILL page: components and events, and the public endpoints. No torch at import."""

from __future__ import annotations

import gradio as gr

from . import SPEC


def layout() -> None:
    """Build the page inside the Blocks or route that is open."""
    gr.Markdown(f"# {SPEC.title}\n{SPEC.summary}")


def api() -> None:
    """Register the public endpoints inside the Blocks that is open."""
