"""Metrics of the probes and their 95 % intervals, in numpy."""

# N clips

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def accuracy(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share of right answers."""
    return float(np.mean(np.asarray(truth) == np.asarray(guess)))


def uar(truth: np.ndarray, guess: np.ndarray) -> float:
    """Unweighted average recall: the mean over classes of the share found."""
    truth, guess = np.asarray(truth), np.asarray(guess)
    return float(np.mean([np.mean(guess[truth == k] == k) for k in np.unique(truth)]))


def equal_error_rate(same: np.ndarray, different: np.ndarray) -> float:
    """Error rate where as many same pairs are missed as different pairs are taken, 0-1.

    Args:
        same: similarities of pairs of one voice.
        different: similarities of pairs of two voices.
    """
    scores = np.concatenate([same, different])
    order = np.argsort(scores, kind="stable")
    is_same = np.concatenate([np.ones(len(same)), np.zeros(len(different))])[order]
    missed = np.cumsum(is_same) / len(same)
    taken = 1 - np.cumsum(1 - is_same) / len(different)
    # thresholds between equal scores do not exist: look only where the score changes
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    missed, taken = np.append(0, missed[ends]), np.append(1, taken[ends])
    at = int(np.argmin(np.abs(missed - taken)))
    return float((missed[at] + taken[at]) / 2)


def auc(same: np.ndarray, different: np.ndarray) -> float:
    """Chance that a pair of one voice is more similar than a pair of two, ties counting half."""
    both = np.concatenate([same, different])
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    total = ranks[: len(same)].sum() - len(same) * (len(same) + 1) / 2
    return float(total / (len(same) * len(different)))


def bootstrap(
    truth: np.ndarray,
    guess: np.ndarray,
    metric: Callable[[np.ndarray, np.ndarray], float] = accuracy,
    groups: np.ndarray | None = None,
    rounds: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval, drawing clips, or whole groups (speakers), with replacement."""
    truth, guess = np.asarray(truth), np.asarray(guess)
    rng = np.random.default_rng(seed)
    members = (
        [np.array([i]) for i in range(len(truth))]
        if groups is None
        else [np.flatnonzero(groups == g) for g in np.unique(groups)]
    )
    values = []
    for _ in range(rounds):
        drawn = rng.integers(0, len(members), len(members))
        rows = np.concatenate([members[i] for i in drawn])
        values.append(metric(truth[rows], guess[rows]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def wilson(right: int, total: int) -> tuple[float, float]:
    """95 % interval of a share after Wilson; sensible for the few clips of a visitor."""
    if total == 0:
        return 0.0, 1.0
    z, p = 1.959964, right / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * np.sqrt(p * (1 - p) / total + z * z / (4 * total**2)) / (1 + z * z / total)
    return float(max(0, centre - half)), float(min(1, centre + half))
