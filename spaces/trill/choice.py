"""Choosing features and classifier on a validation part, never on test.

Folds keep whole speakers together where a task is speaker-disjoint. Everything that is compared gets
the same candidates and the same folds.
"""

# N clips, D width of a feature

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .metrics import accuracy
from .probe import ClassifierKind, Head, Labels, fit_classifier


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to classify: a classifier with its settings."""

    kind: ClassifierKind = "logistic"
    C: float = 1.0
    l2: bool = False

    def fit(self, features: np.ndarray, labels: Labels) -> Head:
        """Fit it, standardised."""
        return fit_classifier(features, labels, self.kind, self.C, l2=self.l2)

    def __str__(self) -> str:
        strength = f" C={self.C:g}" if self.kind == "logistic" else ""
        return f"{self.kind}{strength}{' L2' if self.l2 else ''}"


CANDIDATES = (
    *(Candidate("logistic", C, l2) for l2 in (False, True) for C in (1e-4, 1e-3, 1e-2, 1e-1)),
    Candidate("lda"),
    Candidate("lda", l2=True),
)
FEW_SHOT = (
    Candidate("logistic", 1e-3),
    Candidate("logistic", 1e-1),
    Candidate("logistic", 1e-2, True),
    Candidate("centroid"),
    Candidate("centroid", l2=True),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What validation chose."""

    variant: str  # which of the offered features, such as a layer
    candidate: Candidate
    value: float  # the metric on validation


def folds(
    labels: np.ndarray, groups: np.ndarray | None, count: int, seed: int = 0
) -> list[np.ndarray]:
    """Test rows of each fold: whole groups together if given, otherwise balanced by label."""
    rng = np.random.default_rng(seed)
    labels = np.asarray(labels)
    fold = np.zeros(len(labels), np.int64)
    if groups is not None:
        names = rng.permutation(np.unique(groups))
        for number, name in enumerate(names):
            fold[groups == name] = number % count
    else:
        for label in np.unique(labels):
            rows = rng.permutation(np.flatnonzero(labels == label))
            fold[rows] = np.arange(len(rows)) % count
    return [np.flatnonzero(fold == k) for k in range(count) if (fold == k).any()]


def cross_validate(
    features: np.ndarray,
    labels: np.ndarray,
    candidate: Candidate,
    parts: Sequence[np.ndarray],
    metric: Callable[[np.ndarray, np.ndarray], float] = accuracy,
) -> float:
    """Metric over the pooled answers of all folds; folds with one class to learn from are left out."""
    truth, guess = [], []
    for test in parts:
        train = np.setdiff1d(np.arange(len(labels)), test)
        if len(np.unique(labels[train])) < 2:
            continue
        guess.append(candidate.fit(features[train], labels[train]).predict(features[test]))
        truth.append(labels[test])
    return metric(np.concatenate(truth), np.concatenate(guess)) if truth else 0.0


def choose(
    variants: Mapping[str, np.ndarray],
    labels: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    candidates: Sequence[Candidate] = CANDIDATES,
    num_folds: int = 3,
    metric: Callable[[np.ndarray, np.ndarray], float] = accuracy,
) -> Choice:
    """Choose features and classifier by cross-validation inside a training set.

    Args:
        variants: named features of the same clips, each (N, D).
        labels: (N,).
        groups: (N,) speakers, kept whole when the task is speaker-disjoint.
        candidates: classifiers to try.
        num_folds: folds.
        metric: of truth and answers, higher is better.
    """
    labels = np.asarray(labels).astype(str)
    if groups is not None and len(np.unique(groups)) < 2:
        groups = None  # one speaker cannot be split from itself
    parts = folds(labels, groups, num_folds)
    best: Choice | None = None
    for variant, features in variants.items():
        for candidate in candidates:
            value = cross_validate(features, labels, candidate, parts, metric)
            if best is None or value > best.value + 1e-9:
                best = Choice(variant, candidate, value)
    assert best is not None
    return best
