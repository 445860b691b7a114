"""How numbers become scores: means with intervals, ways against each other, ranks.

Every interval is 95 %.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.registry import Score
from core.world.diffusion.intervals import bootstrap, wilson

from .trial import OURS, RANDOM

ROUNDS = 2000  # of a bootstrap


def against(
    name: str,
    rows: dict[str, dict[str, float]],
    *,
    better: Any,
    digits: int = 3,
    scale: float = 1.0,
    **more: Any,
) -> Score:
    """The mean of ours beside the best other way, on the words that both have.

    Where others were run on fewer words, ours on all of its own stands in the details. A way that was run on fewer words
    than the other ways (the official settings are slow) stands in the table but is not the baseline.

    Args:
        name: of the score.
        rows: by way and word.
        better: "higher" or "lower".
        digits: of the value.
        scale: 100 for per cent.
        **more: further fields of the score; details are added to.
    """
    everywhere = rows[OURS]
    shared_words = {c for way, values in rows.items() if way != OURS for c in values}
    ours = {c: v for c, v in everywhere.items() if c in shared_words} or everywhere
    table: dict[str, Any] = {}
    for way, values in rows.items():
        shared = [c for c in values if c in ours]
        if shared:
            mean = scale * float(np.mean([values[c] for c in shared]))
            table[way] = {"mean": round(mean, digits), "n": len(shared)}
            if way != OURS:
                sign = 1 if better == "higher" else -1
                gaps = [sign * scale * (ours[c] - values[c]) for c in shared]
                table[way]["gain of ours, 95 %"] = rounded(bootstrap(gaps), digits)
    others = {w: t for w, t in table.items() if w not in (OURS, RANDOM)}
    most = max((t["n"] for t in others.values()), default=0)
    rivals = {w: t["mean"] for w, t in others.items() if t["n"] == most}
    pick = max if better == "higher" else min
    best = pick(rivals, key=lambda w: rivals[w]) if rivals else None
    details = {"ways": table, **more.pop("details", {})}
    if len(ours) < len(everywhere):
        mean = scale * float(np.mean(list(everywhere.values())))
        details["ours on all its words, mean and n"] = [round(mean, digits), len(everywhere)]
    return mean_of(
        name,
        [scale * v for v in ours.values()],
        digits=digits,
        better=better,
        baseline=None if best is None else rivals[best],
        baseline_name=best or "",
        details=details,
        **more,
    )


def mean_of(name: str, values: Sequence[float], digits: int = 3, **more: Any) -> Score:
    """The mean of values, with its interval."""
    return Score(
        name=name,
        value=round(float(np.mean(values)), digits),
        n=len(values),
        interval=rounded(bootstrap(values), digits),
        **more,
    )


def share_of(name: str, hits: Sequence[bool], **more: Any) -> Score:
    """The share of hits in per cent, with its interval."""
    low, high = wilson(sum(hits), len(hits))
    return Score(
        name=name,
        value=round(100 * sum(hits) / len(hits), 1),
        unit="%",
        n=len(hits),
        interval=(round(100 * low, 1), round(100 * high, 1)),
        **more,
    )


def auc(high: Sequence[float], low: Sequence[float]) -> float:
    """Chance that a value of the first is above one of the second, ties counted half."""
    pairs = [(a > b) + 0.5 * (a == b) for a in high for b in low]
    return float(np.mean(pairs)) if pairs else 0.5


def resampled(
    rows: Sequence[Any], statistic: Callable[[Sequence[Any]], float]
) -> tuple[float, tuple[float, float] | None]:
    """A statistic and its 95 % percentile interval, drawing rows with replacement."""
    if len(rows) < 3:
        return statistic(rows), None
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(rows), size=(ROUNDS, len(rows)))
    values = [statistic([rows[i] for i in row]) for row in drawn]
    low, high = np.quantile(values, (0.025, 0.975))
    return statistic(rows), (round(float(low), 4), round(float(high), 4))


def rounded(interval: tuple[float, float] | None, digits: int) -> tuple[float, float] | None:
    """An interval with so many digits after the point."""
    return None if interval is None else (round(interval[0], digits), round(interval[1], digits))
