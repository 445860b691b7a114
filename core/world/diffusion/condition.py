"""What a network is told about a text: the embedding that Imagic optimises and interpolates."""

# B batch, T tokens, d width of a token, p width of the pooled embedding

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Condition:
    """What the network is told about the text.

    Attributes:
        embeds: (B, T, d), the output of the text encoder, padding included.
        pooled: (B, p) in the XL family.
        mask: (B, T, 1), 1 where a text has words, its start and end included; None where it is not known.
    """

    embeds: Tensor
    pooled: Tensor | None = None
    mask: Tensor | None = None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What the network sees, in order."""
        return (self.embeds,) if self.pooled is None else (self.embeds, self.pooled)

    @classmethod
    def of(cls, tensors: Iterable[Tensor], mask: Tensor | None = None) -> Condition:
        """The inverse of `tensors`."""
        embeds, *pooled = tensors
        return cls(embeds, pooled[0] if pooled else None, mask)

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Condition:
        """The same on another device or in another precision."""
        mask = None if self.mask is None else self.mask.to(device=device)
        return Condition.of((t.to(device=device, dtype=dtype) for t in self.tensors), mask)

    def detach(self) -> Condition:
        """A copy without gradients."""
        return Condition.of((t.detach().clone() for t in self.tensors), self.mask)

    def expand(self, count: int) -> Condition:
        """The one row of a condition, `count` times."""
        return Condition.of(t.expand(count, *t.shape[1:]) for t in self.tensors)

    def rows(self, which: slice | Tensor) -> Condition:
        """Some rows of the batch, by their numbers or as a range."""
        return Condition.of(t[which] for t in self.tensors)


def stack(conditions: Iterable[Condition]) -> Condition:
    """Rows of several conditions, one after the other."""
    return Condition.of(
        torch.cat(each) for each in zip(*(c.tensors for c in conditions), strict=True)
    )
