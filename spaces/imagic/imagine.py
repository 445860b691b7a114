"""Plain text to image: the light way to see what the model makes of a text."""

from __future__ import annotations

import time

import numpy as np

from core.jobs import Job
from core.media.image_writing import png, sheet
from core.world.language import describe, write
from core.world.scene import Scene

from . import baselines, borrowing, scoring
from .config import Sampling
from .edit import cut_notes
from .following import Follower
from .intake import check_text
from .requests import ImagineRequest
from .results import ImagineResult, Sheet


def imagine(job: Job, request: ImagineRequest) -> ImagineResult:
    """Draw pictures of a text, one for each seed.

    Args:
        job: told how far it is; may stop it.
        request: text, seeds and how to draw.

    Raises:
        InputError: the text holds words that the embedded model has never seen.
        WeightsError: the model is not here.
    """
    check_text(request.text, request.tier)
    began = time.perf_counter()
    sampling = Sampling(
        etas=(1.0,), seeds=request.seeds, guidance=request.guidance, steps=request.steps
    )
    with (
        borrowing.model(job, request.tier, request.model) as parts,
        borrowing.judging(job, request.tier) as judge,
    ):
        follower = Follower(job, {"sampling": 1}, parts.device)
        size = parts.image_size // parts.factor
        channels = parts.unet.config.in_channels
        made = baselines.text_to_image(
            parts,
            parts.encode_text(request.text),
            sampling,
            (1, channels, size, size),
            report=lambda _, step, of, loss, preview: follower.report(
                "sampling", step, of, loss, preview
            ),
        )
        fit = judge.text_score(made, request.text).tolist() if judge.scores else []
        found = ()
        if judge.reads:
            found = tuple(_said(reading.scene) for reading in judge.read(made))
        weights = borrowing.model_hash(parts)
        notes = cut_notes(parts, request.text)
    laid = png(sheet(made[None]))
    return ImagineResult(
        weights=weights[:12],
        tier=request.tier,
        model=request.model if request.tier == "full" else "",
        files={"imagined.png": laid, "picture.png": laid},
        text=request.text,
        seeds=request.seeds,
        sheet=Sheet(file="imagined.png", rows=1, columns=len(made), tile=made.shape[1]),
        scores=tuple(round(float(v), 4) for v in fit),
        found=found,
        measured_by=scoring.MEASURED[request.tier] if judge.scores else "",
        seconds=round(time.perf_counter() - began, 3),
        notes=notes,
    )


def _said(scene: Scene) -> str:
    """What a probe read, in the world's own words."""
    if not scene.entities:
        return "nothing"
    return write(describe(scene), np.random.default_rng(0), opening="")
