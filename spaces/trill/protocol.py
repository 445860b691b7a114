"""How a representation is scored: choice by validation, one look at the test part, an interval.

Two shapes of task: `held_out` leaves one speaker out at a time, `few_shot` draws episodes of few clips.
`score` puts our outcome beside those of the other representations.
"""

# N clips, D width, K classes

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.errors import InputError
from core.registry import Score

from .choice import FEW_SHOT, Candidate, Choice, choose
from .features import Variants
from .metrics import bootstrap
from .probe import Labels

OURS = "trained"
RESAMPLES = 20  # draws of a few-clip task
Metric = Callable[[np.ndarray, np.ndarray], float]


@dataclass(slots=True)
class Outcome:
    """How one representation did on one task."""

    value: float
    interval: tuple[float, float]
    chosen: str  # layer and classifier, the most frequent when chosen for each fold
    per_layer: dict[str, float] = field(
        default_factory=dict
    )  # for the record; never used to choose
    extra: dict[str, Any] = field(default_factory=dict)
    answers: tuple[np.ndarray, ...] = ()  # truth, answer and speaker of each test clip


def score(
    name: str,
    outcomes: dict[str, Outcome],
    *,
    n: int,
    chance: float | None,
    unit: str = "%",
    better: str = "higher",
    **details: Any,
) -> Score:
    """Put our outcome beside the best of the others."""
    sign = 1 if better == "higher" else -1
    others = {name: o for name, o in outcomes.items() if name != OURS}
    best = max(others, key=lambda name: sign * others[name].value)
    table = {
        who: {
            "value": round(100 * o.value, 2),
            "interval": [round(100 * x, 2) for x in o.interval],
            "chosen": o.chosen,
            "per_layer": {k: round(100 * v, 2) for k, v in o.per_layer.items()},
            **o.extra,
        }
        for who, o in outcomes.items()
    }
    ours = outcomes[OURS]
    return Score(
        name=name,
        value=round(100 * ours.value, 2),
        unit=unit,
        better=better,  # type: ignore[arg-type]
        baseline=round(100 * others[best].value, 2),
        baseline_name=best,
        chance=None if chance is None else round(100 * chance, 2),
        n=n,
        interval=(round(100 * ours.interval[0], 2), round(100 * ours.interval[1], 2)),
        details={"all": table, **details},
    )


def most_common(choices: Sequence[Choice]) -> str:
    """The choice made most often, in words."""
    counts = Counter(f"{c.variant}, {c.candidate}" for c in choices)
    return counts.most_common(1)[0][0]


def held_out(
    variants: Variants,
    labels: np.ndarray,
    speakers: np.ndarray,
    tests: Labels,
    metric: Metric,
    num_folds: int = 3,
) -> Outcome:
    """Leave one speaker out: choose and train on the others, ask the left one; answers are pooled."""
    truth, guess, who, choices = [], [], [], []
    layers: dict[str, list[np.ndarray]] = {name: [] for name in variants}
    for speaker in tests:
        test = speakers == speaker
        best: dict[str, Choice] = {
            name: choose(
                {name: x[~test]}, labels[~test], speakers[~test], num_folds=num_folds, metric=metric
            )
            for name, x in variants.items()
        }
        answers = {
            name: c.candidate.fit(variants[name][~test], labels[~test]).predict(
                variants[name][test]
            )
            for name, c in best.items()
        }
        winner = max(best.values(), key=lambda c: c.value)
        choices.append(winner)
        guess.append(answers[winner.variant])
        truth.append(labels[test])
        who.append(speakers[test])
        for name, answer in answers.items():
            layers[name].append(answer)
    t, g, s = np.concatenate(truth), np.concatenate(guess), np.concatenate(who)
    folds = {str(k): round(100 * metric(t[s == k], g[s == k]), 2) for k in np.unique(s)}
    return Outcome(
        value=metric(t, g),
        interval=bootstrap(t, g, metric),
        chosen=most_common(choices),
        per_layer={name: metric(t, np.concatenate(a)) for name, a in layers.items()},
        extra={"speakers": folds, "spread": round(float(np.std(list(folds.values()))), 2)},
        answers=(t, g, s),
    )


@dataclass(frozen=True, slots=True)
class Episode:
    """Rows to learn from and rows to ask, of a task with few clips."""

    train: np.ndarray
    test: np.ndarray


def few_shot(
    variants: Variants,
    labels: np.ndarray,
    validation: Sequence[Episode],
    tests: Sequence[Episode],
    valid_variants: Variants | None = None,
    valid_labels: np.ndarray | None = None,
) -> Outcome:
    """Choose on validation episodes, then average over test episodes.

    Args:
        variants: features of the rows that `tests` point to.
        labels: their labels.
        validation: episodes that share no test row.
        tests: episodes to report.
        valid_variants: features that `validation` points to, if others.
        valid_labels: their labels.

    Raises:
        InputError: no episode has two classes to learn from and clips to ask.
    """
    from_x = valid_variants or variants
    from_y = labels if valid_labels is None else valid_labels
    # with very few clips, as under a limit, an episode may hold one class only
    validation = [e for e in validation if len(np.unique(from_y[e.train])) > 1 and len(e.test)]
    tests = [e for e in tests if len(np.unique(labels[e.train])) > 1 and len(e.test)]
    if not validation or not tests:
        raise InputError(
            "There are too few clips for a task with few clips of each class. It needs two classes "
            "to learn from and others to ask. Raise the limit."
        )
    best: dict[str, tuple[float, Candidate]] = {}
    for layer, x in from_x.items():
        for candidate in FEW_SHOT:
            value = float(
                np.mean([answers_right(x, from_y, e, candidate).mean() for e in validation])
            )
            if layer not in best or value > best[layer][0] + 1e-9:
                best[layer] = (value, candidate)
    layer = max(best, key=lambda name: best[name][0])
    results = {
        name: [answers_right(variants[name], labels, e, c) for e in tests]
        for name, (_, c) in best.items()
    }
    rows = np.concatenate([e.test for e in tests])
    right = np.concatenate(results[layer])
    per_row = np.array([right[rows == r].mean() for r in np.unique(rows)])
    return Outcome(
        value=float(np.mean([r.mean() for r in results[layer]])),
        interval=mean_interval(per_row),
        chosen=f"{layer}, {best[layer][1]}",
        per_layer={name: float(np.mean([r.mean() for r in rs])) for name, rs in results.items()},
        extra={"episodes": [round(100 * float(r.mean()), 1) for r in results[layer]]},
    )


def answers_right(
    x: np.ndarray, y: np.ndarray, episode: Episode, candidate: Candidate
) -> np.ndarray:
    """1 for each right answer of an episode's test rows, else 0."""
    head = candidate.fit(x[episode.train], y[episode.train])
    return (head.predict(x[episode.test]) == y[episode.test]).astype(float)


def mean_interval(values: np.ndarray, rounds: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of a mean."""
    rng = np.random.default_rng(seed)
    draws = values[rng.integers(0, len(values), (rounds, len(values)))].mean(1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def draw_clips(
    rng: np.random.Generator, rows: np.ndarray, labels: np.ndarray, k: int
) -> np.ndarray:
    """Draw `k` of the rows of each label."""
    return np.concatenate(
        [rng.permutation(rows[labels[rows] == name])[:k] for name in np.unique(labels[rows])]
    )
