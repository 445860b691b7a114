"""Teaching the text tower as a job: its curve while it runs, the same sums before and after at its end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from core import settings
from core.jobs import Job
from core.training import read_curve
from core.world.diffusion.training_job import TrainPoint, packed

from . import recipe
from .borrowing import UNTAUGHT, bench
from .config import Settings
from .drawing import laid, pictures_of
from .requests import TrainRequest
from .results import TrainResult
from .teaching import PRESETS, Examples, Teaching

if TYPE_CHECKING:
    from core.training import Step
    from core.world.diffusion.parts import Pictures

SUMS = (("ball", "blue", "snow"), ("house", "star", "night"), ("dog", "green"), ("car", "sun", "beach"))  # fmt: skip
"""What is drawn before and after; no planted word is made of any."""
_STAGE = "sums"
_SEED = 7  # of the first picture's noise


def train(job: Job, request: TrainRequest) -> TrainResult:
    """Teach by a preset, and draw `SUMS` with the shared model and with what came out.

    Raises:
        JobCancelled: the job was stopped; its checkpoints stay.
    """
    began = time.perf_counter()
    cfg = PRESETS[request.preset]()
    out = settings.current().data_dir / "training" / "conceptor" / request.preset
    out.mkdir(parents=True, exist_ok=True)
    points = [_point(row) for row in read_curve(out / "curve.jsonl")] if request.resume else []

    def on_step(step: Step) -> None:
        while points and points[-1].step >= step.step:  # made again since the last checkpoint
            points.pop()
        points.append(_point({"step": step.step, **step.values}))
        words = f"Step {step.step} of {step.num_steps}, error {points[-1].loss:.3f}"
        job.report(step.fraction, words, tuple(points))

    job.report(0.0, "Fetching the model")
    with torch.inference_mode(False), torch.enable_grad():
        folder = recipe.train(cfg, None, out, resume=request.resume, on_step=on_step, check=job.check)  # fmt: skip
    job.report(1.0, "Drawing sums before and after")
    rows = [_drawn(job, cfg, UNTAUGHT), _drawn(job, cfg, "", folder)]
    sheet, file = laid("samples.png", np.stack(rows))
    archive, weights = packed(folder)
    return TrainResult(
        weights=weights[:12],
        preset=request.preset,
        steps=cfg.num_steps,
        points=tuple(points),
        captions=tuple(" + ".join(words) for words in SUMS),
        sheet=sheet,
        seconds=round(time.perf_counter() - began, 1),
        files={"samples.png": file, "model.zip": archive},
    )


def _point(row: dict[str, float]) -> TrainPoint:
    """One point of the curve: the error on sums; what is kept of ordinary captions stands beside it."""
    return TrainPoint(
        stage=_STAGE,
        step=int(row["step"]),
        loss=round(float(row["error"]), 5),
        values={"change": round(float(row["change"]), 5)},
    )


def _drawn(job: Job, cfg: Teaching, name: str, tower: Path | None = None) -> Pictures:
    """Pictures (N, H, W, 3) of `SUMS`, with equal weights and equal noise."""
    with bench(job, "embedded", name, tower=tower) as b:
        vectors = Examples(cfg, b.model)
        given = torch.stack([vectors.sum_of(dict.fromkeys(words, 1.0)) for words in SUMS])
        seeds = [_SEED + k for k in range(len(SUMS))]
        return pictures_of(b, b.model.fill((given,)), seeds, Settings(), lambda _: job.check())
