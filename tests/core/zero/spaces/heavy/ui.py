"""The page and the endpoint of the heavy method."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.jobs import Job
from core.ui import page
from core.ui.actions import Kept
from core.ui.calls import Calls

from . import SPEC


def layout() -> None:
    with page(SPEC) as frame, frame.tab("try"):
        gr.Markdown("Call the endpoint.")


def work(job: Job, request: Any) -> Any:
    from .pipeline import run

    return run(job, request)


def keep(request: Any, result: Any) -> Kept:
    return Kept(result={"steps": result.value}, title="Steps")


def answer(result: Any) -> dict[str, Any]:
    return {"steps": result.value, "pid": result.pid}


CALLS = Calls(SPEC, work=work, keep=keep, answer=answer)


@CALLS.endpoint(example={"steps": 3})
def heavy_steps(steps: int) -> Any:
    """Take some steps on a GPU.

    Args:
        steps: how many.

    Returns:
        the number of steps and the process that took them.
    """
    from .pipeline import Request

    return Request(kind="steps", steps=steps)


def api() -> None:
    CALLS.publish()
