"""How the text tower is taught to read sums of words, and how Conceptor is scored.

    python app.py train conceptor --preset cpu --out OUT        # half an hour on two processor cores
    python app.py train conceptor --preset smoke --out OUT      # seconds; proves the recipe
    accelerate launch app.py train conceptor --preset gpu --out OUT
    python app.py eval conceptor

The rest of the model is the one that Imagic edits with (`python app.py train imagic`). The probe and the small CLIP
have recipes of their own: `python -m core.world.diffusion.instruments --help`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from core.errors import InputError
from core.jobs import Job
from core.registry import Score
from core.training import OnStep

from . import evaluate as evaluation
from . import taught, teaching
from .borrowing import UNTAUGHT, bench
from .teaching import PRESETS, Teaching, cpu, gpu, smoke

__all__ = ["PRESETS", "cpu", "evaluate", "gpu", "smoke", "train"]


def train(
    cfg: Teaching,
    data: Path | None,
    out: Path,
    resume: bool = False,
    on_step: OnStep | None = None,
    check: Callable[[], None] | None = None,
) -> Path:
    """Teach the text tower of the shipped model, and return the folder of its weights.

    Args:
        cfg: a preset, or one of your own.
        data: must be None: the pictures are drawn from scenes.
        out: checkpoints, the curve and the weights go here.
        resume: go on with what is there.
        on_step: called after each logged step.
        check: called before every step; it may raise to stop.

    Raises:
        InputError: data was given.
        WeightsError: the model is not here.
    """
    if data is not None:
        raise InputError(
            "The text tower learns from scenes that are drawn as it goes, so there is nothing to read from a "
            "folder. Leave --data out."
        )
    with bench(Job(method="conceptor"), "embedded", UNTAUGHT) as b, torch.enable_grad():
        tower, seconds = teaching.train(
            cfg, b.model, out, resume=resume, on_step=on_step, check=check
        )
    return taught.save(tower, cfg, out, seconds)


def evaluate(
    tier: str = "embedded",
    data: Path | None = None,
    limit: int | None = None,
    on_step: Callable[..., None] | None = None,
) -> list[Score]:
    """Score Conceptor on the planted words (see `evaluate`)."""
    return evaluation.evaluate(tier, data, limit, on_step)
