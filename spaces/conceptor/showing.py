"""What every action of the page and every endpoint share: the work, what is kept, settings in words."""

from __future__ import annotations

from typing import Any

from core.errors import NotFoundError
from core.runs.request import to_json
from core.ui.actions import Kept

from . import api_arguments, requests
from .config import Settings
from .results import AnyResult, result_from_dict, result_to_dict

_NAMES = {
    "decompose": "Decompose",
    "explain": "Explain",
    "mix": "Mix",
    "audit": "Audit",
    "compare": "Compare",
}


def work(job: Any, request: requests.Request) -> AnyResult:
    """The work of every action; torch is loaded here, in the job's thread."""
    from . import pipeline

    return pipeline.run(job, request)


def keep(request: requests.Request, result: AnyResult) -> Kept:
    """What is stored of a result; its card carries the request, so that dropping it reopens it."""
    from core.runs.png import write_png
    from core.ui.links import Settings as Linked
    from core.ui.links import envelope

    files = dict(result.files)
    if "picture.png" in files:
        linked = Linked("conceptor", request.kind, to_json(request))
        files["picture.png"] = write_png(files["picture.png"], envelope(linked))
    return Kept(
        result=result_to_dict(result),
        artifacts=files,
        thumbnail="picture.png" if "picture.png" in files else None,
        title=title(request),
        tier=result.tier,
    )


def restore(run: Any) -> AnyResult:
    """The result of a stored run."""
    return result_from_dict(run.result)


def shared(kind: str) -> dict[str, Any]:
    """The arguments of `Page.action` that every action of the page gives for its kind."""
    return {
        "work": work,
        "keep": keep,
        "restore": restore,
        "parse": lambda data: requests.from_dict({**data, "kind": kind}),
        "describe": lambda data: in_words(requests.from_dict({**data, "kind": kind})),
        "grad": True,  # any of them may have to learn first
        **api_arguments.of(kind),
    }


def end_early(job_id: str) -> bool:
    """Ask a job to end its learning with the best so far; its unguessable id is the permission.

    Returns:
        False when there is nothing to end early (any more).
    """
    from core.jobs import runner

    try:
        return runner().end_early(job_id)
    except NotFoundError:
        return False


def title(request: requests.Request) -> str:
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
    if own.dictionary != "all":
        words.append(f"dictionary of {own.dictionary}")
    if not own.exclude_concept:
        words.append("concept left in")
    if own.seed:
        words.append(f"seed {own.seed}")
    return words
