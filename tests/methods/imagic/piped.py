"""A small edit of a scene on the tiny model, and how tests of the pipeline run it."""

from __future__ import annotations

import contextlib

from core.jobs import Job
from core.methods.imagic import borrowing, pipeline
from core.methods.imagic import requests as rq
from core.methods.imagic.config import Learning, Sampling

LEARNING = Learning(
    embedding_steps=3, embedding_lr=1e-2, tuning_steps=3, tuning_lr=1e-2, rank=2, batch_size=2
)
SAMPLING = Sampling(etas=(0.0, 0.5, 1.0), seeds=(1, 2), steps=2)
SCENE = rq.Picture(source="example:sitting-dog")
EDIT = rq.EditRequest(
    picture=SCENE, target="a sitting dog", learning=LEARNING, sampling=SAMPLING, baselines=()
)


def run(request, **job):
    return pipeline.run(Job(method="imagic", **job), request)


def base():
    """The shared model's hash and names, as it lies in the cache now."""
    with borrowing.model(Job(method="imagic"), "embedded") as parts:
        return parts.base_hash(), tuple(parts.unet.state_dict())


def judged_by(one):
    """Stands in for `borrowing.judging`."""

    @contextlib.contextmanager
    def judging(job, tier):
        yield one

    return judging
