"""Small linear heads on a frozen embedding: taught from a few clips, written to JSON or safetensors.

All three classifiers end as one linear map, so that a head is two arrays that any program can
use: answer = softmax(weight @ ((normalise(x) - mean) / scale) + bias).
"""

# N clips, D dimensions, K classes

from __future__ import annotations

import json
import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import InputError

FORMAT = "vitrine-trill-head-1"
MAX_DIMENSIONS = 20_000
MAX_HEAD_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A taught classifier with everything that is needed to hear a clip the same way."""

    classes: tuple[str, ...]
    weight: np.ndarray  # (K, D) float32
    bias: np.ndarray  # (K,) float32
    mean: np.ndarray  # (D,) float32, subtracted
    scale: np.ndarray  # (D,) float32, divided by
    l2: bool
    layer: str
    hop_frames: int
    padding: str
    classifier: str
    weights: str  # short hash of the net the head belongs to

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Class probabilities, (N, D) raw embeddings to (N, K); rows sum to 1."""
        x = (_unit(vectors) if self.l2 else vectors) - self.mean
        logits = (x / self.scale) @ self.weight.T + self.bias
        return softmax(logits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Clips as vectors, prepared once for all fits of one lesson."""

    reduced: np.ndarray  # (N, R): the prepared vectors in the space they span
    basis: np.ndarray  # (R, D): its orthonormal basis
    mean: np.ndarray
    scale: np.ndarray


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


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
    mean = background.mean(axis=0)
    scale = np.ones_like(mean)
    if standardise:
        spread = background.std(axis=0)
        # A dimension that hardly moves in the background would be blown up into noise.
        scale = np.maximum(spread, 0.1 * float(np.median(spread)) + 1e-12)
    x = ((vectors - mean) / scale).astype(np.float64)
    _, singular, basis = np.linalg.svd(x, full_matrices=False)
    rank = max(1, int(np.sum(singular > 1e-9 * singular[0]))) if len(singular) else 1
    basis = basis[:rank]
    signs = np.sign(basis[np.arange(rank), np.abs(basis).argmax(axis=1)])
    basis = basis * np.where(signs == 0, 1.0, signs)[:, None]  # one sign convention everywhere
    return Lesson(reduced=x @ basis.T, basis=basis, mean=mean, scale=scale)


def fit(
    x: np.ndarray, y: np.ndarray, num_classes: int, classifier: str, c: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit one linear classifier.

    Args:
        x: (N, R).
        y: (N,) class numbers; classes may be missing.
        num_classes: K.
        classifier: logistic, lda or centroid.
        c: inverse strength of the L2 penalty of logistic regression.

    Returns:
        weight (K, R) and bias (K,); a class without clips gets a bias of -1e9.
    """
    weight = np.zeros((num_classes, x.shape[1]))
    bias = np.full(num_classes, -1e9)
    present = np.unique(y)
    if len(present) == 1:
        bias[present[0]] = 0.0
        return weight, bias
    if classifier == "centroid":
        for k in present:
            centre = x[y == k].mean(axis=0)
            weight[k], bias[k] = 2 * centre, -float(centre @ centre)
        return weight, bias
    if classifier == "lda":
        w, b = _lda(x, y, present)
    else:
        w, b = _logistic(x, y, c)
    if len(present) == 2 and len(w) == 1:  # a binary model has one row: spread it over two
        w, b = np.concatenate([-w, w]) / 2, np.concatenate([-b, b]) / 2
    weight[present], bias[present] = w, b
    return weight, bias


def _logistic(x: np.ndarray, y: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, max_iter=2000, class_weight="balanced")
    with warnings.catch_warnings():  # separable clips with a large C never converge; harmless
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, y)
    return model.coef_, model.intercept_


