"""Heads taught on a visitor's few clips: the probe's classifiers on a fixed background, and files.

The classifiers are those of `probe`. Three things are different with nine clips instead of nine
hundred: vectors are standardised by the shipped examples and not by the lesson, a class of one clip
is allowed, and probabilities are tempered by leave-one-out answers.
"""

# N clips, D dimensions, K classes

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.errors import InputError
from core.runs.request import canonical_json, parse_json

from . import probe
from .probe import ClassifierKind, Head

MAX_HEAD_BYTES = 8 * 2**20
_ARRAYS = ("weight", "bias", "mean", "scale")
_NEVER = -1e9  # logit of a class without clips


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Clips as vectors, prepared once for all fits of one lesson."""

    reduced: np.ndarray  # (N, R): the prepared vectors in the space they span
    basis: np.ndarray  # (R, D): its orthonormal basis
    mean: np.ndarray  # (D,) subtracted
    scale: np.ndarray  # (D,) divided by


def prepare(vectors: np.ndarray, background: np.ndarray, *, l2: bool, standardise: bool) -> Lesson:
    """Centre and scale clips by a fixed background, and rotate them into the space they span.

    The background (the shipped examples) is not part of the lesson, so nothing leaks between the
    folds of a leave-one-out check. The rotation keeps all distances, so it changes no answer of a
    rotation-invariant classifier and makes each fit as small as the number of clips.

    Args:
        vectors: (N, D) mean embeddings of the clips.
        background: (M, D) mean embeddings of other clips.
        l2: put every vector on the unit sphere first.
        standardise: divide by the background's spread per dimension.
    """
    if l2:
        vectors, background = _unit(vectors), _unit(background)
    mean = background.mean(axis=0).astype(np.float64)
    scale = np.ones_like(mean)
    if standardise:
        spread = background.std(axis=0)
        # A dimension that hardly moves in the background would be blown up into noise.
        scale = np.maximum(spread, 0.1 * float(np.median(spread)) + 1e-12)
    x = (vectors - mean) / scale
    _, singular, basis = np.linalg.svd(x, full_matrices=False)
    basis = basis[: max(1, int(np.sum(singular > 1e-9 * singular[0])))]
    signs = np.sign(basis[np.arange(len(basis)), np.abs(basis).argmax(axis=1)])
    basis = basis * np.where(signs == 0, 1.0, signs)[:, None]  # one sign convention everywhere
    return Lesson(reduced=x @ basis.T, basis=basis, mean=mean, scale=scale)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def fit(
    x: np.ndarray, y: np.ndarray, num_classes: int, classifier: ClassifierKind, c: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit one linear classifier.

    Args:
        x: (N, R) prepared vectors.
        y: (N,) class numbers; classes may be missing.
        num_classes: K.
        classifier: logistic, lda or centroid.
        c: inverse strength of the L2 penalty of logistic regression.

    Returns:
        weight (K, R) and bias (K,); a class without clips gets a bias that never wins.
    """
    weight, bias = np.zeros((num_classes, x.shape[1])), np.full(num_classes, _NEVER)
    present = np.unique(y)
    if len(present) == 1:
        bias[present[0]] = 0.0
        return weight, bias
    head = probe.fit_classifier(x, [f"{k:02d}" for k in y], classifier, c, standardise=False)
    weight[present], bias[present] = head.weight, head.bias
    return weight, bias


def leave_one_out(
    x: np.ndarray, y: np.ndarray, num_classes: int, classifier: ClassifierKind, c: float
) -> np.ndarray:
    """Logits for each clip from a head that never heard it, (N, K)."""
    out = np.zeros((len(x), num_classes))
    for index in range(len(x)):
        keep = np.arange(len(x)) != index
        weight, bias = fit(x[keep], y[keep], num_classes, classifier, c)
        out[index] = weight @ x[index] + bias
    return out


def temperature(logits: np.ndarray, y: np.ndarray) -> float:
    """The number to divide logits by, so that a probability means about what it says.

    Fitted on leave-one-out logits. A share of 1 / (N + 1) of each label is spread over all classes:
    with few clips, all of them right, nothing may become certain.

    Args:
        logits: (N, K) of clips that the head did not hear.
        y: (N,) their classes.
    """
    num_clips, num_classes = logits.shape
    target = np.full(logits.shape, 1 / ((num_clips + 1) * num_classes))
    target[np.arange(num_clips), y] += num_clips / (num_clips + 1)
    is_known = logits > _NEVER / 2
    lowest = np.min(np.where(is_known, logits, np.inf), axis=1, keepdims=True)
    usable = np.where(is_known, logits, lowest)  # a class left without clips says nothing of scale
    spread = max(float(np.median(np.ptp(usable, axis=1))), 1e-12)
    best, chosen = math.inf, 1.0
    for candidate in spread * np.logspace(-3, 3, 61):
        loss = -float(np.mean(np.sum(target * _log_softmax(usable / candidate), axis=1)))
        if loss < best - 1e-12:
            best, chosen = loss, float(candidate)
    return chosen


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits, (..., K)."""
    return np.exp(_log_softmax(np.asarray(logits, np.float64)))


def head_to_json(head: Head) -> bytes:
    """Write a head as JSON with six significant digits: the same head, the same bytes."""
    return canonical_json(head.to_dict()).encode()


def head_to_safetensors(head: Head) -> bytes:
    """Write a head as safetensors; everything but the arrays is JSON in the file's metadata."""
    from safetensors.numpy import save

    fields = {key: value for key, value in head.to_dict().items() if key not in _ARRAYS}
    arrays = {name: np.ascontiguousarray(getattr(head, name), np.float32) for name in _ARRAYS}
    return save(arrays, {"head": canonical_json(fields)})


def head_from_bytes(data: bytes) -> Head:
    """Read a head from its JSON or safetensors file; the bytes may come from anyone.

    Raises:
        InputError: this is no head, or its parts do not fit together.
    """
    if len(data) > MAX_HEAD_BYTES:
        raise InputError(
            f"The head file has {len(data) / 2**20:.1f} MiB. A head has at most "
            f"{MAX_HEAD_BYTES // 2**20} MiB. Choose a file that this page wrote."
        )
    if data.lstrip()[:1] == b"{":
        fields = parse_json(data, max_bytes=MAX_HEAD_BYTES, what="head file")
    else:
        fields = _read_safetensors(data)
    head = Head.from_dict(fields)
    info = {**_DEFAULTS, **{k: v for k, v in head.info.items() if k in _DEFAULTS}}
    is_fine = (
        info["layer"] in ("embedding", "layer19")
        and info["padding"] in ("tile", "zero")
        and isinstance(info["hop_frames"], int)
        and 4 <= info["hop_frames"] <= 96
        and len(head.labels) <= 64
    )
    if not is_fine:
        raise InputError(
            "The head does not say in a known way how clips are heard. Its layer, padding and patch "
            "hop are needed. Use the file that Teach wrote."
        )
    labels = tuple(label[:40] for label in head.labels)
    return replace(head, labels=labels, info=info | {"weights": str(info["weights"])[:64]})


_DEFAULTS: dict[str, Any] = {
    "layer": "layer19",
    "hop_frames": 17,
    "padding": "tile",
    "weights": "unknown",
}


def _read_safetensors(data: bytes) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])["__metadata__"]
        fields = json.loads(header["head"])
        return {**fields, **{name: arrays[name].ravel().tolist() for name in _ARRAYS}}
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "The file is not a TRILL head. A head is the JSON or safetensors file that Teach offers "
            "for download. Choose that file."
        ) from error
