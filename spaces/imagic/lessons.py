"""The Check and Train tabs: known answers measured now, and the recipe as a job."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from core import settings
from core.jobs import Job
from core.media.image_writing import png, sheet

from . import borrowing
from .requests import CheckRequest, TrainRequest
from .results import CheckResult, Sheet, TrainPoint, TrainResult

if TYPE_CHECKING:
    import numpy as np

    from core.training import Step

_CAPTIONS = ("a photo of a dog", "a photo of a sitting cat", "a red ball", "a photo of a house")
_NOT_SHOWN = ("step", "seconds", "lr")  # of a stored curve; a running one does not tell them
_STEPS = 20  # DDIM steps of the samples


def check(job: Job, request: CheckRequest) -> CheckResult:
    """Edit scenes whose true answer is known, and count what is right.

    Raises:
        WeightsError: the model or the judge is not here.
        JobCancelled: the job was stopped.
    """
    from . import live

    with (
        borrowing.model(job, request.tier, request.model) as parts,
        borrowing.judging(job, request.tier) as judge,
    ):
        return live.live_check(job, parts, judge, request)


def train(job: Job, request: TrainRequest) -> TrainResult:
    """Train the world's text-to-image model by a preset of the recipe, in the data directory.

    A run that was stopped, or whose process ended, goes on from its last checkpoint.

    Raises:
        JobCancelled: the job was stopped; its checkpoints stay.
    """
    from core.world.diffusion import config, recipe

    began = time.perf_counter()
    cfg = config.PRESETS[request.preset]()
    out = settings.current().data_dir / "training" / "imagic" / request.preset
    out.mkdir(parents=True, exist_ok=True)
    first_stage = cfg.vae.num_steps
    points = _earlier(out, first_stage) if request.resume else []

    def on_step(step: Step) -> None:
        values = {name: round(float(value), 5) for name, value in step.values.items()}
        stage = "vae" if step.step <= first_stage else "unet"
        loss = values.pop("loss", 0.0)
        while points and points[-1].step >= step.step:  # made again since the last checkpoint
            points.pop()
        points.append(TrainPoint(stage=stage, step=step.step, loss=loss, values=values))
        words = f"Step {step.step} of {step.num_steps}, loss {loss:.3f}"
        job.report(step.fraction, words, tuple(points))

    job.report(0.0, "Drawing the pictures to learn from")
    with torch.inference_mode(False), torch.enable_grad():
        folder = recipe.train(cfg, out, resume=request.resume, on_step=on_step, check=job.check)
    job.report(1.0, "Drawing what it learnt")
    samples = _samples(folder)
    packed, weights = _packed(folder)
    return TrainResult(
        weights=weights[:12],
        preset=request.preset,
        steps=cfg.vae.num_steps + cfg.unet.num_steps,
        points=tuple(points),
        captions=_CAPTIONS,
        sheet=Sheet(file="samples.png", rows=1, columns=len(samples), tile=samples.shape[1]),
        seconds=round(time.perf_counter() - began, 1),
        files={"samples.png": png(sheet(samples[None])), "model.zip": packed},
    )


def _earlier(out: Path, first_stage: int) -> list[TrainPoint]:
    """Points of the part that was done before."""
    from core.training import read_curve

    found = []
    for stage, shift in (("vae", 0), ("unet", first_stage)):
        path = out / stage / "curve.jsonl"
        for row in read_curve(path) if path.exists() else ():
            values = {k: round(float(v), 5) for k, v in row.items() if k not in _NOT_SHOWN}
            loss = values.pop("loss", 0.0)
            step = int(row["step"]) + shift
            found.append(TrainPoint(stage=stage, step=step, loss=loss, values=values))
    return found


def _samples(folder: Path) -> np.ndarray:
    """What a pipeline draws for a few captions that every curriculum knows, (N, H, W, 3)."""
    import numpy as np
    from diffusers import StableDiffusionPipeline  # pyright: ignore[reportPrivateImportUsage]

    from core.cache.construction import construction

    with construction():
        pipe = StableDiffusionPipeline.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        ).to(torch.float32)
    pipe.set_progress_bar_config(disable=True)
    side = pipe.unet.config.sample_size * 2 ** (len(pipe.vae.config.block_out_channels) - 1)
    made = []
    with torch.inference_mode():
        for seed, caption in enumerate(_CAPTIONS):
            found: Any = pipe(
                caption,
                height=side,
                width=side,
                num_inference_steps=_STEPS,
                guidance_scale=3.0,
                output_type="np",
                generator=torch.Generator().manual_seed(seed),
            )
            made.append((found.images[0] * 255).round().astype(np.uint8))
    return np.stack(made)


def _packed(folder: Path) -> tuple[bytes, str]:
    """The pipeline's folder as a ZIP file without compression, and the hash of its weights."""
    target = io.BytesIO()
    digest = hashlib.sha256()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            data = path.read_bytes()
            if path.suffix == ".safetensors":
                digest.update(data)
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, data)
    return target.getvalue(), digest.hexdigest()
