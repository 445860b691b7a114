"""What a run borrows from the model cache: the text-to-image model and the judge, never changed here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.jobs import Job
from core.world.diffusion import loading
from core.world.diffusion.borrowing import MIB, judging, lent, model_hash
from core.world.diffusion.parts import Parts

from .config import Learning

__all__ = ["judging", "model", "model_hash", "work_bytes"]


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
    with lent(job, tier, name, work_bytes=work_bytes(tier, name, learning)) as pipe:
        yield Parts.from_pipeline(pipe)


def work_bytes(tier: str, name: str = "", learning: Learning | None = None) -> int:
    """Memory that a run needs beside the weights: a generous estimate, for the cache's budget."""
    whole = learning is not None and learning.tuning == "full"
    if tier == "embedded":
        return (400 if whole else 200) * MIB
    family = loading.FULL[name or next(iter(loading.FULL))].family
    parameters = {"sd": 860e6, "sdxl": 2570e6}[family]
    # a private copy, its gradient and Adam's two moments, all in float32
    return int((6e9 if family == "sd" else 14e9) + (16 * parameters if whole else 0))
