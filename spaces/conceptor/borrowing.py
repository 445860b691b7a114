"""What a run borrows from the model cache: the text-to-image model and the judge, never changed here."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from core.cache import cache
from core.errors import WeightsError
from core.jobs import Job
from core.world.curriculum import Curriculum
from core.world.diffusion import judge as judges
from core.world.diffusion import loading
from core.world.diffusion.judge import Judge

from .config import Settings
from .model import Model

MIB = 2**20
_hashes: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a run works with.

    Attributes:
        job: told how far it is; a stop raises from it.
        model: a view of the borrowed one.
        judge: of the tier; may lack parts.
        tier: "embedded" or "full".
        name: of the full tier's model; empty in the embedded tier.
        weights: hash of the model.
        world: whose words the embedded model learnt; None for the shipped one's.
    """

    job: Job
    model: Model
    judge: Judge
    tier: str
    name: str
    weights: str
    world: Curriculum | None = None


@contextmanager
def bench(job: Job, tier: str, name: str = "", settings: Settings | None = None) -> Iterator[Bench]:
    """Borrow a model and its judge for the length of the block, in a mode that allows gradients.

    Raises:
        WeightsError: the model's weights are not here.
        CapacityError: there is no room for it.
    """
    job.report(0.0, "Fetching the model")
    spec = loading.spec_for(tier, name)
    work = {"bytes": work_bytes(tier, name, settings)}
    with (
        cache().acquire(spec, work=work, cancel=job.cancel_event) as lease,
        judging(job, tier) as judge,
        # the caller may be in inference mode, whose tensors cannot be learnt from
        torch.inference_mode(False),
        torch.no_grad(),
    ):
        model = Model.from_pipeline(lease.obj)
        if tier == "full":
            model.unet.enable_gradient_checkpointing()  # of the view
        yield Bench(
            job=job,
            model=model,
            judge=judge,
            tier=tier,
            name=name if tier == "full" else "",
            weights=model_hash(model),
        )


def work_bytes(tier: str, name: str = "", settings: Settings | None = None) -> int:
    """Memory that a run needs beside the weights: a generous estimate, for the cache's budget."""
    if tier == "embedded":
        return 200 * MIB
    family = loading.FULL[name or next(iter(loading.FULL))].family
    rows = settings.batch_size if settings else 6
    return int((1.0e9 if family == "sd" else 3.0e9) * rows + 2e9)


@contextmanager
def judging(job: Job, tier: str) -> Iterator[Judge]:
    """Borrow the judge of a tier; without its weights, one that can do nothing.

    Learning needs no judge, so that a missing one costs the scores alone.
    """
    job.check()
    try:
        spec = judges.spec_for(tier)
    except WeightsError:
        yield Judge()
        return
    with cache().acquire(spec, cancel=job.cancel_event) as lease:
        yield lease.obj


def model_hash(model: Model) -> str:
    """Hash of a borrowed model as stored decompositions name it; computed once for a loaded model."""
    key = model.shared[1]
    with _lock:
        known = _hashes.get(key)
    if known is None:
        known = model.model_hash()
        with _lock:
            _hashes[key] = known
    return known


def judge_hash(judge: Judge) -> str:
    """Hash of what a judge compares pictures with; empty without CLIP."""
    if not judge.scores:
        return ""
    with _lock:
        known = _hashes.get(judge.clip)
    if known is None:
        digest = hashlib.sha256()
        for name, tensor in sorted(judge.clip.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
        known = digest.hexdigest()
        with _lock:
            _hashes[judge.clip] = known
    return known
