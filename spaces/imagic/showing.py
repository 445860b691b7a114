"""What every kind of request shares on the page and among the endpoints, and its settings in words."""

from __future__ import annotations

from core.ui.verbs import Verbs

from . import SPEC, api_arguments, requests
from .config import Learning, Sampling
from .results import RESULTS, AnyResult

_NAMES = {"edit": "Edit", "resample": "Draw again", "imagine": "Imagine"}
_TUNINGS = {"lora": "adapter", "full": "all weights", "none": "no tuning", "joint": "joint tuning"}


def in_words(request: requests.Request) -> str:
    """The settings of a request that somebody may want to know again, in words."""
    words: list[str] = []
    if isinstance(request, requests.EditRequest):
        words += [request.picture.title, *_learning_words(request.learning)]
        words += _sampling_words(request.sampling)
    elif isinstance(request, requests.ResampleRequest):
        words += _sampling_words(request.sampling)
    elif isinstance(request, requests.ImagineRequest):
        words += [f"{len(request.seeds)} seeds", f"guidance {request.guidance:g}"]
        words += [f"{request.steps} steps"]
    elif isinstance(request, requests.CheckRequest):
        words += [f"{request.num_scenes} scenes", f"seed {request.seed}"]
        words += [f"{request.embedding_steps} + {request.tuning_steps} steps"]
    else:
        words += [f"{request.preset} preset"]
    if getattr(request, "tier", "embedded") == "full":
        words.append(getattr(request, "model", "full model"))
    return ", ".join(words)


def _learning_words(own: Learning) -> list[str]:
    words = [] if own.tuning == "joint" else [f"{own.embedding_steps} embedding steps"]
    if own.tuning == "none":
        return [*words, _TUNINGS[own.tuning]]
    rank = f" of rank {own.rank}" if own.tuning in ("lora", "joint") else ""
    return [*words, f"{own.tuning_steps} tuning steps ({_TUNINGS[own.tuning]}{rank})"]


def _sampling_words(own: Sampling) -> list[str]:
    plain = Sampling()
    many = "" if len(own.seeds) == 1 else "s"
    words = [f"{len(own.etas)} etas", f"{len(own.seeds)} seed{many}", f"guidance {own.guidance:g}"]
    words.append(f"{own.steps} steps")
    for name, said in (
        ("start", "from the inverted picture"),
        ("schedule", f"{own.schedule} schedule"),
        ("blend", f"{own.blend} blend"),
        ("forget", f"forgetting {own.forget}"),
        ("unconditional", f"{own.unconditional} weights without text"),
    ):
        if getattr(own, name) != getattr(plain, name):
            words.append(said)
    return words


def _title(request: requests.Request, result: AnyResult) -> str:
    words = _NAMES.get(request.kind, request.kind.capitalize())
    said = getattr(result, "target", "") or getattr(result, "text", "")
    return f"{words}: {said}" if said else words


VERBS = Verbs(SPEC, requests.KINDS, RESULTS, api_arguments.CALLS, _title, in_words)
