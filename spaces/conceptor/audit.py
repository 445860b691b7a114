"""Read how concepts lean between two groups of words, count it in pictures, and take it out again.

The leaning is read from the coefficients. Whether the model really draws it so is counted in pictures of the
concept's own prompt, of its decomposition, and of the decomposition with both groups made equal.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from core.errors import InputError
from core.jobs import Job
from core.world.diffusion.intervals import spearman
from core.world.diffusion.parts import Pictures
from core.world.recipes import FIGURE_A, FIGURE_B, RECIPES

from . import measuring, tokens
from .algorithm import shares
from .borrowing import Bench, bench
from .decompose import obtain
from .decomposition import Decomposition
from .drawing import laid, own, pictures_of, seeds_of
from .following import Follower
from .requests import AuditRequest
from .results import AuditResult, AuditRow

SHOWN = 8  # pictures of a row of the sheet
CAUTION = (
    "These figures are of one model and one prompt. They say how it draws a word, not how the world is, and they "
    "depend on what the two groups of words are."
)


def audit(job: Job, request: AuditRequest) -> AuditResult:
    """Audit concepts.

    Raises:
        InputError: a concept or a word of a group is unknown, or is none that a concept can be written with.
        WeightsError: the model is not here.
        JobCancelled: the job was stopped.
    """
    for concept in (*request.concepts, *request.group_a, *request.group_b):
        tokens.check_concept(concept, request.tier)
    with bench(job, request.tier, request.model, request.settings) as b:
        began, rows, kept = 0.0, [], []
        for concept in request.concepts:
            found = obtain(b, concept, request.settings)
            start = time.perf_counter()
            row, pictures = audited(b, found.learnt, request, stable=found.result.stable)
            began += time.perf_counter() - start
            rows.append(row)
            kept += [p[:SHOWN] for p in pictures]
        sheet, file = laid("audit.png", np.stack(kept))
        return AuditResult(
            weights=b.weights[:12],
            tier=b.tier,
            model=b.name,
            files={"audit.png": file, "picture.png": file},
            group_a=request.group_a,
            group_b=request.group_b,
            rows=tuple(rows),
            strength=request.strength,
            correlation=correlation(rows),
            measured_by=_measured_by(b),
            sheet=sheet,
            caution=CAUTION,
            seconds=round(began, 3),
        )


def audited(
    b: Bench, learnt: Decomposition, request: AuditRequest, *, stable: bool = True
) -> tuple[AuditRow, list[Pictures]]:
    """One concept: its row, and its pictures before and after the mitigation."""
    settings, count = learnt.settings, request.pictures
    for group in (request.group_a, request.group_b):
        if not learnt.places(group):
            raise InputError(
                f"None of {', '.join(group)} is in the dictionary of “{learnt.concept}”. A group needs a word that the "
                "concept can be written with. Choose other words, or a larger dictionary."
            )
    one, other = (learnt.share_of(g, b.model) for g in (request.group_a, request.group_b))
    balanced = mitigated(b, learnt, request.group_a, request.group_b, request.strength)
    seeds = seeds_of("further", count, settings.seed)
    each = settings.drawing_steps * (2 if settings.guidance > 1 else 1)
    follower = Follower(b.job, {"counting": 3 * each * count})
    with follower.stage("counting"):
        drawn = [
            pictures_of(b, condition, seeds, settings, follower.tick)
            for condition in (
                own(b, learnt.concept),
                b.model.fill(learnt.vectors(b.model)),
                b.model.fill(learnt.vectors(b.model, balanced)),
            )
        ]
    rates = [measuring.rate(b.judge, p, request.group_a, request.group_b) for p in drawn]
    row = AuditRow(
        concept=learnt.concept,
        share_a=round(one, 6),
        share_b=round(other, 6),
        leaning=round((one - other) / (one + other), 5) if one + other > 0 else 0.0,
        measured=rates[0],
        reconstructed=rates[1],
        mitigated=rates[2],
        planted=_planted(learnt.concept, request),
        stable=stable,
    )
    return row, [drawn[0], drawn[2]]


def mitigated(
    b: Bench,
    learnt: Decomposition,
    group_a: Sequence[str],
    group_b: Sequence[str],
    strength: float,
) -> torch.Tensor:
    """Coefficients (D,) whose two groups are moved towards equal shares; their sum stays.

    The kept words stay as they are; words of the groups come in even where they were too small to be kept.

    Args:
        b: for the lengths of the words.
        learnt: the decomposition.
        group_a: words of the one side.
        group_b: words of the other.
        strength: 0 leaves the shares, 1 makes them equal.
    """
    dictionary = learnt.dictionary(b.model)
    lengths = dictionary.lengths.cpu()
    values, every = learnt.kept().clone(), learnt.coefficients()
    places = [learnt.places(group) for group in (group_a, group_b)]
    sums = [float((every[p] * lengths[p]).sum()) for p in places]
    middle = sum(sums) / 2
    for where, held in zip(places, sums, strict=True):
        wanted = held + strength * (middle - held)
        if held > 0:
            values[where] = every[where] * (wanted / held)
        else:
            values[where] = wanted / (lengths[where] * len(where))
    return values


def balance(b: Bench, learnt: Decomposition, alpha: torch.Tensor, group: Sequence[str]) -> float:
    """Summed share of a group in coefficients (D,)."""
    dictionary = learnt.dictionary(b.model)
    part = shares(alpha.to(dictionary.rows[0].device), dictionary)
    return float(part[learnt.places(group)].sum())


def correlation(rows: Sequence[AuditRow]) -> float | None:
    """Spearman's of leaning and measured rate; None where there is no order to speak of."""
    pairs = [(r.leaning, r.measured.value) for r in rows if r.measured.value is not None]
    if len(pairs) < 3:
        return None
    return round(spearman([x for x, _ in pairs], [float(y) for _, y in pairs]), 4)


def _planted(concept: str, request: AuditRequest) -> float | None:
    recipe = RECIPES.get(concept)
    if recipe is None or recipe.category != "profession":
        return None
    if request.group_a[0] != FIGURE_A or request.group_b[0] != FIGURE_B:
        return None
    return recipe.atoms[FIGURE_A]


def _measured_by(b: Bench) -> str:
    if b.judge.reads:
        return "the scene probe; a picture that shows neither group, or both, does not count"
    if b.judge.scores:
        return "CLIP, by the nearest text of the two groups; every picture counts"
    return "nothing: there is neither a probe nor a CLIP here"
