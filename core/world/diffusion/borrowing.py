"""What a run borrows from the model cache: the text-to-image model and the judge, never changed here."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from core.cache import cache
from core.errors import WeightsError
from core.jobs import Job
from core.world.diffusion import judge, loading
from core.world.diffusion.judge import Judge
from core.world.diffusion.parts import Parts

MIB = 2**20
_hashes: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


@contextmanager
def lent(
    job: Job,
    tier: str,
    name: str = "",
    *,
    text_encoder: Path | None = None,
    work_bytes: int = 0,
) -> Iterator[Any]:
    """Borrow a pipeline for the length of the block, in a mode that allows gradients.

    Args:
        job: told that the model is fetched.
        tier: "embedded" or "full".
        name: of the full tier's model.
        text_encoder: of the embedded tier, a folder with another text tower (see `loading.from_folder`).
        work_bytes: memory that the run needs beside the weights, so that room is made for it.

    Raises:
        WeightsError: its weights are not here.
        CapacityError: there is no room for it.
    """
    job.report(0.0, "Fetching the model")
    spec = loading.spec_for(tier, name, text_encoder=text_encoder)
    with (
        cache().acquire(spec, work={"bytes": work_bytes}, cancel=job.cancel_event) as lease,
        # the caller may be in inference mode, whose tensors cannot be learnt from
        torch.inference_mode(False),
        torch.no_grad(),
    ):
        yield lease.obj


@contextmanager
def judging(job: Job, tier: str) -> Iterator[Judge]:
    """Borrow the judge of a tier; without its weights, one that can do nothing.

    What a method does needs no judge, so that a missing one costs the scores alone.
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
    """Hash of a borrowed model as stored work names it; computed once for a loaded model.

    Remembered with the text encoder: models that differ in it alone share their UNet.
    """
    return remembered(parts.text_encoders[0], parts.model_hash)


def remembered(module: Any, make: Callable[[], str]) -> str:
    """A hash of a shared module, made at the first call and kept as long as the module lives."""
    with _lock:
        known = _hashes.get(module)
    if known is None:
        known = make()
        with _lock:
            _hashes[module] = known
    return known
