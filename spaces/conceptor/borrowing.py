"""What a run borrows from the model cache: the text-to-image model and the judge, never changed here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.jobs import Job
from core.world.curriculum import Curriculum
from core.world.diffusion import loading
from core.world.diffusion.borrowing import MIB, judging, lent, model_hash, remembered
from core.world.diffusion.judge import Judge

from .config import Settings
from .model import Model

WEIGHTS = Path(__file__).parent / "weights"
"""Holds the text tower that reads sums of words (see `teaching`); all other parts are those of Imagic's model."""
UNTAUGHT = "untaught"
"""Name of the embedded model as it was before its text tower was taught: what is taught, and compared with."""


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
def bench(
    job: Job,
    tier: str,
    name: str = "",
    settings: Settings | None = None,
    *,
    tower: Path | None = None,
) -> Iterator[Bench]:
    """Borrow a model and its judge for the length of the block, in a mode that allows gradients.

    Args:
        job: told that the model is fetched.
        tier: "embedded" or "full".
        name: of the full tier's model; `UNTAUGHT` in the embedded tier, else it does not count there.
        settings: for the memory that learning needs.
        tower: folder of another taught text tower than the shipped one, for the embedded tier.

    Raises:
        WeightsError: the model's weights are not here.
        CapacityError: there is no room for it.
    """
    room = work_bytes(tier, name, settings)
    taught = tier == "embedded" and name != UNTAUGHT
    other = (tower or WEIGHTS) if taught else None
    with (
        lent(job, tier, name, text_encoder=other, work_bytes=room) as pipe,
        judging(job, tier) as judge,
    ):
        model = Model.from_pipeline(pipe)
        if tier == "full":
            model.unet.enable_gradient_checkpointing()  # of the view
        yield Bench(
            job=job,
            model=model,
            judge=judge,
            tier=tier,
            name=name if tier == "full" else "",
            weights=model_hash(model.base),
        )


def work_bytes(tier: str, name: str = "", settings: Settings | None = None) -> int:
    """Memory that a run needs beside the weights: a generous estimate, for the cache's budget."""
    if tier == "embedded":
        return 200 * MIB
    family = loading.FULL[name or next(iter(loading.FULL))].family
    rows = settings.batch_size if settings else 6
    return int((1.0e9 if family == "sd" else 3.0e9) * rows + 2e9)


def judge_hash(judge: Judge) -> str:
    """Hash of what a judge compares pictures with; empty without CLIP."""
    if not judge.scores:
        return ""

    def make() -> str:
        digest = hashlib.sha256()
        for name, tensor in sorted(judge.clip.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    return remembered(judge.clip, make)
