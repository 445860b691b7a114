"""Draw a decomposition with other weights: stronger, weaker, without a word, a word alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from core.errors import InputError
from core.jobs import Job

from . import measuring, tokens
from .borrowing import Bench, bench
from .decompose import obtain
from .decomposition import Decomposition
from .drawing import laid, pictures_of
from .export import inversion_file, token_of
from .following import Follower
from .requests import MixRequest
from .results import MixResult


def mix(job: Job, request: MixRequest) -> MixResult:
    """Draw the mix beside the unchanged decomposition, each pair from the same noise.

    Raises:
        InputError: the concept is unknown, a word is none of its words, or nothing is left.
        WeightsError: the model is not here.
        JobCancelled: the job was stopped.
    """
    tokens.check_concept(request.concept, request.tier)
    with bench(job, request.tier, request.model, request.settings) as b:
        learnt = obtain(b, request.concept, request.settings, early=True).learnt
        return mixed(b, learnt, request)


def mixed(b: Bench, learnt: Decomposition, request: MixRequest) -> MixResult:
    """Draw a mix of a decomposition that is there."""
    began = time.perf_counter()
    alpha = weighted(learnt, request.factors, solo=request.solo, mute=request.mute)
    settings, seeds = learnt.settings, request.seeds
    each = settings.drawing_steps * (2 if settings.guidance > 1 else 1)
    follower = Follower(b.job, {"mixing": 2 * each * len(seeds)})
    with follower.stage("mixing"):
        rows = []
        for vectors in (learnt.vectors(b.model), learnt.vectors(b.model, alpha)):
            condition = b.model.fill(vectors)
            rows.append(pictures_of(b, condition, seeds, settings, follower.tick))
    sheet, file = laid("mix.png", np.stack(rows))
    before, after = learnt.elements(b.model), learnt.elements(b.model, alpha)
    words = [e.word for e in before]
    return MixResult(
        weights=b.weights[:12],
        tier=b.tier,
        model=b.name,
        files={
            "mix.png": file,
            "mixed.safetensors": inversion_file(learnt.vectors(b.model, alpha), learnt.concept),
            "picture.png": file,
        },
        concept=learnt.concept,
        seeds=seeds,
        before=before,
        after=after,
        sheet=sheet,
        likeness=tuple(round(v, 5) for v in measuring.pairwise(b.judge, rows[1], rows[0])),
        seen_before=measuring.frequencies(b.judge, rows[0], words),
        seen_after=measuring.frequencies(b.judge, rows[1], words),
        token=token_of(learnt.concept),
        seconds=round(time.perf_counter() - began, 3),
    )


def weighted(
    learnt: Decomposition,
    factors: Mapping[str, float],
    *,
    solo: str = "",
    mute: Sequence[str] = (),
) -> torch.Tensor:
    """Coefficients (D,) with factors on the kept words.

    Args:
        learnt: whose kept words.
        factors: by word as it is shown; others keep 1.
        solo: this word alone, at its own weight.
        mute: words that are left out.

    Raises:
        InputError: a word is none of the kept ones, or nothing is left.
    """
    values, entries = learnt.kept().clone(), learnt.entries()
    if solo:
        only = entries[learnt.need(solo)]
        alone = torch.zeros_like(values)
        alone[only] = values[only]
        return alone
    for word, factor in factors.items():
        values[entries[learnt.need(word)]] *= factor
    for word in mute:
        values[entries[learnt.need(word)]] = 0
    if not bool((values != 0).any()):
        raise InputError(
            f"All words of “{learnt.concept}” are at 0, so nothing is left to draw. At least one must stay. "
            "Raise one of them."
        )
    return values
