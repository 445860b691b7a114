"""What every action of the page shares: its work, what is kept of a result, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from core.runs.request import to_json
from core.ui.actions import Kept, Shown

from . import lesson_panels, panels, reports, requests
from .finished import MARK, finished
from .results import AnyResult, result_from_dict, result_to_dict

_WORDS = {"survive": "Change"}  # kinds that the page calls something else
Panel = Callable[[Any, Callable[[str], str], str], str]
PANELS: dict[str, Panel] = {
    "explore": panels.explore_panel,
    "compare": panels.compare_panel,
    "teach": lesson_panels.teach_panel,
    "classify": lesson_panels.classify_panel,
    "survive": panels.survive_panel,
    "triplet": panels.triplet_panel,
    "personalise": lesson_panels.personalise_panel,
    "check": reports.check_panel,
    "train": reports.train_panel,
}


def work(job: Any, request: requests.Request) -> AnyResult:
    """The work of every action; torch is loaded here, in the job's thread."""
    from . import pipeline

    return pipeline.run(job, request)


def keep(request: requests.Request, result: AnyResult) -> Kept:
    """What is stored of a result; its picture carries the request, so that dropping it reopens it."""
    from core.runs.png import write_png
    from core.ui.links import Settings, envelope

    files = dict(result.files)
    if "picture.png" in files:
        settings = Settings("trill", request.kind, to_json(request))
        files["picture.png"] = write_png(files["picture.png"], envelope(settings))
    return Kept(
        result=result_to_dict(result),
        artifacts=files,
        thumbnail="picture.png" if "picture.png" in files else None,
        title=_title(request),
        tier=request.tier,
    )


def restore(run: Any) -> AnyResult:
    """The result of a stored run."""
    return result_from_dict(run.result)


def _title(request: requests.Request) -> str:
    words = _WORDS.get(request.kind, request.kind.capitalize())
    clip = getattr(request, "clip", None)
    if clip is not None:
        return f"{words}: {clip.title}"
    if isinstance(request, requests.CompareRequest):
        return f"Compare: {request.first.title} and {request.second.title}"
    if isinstance(request, requests.TeachRequest):
        return "Teach: " + ", ".join(group.name for group in request.classes)
    return words


def show_in(output: gr.HTML) -> Callable[[Shown], dict[Any, Any]]:
    """A `show` that puts the result's panel into `output`."""

    def show(shown: Shown) -> dict[Any, Any]:
        stored = "Stored run" if shown.stored else ""
        return {output: PANELS[shown.result.kind](shown.result, shown.link, stored)}

    return show


def finished_panel(kind: str) -> str:
    """The panel of a finished example, or a place for the first result."""
    result = finished(kind)
    if result is None:
        return panels.empty("The result will stand here.")
    return PANELS[kind](result, lambda name: "", MARK)
