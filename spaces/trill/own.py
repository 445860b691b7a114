"""Train the small net on a visitor's own recordings: the recipe, inside a job."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from core import settings
from core.jobs import Job
from core.runs.request import request_hash

from .listening import SAMPLE_RATE, open_clip
from .requests import TrainRequest
from .results import TrainPoint, TrainResult

logger = logging.getLogger(__name__)


def train(job: Job, request: TrainRequest) -> TrainResult:
    """Train into the data directory and hand the weights out.

    Recordings of the same content share a folder, so a run that was stopped, or whose process
    ended, goes on from its last checkpoint.
    """
    from . import recipe

    folder = _folder(request)
    data = _write_clips(job, request, folder)
    points: list[TrainPoint] = _earlier(folder) if request.resume else []
    preset = recipe.smoke()
    cfg = replace(
        preset,
        num_steps=request.steps,
        seed=request.seed,
        save_every=25,
        log_every=5,
        warmup_steps=min(20, request.steps // 5),
    )
    if data is not None:
        cfg = replace(cfg, factors=(0.9, 1.0, 1.1))  # virtual speakers from a few recordings

    def on_step(step: Any) -> None:
        values = step.values
        points.append(
            TrainPoint(
                step=step.step,
                loss=round(float(values.get("loss", 0.0)), 4),
                top1=round(float(values.get("top1", 0.0)), 4),
                spread=round(float(values.get("spread", 0.0)), 4),
            )
        )
        words = f"Step {step.step} of {step.num_steps}, loss {points[-1].loss:.2f}"
        job.report(step.fraction, words, preview=tuple(points))

    job.report(0.0, "Preparing the recordings")
    out = recipe.train(cfg, data, folder, resume=request.resume, on_step=on_step, check=job.check)
    info = json.loads((out / "config.json").read_text("utf-8"))
    return TrainResult(
        weights=str(info.get("sha256", {}).get("model.safetensors", "unknown"))[:12],
        files={
            "model.safetensors": (out / "model.safetensors").read_bytes(),
            "config.json": (out / "config.json").read_bytes(),
        },
        num_clips=len(request.clips),
        steps=request.steps,
        points=tuple(points),
    )


def _folder(request: TrainRequest) -> Path:
    name = request_hash({"clips": [clip.source for clip in request.clips], "seed": request.seed})
    folder = settings.current().data_dir / "training" / "trill" / name[:32]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_clips(job: Job, request: TrainRequest, folder: Path) -> Path | None:
    """The recordings as mono FLAC at 16 kHz, so that the recipe reads any format we can."""
    from core.media import audio

    if not request.clips:
        return None
    data = folder / "recordings"
    data.mkdir(exist_ok=True)
    for index, clip in enumerate(request.clips):
        job.report(None, f"Reading recording {index + 1} of {len(request.clips)}")
        path = data / f"{index:03d}.flac"
        if not path.exists():
            sound = audio.encode(open_clip(clip).waveform, SAMPLE_RATE, "flac")
            partial = path.with_suffix(".part")
            partial.write_bytes(sound)
            partial.rename(path)
    return data


def _earlier(folder: Path) -> list[TrainPoint]:
    """Points of the part that was done before, up to the last checkpoint."""
    from core.training import load_checkpoint, read_curve

    found = load_checkpoint(folder / "checkpoints")
    path = folder / "curve.jsonl"
    if found is None or not path.exists():
        return []
    return [
        TrainPoint(
            step=int(row["step"]),
            loss=round(row.get("loss", 0.0), 4),
            top1=round(row.get("top1", 0.0), 4),
            spread=round(row.get("spread", 0.0), 4),
        )
        for row in read_curve(path)
        if row["step"] <= found[0]
    ]
