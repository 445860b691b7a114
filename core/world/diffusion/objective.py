"""The denoising loss of one (t, ε) pair: L = E ||ε - f_θ(z_t, t, e)||², t uniform, ε standard normal.

Ho et al. 2020, arXiv 2006.11239, equation 14; the velocity in place of the noise where a model predicts that
(Salimans and Ho 2022, arXiv 2202.00512). Written as a mean over entries.
"""

# B pairs, c, h, w of a latent

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.world.diffusion.condition import Condition
from core.world.diffusion.parts import Parts


@dataclass(frozen=True, slots=True)
class Draw:
    """Times (B,) and noise (B, c, h, w)."""

    t: Tensor
    noise: Tensor

    def __len__(self) -> int:
        """Pairs."""
        return len(self.t)

    def split(self, size: int) -> Iterator[Draw]:
        """Parts of at most `size` rows."""
        for t, noise in zip(self.t.split(size), self.noise.split(size), strict=True):
            yield Draw(t, noise)


def draw(
    z0: Tensor, count: int, num_times: int, generator: torch.Generator, *, stratified: bool = True
) -> Draw:
    """Draw times and noise for one step.

    Args:
        z0: latents (B, c, h, w); only shape and device count.
        count: rows.
        num_times: times of the model, 1000.
        generator: on the CPU, so that devices agree.
        stratified: each time is uniform on its own, and a batch has one in each of `count` equal
            intervals, which leaves the expectation as it is and takes most of the scatter out of it.
            False draws them one by one.
    """
    if stratified:
        places = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
        t = (places * num_times / count).long().clamp(max=num_times - 1)
    else:
        t = torch.randint(num_times, (count,), generator=generator)
    noise = torch.randn((count, *z0.shape[1:]), generator=generator)
    return Draw(t.to(z0.device), noise.to(z0.device))


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
    found = found.to(torch.promote_types(found.dtype, torch.float32))
    return (found - wanted(parts, z0, pairs)).square().mean((1, 2, 3))
