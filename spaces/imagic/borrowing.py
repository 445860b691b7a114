"""What a run borrows from the model cache: the text-to-image model and the judge, never changed here."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from core.cache import cache
from core.errors import WeightsError
from core.jobs import Job
from core.world.diffusion import judge, loading
from core.world.diffusion.judge import Judge

from .config import Learning
from .parts import Parts, fingerprint

MIB = 2**20
_hashes: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


@contextmanager
def model(job: Job, tier: str, name: str = "", learning: Learning | None = None) -> Iterator[Parts]:
    """Borrow a text-to-image model for the length of the block, in a mode that allows gradients.

    Args:
        job: told that the model is fetched.
        tier: "embedded" or "full".
        name: of the full tier's model.
        learning: what will be learnt on it, so that room is made for that.

    Raises:
        WeightsError: its weights are not here.
        CapacityError: there is no room for it.
    """
    job.report(0.0, "Fetching the model")
    spec = loading.spec_for(tier, name)
    work = {"bytes": work_bytes(tier, name, learning)}
    with (
        cache().acquire(spec, work=work, cancel=job.cancel_event) as lease,
        # the caller may be in inference mode, whose tensors cannot be learnt from
        torch.inference_mode(False),
        torch.no_grad(),
    ):
        yield Parts.from_pipeline(lease.obj)


def work_bytes(tier: str, name: str = "", learning: Learning | None = None) -> int:
    """Memory that a run needs beside the weights: a generous estimate, for the cache's budget."""
    whole = learning is not None and learning.tuning == "full"
    if tier == "embedded":
        return (400 if whole else 200) * MIB
    family = loading.FULL[name or next(iter(loading.FULL))].family
    parameters = {"sd": 860e6, "sdxl": 2570e6}[family]
    # a private copy, its gradient and Adam's two moments, all in float32
    return int((6e9 if family == "sd" else 14e9) + (16 * parameters if whole else 0))


@contextmanager
def judging(job: Job, tier: str) -> Iterator[Judge]:
    """Borrow the judge of a tier; without its weights, one that can do nothing.

    The editing itself needs no judge, so that a missing one costs the scores alone.
    """
    job.check()
    try:
        spec = judge.spec_for(tier)
    except WeightsError:
        yield Judge()
        return
    with cache().acquire(spec, cancel=job.cancel_event) as lease:
        yield lease.obj


def model_hash(parts: Parts) -> str:
    """Hash of a borrowed model as kits name it; computed once for a loaded model."""
    with _lock:
        known = _hashes.get(parts.unet)
    if known is None:
        known = parts.model_hash()
        with _lock:
            _hashes[parts.unet] = known
    return known


def base_hash(parts: Parts) -> str:
    """Hash of every bit and name of the shared weights now; never remembered."""
    modules = (parts.unet, parts.vae, *parts.text_encoders)
    return fingerprint(torch.nn.ModuleList(modules))[:16]
