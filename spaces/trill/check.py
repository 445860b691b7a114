"""Known answers on the shipped clips: small, quick, and every mistake can be listened to.

The full evaluation is `recipe.evaluate`; its stored scores stand on the page. This one re-runs in
seconds on any machine, because the clips are in the repository.
"""

# N clips, D dimensions

from __future__ import annotations

import numpy as np

from core.jobs import Job

from . import gallery, probe
from .gallery import Example
from .listening import (
    Vectors,
    embedder,
    hear_clip,
    unit,
    weights_id,
)
from .metrics import wilson
from .requests import CheckRequest, Clip
from .results import CheckResult, CheckRow, Mistake

NAMES = {
    "layer19": "middle layer",
    "embedding": "final embedding",
    "untrained": "same net, untrained",
    "mfcc": "MFCC statistics",
    "mel": "log-mel statistics",
}


def check(job: Job, request: CheckRequest) -> CheckResult:
    """Ask three questions whose answers are known, of ours and of four other representations."""
    clips = gallery.on_the_map()
    with embedder(job, request) as net:
        heard = [
            hear_clip(job, net, _part(clip), request, share=(0.5 * i / len(clips), 0.0))
            for i, clip in enumerate(clips)
        ]
        weights = weights_id(net)
        features = _features(job, net, clips, heard, request)
    job.report(0.9, "Comparing with the truth")
    features = {request.layer: features[request.layer], **features}
    rows, mistakes = [], ()
    for question in (_voice, _manner, _gender):
        answers = {name: question(x, clips) for name, x in features.items()}
        rows.append(_row(question.__name__.strip("_"), answers))
        if question is _voice:
            mistakes = _mistakes(features[request.layer], clips)
    return CheckResult(weights=weights, layer=request.layer, rows=tuple(rows), mistakes=mistakes)


def _part(clip: Example) -> Clip:
    assert clip.gallery is not None
    return Clip(source=f"example:{clip.id}", start=clip.gallery[0], end=clip.gallery[1])


def _features(
    job: Job,
    net: object,
    clips: tuple[Example, ...],
    heard: list[Vectors],
    request: CheckRequest,
) -> dict[str, np.ndarray]:
    from . import embed, features

    found = {
        layer: np.stack([vectors.mean(layer) for vectors in heard])
        for layer in ("layer19", "embedding")
    }
    plain = features.untrained(embed.build(net.info).cfg)  # type: ignore[attr-defined]
    rows = []
    for index, clip in enumerate(clips):
        job.report(0.5 + 0.4 * index / len(clips), "Listening with an untrained net")
        rows.append(hear_clip(job, plain, _part(clip), request, share=(0.5, 0.5)))
    found["untrained"] = np.stack([vectors.mean(request.layer) for vectors in rows])
    found["mel"] = np.stack([features.mel_statistics(v.log_mel) for v in heard])
    found["mfcc"] = np.stack([features.mfcc_statistics(v.log_mel) for v in heard])
    return {name: _standardised(x) for name, x in found.items()}


def _standardised(x: np.ndarray) -> np.ndarray:
    """The same treatment for all: standardise over the clips, without labels, then unit length."""
    return unit((x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-6))


Answers = tuple[int, int, float]  # right, asked, chance


def _voice(x: np.ndarray, clips: tuple[Example, ...]) -> Answers:
    """Is the nearest other clip by the same speaker?"""
    speakers = np.array([clip.speaker for clip in clips])
    asked = [i for i, name in enumerate(speakers) if np.sum(speakers == name) > 1]
    nearest = _nearest(x)
    right = sum(bool(speakers[nearest[i]] == speakers[i]) for i in asked)
    chance = float(np.mean([(np.sum(speakers == speakers[i]) - 1) / (len(x) - 1) for i in asked]))
    return right, len(asked), chance


def _manner(x: np.ndarray, clips: tuple[Example, ...]) -> Answers:
    """Taught the moods of one actor, does it hear those of the other?"""
    moods, who = np.array([c.style for c in clips]), np.array([c.speaker for c in clips])
    right = asked = 0
    for teacher, pupil in (("actor 13", "actor 11"), ("actor 11", "actor 13")):
        learn, ask = who == teacher, who == pupil
        # Each actor's own mean is taken out, without labels: what is left is the manner.
        head = probe.fit_classifier(x[learn] - x[learn].mean(0), moods[learn], "lda")
        guess = head.predict(x[ask] - x[ask].mean(0))
        right, asked = right + int(np.sum(guess == moods[ask])), asked + int(ask.sum())
    return right, asked, 0.25


def _gender(x: np.ndarray, clips: tuple[Example, ...]) -> Answers:
    """Is a speaker whom the head never heard a woman or a man?"""
    gender, who = np.array([c.gender for c in clips]), np.array([c.speaker for c in clips])
    right = 0
    for name in dict.fromkeys(who.tolist()):
        ask = who == name
        head = probe.fit_classifier(x[~ask], gender[~ask], "lda")
        right += int(np.sum(head.predict(x[ask]) == gender[ask]))
    return right, len(x), 0.5


QUESTIONS = {
    "voice": "Is the nearest other clip by the same speaker?",
    "manner": "Taught the moods of one actor, does it hear those of the other?",
    "gender": "Is a speaker whom it was not taught on a woman or a man?",
}


def _nearest(x: np.ndarray) -> np.ndarray:
    alike = x @ x.T
    np.fill_diagonal(alike, -np.inf)
    return alike.argmax(axis=1)


def _row(name: str, answers: dict[str, Answers]) -> CheckRow:
    right, asked, chance = next(iter(answers.values()))
    low, high = wilson(right, asked)
    return CheckRow(
        name=name,
        question=QUESTIONS[name],
        n=asked,
        chance=round(chance, 3),
        shares={key: round(r / n, 4) for key, (r, n, _) in answers.items()},
        interval=(round(low, 4), round(high, 4)),
    )


def _mistakes(x: np.ndarray, clips: tuple[Example, ...]) -> tuple[Mistake, ...]:
    speakers = [clip.speaker for clip in clips]
    nearest = _nearest(x)
    return tuple(
        Mistake(
            example=clip.id,
            taken_for=clips[nearest[i]].id,
            cosine=round(float(x[i] @ x[nearest[i]]), 3),
        )
        for i, clip in enumerate(clips)
        if speakers.count(clip.speaker) > 1 and speakers[nearest[i]] != clip.speaker
    )
