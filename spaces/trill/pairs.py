"""Cosines of pairs whose answer is known, measured once per set of weights.

A bare cosine means nothing: how alike two clips must be to be one voice depends on the layer. So
a comparison is shown on the histograms of pairs from the development speakers, whom the net never
heard in training.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import WeightsError

FILE = Path(__file__).parent / "examples" / "pairs.json"
BINS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Histograms of one layer."""

    layer: str
    low: float  # cosine at the left edge
    high: float  # and at the right edge
    same: tuple[float, ...]  # share of the same-voice pairs in each bin
    different: tuple[float, ...]
    num_same: int
    num_different: int

    def share_below(self, kind: str, value: float) -> float:
        """Share of the pairs of a kind that are less alike than `value`, in [0, 1]."""
        counts = np.asarray(self.same if kind == "same" else self.different)
        edges = np.linspace(self.low, self.high, len(counts) + 1)
        below = np.concatenate([[0.0], np.cumsum(counts)])
        return float(np.interp(value, edges, below / below[-1]))


@functools.cache
def _file() -> dict[str, Any]:
    if not FILE.exists():
        raise WeightsError(
            "The known pairs that a comparison is shown on are missing. Measure them with "
            "python -m core.methods.trill.stored, or restore them from the repository."
        )
    return json.loads(FILE.read_text("utf-8"))


def measured_with() -> str:
    """Short name of the weights that the pairs were measured with."""
    return str(_file()["weights"])


def about() -> str:
    """Where the pairs come from, in one sentence."""
    return str(_file()["about"])


@functools.cache
def known(layer: str) -> Known:
    """The histograms of one layer.

    Raises:
        WeightsError: they were never measured.
    """
    row = _file()["layers"][layer]
    return Known(
        layer=layer,
        low=row["low"],
        high=row["high"],
        same=tuple(row["same"]),
        different=tuple(row["different"]),
        num_same=row["num_same"],
        num_different=row["num_different"],
    )


def histogram(
    layer: str, same: list[tuple[float, float]], different: list[tuple[float, float]]
) -> dict[str, Any]:
    """Make one layer's entry of the file from (cosine, weight) pairs."""
    values = np.array([v for v, _ in same + different])
    low, high = float(values.min()) - 1e-3, min(1.0, float(values.max()) + 1e-3)

    def shares(rows: list[tuple[float, float]]) -> list[float]:
        counts, _ = np.histogram(
            [v for v, _ in rows], BINS, (low, high), weights=[w for _, w in rows]
        )
        return [round(float(c / counts.sum()), 5) for c in counts]

    return {
        "layer": layer,
        "low": round(low, 4),
        "high": round(high, 4),
        "same": shares(same),
        "different": shares(different),
        "num_same": len(same),
        "num_different": len(different),
    }
