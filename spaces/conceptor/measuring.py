"""What pictures say of each other: likeness, distance of two sets, mixture or blend, and what a probe sees."""

# N pictures, F width of CLIP's features

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor

from core.world.diffusion.intervals import wilson
from core.world.diffusion.judge import Judge
from core.world.diffusion.reading import Reading
from core.world.truth import present

from .results import Distribution, Rate, Similarity
from .truth import said_by

Pictures = npt.NDArray[np.uint8]
EVEN = 0.5  # above it, pictures of single words are the nearer ones


def pairwise(judge: Judge, made: Pictures, wanted: Pictures) -> list[float]:
    """Cosine of image features of each pair; empty without CLIP."""
    if not judge.scores:
        return []
    return (judge.embed(made) * judge.embed(wanted)).sum(-1).tolist()


def similarity(judge: Judge, made: Pictures, wanted: Pictures) -> Similarity:
    """How alike two rows of pictures are, pair by pair."""
    pairs = pairwise(judge, made, wanted)
    both = seen_alike(judge, made, wanted)
    return Similarity(
        image=round(float(np.mean(pairs)), 5) if pairs else None,
        pairs=tuple(round(p, 5) for p in pairs),
        seen=None if both is None else round(both, 5),
    )


def words_of(reading: Reading) -> frozenset[str]:
    """Everything that a probe says of a picture, in words."""
    found = {reading.scene.background}
    for e in reading.scene.entities:
        found |= {e.kind, e.pose, e.colour, e.texture, *e.accessories}
    return frozenset(found - {""})


def seen_alike(judge: Judge, made: Pictures, wanted: Pictures) -> float | None:
    """Mean over pairs of the words that are seen in both, over those seen in either; None without a probe."""
    if not judge.reads:
        return None
    shares = []
    for a, b in zip(judge.read(made), judge.read(wanted), strict=True):
        one, other = words_of(a), words_of(b)
        shares.append(len(one & other) / max(1, len(one | other)))
    return float(np.mean(shares))


def energy(x: Tensor, y: Tensor) -> float:
    """Energy distance of two samples of unit vectors: 2 E|x - y| - E|x - x'| - E|y - y'|, not below 0."""

    def mean(a: Tensor, b: Tensor, *, same: bool) -> float:
        apart = (2 - 2 * (a.double() @ b.double().T)).clamp(min=0).sqrt()
        if not same:
            return float(apart.mean())
        return float(apart.fill_diagonal_(0).sum()) / max(1, len(a) * (len(a) - 1))

    return max(0.0, 2 * mean(x, y, same=False) - mean(x, x, same=True) - mean(y, y, same=True))


def mixture(
    judge: Judge, concept: Pictures, of_words: Pictures, of_kept: Pictures, drawn: Sequence[str]
) -> Distribution:
    """Mixture or blend: which is nearer to the concept's pictures, single words or all of them at once.

    Args:
        judge: whose image features are compared.
        concept: pictures of the concept's own prompt.
        of_words: pictures of single words, drawn with their shares as probabilities.
        of_kept: pictures of w*_N.
        drawn: the word of each.
    """
    if not judge.scores:
        return Distribution(kind="unknown", mixture=None, drawn=tuple(drawn))
    truth = judge.embed(concept)
    words, both = energy(judge.embed(of_words), truth), energy(judge.embed(of_kept), truth)
    share = both / (words + both) if words + both > 0 else EVEN
    return Distribution(
        kind="mixture" if share > EVEN else "blend",
        mixture=round(share, 5),
        drawn=tuple(drawn),
        words_apart=round(words, 6),
        kept_apart=round(both, 6),
    )


def frequencies(judge: Judge, pictures: Pictures, words: Sequence[str]) -> dict[str, float]:
    """In what share of pictures the probe sees each word; empty without a probe, words it cannot see left out."""
    if not judge.reads:
        return {}
    readings = judge.read(pictures)
    return {w: round(float(np.mean([sees(r, w) for r in readings])), 4) for w in words}


def sees(reading: Reading, word: str) -> bool:
    """Whether a word, or one that says the same, is seen."""
    return present(word, reading.scene) or bool(words_of(reading) & said_by(word))


def rate(judge: Judge, pictures: Pictures, group_a: Sequence[str], group_b: Sequence[str]) -> Rate:
    """How often the first group is seen, among pictures in which one of the groups is.

    With a probe a picture may show neither or both; then it does not count. With CLIP alone the
    nearer text decides, and every picture counts.
    """
    if judge.reads:
        a = b = 0
        for reading in judge.read(pictures):
            one = any(sees(reading, w) for w in group_a)
            other = any(sees(reading, w) for w in group_b)
            a, b = a + (one and not other), b + (other and not one)
    elif judge.scores:
        texts = [f"a photo of a {word}" for word in (*group_a, *group_b)]
        first = judge.text_scores(pictures, texts).argmax(1) < len(group_a)
        a, b = int(first.sum()), int((~first).sum())
    else:
        return Rate(value=None, low=0.0, high=1.0, n=0)
    low, high = wilson(a, a + b)
    value = round(a / (a + b), 4) if a + b else None
    return Rate(value=value, low=round(low, 4), high=round(high, 4), n=a + b)
