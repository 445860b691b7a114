"""The recipe of the text-to-image model as a job: a model of the visitor's own, with its curves and pictures.

Torch is imported when the job runs, so that results may name `TrainPoint` without it.
"""

# N captions, H, W picture

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.jobs import Job

if TYPE_CHECKING:
    from core.training import Step
    from core.world.diffusion.parts import Pictures

CAPTIONS = ("a photo of a dog", "a photo of a sitting cat", "a red ball", "a photo of a house")
"""What is drawn at the end; every curriculum knows these words."""
_NOT_SHOWN = ("step", "seconds", "lr")  # of a stored curve; a running one does not tell them
_STEPS, _GUIDANCE = 20, 3.0  # of the samples


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPoint:
    """One point of a training curve."""

    stage: str  # "vae" or "unet"
    step: int  # of the whole recipe
    loss: float
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a training leaves.

    Attributes:
        weights: hash of the weights.
        steps: of the whole recipe.
        points: of the curve, those of earlier parts included.
        samples: (N, H, W, 3) uint8, one for each of `CAPTIONS`.
        packed: the pipeline's folder as a ZIP file.
        seconds: of this part.
    """

    weights: str
    steps: int
    points: tuple[TrainPoint, ...]
    samples: Pictures
    packed: bytes
    seconds: float


def train(job: Job, preset: str, out: Path, *, resume: bool) -> Trained:
    """Train by a preset of the recipe.

    A run that was stopped, or whose process ended, goes on from its last checkpoint.

    Args:
        job: told how far it is, with the curve so far as the preview.
        preset: a name of `core.world.diffusion.config.PRESETS`.
        out: folder of the checkpoints and the result.
        resume: go on from the last checkpoint.

    Raises:
        JobCancelled: the job was stopped; its checkpoints stay.
    """
    import torch

    from core.world.diffusion import config, recipe

    began = time.perf_counter()
    cfg = config.PRESETS[preset]()
    out.mkdir(parents=True, exist_ok=True)
    first_stage = cfg.vae.num_steps
    points = _earlier(out, first_stage) if resume else []

    def on_step(step: Step) -> None:
        values = {name: round(float(value), 5) for name, value in step.values.items()}
        loss = values.pop("loss", 0.0)
        while points and points[-1].step >= step.step:  # made again since the last checkpoint
            points.pop()
        stage = "vae" if step.step <= first_stage else "unet"
        points.append(TrainPoint(stage=stage, step=step.step, loss=loss, values=values))
        words = f"Step {step.step} of {step.num_steps}, loss {loss:.3f}"
        job.report(step.fraction, words, tuple(points))

    job.report(0.0, "Drawing the pictures to learn from")
    with torch.inference_mode(False), torch.enable_grad():
        folder = recipe.train(cfg, out, resume=resume, on_step=on_step, check=job.check)
    job.report(1.0, "Drawing what it learnt")
    samples = _samples(folder)
    archive, weights = packed(folder)
    return Trained(
        weights=weights,
        steps=cfg.vae.num_steps + cfg.unet.num_steps,
        points=tuple(points),
        samples=samples,
        packed=archive,
        seconds=round(time.perf_counter() - began, 1),
    )


def _earlier(out: Path, first_stage: int) -> list[TrainPoint]:
    """Points of the part that was done before."""
    from core.training import read_curve

    found = []
    for stage, shift in (("vae", 0), ("unet", first_stage)):
        for row in read_curve(out / stage / "curve.jsonl"):
            values = {k: round(float(v), 5) for k, v in row.items() if k not in _NOT_SHOWN}
            loss = values.pop("loss", 0.0)
            step = int(row["step"]) + shift
            found.append(TrainPoint(stage=stage, step=step, loss=loss, values=values))
    return found


def _samples(folder: Path) -> Pictures:
    """What a pipeline draws for `CAPTIONS`, each on its own from the noise of its number."""
    import torch
    from diffusers import StableDiffusionPipeline  # pyright: ignore[reportPrivateImportUsage]

    from core.cache.construction import construction
    from core.world.diffusion.parts import Parts
    from core.world.diffusion.sampling import denoise, start_noise

    with construction():
        pipe = StableDiffusionPipeline.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        ).to(torch.float32)
    parts = Parts.from_pipeline(pipe)
    empty = parts.unconditional()
    made = []
    for seed, caption in enumerate(CAPTIONS):
        said = parts.encode_text(caption)
        z = denoise(
            parts,
            parts.unet,
            start_noise(parts, parts.latent_shape, [seed]),
            lambda _, said=said: said,
            unconditional=empty,
            num_inference_steps=_STEPS,
            guidance_scale=_GUIDANCE,
        )
        made.append(z)
    return parts.decode(torch.cat(made))


def packed(folder: Path) -> tuple[bytes, str]:
    """A folder of weights as a ZIP file without compression, and the hash of its weights."""
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
