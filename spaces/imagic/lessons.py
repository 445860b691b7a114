"""The Check and Train tabs: known answers measured now, and the recipe as a job."""

from __future__ import annotations

from core import settings
from core.jobs import Job
from core.media.image_writing import png, sheet
from core.world.diffusion import training_job

from . import borrowing
from .requests import CheckRequest, TrainRequest
from .results import CheckResult, Sheet, TrainResult


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
    out = settings.current().data_dir / "training" / "imagic" / request.preset
    made = training_job.train(job, request.preset, out, resume=request.resume)
    count, side = made.samples.shape[:2]
    return TrainResult(
        weights=made.weights[:12],
        preset=request.preset,
        steps=made.steps,
        points=made.points,
        captions=training_job.CAPTIONS,
        sheet=Sheet(file="samples.png", rows=1, columns=count, tile=side),
        seconds=made.seconds,
        files={"samples.png": png(sheet(made.samples[None])), "model.zip": made.packed},
    )
