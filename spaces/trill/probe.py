"""Simple classifiers on frozen features, after NOSS, with one change: the choice is never made on test.

NOSS reports, for each embedding, the best of several classifiers and normalisations. The authors'
published figures take that best on the test set; here it is taken on a validation part of the training
set, and the test set is used once. All classifiers are linear, so that a head is a small JSON file.
"""

# N clips, D width of a feature, K classes

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from core.errors import InputError

from .metrics import wilson

ClassifierKind = Literal["logistic", "lda", "centroid"]
Labels = Sequence[str] | np.ndarray  # N texts
KINDS: tuple[ClassifierKind, ...] = ("logistic", "lda", "centroid")
_SMALLEST_STD = 1e-6  # a feature that varies less is taken as constant


@dataclass(frozen=True, slots=True)
class Head:
    """A linear classifier with its normalisation: softmax(weight x' + bias)."""

    labels: tuple[str, ...]
    kind: ClassifierKind
    l2: bool  # whether a feature is scaled to length 1 first
    mean: np.ndarray  # (D,)
    scale: np.ndarray  # (D,)
    weight: np.ndarray  # (K, D)
    bias: np.ndarray  # (K,)
    info: dict[str, Any] = field(default_factory=dict)

    def prepare(self, features: np.ndarray) -> np.ndarray:
        """Apply the normalisation, (N, D) to (N, D).

        Raises:
            InputError: the features have another width than those of the training.
        """
        features = np.atleast_2d(np.asarray(features, np.float64))
        if features.shape[1] != len(self.mean):
            raise InputError(
                f"The features have {features.shape[1]} values, this head was made for "
                f"{len(self.mean)}. Use the layer and the weights it was trained with."
            )
        features = unit(features) if self.l2 else features
        return (features - self.mean) / self.scale

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Unnormalised log-probabilities, (N, K)."""
        return self.prepare(features) @ self.weight.T + self.bias

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """Probability of each class, (N, K), rows sum to 1."""
        scores = self.scores(features)
        scores = np.exp(scores - scores.max(1, keepdims=True))
        return scores / scores.sum(1, keepdims=True)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The most probable label of each row, (N,)."""
        return np.array(self.labels)[self.scores(features).argmax(1)]

    def to_dict(self) -> dict[str, Any]:
        """Return the head as JSON types; six significant digits are kept."""

        def numbers(x: np.ndarray) -> list:
            return [float(f"{v:.6g}") for v in x.ravel()]

        return {
            "format": "vitrine-trill-head-1",
            "labels": list(self.labels),
            "kind": self.kind,
            "l2": self.l2,
            "mean": numbers(self.mean),
            "scale": numbers(self.scale),
            "weight": numbers(self.weight),
            "bias": numbers(self.bias),
            "info": self.info,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Head:
        """Read a head back.

        Raises:
            InputError: the data is no head, or its parts do not fit each other.
        """
        try:
            if data["format"] != "vitrine-trill-head-1" or data["kind"] not in KINDS:
                raise ValueError("unknown format")
            labels = tuple(str(x) for x in data["labels"])
            mean, scale, bias = (
                np.array(data[n], np.float64).ravel() for n in ("mean", "scale", "bias")
            )
            weight = np.array(data["weight"], np.float64).reshape(len(labels), len(mean))
            whole = np.concatenate([mean, scale, bias, weight.ravel()])
            if len(scale) != len(mean) or len(bias) != len(labels) or len(labels) < 2:
                raise ValueError("sizes differ")
            if not np.isfinite(whole).all() or (scale <= 0).any():
                raise ValueError("values are not finite")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"This is not a head made here ({error}). Use the JSON file that the page saved."
            ) from error
        return cls(
            labels=labels,
            kind=data["kind"],
            l2=bool(data.get("l2")),
            mean=mean,
            scale=scale,
            weight=weight,
            bias=bias,
            info=dict(data.get("info") or {}),
        )


def unit(x: np.ndarray) -> np.ndarray:
    """Scale rows to length 1, (N, D); a row of zeros stays."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _checked(features: np.ndarray, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    features, names = np.asarray(features, np.float64), np.asarray(labels).astype(str)
    if features.ndim != 2 or len(features) != len(names):
        raise InputError(
            f"{len(names)} labels for features of shape {features.shape}. Give one label for each row."
        )
    if not np.isfinite(features).all():
        raise InputError("The features hold values that are not finite. Embed the clips again.")
    if len(set(names.tolist())) < 2:
        raise InputError("All clips have the same label. Give clips of at least two classes.")
    return features, names


def fit_classifier(
    features: np.ndarray,
    labels: Labels,
    kind: ClassifierKind = "logistic",
    C: float = 1.0,
    standardise: bool = True,
    l2: bool = False,
    info: Mapping[str, Any] | None = None,
) -> Head:
    """Fit a class-balanced linear classifier.

    Args:
        features: (N, D).
        labels: N texts, at least two different ones.
        kind: `logistic` (L2-regularised), `lda` (pooled covariance, Ledoit-Wolf shrinkage) or `centroid`.
        C: inverse strength of the regularisation of `logistic`; the others ignore it.
        standardise: bring each feature to mean 0 and std 1 over the training clips.
        l2: scale each clip's features to length 1 before that.
        info: kept with the head, such as the layer and the weights' checksum.

    Raises:
        InputError: fewer than two classes, values that are not finite, or an unknown kind.
    """
    features, names = _checked(features, labels)
    if kind not in KINDS:
        raise InputError(f"There is no classifier {kind!r}. Use one of {', '.join(KINDS)}.")
    classes, index = np.unique(names, return_inverse=True)
    x = unit(features) if l2 else features
    mean = x.mean(0) if standardise else np.zeros(x.shape[1])
    std = x.std(0) if standardise else np.ones(x.shape[1])
    scale = np.where(std > _SMALLEST_STD, std, 1.0)
    x = (x - mean) / scale
    if kind == "logistic":
        weight, bias = _logistic(x, index, len(classes), C)
    else:
        weight, bias = _gaussian(x, index, len(classes), shared=kind == "lda")
    return Head(tuple(classes.tolist()), kind, l2, mean, scale, weight, bias, dict(info or {}))


def _rotate(x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows in the space they span: exact for L2-regularised models, and small when D > N."""
    if x.shape[1] <= x.shape[0]:
        return x, None
    values, left = np.linalg.eigh(x @ x.T)
    keep = values > 1e-10 * max(values[-1], 1e-300)
    if not keep.any():
        return x[:, :1], np.eye(1, x.shape[1])
    basis = (left[:, keep] / np.sqrt(values[keep])).T @ x
    return x @ basis.T, basis


