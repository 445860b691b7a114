"""Teach, classify and personalise: small heads on the frozen embedding."""

# N clips, K classes

from __future__ import annotations

import base64

import numpy as np

from core.errors import InputError
from core.jobs import Job

from . import gallery, heads, metrics, personal
from .explore import open_name
from .listening import (
    embedder,
    gallery_means,
    hear,
    hear_clip,
    open_clip,
    pool,
    shade,
    weights_id,
)
from .probe import Head
from .requests import ClassifyRequest, Clip, Hearing, PersonaliseRequest, TeachRequest
from .results import (
    ClassifyResult,
    CurvePoint,
    PersonaliseResult,
    TaughtClip,
    TeachResult,
)

_MOST_SERIES = 240  # moments of a classified clip that are kept


def teach(job: Job, request: TeachRequest) -> TeachResult:
    """Learn the visitor's classes and check the head on clips it never heard."""
    clips = [(k, clip) for k, group in enumerate(request.classes) for clip in group.clips]
    with embedder(job, request) as net:
        means = gallery_means(job, net, request, share=(0.02, 0.4))
        vectors = []
        for index, (_, clip) in enumerate(clips):
            share = (0.4 + 0.5 * index / len(clips), 0.4 + 0.5 * (index + 1) / len(clips))
            text = f"Listening to clip {index + 1} of {len(clips)}"
            vectors.append(
                hear_clip(job, net, clip, request, share=share, text=text).mean(request.layer)
            )
        weights = weights_id(net)
    job.report(0.9, "Learning")
    y = np.array([k for k, _ in clips])
    lesson = heads.prepare(
        np.stack(vectors),
        np.stack(list(means.values())),
        l2=request.l2,
        standardise=request.standardise,
    )
    num_classes = len(request.classes)
    held_out = heads.leave_one_out(lesson.reduced, y, num_classes, request.classifier, request.c)
    heat = heads.temperature(held_out, y)
    weight, bias = heads.fit(lesson.reduced, y, num_classes, request.classifier, request.c)
    head = Head(
        labels=tuple(group.name.strip() for group in request.classes),
        kind=request.classifier,
        l2=request.l2,
        mean=lesson.mean,
        scale=lesson.scale,
        weight=weight @ lesson.basis / heat,
        bias=bias / heat,
        info={
            "layer": request.layer,
            "hop_frames": request.hop_frames,
            "padding": request.padding,
            "weights": weights,
        },
    )
    return _lesson_result(request, head, clips, heads.softmax(held_out / heat), lesson.reduced)


def _lesson_result(
    request: TeachRequest,
    head: Head,
    clips: list[tuple[int, Clip]],
    held_out: np.ndarray,
    reduced: np.ndarray,
) -> TeachResult:
    y, answers = np.array([k for k, _ in clips]), held_out.argmax(axis=1)
    num_classes = len(head.labels)
    correct = int(np.sum(answers == y))
    confusion = np.zeros((num_classes, num_classes), int)
    np.add.at(confusion, (y, answers), 1)
    low, high = metrics.wilson(correct, len(y))
    counts = np.bincount(y, minlength=num_classes)
    places = _map(reduced, y)
    written = heads.head_to_json(head)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    drawn = shade(np.kron(shares, np.ones((24, 36))), 0.0, 1.0)
    return TeachResult(
        weights=head.info["weights"],
        files={
            "head.json": written,
            "head.safetensors": heads.head_to_safetensors(head),
            "picture.png": base64.b64decode(drawn.png),
        },
        classes=head.labels,
        counts=tuple(int(n) for n in counts),
        classifier=request.classifier,
        layer=request.layer,
        clips=tuple(
            TaughtClip(
                name=open_name(clip),
                source=clip.source,
                truth=k,
                answer=int(answers[i]),
                probability=round(float(held_out[i, answers[i]]), 3),
                x=round(float(places[i, 0]), 4),
                y=round(float(places[i, 1]), 4),
            )
            for i, (k, clip) in enumerate(clips)
        ),
        confusion=tuple(tuple(int(v) for v in row) for row in confusion),
        accuracy=round(correct / len(y), 4),
        interval=(round(low, 4), round(high, 4)),
        chance=round(float(counts.max()) / len(y), 4),
        notes=_notes(head.labels, counts),
        head=keep_head(written),
    )


def keep_head(data: bytes) -> str:
    """Put a head into the input store, so that a request can name it by its hash."""
    from core.runs import store

    return store().put_input(data, "application/json")


