"""Explore, compare and the triplet lab: what the net hears in one, two or three clips."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from core.jobs import Job

from . import gallery, pairs
from .config import LAYERS
from .listening import (
    SAMPLE_RATE,
    Vectors,
    cosine,
    embedder,
    gallery_vectors,
    hear,
    hear_clip,
    open_clip,
    pool,
    shade,
    squared_distance,
    unit,
    weights_id,
)
from .requests import CompareRequest, ExploreRequest, TripletRequest
from .results import (
    CompareResult,
    Dot,
    ExploreResult,
    LayerAnswer,
    Neighbour,
    Picture,
    Triangle,
    TripletResult,
)

_MOST_COLUMNS = 1200  # of a drawn log-mel
_MOST_CELLS = 240  # of a side of a drawn self-similarity
_MOST_ROWS = 64  # dimensions of the drawn vectors
_MOST_DOTS = 160  # patches on the map
_NEAREST = 5


def explore(job: Job, request: ExploreRequest) -> ExploreResult:
    """Hear one clip, and place it among the shipped ones."""
    sound = open_clip(request.clip)
    with embedder(job, request) as net:
        heard = hear(job, net, sound.waveform, request, share=(0.02, 0.6))
        known = gallery_vectors(job, net, request, share=(0.6, 0.95))
        weights = weights_id(net)
    job.report(0.95, "Drawing")
    patches = heard.layer(request.layer)
    means = {name: vectors.mean(request.layer) for name, vectors in known.items()}
    axes = _axes(np.stack(list(means.values())))
    nearest = _nearest(heard.mean(request.layer), means, request.clip.source)
    similarity, picture = _similarity(patches), _log_mel_picture(heard.log_mel)
    return ExploreResult(
        weights=weights,
        files={
            "embedding.safetensors": _vectors_file(heard, weights),
            "picture.png": base64.b64decode(picture.png),
        },
        heard=sound.heard,
        layer=request.layer,
        dimensions=patches.shape[1],
        num_patches=len(patches),
        hop_seconds=round(request.hop_frames * 160 / SAMPLE_RATE, 4),
        log_mel=picture,
        similarity=similarity,
        other_similarity=_similarity(heard.layer(_other(request.layer))),
        vectors=_vectors_picture(patches),
        similarity_span=(round(float(heard.times[0]), 3), round(float(heard.times[-1]), 3)),
        dots=_dots(patches, heard.times, axes),
        gallery=_gallery_dots(means, axes),
        explained=axes.explained,
        nearest=nearest,
        turns=_turns(heard, list(known.values()), request),
    )


def _other(layer: str) -> str:
    return LAYERS[1] if layer == LAYERS[0] else LAYERS[0]


def _vectors_picture(patches: np.ndarray) -> Picture:
    """The vectors over time, one column per patch, rows the dimensions that move most."""
    columns = pool(patches, _MOST_CELLS)
    spread = columns.std(axis=0)
    chosen = np.sort(np.argsort(-spread, kind="stable")[:_MOST_ROWS])
    scaled = (columns[:, chosen] - columns[:, chosen].mean(axis=0)) / np.maximum(
        spread[chosen], 1e-9
    )
    return shade(scaled.T, -2.0, 2.0)


class _Axes:
    """Two principal axes of the examples' mean vectors, on the unit sphere."""

    def __init__(self, means: np.ndarray) -> None:
        points = unit(means)
        self.centre = points.mean(axis=0)
        _, singular, basis = np.linalg.svd(points - self.centre, full_matrices=False)
        top = basis[:2]
        signs = np.sign(top[np.arange(len(top)), np.abs(top).argmax(axis=1)])
        self.basis = top * np.where(signs == 0, 1.0, signs)[:, None]
        share = singular**2 / max(float(np.sum(singular**2)), 1e-12)
        self.explained = (round(float(share[0]), 3), round(float(share[1]), 3))

    def place(self, vectors: np.ndarray) -> np.ndarray:
        """Coordinates of vectors, (N, D) to (N, 2)."""
        return (unit(vectors) - self.centre) @ self.basis.T


def _axes(means: np.ndarray) -> _Axes:
    return _Axes(means)


def _dots(patches: np.ndarray, times: np.ndarray, axes: _Axes) -> tuple[Dot, ...]:
    """Running means over about a second: single patches follow the sounds, not the voice."""
    step = max(1, round(0.5 / max(float(times[1] - times[0]), 0.01))) if len(times) > 1 else 1
    kernel = [patches[max(0, i - step) : i + step + 1].mean(axis=0) for i in range(len(patches))]
    places, moments = pool(axes.place(np.stack(kernel)), _MOST_DOTS), times
    if len(places) < len(times):
        moments = pool(times[:, None], _MOST_DOTS)[:, 0]
    return tuple(
        Dot(x=_r(x), y=_r(y), label=f"{t:.1f} s", seconds=_r(t, 2))
        for (x, y), t in zip(places, moments, strict=True)
    )


def _gallery_dots(means: dict[str, np.ndarray], axes: _Axes) -> tuple[Dot, ...]:
    places = axes.place(np.stack(list(means.values())))
    return tuple(
        Dot(x=_r(x), y=_r(y), label=gallery.example(name).title, example=name)
        for name, (x, y) in zip(means, places, strict=True)
    )


def _nearest(mean: np.ndarray, means: dict[str, np.ndarray], source: str) -> tuple[Neighbour, ...]:
    others = {k: v for k, v in means.items() if f"example:{k}" != source}
    found = sorted(((cosine(mean, v), k) for k, v in others.items()), reverse=True)
    return tuple(Neighbour(example=k, cosine=_r(c)) for c, k in found[:_NEAREST])


