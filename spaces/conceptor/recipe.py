"""How the world's text-to-image model is trained, and how Conceptor on it is scored.

    python app.py train conceptor --preset cpu --out OUT        # hours on two processor cores
    python app.py train conceptor --preset smoke --out OUT      # a minute; proves the recipe
    accelerate launch app.py train conceptor --preset gpu --out OUT
    python app.py eval conceptor

The model is the one that Imagic edits with; its planted words are what is measured here. The probe and the small CLIP
have recipes of their own: `python -m core.world.diffusion.instruments --help`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.errors import InputError
from core.registry import Score
from core.training import OnStep
from core.world.diffusion import config, recipe
from core.world.diffusion.config import Training, cpu, gpu, smoke

from . import evaluate as evaluation

__all__ = ["PRESETS", "cpu", "evaluate", "gpu", "smoke", "train"]

PRESETS = config.PRESETS


def train(
    cfg: Training,
    data: Path | None,
    out: Path,
    resume: bool = False,
    on_step: OnStep | None = None,
    check: Callable[[], None] | None = None,
) -> Path:
    """Train the model, and return the folder of the finished pipeline.

    Args:
        cfg: a preset, or one of your own.
        data: must be None: the pictures are drawn from scenes.
        out: checkpoints, curves and the pipeline go here.
        resume: go on with what is there.
        on_step: called after each logged step.
        check: called before every step; it may raise to stop.

    Raises:
        InputError: data was given.
    """
    if data is not None:
        raise InputError(
            "The model learns from scenes that it draws by itself, so there is nothing to read from a folder. "
            "Leave --data out."
        )
    return recipe.train(cfg, out, resume=resume, on_step=on_step, check=check)


def evaluate(
    tier: str = "embedded",
    data: Path | None = None,
    limit: int | None = None,
    on_step: Callable[..., None] | None = None,
) -> list[Score]:
    """Score Conceptor on the planted words (see `evaluate`)."""
    return evaluation.evaluate(tier, data, limit, on_step)
