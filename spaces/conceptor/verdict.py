"""Whether a decomposition means something, in words (no torch)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .config import AGREED, FLAT, NEAR_SYNONYM, SCATTERED, TOP
from .results import Element


def judged(elements: Sequence[Element], agreement: float | None) -> tuple[bool, str]:
    """Whether shares and repeats say something, and why.

    Args:
        elements: the kept words, the largest share first.
        agreement: mean share of words that two repeats have in common.

    Returns:
        False for "no stable decomposition"; and one or two sentences.
    """
    shares = [e.share for e in elements[:TOP]]
    first = elements[0]
    ratio = shares[0] / max(float(np.median(shares)), 1e-9)
    if first.share > NEAR_SYNONYM and len(elements) > 1:
        return True, (
            f"Explained by one word: “{first.word}” holds {first.share:.0%}. It may be a near-synonym of the "
            "concept; leave it out to see what else there is."
        )
    if agreement is not None and agreement < SCATTERED:
        return False, (
            f"No stable decomposition: two repeats have only {agreement:.0%} of their first words in common."
        )
    flat = len(shares) > 2 and ratio < FLAT
    if flat and (agreement is None or agreement < AGREED):
        return False, (
            f"No stable decomposition: the largest share is only {ratio:.1f} times the median of the first "
            f"{len(shares)}, so no word stands out."
        )
    some = elements[: min(3, len(elements))]
    names = [f"“{e.word}”" for e in some]
    said = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    held = sum(e.share for e in some)
    together = "holds" if len(names) == 1 else "together hold"
    again = "" if agreement is None else f" Two repeats have {agreement:.0%} of their first words in common."  # fmt: skip
    return True, f"{said} {together} {held:.0%} of the sum.{again}"
