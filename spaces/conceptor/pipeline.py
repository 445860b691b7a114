"""The entry of all work on Conceptor: one request in, one result out, inside a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from core.jobs import Job

from . import audit, borrowing, compare, decompose, lessons, mix, single_image
from .commandline import VERBS, request_from_cli, write_outputs
from .config import Settings
from .following import passes
from .requests import KINDS, AuditRequest, CheckRequest, CompareRequest, MixRequest, Request
from .results import AnyResult

if TYPE_CHECKING:
    from core.cache import ModelSpec

__all__ = [
    "VERBS",
    "gpu_seconds",
    "preload",
    "request_from_cli",
    "request_from_json",
    "request_to_json",
    "run",
    "write_outputs",
]

request_from_json, request_to_json = KINDS.from_dict, KINDS.to_dict
_WORK: dict[str, Callable[[Job, Any], AnyResult]] = {
    "decompose": decompose.decompose,
    "explain": single_image.explain,
    "mix": mix.mix,
    "audit": audit.audit,
    "compare": compare.compare,
    "check": lessons.check,
    "train": lessons.train,
}
# Passes of the network in a second, one picture each: our estimate for the GPU that ZeroGPU lends.
_PASSES_PER_SECOND = {"embedded": 400.0, "sd": 25.0, "sdxl": 4.0}
_FIXED_SECONDS = 10.0  # moving, decoding, judging


def run(job: Job, request: Request) -> AnyResult:
    """Do what the request asks.

    Runs in one thread. The model is borrowed and never changed: all work is on views of it.

    Args:
        job: told how far the work is; a stopped job raises here at the next pass.
        request: one of `requests.KINDS`.

    Raises:
        InputError: a concept, a word or a setting cannot be used.
        WeightsError: the weights are missing or damaged.
        CapacityError: the model, or what is to be learnt with it, does not fit into memory.
        JobCancelled: the job was stopped.
    """
    return _WORK[request.kind](job, request)


def preload() -> Iterable[ModelSpec]:
    """The models that workers of ZeroGPU need: the embedded one with its judge, and the full default."""
    from core.errors import WeightsError
    from core.world.diffusion import judge, loading

    makers = (
        partial(loading.spec_for, text_encoder=borrowing.WEIGHTS),
        loading.spec_for,  # before its text tower was taught: for the evaluation and the Train tab
        judge.spec_for,
        partial(loading.spec_for, "full"),
        partial(judge.spec_for, "full"),
    )
    found = []
    for make in makers:
        try:
            found.append(make())
        except WeightsError:  # this tier says so when it is chosen
            continue
    return found


def gpu_seconds(request: Request) -> float:
    """Seconds on a GPU that a request will take at most, for platforms that lend one by the second."""
    from core.world.diffusion import loading

    tier = getattr(request, "tier", "embedded")
    kind = tier if tier == "embedded" else loading.FULL[getattr(request, "model", "")].family
    return _FIXED_SECONDS + rows(request) / _PASSES_PER_SECOND[kind]


def rows(request: Request) -> int:
    """Rows that a request sends through the network where nothing was learnt before."""
    settings = getattr(request, "settings", None)
    if isinstance(request, CheckRequest):
        return request.num_words * sum(passes(Settings(steps=request.steps)).values())
    if not isinstance(settings, Settings):
        return 0
    each = settings.drawing_steps * (2 if settings.guidance > 1 else 1)
    learning = sum(passes(settings).values())
    if isinstance(request, AuditRequest):
        return len(request.concepts) * (learning + 3 * each * request.pictures)
    if isinstance(request, CompareRequest):
        return 2 * learning
    if isinstance(request, MixRequest):
        return learning + 2 * each * len(request.seeds)
    return learning + (each * 3 * settings.n if request.kind == "explain" else 0)
