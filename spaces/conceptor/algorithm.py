"""Conceptor (Chefer et al., ICLR 2024, arXiv 2306.00966): a word as a sparse sum of other words.

    α_i = | W2·relu(W1·w_i + b1) + b2 |        a small network of each word's own embedding
    v   = Σ α_i w_i,   w* = r̄ v / ||v||        r̄: mean norm of an embedding
    v_N = the same over the n words of the largest α
    L   = mean squared error of the network's prediction for "a photo of a <w*>"  +  λ (1 - cos(v_N, w*))

Tensors in, tensors out; the models that predict are elsewhere. Every sum is renormalised before it is used,
also in validation, where the official code inserts the bare v_N. The official code has |·| at the end and
the paper a relu, which would set over half of the first coefficients to nothing.
"""

# D words of the dictionary, K token tables (two in the XL family), d width of an embedding

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = TypeVar("State")


@dataclass(frozen=True)
class Dictionary:
    """The embeddings that may be summed.

    Attributes:
        rows: for each token table its rows (D, d) in float32, the same words in the same order.
        norms: r̄ of each table.
    """

    rows: tuple[Tensor, ...]
    norms: tuple[float, ...]

    def __len__(self) -> int:
        """How many words."""
        return len(self.rows[0])

    @cached_property
    def features(self) -> Tensor:
        """What the coefficient network sees of each word, (D, sum of the d)."""
        return torch.cat(self.rows, dim=-1)

    @cached_property
    def lengths(self) -> Tensor:
        """||w_i||/r̄, a mean over the tables, (D,)."""
        return torch.stack(
            [r.norm(dim=-1) / n for r, n in zip(self.rows, self.norms, strict=True)]
        ).mean(0)


class Coefficients(nn.Module):
    """The network from embeddings (D, d) to non-negative coefficients (D,)."""

    def __init__(self, width: int, hidden: int, generator: torch.Generator) -> None:
        """Draw the weights as torch draws those of linear layers, from a generator.

        Args:
            width: of what it sees of a word.
            hidden: of its one hidden layer; 100 in the official code.
            generator: on the CPU.
        """
        super().__init__()
        self.first, self.second = nn.Linear(width, hidden), nn.Linear(hidden, 1)
        with torch.no_grad():
            for layer in (self.first, self.second):
                bound = 1 / math.sqrt(layer.in_features)
                for value in (layer.weight, layer.bias):
                    value.uniform_(-bound, bound, generator=generator)

    def forward(self, features: Tensor) -> Tensor:
        """α of each row."""
        return self.second(F.relu(self.first(features))).squeeze(-1).abs()


def combine(alpha: Tensor, dictionary: Dictionary) -> tuple[Tensor, ...]:
    """Σ α_i w_i in each table, not renormalised.

    Args:
        alpha: (D,), or (B, D) for several sums at once.
        dictionary: what is summed.

    Returns:
        For each table (d,), or (B, d).
    """
    return tuple(alpha.to(rows.device, rows.dtype) @ rows for rows in dictionary.rows)


def renormalised(sums: Sequence[Tensor], norms: Sequence[float]) -> tuple[Tensor, ...]:
    """Each sum at the mean norm of its table's embeddings."""
    return tuple(F.normalize(v, dim=-1) * r for v, r in zip(sums, norms, strict=True))


def whole(alpha: Tensor, dictionary: Dictionary) -> tuple[Tensor, ...]:
    """w* of coefficients."""
    return renormalised(combine(alpha, dictionary), dictionary.norms)


def top(alpha: Tensor, n: int) -> Tensor:
    """Indices of the n largest coefficients, largest first; the earlier one on ties.

    `n` may be larger than the dictionary.
    """
    return torch.sort(alpha, descending=True, stable=True).indices[:n]


def kept(alpha: Tensor, n: int) -> Tensor:
    """The coefficients with all but the n largest set to zero; carries gradients."""
    mask = torch.zeros_like(alpha)
    mask[top(alpha.detach(), n)] = 1
    return alpha * mask


def sparsity_loss(alpha: Tensor, dictionary: Dictionary, n: int) -> Tensor:
    """1 - cos(v_N, w*), a mean over the tables: 0 where the kept words say it all, at most 2."""
    parts, all_of_it = combine(kept(alpha, n), dictionary), combine(alpha, dictionary)
    pairs = zip(parts, all_of_it, strict=True)
    return torch.stack([1 - F.cosine_similarity(a, b, dim=-1) for a, b in pairs]).mean(0)


def scaled(alpha: Tensor, dictionary: Dictionary) -> Tensor:
    """The coefficients at the scale at which Σ α_i ||w_i||/r̄ is 1; w* does not see the scale."""
    lengths = dictionary.lengths.to(alpha.device)
    return alpha / (alpha.abs() * lengths).sum().clamp(min=torch.finfo(alpha.dtype).tiny)


def shares(alpha: Tensor, dictionary: Dictionary) -> Tensor:
    """α_i ||w_i|| over the sum of all; comparable between words, unlike α. Negative α stay negative."""
    return scaled(alpha, dictionary) * dictionary.lengths.to(alpha.device)


class Best(Generic[State]):
    """The best candidate so far: the highest score, the first one on ties."""

    def __init__(self) -> None:
        self.score: float = -math.inf
        self.index = -1
        self.state: State | None = None
        self._offered = 0

    def offer(self, score: float, state: State) -> bool:
        """Take a candidate; True where it is the best so far. A score that is no number never is."""
        index, self._offered = self._offered, self._offered + 1
        if not score > self.score:
            return False
        self.score, self.index, self.state = score, index, state
        return True


def agreement(tops: Sequence[Sequence[str]]) -> float | None:
    """Mean share of words that two lists have in common, over all pairs; None for fewer than two lists."""
    pairs = [(a, b) for k, a in enumerate(tops) for b in tops[:k]]
    if not pairs:
        return None
    both = [len(set(a) & set(b)) / max(len(set(a)), len(set(b)), 1) for a, b in pairs]
    return sum(both) / len(both)
