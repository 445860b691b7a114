"""How sure a measured share or mean is: 95 % intervals, and ranks that go together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def wilson(right: int, n: int) -> tuple[float, float]:
    """95 % interval of a share, by Wilson's score; (0, 1) where nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    z = 1.959964
    share, spread = right / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * float(np.sqrt(share * (1 - share) / n + spread / (4 * n))) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(
    values: Sequence[float], rounds: int = 2000, seed: int = 0
) -> tuple[float, float] | None:
    """95 % percentile interval of a mean, drawing values with replacement; None below two values."""
    x = np.asarray(values, float)
    if len(x) < 2:
        return None
    rng = np.random.default_rng(seed)
    means = x[rng.integers(len(x), size=(rounds, len(x)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Correlation of ranks, equal values sharing theirs; 0 where one side never changes."""
    a, b = _ranks(x), _ranks(y)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: Sequence[float]) -> np.ndarray:
    _, inverse, counts = np.unique(
        np.asarray(values, float), return_inverse=True, return_counts=True
    )
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