def _map(reduced: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Two axes that show the classes: those of the class means first, then of the rest."""
    centred = reduced - reduced.mean(axis=0)
    means = np.stack([centred[y == k].mean(axis=0) for k in np.unique(y)])
    basis = np.linalg.svd(means, full_matrices=False)[2][:1]
    rest = centred - centred @ basis.T @ basis
    extra = means - means @ basis.T @ basis
    second = np.linalg.svd(extra if len(means) > 2 else rest, full_matrices=False)[2][:1]
    return np.stack([centred @ basis[0], centred @ second[0]], axis=1)


def _notes(classes: tuple[str, ...], counts: np.ndarray) -> tuple[str, ...]:
    notes = [
        f"“{name}” has one clip: leaving it out leaves nothing to learn from, so it counts as wrong."
        for name, count in zip(classes, counts, strict=True)
        if count == 1
    ]
    if counts.sum() < 10:
        more = max(3, int(counts.min()) + 2)
        notes.append(f"Few clips: the interval is wide. {more} or more per class tell more.")
    return tuple(notes)


def classify(job: Job, request: ClassifyRequest) -> ClassifyResult:
    """Ask a head about a clip: as a whole, and moment by moment."""
    from core.runs import store

    head = heads.head_from_bytes(store().get_input(request.head.partition(":")[2]))
    sound = open_clip(request.clip)
    hearing = Hearing(
        layer=head.info["layer"],
        hop_frames=head.info["hop_frames"],
        padding=head.info["padding"],
        tier=request.tier,
    )
    with embedder(job, hearing) as net:
        heard = hear(job, net, sound.waveform, hearing, share=(0.05, 0.95))
        weights = weights_id(net)
    vectors = heard.layer(hearing.layer)
    if vectors.shape[1] != len(head.mean):
        raise InputError(
            f"The head expects vectors of {len(head.mean)} numbers; this net gives "
            f"{vectors.shape[1]}. A head works with the net it was taught on "
            f"({head.info['weights']}). Teach it again."
        )
    whole = head.predict_proba(vectors.mean(axis=0)[None])[0]
    # A second of context on both sides: one patch alone follows the sounds, not the manner.
    width = max(1, round(100 / hearing.hop_frames))
    smooth = [vectors[max(0, i - width) : i + width + 1].mean(axis=0) for i in range(len(vectors))]
    series = pool(head.predict_proba(np.stack(smooth)), _MOST_SERIES)
    times = pool(heard.times[:, None], _MOST_SERIES)[:, 0]
    drawn = shade(np.kron(series.T, np.ones((16, 2))), 0.0, 1.0)
    return ClassifyResult(
        weights=weights,
        files={"picture.png": base64.b64decode(drawn.png)},
        heard=sound.heard,
        classes=head.labels,
        probabilities=tuple(round(float(p), 4) for p in whole),
        times=tuple(round(float(t), 2) for t in times),
        series=tuple(tuple(round(float(p), 3) for p in row) for row in series),
    )


def digit_clips(speaker: str) -> list[tuple[int, int, Clip]]:
    """The shipped takes of one speaker as (digit, take, clip).

    Raises:
        InputError: there is no such speaker.
    """
    known = gallery.digit_speakers()
    if speaker not in known:
        raise InputError(
            f"There are no digits of {speaker[:40]!r}. The speakers are {', '.join(known)}. "
            "Choose one of them."
        )
    source = f"digits-{speaker}"
    return [
        (digit, take, Clip(source=f"example:{source}", start=start, end=end))
        for digit, take, start, end, _ in gallery.example(source).details["segments"]
    ]


def personalise(job: Job, request: PersonaliseRequest) -> PersonaliseResult:
    """Digits of one speaker: learnt from other speakers, from a few own clips, and from both."""
    digit_clips(request.speaker)
    speakers = gallery.digit_speakers()
    features, digits, owners = [], [], []
    with embedder(job, request) as net:
        for index, speaker in enumerate(speakers):
            takes = digit_clips(speaker)
            for number, (digit, _, clip) in enumerate(takes):
                done = 0.7 * (index + number / len(takes)) / len(speakers)
                vectors = hear_clip(
                    job, net, clip, request, share=(done, done), text=f"Listening to {speaker}"
                )
                features.append(vectors.mean(request.layer))
                digits.append(str(digit))
                owners.append(speaker)
        weights = weights_id(net)
    found = personal.personalise(
        np.stack(features),
        digits,
        owners,
        request.speaker,
        clips=(1, 2, 3),
        resamples=request.resamples,
        seed=request.seed,
        on_step=lambda share: job.report(0.7 + 0.3 * share, "Learning from own clips"),
    )
    generic = round(found.generic, 4)
    return PersonaliseResult(
        weights=weights,
        speaker=request.speaker,
        classes=tuple(sorted(set(digits))),
        num_test=found.num_test,
        resamples=request.resamples,
        points=tuple(
            CurvePoint(
                clips=point.clips,
                generic=(generic, generic, generic),
                personal=_rounded(point.personal),
                both=_rounded(point.both),
            )
            for point in found.points
        ),
    )


def _rounded(values: tuple[float, float, float]) -> tuple[float, float, float]:
    return round(values[0], 4), round(values[1], 4), round(values[2], 4)