def _similarity(patches: np.ndarray) -> Picture:
    few = unit(pool(patches - patches.mean(axis=0), _MOST_CELLS)) if len(patches) > 1 else None
    matrix = few @ few.T if few is not None else np.ones((1, 1))
    # The diagonal is 1 by construction; the contrast shall serve the rest.
    low, high = np.percentile(matrix, [2, 97]) if matrix.size > 1 else (0.0, 1.0)
    return shade(matrix, float(low), float(high))


def _turns(heard: Vectors, known: list[Vectors], request: ExploreRequest) -> tuple[float, ...]:
    """Moments where the sound before and the sound after differ as they do in no single voice.

    The score of a moment is the squared distance between the means of the two seconds around it, as
    in novelty curves of music analysis. The bar is the highest score inside the shipped clips, each
    of which is one voice, so that a change of words alone does not count. The final embedding is
    used, because it was trained to keep what stays the same in a recording.
    """
    width = max(2, round(136 / request.hop_frames))  # 1.36 s on each side
    centre = np.concatenate([v.embedding for v in known]).mean(axis=0)

    def scores(vectors: Vectors) -> np.ndarray:
        x = unit(vectors.embedding - centre)
        sums = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)])
        middles = np.arange(min(width, len(x) // 3), len(x) - min(width, len(x) // 3) + 1)
        if len(x) < 6:
            return np.zeros(0)
        before = unit(sums[middles] - sums[np.maximum(middles - width, 0)])
        after = unit(sums[np.minimum(middles + width, len(x))] - sums[middles])
        found = np.zeros(len(x) + 1)
        found[middles] = 2 - 2 * np.sum(before * after, axis=1)
        return found

    curve = scores(heard)
    bar = max((float(s.max()) for s in map(scores, known) if s.size), default=4.0)
    kept: list[int] = []
    for index in np.argsort(-curve, kind="stable"):
        if curve[index] <= bar:
            break
        if all(abs(index - other) > width for other in kept):
            kept.append(int(index))
    # the moment between two patches lies between their centres
    return tuple(sorted(_r((heard.times[i - 1] + heard.times[i]) / 2, 1) for i in kept[:20]))


def _log_mel_picture(log_mel: np.ndarray) -> Picture:
    columns = pool(log_mel, _MOST_COLUMNS)
    low, high = float(np.log(0.001)), max(float(columns.max()), -2.0)
    return shade(columns.T[::-1], low, high)


def _vectors_file(heard: Vectors, weights: str) -> bytes:
    from safetensors.numpy import save

    arrays = {"embedding": heard.embedding, "layer19": heard.layer19, "times": heard.times}
    about = f"weights {weights}; rows are patches; times are their centres in seconds"
    # one key only: the file keeps several in an order that changes from call to call
    return save(
        {k: np.ascontiguousarray(v, np.float32) for k, v in arrays.items()}, {"about": about}
    )


def compare(job: Job, request: CompareRequest) -> CompareResult:
    """How alike two clips sound, for both layers, beside pairs whose answer is known."""
    first, second = open_clip(request.first), open_clip(request.second)
    with embedder(job, request) as net:
        a = hear(job, net, first.waveform, request, share=(0.05, 0.5), text="Listening to A")
        b = hear(job, net, second.waveform, request, share=(0.5, 0.95), text="Listening to B")
        weights = weights_id(net)
    cross = unit(pool(a.layer(request.layer), 64)) @ unit(pool(b.layer(request.layer), 96)).T
    drawn = shade(cross, float(cross.min()), float(cross.max()))
    answers = []
    for layer in LAYERS:
        value = cosine(a.mean(layer), b.mean(layer))
        known = pairs.known(layer)
        answers.append(
            LayerAnswer(
                layer=layer,
                cosine=_r(value, 4),
                above_different=_r(known.share_below("different", value)),
                above_same=_r(known.share_below("same", value)),
            )
        )
    return CompareResult(
        weights=weights,
        files={"picture.png": base64.b64decode(drawn.png)},
        first=first.heard,
        second=second.heard,
        layer=request.layer,
        answers=tuple(answers),
    )


def triplet(job: Job, request: TripletRequest) -> TripletResult:
    """Distances of three moments, and what the triplet loss makes of them."""
    clips = (request.anchor, request.positive, request.negative)
    with embedder(job, request) as net:
        heard = [
            hear_clip(job, net, clip, request, share=(0.1 + 0.28 * i, 0.38 + 0.28 * i))
            for i, clip in enumerate(clips)
        ]
        weights = weights_id(net)
    triangles = []
    for layer in LAYERS:
        anchor, positive, negative = (vectors.mean(layer) for vectors in heard)
        to_positive = squared_distance(anchor, positive)
        to_negative = squared_distance(anchor, negative)
        triangles.append(_triangle(layer, to_positive, to_negative, request.margin))
    names = tuple(open_name(clip) for clip in clips)
    return TripletResult(
        weights=weights,
        names=(names[0], names[1], names[2]),
        margin=request.margin,
        triangles=tuple(triangles),
    )


def open_name(clip: Any) -> str:
    """What to call a clip on the page."""
    if clip.name or not clip.source.startswith("example:"):
        return clip.title
    return gallery.example(clip.source.partition(":")[2]).title


def _triangle(layer: str, positive: float, negative: float, margin: float) -> Triangle:
    loss = max(0.0, positive - negative + margin)
    verdict = "easy" if loss == 0 else "semi-hard" if negative > positive else "hard"
    return Triangle(
        layer=layer,
        positive=_r(positive, 4),
        negative=_r(negative, 4),
        loss=_r(loss, 4),
        verdict=verdict,
    )


def _r(value: Any, digits: int = 3) -> float:
    return round(float(value), digits)
