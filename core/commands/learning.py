"""`train` and `eval`: a method's recipe, started from the command line.

What a method offers for it, in its `recipe` module: `smoke()`, `cpu()` and `gpu()` presets,
`train(cfg, data, out, resume, on_step) -> Path` and
`evaluate(tier, data, limit, on_step) -> list[Score]`. `on_step` takes a `core.training.Step`,
a text, or a fraction with a text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core import registry, settings
from core.commands import WrongUsage
from core.commands.progress import Progress
from core.errors import NotFoundError
from core.registry import Score


def _recipe(slug: str, function: str) -> Any:
    spec = registry.load(slug)
    try:
        recipe = registry.module(slug, "recipe")
    except ModuleNotFoundError as error:
        if not (error.name or "").endswith(".recipe"):
            raise
        recipe = None
    if not hasattr(recipe, function):
        raise NotFoundError(f"{spec.title} has no recipe to {function}. Choose another method.")
    return recipe


def on_step_of(progress: Progress) -> Callable[..., None]:
    """A callback for recipes that feeds a progress bar."""

    def on_step(step: Any = None, text: str = "") -> None:
        if isinstance(step, str):
            progress.update(None, step)
        elif step is None or isinstance(step, int | float):
            progress.update(step, text)
        else:
            values = ", ".join(f"{name} {value:.3g}" for name, value in step.values.items())
            where = f"step {step.step} of {step.num_steps}"
            progress.update(step.fraction, f"{where}, {values}" if values else text)

    return on_step


def train(slug: str, preset: str, data: Path | None, out: Path, resume: bool) -> Path:
    """Train a method's small net and return the folder of the weights.

    Raises:
        WrongUsage: `out` holds something and `resume` was not asked for.
        VitrineError: the data or a checkpoint cannot be used.
    """
    recipe = _recipe(slug, "train")
    if not hasattr(recipe, preset):
        raise NotFoundError(f"{slug} has no preset {preset!r}. Use smoke or cpu.")
    is_first = settings.current().process_index == 0  # the others find what the first has begun
    if is_first and out.is_dir() and any(out.iterdir()) and not resume:
        raise WrongUsage(
            f"The folder {str(out)!r} is not empty. An empty one is needed to start anew. "
            "Add --resume to go on with the training in it, or name another."
        )
    cfg = getattr(recipe, preset)()
    out.mkdir(parents=True, exist_ok=True)
    with Progress(f"training {slug}") as progress:
        return recipe.train(cfg, data, out, resume, on_step_of(progress))


def evaluate(slug: str, tier: str, data: Path | None, limit: int | None) -> list[Score]:
    """Score a method against known answers.

    Raises:
        NotFoundError: the method has no such tier, or nothing to evaluate.
        VitrineError: weights or data cannot be used.
    """
    registry.load(slug).tier(tier)
    recipe = _recipe(slug, "evaluate")
    with Progress(f"scoring {slug}") as progress:
        return recipe.evaluate(tier, data, limit, on_step_of(progress))


def evaluate_all(tier: str, data: Path | None, limit: int | None) -> list[Score]:
    """Score every method that has the tier; the names of the scores start with the method."""
    scores: list[Score] = []
    for spec in registry.specs():
        if all(known.name != tier for known in spec.tiers):
            continue
        for score in evaluate(spec.slug, tier, data, limit):
            scores.append(dataclasses.replace(score, name=f"{spec.slug}: {score.name}"))
    return scores
