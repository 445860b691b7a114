"""Same voice or not: similarities of windows, as they are or after whitening learnt elsewhere."""

# N windows, D width

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .features import Variants
from .metrics import equal_error_rate
from .probe import unit

TREATMENTS = ("cosine", "standardised cosine", "whitened cosine")


@dataclass(frozen=True, slots=True)
class Space:
    """An affine map in which cosines are taken: (x - mean) @ matrix."""

    mean: np.ndarray  # (D,)
    matrix: np.ndarray  # (D, R)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Unit vectors, (N, D) to (N, R)."""
        return unit((x - self.mean) @ self.matrix)


def learn_space(treatment: str, x: np.ndarray, voices: np.ndarray) -> Space:
    """Learn a treatment on windows of other voices.

    Args:
        treatment: one of `TREATMENTS`; the whitening makes the spread within a voice round.
        x: (N, D).
        voices: (N,) who speaks.
    """
    width = x.shape[1]
    if treatment == "cosine":
        return Space(np.zeros(width), np.eye(width))
    mean, scale = x.mean(0), np.maximum(x.std(0), 1e-6)
    if treatment == "standardised cosine":
        return Space(mean, np.diag(1 / scale))
    from sklearn.covariance import ledoit_wolf

    z = (x - mean) / scale
    _, index = np.unique(voices, return_inverse=True)
    centres = np.stack([z[index == k].mean(0) for k in range(index.max() + 1)])
    covariance, _ = ledoit_wolf(z - centres[index], assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    return Space(mean, (vectors / np.sqrt(np.maximum(values, 1e-9))) / scale[:, None])


def pair_scores(x: np.ndarray, voices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of all pairs of different windows: of one voice, and of two; x is (N, D) unit rows."""
    similarity = x @ x.T
    above = np.triu(np.ones_like(similarity, bool), 1)
    same = voices[:, None] == voices[None]
    return similarity[above & same], similarity[above & ~same]


def eer(space: Space, x: np.ndarray, voices: np.ndarray) -> float:
    """Equal error rate over all pairs of windows."""
    return equal_error_rate(*pair_scores(space(x), voices))


def eer_interval(
    space: Space, x: np.ndarray, voices: np.ndarray, rounds: int = 200, seed: int = 0
) -> tuple[float, float]:
    """95 % interval from drawing voices with replacement; pairs of a voice with its copy are left out."""
    rng = np.random.default_rng(seed)
    similarity = space(x) @ space(x).T
    members = [np.flatnonzero(voices == v) for v in np.unique(voices)]
    values = []
    for _ in range(rounds):
        drawn = rng.integers(0, len(members), len(members))
        rows = np.concatenate([members[i] for i in drawn])
        copy = np.concatenate([np.full(len(members[i]), n) for n, i in enumerate(drawn)])
        names = voices[rows]
        above = np.triu(np.ones((len(rows), len(rows)), bool), 1)
        part = similarity[np.ix_(rows, rows)]
        same = above & (copy[:, None] == copy[None])
        values.append(equal_error_rate(part[same], part[above & (names[:, None] != names[None])]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def choose_space(
    learn: Variants,
    learn_voices: np.ndarray,
    ask: Variants,
    ask_voices: np.ndarray,
    treatments: tuple[str, ...] = TREATMENTS,
) -> tuple[str, str, float]:
    """Choose layer and treatment on training voices: learnt on one half, asked of the other, and back.

    Args:
        learn: windows to learn a treatment from.
        learn_voices: who speaks in them.
        ask: windows of the same voices under the condition of the test.
        ask_voices: who speaks in those.
        treatments: what to try.

    Returns:
        Variant, treatment and its mean equal error rate.
    """
    first = np.unique(learn_voices)[::2]
    known, asked = np.isin(learn_voices, first), np.isin(ask_voices, first)
    best = ("", "", 1.0)
    for variant, x in learn.items():
        for treatment in treatments:
            errors = []
            for one, other in ((known, ~asked), (~known, asked)):
                space = learn_space(treatment, x[one], learn_voices[one])
                errors.append(eer(space, ask[variant][other], ask_voices[other]))
            if np.mean(errors) < best[2]:
                best = (variant, treatment, float(np.mean(errors)))
    return best
