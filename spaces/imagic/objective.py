"""The loss of both stages, and the fixed bank on which it is plotted.

Equation 2 of the paper (arXiv 2210.09276): L(z0, e, θ) = E ||ε - f_θ(z_t, t, e)||², t uniform, ε standard
normal. Written as a mean over entries, which Adam does not notice. One draw says nothing to the eye, so
curves are measured on the same 64 (t, ε) pairs from beginning to end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .condition import Condition
from .config import BANK_SIZE
from .parts import Parts

_BANK_SEED = 6464  # the bank is the same for every picture, text and training seed


@dataclass(frozen=True, slots=True)
class Draw:
    """Times (B,) and noise (B, c, h, w) of one step."""

    t: Tensor
    noise: Tensor

    def split(self, size: int) -> Iterator[Draw]:
        """Parts of at most `size` rows."""
        for t, noise in zip(self.t.split(size), self.noise.split(size), strict=True):
            yield Draw(t, noise)


def draw(z0: Tensor, count: int, num_times: int, generator: torch.Generator) -> Draw:
    """Draw times and noise for one step.

    Each time is uniform on its own, and a batch has one in each of `count` equal intervals, which
    leaves the expectation as it is and takes most of the scatter out of it.

    Args:
        z0: latents (1, c, h, w); only shape and device count.
        count: rows.
        num_times: times of the model, 1000.
        generator: on the CPU, so that devices agree.
    """
    places = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    t = (places * num_times / count).long().clamp(max=num_times - 1)
    noise = torch.randn((count, *z0.shape[1:]), generator=generator)
    return Draw(t.to(z0.device), noise.to(z0.device))


def bank(z0: Tensor, num_times: int) -> Draw:
    """The fixed bank for latents of this shape."""
    return draw(z0, BANK_SIZE, num_times, torch.Generator().manual_seed(_BANK_SEED))


def add_noise(alphas: Tensor, z0: Tensor, pairs: Draw) -> Tensor:
    """z_t = sqrt(ᾱ_t) z0 + sqrt(1 - ᾱ_t) ε for each row."""
    a = alphas.to(z0.device)[pairs.t][:, None, None, None]
    return a.sqrt() * z0 + (1 - a).sqrt() * pairs.noise


def wanted(parts: Parts, z0: Tensor, pairs: Draw) -> Tensor:
    """What the network should answer: the noise, or the velocity where a model predicts that."""
    if parts.scheduler.config["prediction_type"] == "epsilon":
        return pairs.noise
    a = parts.scheduler.alphas_cumprod.to(z0.device)[pairs.t][:, None, None, None]
    return a.sqrt() * pairs.noise - (1 - a).sqrt() * z0


def errors(parts: Parts, unet: Any, z0: Tensor, condition: Condition, pairs: Draw) -> Tensor:
    """Squared error of each pair (B,), a mean over the entries of a latent; carries gradients.

    Args:
        parts: the borrowed model.
        unet: which weights predict.
        z0: (1, c, h, w), or (B, c, h, w) for one latent each.
        condition: one row, or B.
        pairs: times and noise, B rows.
    """
    if len(condition.embeds) == 1:
        condition = condition.expand(len(pairs.t))
    z_t = add_noise(parts.scheduler.alphas_cumprod, z0, pairs)
    found = parts.predict(unet, z_t, pairs.t, condition)
    return (found.float() - wanted(parts, z0, pairs)).square().mean((1, 2, 3))


@torch.no_grad()
def bank_loss(
    parts: Parts, unet: Any, z0: Tensor, condition: Condition, pairs: Draw, rows: int = 16
) -> float:
    """L on the fixed bank, in `rows` pairs at a time."""
    found = [errors(parts, unet, z0, condition, part) for part in pairs.split(rows)]
    return torch.cat(found).double().mean().item()
