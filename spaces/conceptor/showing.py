"""What every kind of request shares on the page and among the endpoints, and its settings in words."""

from __future__ import annotations

from core.ui.verbs import Verbs

from . import SPEC, api_arguments, requests
from .config import Settings
from .results import RESULTS, AnyResult

_NAMES = {
    "decompose": "Decompose",
    "explain": "Explain",
    "mix": "Mix",
    "audit": "Audit",
    "compare": "Compare",
}


def title(request: requests.Request, _result: AnyResult | None = None) -> str:
    """A run's name in the history."""
    name = _NAMES.get(request.kind, request.kind.capitalize())
    if isinstance(request, requests.AuditRequest):
        return f"{name}: {', '.join(request.concepts)}"
    if isinstance(request, requests.CompareRequest):
        return f"{name}: {request.one} and {request.other}"
    said = getattr(request, "concept", "")
    return f"{name}: {said}" if said else name


def in_words(request: requests.Request) -> str:
    """The settings of a request that somebody may want to know again, in words."""
    words: list[str] = []
    settings = getattr(request, "settings", None)
    if isinstance(request, requests.ExplainRequest):
        words += [f"seed {request.seed}", f"threshold {request.threshold:g}"]
    elif isinstance(request, requests.MixRequest):
        words += [f"{word} x {factor:g}" for word, factor in request.factors.items()]
        words += [f"{request.solo} alone"] if request.solo else []
        words += [f"without {', '.join(request.mute)}"] if request.mute else []
    elif isinstance(request, requests.AuditRequest):
        words += [f"{'/'.join(request.group_a)} against {'/'.join(request.group_b)}"]
        words += [f"{request.pictures} pictures", f"strength {request.strength:g}"]
    elif isinstance(request, requests.CheckRequest):
        words += [f"{request.num_words} words", f"seed {request.seed}", f"{request.steps} steps"]
    elif isinstance(request, requests.TrainRequest):
        words += [f"{request.preset} preset"]
    if isinstance(settings, Settings):
        words += _settings_words(settings)
    if getattr(request, "tier", "embedded") == "full":
        words.append(getattr(request, "model", "full model"))
    return ", ".join(words)


def _settings_words(own: Settings) -> list[str]:
    many = "" if own.repeats == 1 else "s"
    words = [f"{own.n} words", f"λ {own.sparsity:g}", f"{own.steps} steps", f"{own.repeats} repeat{many}"]  # fmt: skip
    if own.dictionary == "all":
        words.append("all words")
    if not own.exclude_concept:
        words.append("concept left in")
    if own.seed:
        words.append(f"seed {own.seed}")
    return words


VERBS = Verbs(SPEC, requests.KINDS, RESULTS, api_arguments.CALLS, title, in_words)
