"""The entry of all work on Imagic: one request in, one result out, inside a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from core.jobs import Job

from . import edit, imagine, lessons, reopen
from .commandline import VERBS, request_from_cli, write_outputs
from .following import passes_of_drawing, passes_of_learning
from .requests import KINDS, CheckRequest, EditRequest, ImagineRequest, Request, ResampleRequest
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
    "edit": edit.edit,
    "resample": reopen.resample,
    "imagine": imagine.imagine,
    "check": lessons.check,
    "train": lessons.train,
}
# Passes of the network in a second, one picture each: our estimate for the GPU that ZeroGPU lends.
_PASSES_PER_SECOND = {"embedded": 400.0, "sd": 25.0, "sdxl": 4.0}
_FIXED_SECONDS = 10.0  # moving, encoding, decoding, judging


def run(job: Job, request: Request) -> AnyResult:
    """Do what the request asks.

    Runs in one thread. The model is borrowed and never changed: an edit learns an adapter on a view of
    it, or a private copy.

    Args:
        job: told how far the work is; a stopped job raises here at the next step.
        request: one of `requests.KINDS`.

    Raises:
        InputError: a picture, a text or a setting cannot be used.
        WeightsError: the weights are missing or damaged.
        CapacityError: the model, or what is to be learnt on it, does not fit into memory.
        JobCancelled: the job was stopped.
    """
    return _WORK[request.kind](job, request)


def preload() -> Iterable[ModelSpec]:
    """The models that workers of ZeroGPU need: the embedded one with its judge, and the full default."""
    from core.errors import WeightsError
    from core.world.diffusion import judge, loading

    found = []
    for spec_for in (loading.spec_for, judge.spec_for):
        for tier in ("embedded", "full"):
            try:
                found.append(spec_for(tier))
            except WeightsError:  # this tier says so when it is chosen
                continue
    return found


def gpu_seconds(request: Request) -> float:
    """Seconds on a GPU that a request will take, for platforms that lend one by the second."""
    from core.world.diffusion import loading

    tier = getattr(request, "tier", "embedded")
    kind = tier if tier == "embedded" else loading.FULL[getattr(request, "model", "")].family
    return _FIXED_SECONDS + _passes(request) / _PASSES_PER_SECOND[kind]


def _passes(request: Request) -> int:
    if isinstance(request, EditRequest):
        learning = sum(passes_of_learning(request.learning).values())
        ways = 5 * bool(request.baselines)
        return learning + sum(passes_of_drawing(request.sampling, ways).values())
    if isinstance(request, ResampleRequest):
        ways = 5 * bool(request.baselines)
        return sum(passes_of_drawing(request.sampling, ways).values())
    if isinstance(request, ImagineRequest):
        return 2 * request.steps * len(request.seeds)
    if isinstance(request, CheckRequest):
        learning = 24 * (request.embedding_steps + request.tuning_steps)
        return request.num_scenes * (learning + 2 * 30 * 14)
    return 0