def _lda(x: np.ndarray, y: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Linear discriminants with shrinkage and equal priors; N <= R is the usual case here."""
    from sklearn.covariance import ledoit_wolf

    means = np.stack([x[y == k].mean(axis=0) for k in present])
    rest = x - means[np.searchsorted(present, y)]
    if np.allclose(rest, 0):  # one clip per class: no spread inside a class to learn from
        covariance = np.eye(x.shape[1])
    else:
        covariance = ledoit_wolf(rest, assume_centered=True)[0]
        covariance = covariance + 1e-9 * np.trace(covariance) * np.eye(len(covariance))
    weight = np.linalg.solve(covariance, means.T).T
    return weight, -0.5 * np.sum(weight * means, axis=1)


def leave_one_out(
    x: np.ndarray, y: np.ndarray, num_classes: int, classifier: str, c: float
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
    usable = np.maximum(logits, logits.max(axis=1, keepdims=True) - 1e4)  # classes without clips
    best, chosen = math.inf, 1.0
    for candidate in np.logspace(-3, 4, 71):
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


def wilson(correct: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    if total == 0:
        return 0.0, 1.0
    z, share = 1.959964, correct / total
    middle = share + z * z / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    base = 1 + z * z / total
    return max(0.0, (middle - half) / base), min(1.0, (middle + half) / base)


def head_to_json(head: Head) -> bytes:
    """Write a head as JSON with six significant digits: the same head, the same bytes."""

    def rows(array: np.ndarray) -> Any:
        return json.loads(json.dumps(array.astype(float).tolist()), parse_float=_short)

    data = {
        "format": FORMAT,
        "classes": list(head.classes),
        "classifier": head.classifier,
        "layer": head.layer,
        "hop_frames": head.hop_frames,
        "padding": head.padding,
        "l2": head.l2,
        "weights": head.weights,
        "weight": rows(head.weight),
        "bias": rows(head.bias),
        "mean": rows(head.mean),
        "scale": rows(head.scale),
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _short(text: str) -> float:
    return float(f"{float(text):.6g}")


def head_to_safetensors(head: Head) -> bytes:
    """Write a head as safetensors; the settings are in the file's metadata."""
    from safetensors.numpy import save

    arrays = {
        "weight": head.weight,
        "bias": head.bias,
        "mean": head.mean,
        "scale": head.scale,
    }
    metadata = {
        "format": FORMAT,
        "classes": json.dumps(list(head.classes), ensure_ascii=False),
        "classifier": head.classifier,
        "layer": head.layer,
        "hop_frames": str(head.hop_frames),
        "padding": head.padding,
        "l2": str(head.l2).lower(),
        "weights": head.weights,
    }
    return save({k: np.ascontiguousarray(v, np.float32) for k, v in arrays.items()}, metadata)


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
    try:
        fields = _parse_json(data) if data.lstrip()[:1] == b"{" else _parse_safetensors(data)
        return _checked(fields)
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise InputError(
            "The file is not a TRILL head. A head is the JSON or safetensors file that Teach "
            f"offers for download. Choose that file. ({type(error).__name__})"
        ) from error


def _parse_json(data: bytes) -> dict[str, Any]:
    fields = json.loads(data)
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    return fields


def _parse_safetensors(data: bytes) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    settings = dict(header)
    settings["classes"] = json.loads(header["classes"])
    settings["hop_frames"] = int(header["hop_frames"])
    settings["l2"] = header["l2"] == "true"
    return {**settings, **arrays}


def _checked(fields: dict[str, Any]) -> Head:
    if fields.get("format") != FORMAT:
        raise ValueError("unknown format")
    arrays = {
        name: np.asarray(fields[name], np.float32) for name in ("weight", "bias", "mean", "scale")
    }
    classes = tuple(str(name)[:40] for name in fields["classes"])
    dimensions = arrays["mean"].shape[0] if arrays["mean"].ndim == 1 else -1
    shapes = {"weight": (len(classes), dimensions), "bias": (len(classes),)}
    shapes |= {"mean": (dimensions,), "scale": (dimensions,)}
    if any(arrays[name].shape != shape for name, shape in shapes.items()):
        raise ValueError("shapes differ")
    if not 2 <= len(classes) <= 64 or not 1 <= dimensions <= MAX_DIMENSIONS:
        raise ValueError("sizes out of range")
    if not all(np.isfinite(a).all() for a in arrays.values()) or (arrays["scale"] <= 0).any():
        raise ValueError("values out of range")
    if fields["layer"] not in ("embedding", "layer19") or fields["padding"] not in ("tile", "zero"):
        raise ValueError("unknown layer or padding")
    return Head(
        classes=classes,
        **arrays,
        l2=bool(fields["l2"]),
        layer=fields["layer"],
        hop_frames=min(96, max(4, int(fields["hop_frames"]))),
        padding=fields["padding"],
        classifier=str(fields["classifier"])[:20],
        weights=str(fields["weights"])[:64],
    )
