"""What every kind of request shares on the page and among the endpoints, and how results are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from core.ui.actions import Shown
from core.ui.verbs import Verbs

from . import SPEC, api_arguments, lesson_panels, panels, reports, requests
from .finished import MARK, finished
from .results import RESULTS, AnyResult

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


def in_words(request: requests.Request) -> str:
    """The settings of a request that somebody may want to know again, in words."""
    words: list[str] = []
    if isinstance(request, requests.SurviveRequest):
        words += _changes(request)
    elif isinstance(request, requests.TeachRequest):
        clips = sum(len(group.clips) for group in request.classes)
        words += [f"{clips} clips", _CLASSIFIERS[request.classifier]]
    elif isinstance(request, requests.TripletRequest):
        words += [f"{request.anchor.title}, {request.positive.title}, {request.negative.title}"]
    elif isinstance(request, requests.PersonaliseRequest):
        words += [f"speaker {request.speaker}"]
    elif isinstance(request, requests.TrainRequest):
        heard = f"{len(request.clips)} recordings" if request.clips else "synthetic voices"
        words += [f"{request.steps} steps", heard]
    if isinstance(request, requests.Hearing):
        words.append("final embedding" if request.layer == "embedding" else "middle layer")
        if request.hop_frames != requests.Hearing().hop_frames:
            words.append(f"a patch every {request.hop_frames * 10} ms")
        if request.padding == "zero":
            words.append("short clips filled with silence")
    if request.tier == "full":
        words.append("full model")
    return ", ".join(words)


_CLASSIFIERS = {"logistic": "logistic", "lda": "LDA", "centroid": "nearest centroid"}


def _changes(request: requests.SurviveRequest) -> list[str]:
    words = []
    if request.pitch:
        many = "" if abs(request.pitch) == 1 else "s"
        words.append(f"pitch {request.pitch:+g} semitone{many}".replace("-", "−"))
    if request.rate != 1:
        words.append(f"{request.rate:g} times as fast")
    if request.snr_db is not None:
        words.append(f"noise {request.snr_db:g} dB below the voice")
    if request.reverb_seconds:
        words.append(f"reverberation {request.reverb_seconds:g} s")
    if request.telephone:
        words.append("telephone band")
    return words or ["unchanged"]


def _title(request: requests.Request, result: AnyResult) -> str:
    words = _WORDS.get(request.kind, request.kind.capitalize())
    clip = getattr(request, "clip", None)
    if clip is not None:
        return f"{words}: {clip.title}"
    if isinstance(request, requests.CompareRequest):
        return f"Compare: {request.first.title} and {request.second.title}"
    if isinstance(request, requests.TeachRequest):
        return "Teach: " + ", ".join(group.name for group in request.classes)
    if isinstance(request, requests.TrainRequest):
        return f"Train: {request.steps} steps"
    return words


VERBS = Verbs(SPEC, requests.KINDS, RESULTS, api_arguments.CALLS, _title, in_words)


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
