"""Reference statistics kept beside weights: cosines of known pairs, and a plane to draw clips on.

Measured on training recordings: two windows of one recording against windows of two recordings from
different originals, and the first two principal directions of windows' vectors.
"""

# W windows, D width

from __future__ import annotations

from typing import Any

import numpy as np

from .corpus import Corpus
from .embed import Embedder
from .frontend import FRONT_END
from .metrics import auc
from .probe import unit

BINS = 40
WINDOW = 130  # frames


def measure(embedder: Embedder, corpus: Corpus, seed: int, count: int = 120) -> dict[str, Any]:
    """Histograms of cosines and principal directions of both layers, as JSON types.

    Args:
        embedder: the finished network.
        corpus: training recordings as log-mel.
        seed: which recordings are drawn.
        count: recordings to draw, one from each original.
    """
    rng = np.random.default_rng([seed, 85])
    lengths = corpus.lengths()
    long = np.flatnonzero(lengths >= 2 * WINDOW)
    if len(long) < 2:
        long = np.flatnonzero(lengths >= FRONT_END.patch_frames)
    _, first = np.unique(corpus.base[long], return_index=True)
    chosen = rng.permutation(long[first])[:count]
    vectors: dict[str, list[np.ndarray]] = {"embedding": [], "layer19": []}
    for recording in chosen:
        begin, end = corpus.starts[recording], corpus.starts[recording + 1]
        for start in (begin, max(begin, end - WINDOW)):
            frames = np.asarray(corpus.frames[start : min(end, start + WINDOW)], np.float32)
            embedding, layer19 = embedder.embed_log_mel(frames)
            vectors["embedding"].append(embedding.mean(0))
            vectors["layer19"].append(layer19.mean(0))
    return {layer: _layer(np.stack(rows)) for layer, rows in vectors.items()}


def _layer(x: np.ndarray) -> dict[str, Any]:
    same, different = known_pairs(x)
    low = float(min(same.min(), different.min()))
    edges = np.linspace(low, 1, BINS + 1)
    mean = x.mean(0)
    _, _, directions = np.linalg.svd(x - mean, full_matrices=False)
    return {
        "edges": [round(float(e), 4) for e in edges],
        "same": _shares(same, edges),
        "different": _shares(different, edges),
        "auc": round(auc(same, different), 4),
        "plane": {
            "mean": [float(f"{v:.4g}") for v in mean],
            "directions": [[float(f"{v:.4g}") for v in row] for row in directions[:2]],
        },
    }


def _shares(values: np.ndarray, edges: np.ndarray) -> list[float]:
    counts, _ = np.histogram(values, edges)
    return [round(float(c) / max(1, len(values)), 5) for c in counts]


def known_pairs(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of rows 2k and 2k + 1 (one recording), and of all rows of different recordings."""
    similarity = unit(x) @ unit(x).T
    recording = np.arange(len(x)) // 2
    above = np.triu(np.ones_like(similarity, bool), 1)
    same = recording[:, None] == recording[None]
    return similarity[above & same], similarity[above & ~same]
