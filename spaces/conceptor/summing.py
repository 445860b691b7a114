"""Sums of chosen words: the kept ones with their shares, words in equal parts, shares over repeats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .algorithm import kept, shares
from .choosing import Chosen
from .learning import Learnt, of_kept


def top_words(alpha: Tensor, chosen: Chosen, n: int) -> list[tuple[str, float]]:
    """The kept words of coefficients with their shares among themselves, the largest first."""
    part = shares(kept(alpha, n), chosen.dictionary)
    found: dict[str, float] = {}
    for i in part.nonzero().flatten().tolist():
        word = chosen.tokens.shown[i]
        found[word] = found.get(word, 0.0) + float(part[i])
    return sorted(((w, round(s, 5)) for w, s in found.items()), key=lambda pair: -pair[1])


def of_equal(which: Tensor, chosen: Chosen) -> tuple[Tensor, ...]:
    """w* of some words in equal shares."""
    alpha = torch.zeros(len(chosen.dictionary))
    alpha[which] = 1 / chosen.dictionary.lengths[which].cpu()
    alpha = alpha.to(chosen.dictionary.rows[0].device)
    return of_kept(alpha, chosen.dictionary, len(chosen.dictionary))


def spread(
    entries: dict[str, list[int]], repeats: Sequence[Learnt], chosen: Chosen, n: int
) -> dict[str, tuple[float, float, int]]:
    """Mean and deviation of the share of each entry over repeats, and in how many it was kept."""
    each = [dict(top_words(r.alpha, chosen, n)) for r in repeats]
    found = {}
    for word in entries:
        values = [top.get(word, 0.0) for top in each]
        times = sum(word in top for top in each)
        found[word] = (round(float(np.mean(values)), 5), round(float(np.std(values)), 5), times)
    return found