def _logistic(
    x: np.ndarray, index: np.ndarray, count: int, C: float
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    z, basis = _rotate(x)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # a nearly converged head is good enough
        model = LogisticRegression(C=C, class_weight="balanced", max_iter=300, tol=1e-3)
        model.fit(z, index)
    weight, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
    if basis is not None:
        weight = weight @ basis
    if count == 2:
        weight, bias = np.stack([-weight[0], weight[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    return weight, bias


def _gaussian(x: np.ndarray, index: np.ndarray, count: int, *, shared: bool) -> tuple:
    """Classes as Gaussians with equal priors: one shared covariance, or the same sphere for all."""
    means = np.stack([x[index == k].mean(0) for k in range(count)])
    inner = x - means[index]
    if shared and len(x) > count:  # without repeats there is no covariance to learn
        weight = _shrunk_inverse(inner, means)
    else:
        weight = means / (float((inner**2).sum(1).mean()) or float((means**2).sum(1).mean()) or 1.0)
    return weight, -0.5 * (weight * means).sum(1)


def _shrunk_inverse(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Multiply rows by the inverse of the covariance of centred `x`, shrunk after Ledoit and Wolf 2004.

    Works from the smaller of the two Gram matrices, so that D may be in the thousands.
    """
    count, width = x.shape
    if width <= count:
        values, basis = np.linalg.eigh(x.T @ x / count)
        basis = basis.T
    else:
        values, left = np.linalg.eigh(x @ x.T / count)
        keep = values > 1e-10 * max(values[-1], 1e-300)
        values = values[keep]
        basis = (left[:, keep] / np.sqrt(values * count)).T @ x
    values = np.maximum(values, 0)
    level = values.sum() / width  # mean eigenvalue over all D directions
    distance = (values**2).sum() / width - level**2
    noise = (((x**2).sum(1) ** 2).mean() - (values**2).sum()) / (count * width)
    share = min(1.0, noise / distance) if distance > 0 else 1.0
    rest = share * level + 1e-9
    inside = rows @ basis.T
    return (inside / ((1 - share) * values + rest)) @ basis + (rows - inside @ basis) / rest


def standardise_by_group(features: np.ndarray, groups: Labels) -> np.ndarray:
    """Give each group (speaker) mean 0 and std 1, a std of zero counting as 1; (N, D) to (N, D).

    It uses the test speaker's own unlabelled clips, so scores made with it must be labelled.
    """
    out, names = np.array(features, np.float64), np.asarray(groups).astype(str)
    for name in np.unique(names):
        rows = names == name
        std = out[rows].std(0)
        out[rows] = (out[rows] - out[rows].mean(0)) / np.where(std > _SMALLEST_STD, std, 1.0)
    return out


# A visitor's few clips


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """How a classifier does on each clip when trained on the others."""

    accuracy: float
    interval: tuple[float, float]  # 95 %, Wilson
    chance: float  # 1 / K
    labels: tuple[str, ...]
    confusion: np.ndarray  # (K, K) rows truth, columns answer
    answers: tuple[str, ...]


def leave_one_out(
    features: np.ndarray,
    labels: Labels,
    kind: ClassifierKind = "logistic",
    C: float = 1.0,
    standardise: bool = True,
    l2: bool = False,
) -> LeaveOneOut:
    """Train on all clips but one, ask for that one, in turn.

    Raises:
        InputError: a class has only one clip, so it would be unknown when that clip is left out.
    """
    features, names = _checked(features, labels)
    classes, counts = np.unique(names, return_counts=True)
    if (counts < 2).any():
        alone = ", ".join(classes[counts < 2])
        raise InputError(
            f"Only one clip of: {alone}. Leave-one-out needs two of each class; add a clip."
        )
    answers = []
    for row in range(len(names)):
        keep = np.arange(len(names)) != row
        head = fit_classifier(features[keep], names[keep], kind, C, standardise, l2)
        answers.append(str(head.predict(features[row : row + 1])[0]))
    at = {name: number for number, name in enumerate(classes.tolist())}
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    for truth, answer in zip(names, answers, strict=True):
        confusion[at[truth], at[answer]] += 1
    right = int(np.trace(confusion))
    return LeaveOneOut(
        accuracy=right / len(names),
        interval=wilson(right, len(names)),
        chance=1 / len(classes),
        labels=tuple(classes.tolist()),
        confusion=confusion,
        answers=tuple(answers),
    )
