"""Lay two decompositions side by side: shared words, likeness, and the meanings that each concept has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.jobs import Job
from core.media.image_writing import tiles

from . import choosing, tokens
from .algorithm import shares
from .borrowing import Bench, bench
from .decompose import obtain
from .decomposition import Decomposition
from .requests import CompareRequest
from .results import CompareResult, Meaning, Side
from .shelf import Found

APART = 0.15  # silhouette above which pictures are said to fall into two groups
_WORDS = 5  # of a meaning


def compare(job: Job, request: CompareRequest) -> CompareResult:
    """Compare two concepts.

    Raises:
        InputError: a concept is unknown.
        WeightsError: the model is not here.
        JobCancelled: the job was stopped.
    """
    for concept in (request.one, request.other):
        tokens.check_concept(concept, request.tier)
    with bench(job, request.tier, request.model, request.settings) as b:
        return compared(b, *(obtain(b, c, request.settings) for c in (request.one, request.other)))


def compared(b: Bench, one: Found, other: Found) -> CompareResult:
    """Compare two decompositions that are there."""
    first, second = list(one.learnt.entries()), list(other.learnt.entries())
    held = [{e.word: e.share for e in f.learnt.elements(b.model)} for f in (one, other)]
    shared = sorted(set(first) & set(second), key=lambda w: (-min(h[w] for h in held), w))
    return CompareResult(
        weights=b.weights[:12],
        tier=b.tier,
        model=b.name,
        files={
            "one.png": one.result.files["concept.png"],
            "other.png": other.result.files["concept.png"],
            "picture.png": one.result.files["concept.png"],
        },
        one=_side(b, one, "one.png"),
        other=_side(b, other, "other.png"),
        shared=tuple(shared),
        jaccard=round(len(shared) / len(set(first) | set(second)), 5),
        cosine=round(cosine(_entries(b, one.learnt), _entries(b, other.learnt)), 5),
    )


def cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Cosine of two vectors of shares, each by word; 0 where one is empty."""
    words = sorted(set(one) | set(other))
    a, c = (np.array([v.get(w, 0.0) for w in words]) for v in (one, other))
    norms = float(np.linalg.norm(a) * np.linalg.norm(c))
    return float(a @ c) / norms if norms else 0.0


def _entries(b: Bench, learnt: Decomposition) -> dict[str, float]:
    dictionary = learnt.dictionary(b.model)
    part = shares(learnt.coefficients().to(dictionary.rows[0].device), dictionary).tolist()
    found: dict[str, float] = {}
    for word, share in zip(learnt.shown, part, strict=True):
        found[word] = found.get(word, 0.0) + share
    return found


def _side(b: Bench, found: Found, file: str) -> Side:
    sheet = found.result.pictures
    meanings: tuple[Meaning, ...] = ()
    apart = None
    if b.judge.scores:
        pictures = tiles(found.result.files[sheet.file], sheet.rows, sheet.columns)[0]
        words = [e.word for e in found.result.elements]
        said = choosing.features(
            b.judge, [w.rstrip("-") for w in words], choosing.templates_of(b.tier)
        )
        meanings, apart = split(b.judge.embed(pictures), said, words)
    return Side(
        concept=found.learnt.concept,
        elements=found.result.elements,
        meanings=meanings,
        apart=apart,
        pictures=replace(sheet, file=file),
    )


def split(
    pictures: Tensor, texts: Tensor, words: list[str]
) -> tuple[tuple[Meaning, ...], float | None]:
    """Two groups of pictures, if there are any, with the words that belong to either.

    Args:
        pictures: unit features (N, F).
        texts: unit features (W, F) of the words.
        words: W words.

    Returns:
        Two meanings, or none where the groups are not clear; and their silhouette, None for under four pictures.
    """
    from sklearn.metrics import silhouette_score

    if len(pictures) < 4:
        return (), None
    groups = two_means(pictures)
    if len(set(groups.tolist())) < 2:
        return (), 0.0
    apart = round(float(silhouette_score(pictures.double().numpy(), groups.numpy())), 5)
    if apart <= APART:
        return (), apart
    middles = torch.stack([pictures[groups == k].mean(0) for k in (0, 1)])
    nearer = (texts @ middles.T)[:, 0] - (texts @ middles.T)[:, 1]
    found = []
    for k, sign in ((0, 1), (1, -1)):
        order = sorted(range(len(words)), key=lambda i: (-sign * float(nearer[i]), i))
        own = [words[i] for i in order if sign * float(nearer[i]) > 0][:_WORDS]
        members = tuple((groups == k).nonzero().flatten().tolist())
        found.append(Meaning(words=tuple(own), pictures=members))
    return tuple(found), apart


def two_means(points: Tensor, rounds: int = 20) -> Tensor:
    """k-means with two groups (N,) of 0 and 1, from the farthest pair; the first point is in group 0."""
    apart = torch.cdist(points.double(), points.double())
    far = int(apart.argmax())
    centres = points[[far // len(points), far % len(points)]].double()
    groups = torch.zeros(len(points), dtype=torch.long)
    for _ in range(rounds):
        new = torch.cdist(points.double(), centres).argmin(1)
        if bool((new == groups).all()) and _ > 0:
            break
        groups = new
        for k in (0, 1):
            if bool((groups == k).any()):
                centres[k] = points[groups == k].double().mean(0)
    return groups if groups[0] == 0 else 1 - groups
