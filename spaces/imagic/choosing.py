"""Which eta to suggest for a strip that is drawn already.

The paper leaves the choice to the eye and names an automatic one as future work. This rule marks a column, it
never chooses silently: the smallest eta whose text score is past halfway between those at eta 0 and 1, if
the picture has not yet left the input behind there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FLAT = 1e-3  # text scores (cosines) closer than this say nothing


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A column, or the reason why there is none.

    Attributes:
        index: position in the etas; None without a suggestion.
        reason: one sentence for the visitor.
        halfway: the text score that counts as edited.
        knee: the eta after which the distance hardly grows, None where it does not bend.
    """

    index: int | None
    reason: str
    halfway: float
    knee: float | None


def suggest(
    etas: Sequence[float], text_scores: Sequence[float], distances: Sequence[float]
) -> int | None:
    """Position of the suggested eta, or None; `explain` gives the reason."""
    return explain(etas, text_scores, distances).index


def explain(
    etas: Sequence[float], text_scores: Sequence[float], distances: Sequence[float]
) -> Suggestion:
    """Suggest an eta for one row of a strip, or for the mean of its rows.

    Args:
        etas: in any order, at least one.
        text_scores: how well each picture fits the target; higher is better.
        distances: how far each picture is from the input; 0 is the input itself.

    Raises:
        ValueError: lengths differ, there is nothing, or a value is not finite.
    """
    eta, score, distance = (np.asarray(v, dtype=float) for v in (etas, text_scores, distances))
    if not len(eta) or not len(eta) == len(score) == len(distance):
        raise ValueError(f"got {len(eta)} etas, {len(score)} scores and {len(distance)} distances")
    if not all(np.isfinite(v).all() for v in (eta, score, distance)):
        raise ValueError("etas, scores and distances must be finite")
    order = np.argsort(eta, kind="stable")
    eta, score, distance = eta[order], score[order], distance[order]
    low, high = np.interp([0.0, 1.0], eta, score)
    halfway, bend = float((low + high) / 2), knee(eta.tolist(), distance.tolist())
    if eta[0] > 0 or eta[-1] < 1:
        return Suggestion(
            None,
            "The strip does not reach from eta 0 to 1, so halfway is not known.",
            halfway,
            bend,
        )
    if high - low < FLAT:
        return Suggestion(
            None,
            "The text score does not rise from eta 0 to 1: the edit is not seen. "
            "Try more embedding steps, fewer tuning steps, or a larger guidance.",
            halfway,
            bend,
        )
    passed = np.flatnonzero((score > halfway) & (eta > 0))
    if not len(passed):  # the only rise is between two columns that were not drawn
        return Suggestion(None, "No column is past halfway between the ends.", halfway, bend)
    first = int(passed[0])
    if bend is not None and eta[first] > bend:
        return Suggestion(
            None,
            f"The text is met only from eta {eta[first]:g} on, where the picture has left the input behind "
            f"(from eta {bend:g}). Try more embedding steps or another seed.",
            halfway,
            bend,
        )
    return Suggestion(
        int(order[first]),
        f"At eta {eta[first]:g} the text score passes halfway, and the picture is still near the input.",
        halfway,
        bend,
    )


def knee(etas: Sequence[float], distances: Sequence[float]) -> float | None:
    """The eta after which the distance hardly grows.

    The point that lies farthest above the chord from the first to the last one, as in Kneedle (Satopää et
    al. 2011) for rising curves that level off. None when no point lies above it by a tenth of the range.

    Args:
        etas: rising.
        distances: one for each.
    """
    x, y = np.asarray(etas, dtype=float), np.maximum.accumulate(np.asarray(distances, dtype=float))
    if len(x) < 3 or x[-1] <= x[0] or y[-1] <= y[0]:
        return None
    above = (y - y[0]) / (y[-1] - y[0]) - (x - x[0]) / (x[-1] - x[0])
    best = int(np.argmax(above))
    return float(x[best]) if above[best] > 0.1 else None
