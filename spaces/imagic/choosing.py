"""Which eta to suggest for a strip that is drawn already.

The paper leaves the choice to the eye and names an automatic one as future work. This rule marks a column, it
never chooses silently: the smallest eta at which the text is met by half and the picture has really changed. The
second half of it is there because a text score also moves with specks that no eye sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FLAT = 1e-3  # text scores (cosines) closer than this say nothing
HALF = 0.5  # share of the rise of the text score, from eta 0 to the highest
MOVED = 1 / 3  # share of the way from the nearest picture to the farthest


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A column, or the reason why there is none.

    Attributes:
        index: position in the etas; None without a suggestion.
        reason: one sentence for the visitor.
        halfway: the lowest text score that is suggested; NaN where the strip does not tell.
    """

    index: int | None
    reason: str
    halfway: float


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
        distances: how far the pixels of each picture are from the input; 0 is the input itself.

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
    if eta[0] > 0 or eta[-1] < 1:
        reason = "The strip does not reach from eta 0 to 1, so it does not show how far the text can be met."
        return Suggestion(None, reason, float("nan"))
    low, high = float(np.interp(0.0, eta, score)), float(score[eta > 0].max())
    halfway = low + HALF * (high - low)
    if high - low < FLAT:
        return Suggestion(
            None,
            "The text score does not rise from eta 0 on: the edit is not seen. "
            "Try more embedding steps, fewer tuning steps, or a larger guidance.",
            halfway,
        )
    near, far = distance.min(), distance[eta > 0].max()
    edited = (eta > 0) & (score >= halfway) & (distance >= near + MOVED * (far - near))
    if not edited.any():
        return Suggestion(
            None,
            "Where the text score is highest the picture has hardly changed, so the score says little. "
            "Look at the larger etas yourself.",
            halfway,
        )
    first = int(np.flatnonzero(edited)[0])
    return Suggestion(
        int(order[first]),
        f"Eta {eta[first]:g} is the smallest at which the text is met by half and the picture has changed.",
        halfway,
    )
