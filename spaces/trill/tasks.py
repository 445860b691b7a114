"""The tasks that the embedding is scored on, after NOSS, each beside its baselines.

For every representation (ours, the same network untrained, log-mel statistics, MFCC statistics) layer,
classifier and strength are chosen by validation inside the training part of the task, from the same
candidates; the test part is asked once. Speakers are disjoint wherever the task is not about knowing a
speaker.
"""

# N clips, D width, K classes

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from core.registry import Score

from . import verification
from .choice import FEW_SHOT, choose
from .features import Variants
from .metrics import accuracy, bootstrap, uar
from .protocol import (
    RESAMPLES,
    Episode,
    Outcome,
    answers_right,
    draw_clips,
    few_shot,
    held_out,
    mean_interval,
    most_common,
    score,
)
from .sheets import Sheet


def emotion(sheet: Sheet) -> list[Score]:
    """Emotion of acted sentences, speaker left out; unweighted average recall of the pooled answers.

    The network has heard the training speakers' sentences, without their labels. So the folds of
    speakers it never heard are also scored alone.
    """
    labels, speakers = sheet.column("emotion"), sheet.column("speaker_id")
    outcomes = {
        name: held_out(variants, labels, speakers, np.unique(speakers), uar, num_folds=7)
        for name, variants in sheet.features.items()
    }
    chance = 1 / len(np.unique(labels))
    unheard = np.unique(speakers[~sheet.is_train])
    heard = len(np.unique(speakers)) - len(unheard)
    scores = [
        score(
            "emotion, speaker left out (UAR)",
            outcomes,
            n=len(sheet),
            chance=chance,
            interval_over="test clips",
            note=f"{heard} of the speakers were heard in training, without labels" if heard else "",
        )
    ]
    if not heard or not len(unheard):
        return scores
    alone = {}
    for name, outcome in outcomes.items():
        truth, guess, who = (x[np.isin(outcome.answers[2], unheard)] for x in outcome.answers)
        alone[name] = Outcome(
            value=uar(truth, guess),
            interval=bootstrap(truth, guess, uar),
            chosen=outcome.chosen,
            extra={"speakers": {str(s): outcome.extra["speakers"][str(s)] for s in np.unique(who)}},
        )
    part = "emotion, speakers never heard (UAR)"
    count = int(np.isin(speakers, unheard).sum())
    return [*scores, score(part, alone, n=count, chance=chance, interval_over="test clips")]


def digits(sheet: Sheet) -> Score:
    """Ten digits, speaker left out."""
    labels, speakers = sheet.column("digit"), sheet.column("speaker")
    outcomes = {
        name: held_out(variants, labels, speakers, np.unique(speakers), accuracy)
        for name, variants in sheet.features.items()
    }
    return score(
        "digits, speaker left out",
        outcomes,
        n=len(sheet),
        chance=0.1,
        interval_over="test clips",
    )


def gender(sheet: Sheet) -> Score:
    """Gender of readers never heard; trained on the training readers, or in folds when there are none."""
    labels, speakers, train = sheet.column("gender"), sheet.column("speaker_id"), sheet.is_train
    outcomes = {}
    for name, variants in sheet.features.items():
        if not train.any():
            parts = np.array([str(hash_fold(s)) for s in speakers])
            outcomes[name] = held_out(variants, labels, parts, np.unique(parts), accuracy)
            continue
        best = {
            layer: choose({layer: x[train]}, labels[train], speakers[train])
            for layer, x in variants.items()
        }
        answers = {
            layer: c.candidate.fit(variants[layer][train], labels[train]).predict(
                variants[layer][~train]
            )
            for layer, c in best.items()
        }
        winner = max(best.values(), key=lambda c: c.value)
        truth = labels[~train]
        outcomes[name] = Outcome(
            value=accuracy(truth, answers[winner.variant]),
            interval=bootstrap(truth, answers[winner.variant], groups=speakers[~train]),
            chosen=most_common([winner]),
            per_layer={layer: accuracy(truth, a) for layer, a in answers.items()},
        )
    tested = labels[~train] if train.any() else labels
    majority = float(np.mean(tested == Counter(tested.tolist()).most_common(1)[0][0]))
    return score(
        "gender of unheard readers",
        outcomes,
        n=len(tested),
        chance=majority,
        interval_over="test readers",
    )


