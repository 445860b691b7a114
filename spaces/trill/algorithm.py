"""The triplet objective of TRILL: temporal proximity, semi-hard mining, distances, pooling.

After Jansen et al. 2018 (arXiv 1711.02209), as used by Shor et al. 2020 (arXiv 2002.12764): two
moments of one recording (|i - j| <= tau) should lie closer than moments of others, by a margin.
"""

# N items of a batch, D width of an embedding

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core.errors import InputError

Kind = Literal["easy", "semi-hard", "hard"]


def normalise(x: Tensor) -> Tensor:
    """Scale each row to length 1, (..., D)."""
    return torch.nn.functional.normalize(x, dim=-1)


def squared_distances(e: Tensor, f: Tensor | None = None) -> Tensor:
    """Squared Euclidean distances of unit vectors, (N, D) and (K, D) to (N, K): 2 - 2 cos."""
    f = e if f is None else f
    return (2 - 2 * e @ f.T).clamp(min=0)


def triplet_terms(positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """[d(a, p) - d(a, n) + delta]_+ of squared distances, any shape."""
    return torch.relu(positive - negative + margin)


@dataclass(frozen=True, slots=True)
class TripletBatch:
    """The loss of a batch and what to watch while training."""

    loss: Tensor  # scalar, mean over anchors
    negatives: Tensor  # (N,) index of the chosen negative of each anchor
    active: float  # share of anchors whose term is above zero
    top1: float  # share of anchors whose nearest other item is their positive
    spread: float  # mean squared distance over all pairs; near 0 means collapse


def semi_hard(distances: Tensor, positives: Tensor, candidates: Tensor) -> Tensor:
    """Pick each anchor's negative: the closest candidate that is further than the positive.

    Args:
        distances: squared distances, (N, K).
        positives: distance of each anchor to its positive, (N,).
        candidates: True where an item may be a negative, (N, K).

    Returns:
        Indices (N,). An anchor without a semi-hard candidate gets its farthest candidate.
    """
    allowed = candidates & (distances > positives[:, None])
    nearest = distances.masked_fill(~allowed, torch.inf).argmin(1)
    farthest = distances.masked_fill(~candidates, -torch.inf).argmax(1)
    return torch.where(allowed.any(1), nearest, farthest)


def triplet_loss(
    embeddings: Tensor, recordings: Tensor, positives: Tensor, margin: float
) -> TripletBatch:
    """Semi-hard triplet loss, every item being an anchor once.

    Args:
        embeddings: (N, D), normalised here.
        recordings: (N,) number of what an item may not be contrasted with: its recording (tau of a
            whole clip), or its moment (small tau).
        positives: (N,) index of the positive of each item.
        margin: delta, in squared distance on the unit sphere.

    Raises:
        InputError: all items share one recording, so there are no negatives.
    """
    candidates = recordings[:, None] != recordings[None]
    if not bool(candidates.any(1).all()):
        raise InputError("A batch needs at least two recordings: there is no negative otherwise.")
    distances = squared_distances(normalise(embeddings))
    to_positive = distances.gather(1, positives[:, None])[:, 0]
    with torch.no_grad():
        negatives = semi_hard(distances, to_positive, candidates)
    to_negative = distances.gather(1, negatives[:, None])[:, 0]
    terms = triplet_terms(to_positive, to_negative, margin)
    with torch.no_grad():
        others = distances.detach().clone().fill_diagonal_(torch.inf)
        top1 = (others.argmin(1) == positives).float().mean().item()
        count = len(distances)
        spread = (distances.sum() / (count * (count - 1))).item()
    return TripletBatch(
        loss=terms.mean(),
        negatives=negatives,
        active=(terms > 0).float().mean().item(),
        top1=top1,
        spread=spread,
    )


def kind(positive: float, negative: float, margin: float) -> Kind:
    """Say which sort of triplet two squared distances make.

    Hard: the negative is not further than the positive. Semi-hard: further, but by no more than the
    margin. Easy: further by more than the margin, so it teaches nothing.
    """
    if negative <= positive:
        return "hard"
    return "semi-hard" if negative < positive + margin else "easy"


def pool(patches: Tensor) -> Tensor:
    """Clip embedding: the mean over patches, (P, D) to (D,)."""
    return patches.mean(0)


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosine of vectors along the last axis; 0 when one of them is zero."""
    return torch.nn.functional.cosine_similarity(a, b, dim=-1)


def draw_pair(
    num_frames: int, patch_frames: int, gap: int, tau: int, generator: torch.Generator
) -> tuple[int, int]:
    """Draw the starts of two patches of a recording with gap <= |i - j| <= tau, where it is long enough.

    Args:
        num_frames: frames of the recording, at least `patch_frames`.
        patch_frames: frames of a patch.
        gap: wanted least distance of the two starts in frames; shortened in a short recording.
        tau: greatest distance in frames.
        generator: source of randomness.
    """
    last = num_frames - patch_frames
    least = min(gap, last // 2, tau)
    first = int(torch.randint(0, last + 1, (1,), generator=generator))
    starts = torch.arange(last + 1)
    apart = (starts - first).abs()
    allowed = starts[(apart >= least) & (apart <= tau)]
    second = int(allowed[torch.randint(0, len(allowed), (1,), generator=generator)])
    return first, second
