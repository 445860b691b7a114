"""The page and the endpoint of the heavy method."""

from __future__ import annotations

import gradio as gr

from core.ui import page

from . import SPEC


def layout() -> None:
    with page(SPEC) as frame, frame.tab("try"):
        gr.Markdown("Call the endpoint.")


def heavy_steps(steps: int) -> dict[str, int]:
    """Take some steps on a GPU.

    Args:
        steps: how many.

    Returns:
        the number of steps and the process that took them.
    """
    from core.jobs import runner

    from .pipeline import Request

    done = runner().submit(
        "core.methods.heavy.pipeline:run",
        Request(kind="steps", steps=steps),
        method="heavy",
        heavy=True,
        on_done=lambda handle, result: None,
    )
    result = done.result()
    return {"steps": result.value, "pid": result.pid}


def api() -> None:
    gr.api(heavy_steps, api_name="heavy_steps")