def hash_fold(speaker: str, count: int = 5) -> int:
    """A fold for a speaker, the same on every machine."""
    return sum(ord(c) * (k + 1) for k, c in enumerate(speaker)) % count


def digit_speakers(sheet: Sheet, shots: Sequence[int] = (1, 2, 5)) -> Score:
    """Which of the digit speakers, from 1, 2 or 5 clips each; the authors' own test takes."""
    labels, split = sheet.column("speaker"), sheet.column("official_split")
    rng = np.random.default_rng(82)
    train = np.flatnonzero(split == "train")
    test = np.flatnonzero(split == "test")
    tests = [
        Episode(draw_clips(rng, train, labels, k), test) for k in shots for _ in range(RESAMPLES)
    ]
    validation = []
    for k in shots:
        for _ in range(5):
            rows = draw_clips(rng, train, labels, k)
            rest = rng.permutation(np.setdiff1d(train, rows))[:150]
            validation.append(Episode(rows, rest))
    outcomes = {}
    for name, variants in sheet.features.items():
        outcome = few_shot(variants, labels, validation, tests)
        runs = np.array(outcome.extra.pop("episodes")).reshape(len(shots), RESAMPLES)
        outcome.extra["by clips"] = {
            str(k): [round(float(r.mean()), 1), round(float(r.std()), 1)]
            for k, r in zip(shots, runs, strict=True)
        }
        outcomes[name] = outcome
    return score(
        "digit speakers from 1, 2, 5 clips",
        outcomes,
        n=len(test),
        chance=1 / len(np.unique(labels)),
        interval_over="test clips",
        note=f"mean of the three, {RESAMPLES} draws each; 'by clips' gives mean and std over draws",
    )


def accent(sheet: Sheet) -> Score:
    """Accent of digits: speaker-disjoint where accents have several speakers, else digit-disjoint."""
    labels, speakers = sheet.column("accent"), sheet.column("speaker")
    pairs = Counter(a for a, _ in {*zip(labels.tolist(), speakers.tolist(), strict=True)})
    shared = np.array(sorted(a for a, c in pairs.items() if c > 1))
    if len(shared) >= 2:
        part = sheet.rows(np.isin(labels, shared))
        y, who = part.column("accent"), part.column("speaker")
        outcomes = {
            name: held_out(variants, y, who, np.unique(who), accuracy)
            for name, variants in part.features.items()
        }
        return score(
            "accent of digits, speaker left out",
            outcomes,
            n=len(part),
            chance=1 / len(shared),
            interval_over="test clips",
        )
    digit, take = sheet.column("digit"), sheet.column("take").astype(int)
    validation, tests = [], []
    rng = np.random.default_rng(83)
    for first in range(0, 10, 2):
        own = np.isin(digit, [str(first), str(first + 1)])
        train = np.flatnonzero(own & (take >= 5) & (take < 10))
        tests.append(Episode(train, np.flatnonzero(~own & (take < 5))))
        for one in (first, first + 1):  # inside the training digits: learn on one, ask the other
            learn = train[digit[train] == str(one)]
            validation.append(Episode(learn, rng.permutation(train[digit[train] != str(one)])))
    outcomes = {
        name: few_shot(variants, labels, validation, tests)
        for name, variants in sheet.features.items()
    }
    for outcome in outcomes.values():
        outcome.extra.clear()
    return score(
        "accent of digits, other digits",
        outcomes,
        n=sum(len(e.test) for e in tests),
        chance=1 / len(np.unique(labels)),
        interval_over="test clips",
        note="each accent here is one speaker, so this is the speaker's voice and microphone as well; "
        "5 clips of 2 digits to learn from, 8 other digits to ask",
    )


