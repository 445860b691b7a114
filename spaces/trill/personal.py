"""Personalisation: a few clips of one's own against many of other people."""

# N clips, D width of a feature

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import InputError

from .choice import Candidate
from .metrics import accuracy
from .probe import Labels


@dataclass(frozen=True, slots=True)
class PersonalPoint:
    """Accuracy with `clips` own clips of each class, over resamples."""

    clips: int
    personal: tuple[float, float, float]  # mean, 10th and 90th percentile over resamples
    both: tuple[float, float, float]  # generic clips and own clips together


@dataclass(frozen=True, slots=True)
class Personalisation:
    """Generic against personal training for one speaker."""

    speaker: str
    generic: float  # trained on the other speakers only
    points: tuple[PersonalPoint, ...]
    num_test: int
    resamples: int


def personalise(
    features: np.ndarray,
    labels: Labels,
    speakers: Labels,
    speaker: str,
    *,
    clips: Sequence[int] = (1, 2, 5, 10),
    resamples: int = 20,
    num_test: int = 10,
    candidate: Candidate | None = None,
    own_weight: int = 3,
    seed: int = 0,
    on_step: Callable[[float], None] | None = None,
) -> Personalisation:
    """Accuracy on one speaker's clips against the number of own training clips of each class.

    Args:
        features: (N, D) of all speakers.
        labels: (N,) classes, such as digits.
        speakers: (N,).
        speaker: whose clips are personal.
        clips: own clips of each class to try; those the speaker does not have are left out.
        resamples: random draws of own clips for each point.
        num_test: clips of each class kept for the test, the same for all draws.
        candidate: classifier; LDA if not given.
        own_weight: how often each own clip counts when trained together with generic ones.
        seed: of the draws.
        on_step: told the share done.

    Raises:
        InputError: the speaker is unknown or has too few clips.
    """
    candidate = candidate or Candidate("lda")
    x, y, who = (
        np.asarray(features),
        np.asarray(labels).astype(str),
        np.asarray(speakers).astype(str),
    )
    own = np.flatnonzero(who == speaker)
    rng = np.random.default_rng(seed)
    test, pool = [], {}
    for label in np.unique(y[own]):
        rows = rng.permutation(own[y[own] == label])
        size = min(num_test, len(rows) // 2)
        test.append(rows[:size])
        pool[label] = rows[size:]
    if len(pool) < 2 or min(len(rows) for rows in pool.values()) < 1:
        raise InputError(
            f"Speaker {speaker} has too few clips. Two classes with two clips each are needed."
        )
    tests = np.concatenate(test)
    others = np.flatnonzero(who != speaker)
    generic = 0.0
    if len(np.unique(y[others])) >= 2:
        generic = accuracy(y[tests], candidate.fit(x[others], y[others]).predict(x[tests]))
    sizes = [n for n in clips if n <= min(len(rows) for rows in pool.values())]
    points = []
    for number, size in enumerate(sizes):
        personal, both = [], []
        for draw in range(resamples):
            rows = np.concatenate([rng.choice(r, size, replace=False) for r in pool.values()])
            few = candidate if size > 1 else Candidate("centroid", l2=candidate.l2)
            personal.append(accuracy(y[tests], few.fit(x[rows], y[rows]).predict(x[tests])))
            if len(others):
                mix = np.concatenate([others, np.tile(rows, own_weight)])
                both.append(accuracy(y[tests], candidate.fit(x[mix], y[mix]).predict(x[tests])))
            if on_step:
                on_step((number * resamples + draw + 1) / (len(sizes) * resamples))
        points.append(PersonalPoint(size, _band(personal), _band(both or personal)))
    return Personalisation(speaker, generic, tuple(points), len(tests), resamples)


def _band(values: Sequence[float]) -> tuple[float, float, float]:
    low, high = np.percentile(values, [10, 90])
    return float(np.mean(values)), float(low), float(high)
