"""The entry of all work on TRILL: one request in, one result out, inside a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.jobs import Job

from . import check, explore, lessons, own, survive
from .commandline import VERBS, request_from_cli, write_outputs
from .requests import KINDS, Request
from .results import AnyResult

__all__ = [
    "VERBS",
    "request_from_cli",
    "request_from_json",
    "request_to_json",
    "run",
    "write_outputs",
]

request_from_json, request_to_json = KINDS.from_dict, KINDS.to_dict

_WORK: dict[str, Callable[[Job, Any], AnyResult]] = {
    "explore": explore.explore,
    "compare": explore.compare,
    "triplet": explore.triplet,
    "teach": lessons.teach,
    "classify": lessons.classify,
    "personalise": lessons.personalise,
    "survive": survive.survive,
    "check": check.check,
    "train": own.train,
}


def run(job: Job, request: Request) -> AnyResult:
    """Do what the request asks.

    Runs in one thread; the net is borrowed and never changed. Only `train` needs gradients, and
    trains a net of its own.

    Args:
        job: told how far the work is; a stopped job raises here within a second.
        request: one of `requests.KINDS`.

    Raises:
        InputError: a clip or a setting cannot be used.
        WeightsError: the weights are missing or damaged.
        JobCancelled: the job was stopped.
    """
    return _WORK[request.kind](job, request)