def voices(train: Sheet | None, test: Sheet, learn: Sheet | None, name: str) -> Score:
    """Same or different voice: equal error rate over pairs of windows of readers never heard.

    Args:
        train: windows of training readers under the test's condition, to choose layer and treatment.
        test: windows of test readers.
        learn: windows of training readers, as they are and through channels, to learn whitening from.
        name: of the score.
    """
    who = test.column("speaker_id")
    outcomes = {}
    for rep, variants in test.features.items():
        if train is None or learn is None:
            layers = {
                layer: verification.eer(verification.learn_space("cosine", x, who), x, who)
                for layer, x in variants.items()
            }
            layer = next(iter(variants))
            space, chosen = verification.learn_space("cosine", variants[layer], who), "cosine"
        else:
            layer, chosen, _ = verification.choose_space(
                learn.features[rep],
                learn.column("speaker_id"),
                train.features[rep],
                train.column("speaker_id"),
            )
            space = verification.learn_space(
                chosen, learn.features[rep][layer], learn.column("speaker_id")
            )
            layers = {
                other: verification.eer(
                    verification.learn_space(
                        chosen, learn.features[rep][other], learn.column("speaker_id")
                    ),
                    x,
                    who,
                )
                for other, x in variants.items()
            }
        plain = {
            other: round(
                100 * verification.eer(verification.learn_space("cosine", x, who), x, who), 2
            )
            for other, x in variants.items()
        }
        outcomes[rep] = Outcome(
            value=verification.eer(space, variants[layer], who),
            interval=verification.eer_interval(space, variants[layer], who),
            chosen=f"{layer}, {chosen}",
            per_layer=layers,
            extra={"plain cosine": plain},
        )
    return score(
        name,
        outcomes,
        n=len(test),
        chance=0.5,
        better="lower",
        interval_over="test readers",
    )


def readers(train: Sheet | None, test: Sheet, name: str, enrol: int = 2) -> Score:
    """Which of the test readers: a few windows of each to learn from, the others to ask."""
    who = test.column("speaker_id")
    tests = [_enrolment(test, np.unique(who), enrol)]
    validation, rng = tests, np.random.default_rng(84)
    if train is not None:
        names = rng.permutation(np.unique(train.column("speaker_id")))
        size = max(2, min(len(np.unique(who)), len(names) // 3))
        groups = [names[k * size : (k + 1) * size] for k in range(3)]
        validation = [_enrolment(train, group, enrol) for group in groups if len(group) > 1]
    outcomes = {}
    for rep, variants in test.features.items():
        if train is None:
            first = next(iter(variants))  # nothing to choose on: the first layer, one classifier
            outcomes[rep] = _fixed(variants, who, tests[0], first)
            continue
        outcomes[rep] = few_shot(
            variants,
            who,
            validation,
            tests,
            train.features[rep],
            train.column("speaker_id"),
        )
        outcomes[rep].extra.clear()
    return score(
        name,
        outcomes,
        n=len(tests[0].test),
        chance=1 / len(np.unique(who)),
        interval_over="test windows",
    )


def _fixed(variants: Variants, labels: np.ndarray, episode: Episode, layer: str) -> Outcome:
    candidate = FEW_SHOT[2]
    right = {name: answers_right(x, labels, episode, candidate) for name, x in variants.items()}
    return Outcome(
        value=float(right[layer].mean()),
        interval=mean_interval(right[layer]),
        chosen=f"{layer}, {candidate} (no training part to choose on)",
        per_layer={name: float(r.mean()) for name, r in right.items()},
    )


def _enrolment(sheet: Sheet, names: np.ndarray, enrol: int) -> Episode:
    """The first windows of each reader's first clip to learn from, all other windows to ask."""
    who, file = sheet.column("speaker_id"), sheet.column("file")
    window = sheet.column("window").astype(int)
    train = []
    for name in names:
        rows = np.flatnonzero(who == name)
        first = rows[file[rows] == file[rows][0]]
        train.append(first[window[first] < enrol])
    learn = np.concatenate(train)
    asked = np.setdiff1d(np.flatnonzero(np.isin(who, names)), learn)
    return Episode(learn, asked)
