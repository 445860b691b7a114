"""How the world's text-to-image model is trained, and how Imagic on it is scored.

    python app.py train imagic --preset cpu --out OUT        # hours on two processor cores
    python app.py train imagic --preset smoke --out OUT      # a minute; proves the recipe
    accelerate launch app.py train imagic --preset gpu --out OUT
    python app.py eval imagic
    python app.py eval imagic --tier full --data TEDBENCH

The probe and the small CLIP that measure it have recipes of their own:
`python -m core.world.diffusion.instruments --help`.
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
    """Train into `out` and return the folder of the pipeline.

    Args:
        cfg: a preset, or one of your own.
        data: None; the world draws its own pictures.
        out: pictures, latents, checkpoints, curves and the finished pipeline go here.
        resume: go on with what is there.
        on_step: called after each logged step.
        check: called before every step; it may raise to stop.

    Raises:
        InputError: data was given.
    """
    if data is not None:
        raise InputError(
            f"The data folder {data.name} was given. This model learns the captioned world, which draws its own "
            "pictures. Leave --data away."
        )
    return recipe.train(cfg, out, resume=resume, on_step=on_step, check=check)


def evaluate(
    tier: str = "embedded",
    data: Path | None = None,
    limit: int | None = None,
    on_step: Callable[..., None] | None = None,
) -> list[Score]:
    """Score Imagic; see `evaluate.evaluate`, which can also draw the plot."""
    return evaluation.evaluate(tier, data, limit, on_step)
