"""How pictures are drawn, and how well a condition explains given ones."""

# N pictures, B rows of a pass, c, h, w of a latent

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.world.diffusion import objective
from core.world.diffusion.condition import Condition
from core.world.diffusion.objective import Draw
from core.world.diffusion.passes import halving
from core.world.diffusion.sampling import denoise, rows_of_pass

from .model import Model

Tick = Callable[[int], None]
"""Told how many rows went through the network; it may raise to stop."""


@dataclass(frozen=True, slots=True)
class Pairs(Draw):
    """Times (B,) and noise (B, c, h, w) with the latents z0 (B, c, h, w) that they are asked of."""

    z0: Tensor

    def part(self, start: int, stop: int) -> Pairs:
        """Some rows."""
        return Pairs(self.t[start:stop], self.noise[start:stop], self.z0[start:stop])


def pairs(
    z0: Tensor, num_times: int, generator: torch.Generator, *, stratified: bool = True
) -> Pairs:
    """A time and a noise for each latent."""
    found = objective.draw(z0, len(z0), num_times, generator, stratified=stratified)
    return Pairs(found.t, found.noise, z0)


def joined(some: Sequence[Pairs]) -> Pairs:
    """Pairs one after the other."""
    return Pairs(
        torch.cat([p.t for p in some]),
        torch.cat([p.noise for p in some]),
        torch.cat([p.z0 for p in some]),
    )


def bank(z0: Tensor, each: int, num_times: int) -> Pairs:
    """The fixed bank: `each` pairs of time and noise for every latent, the same in every run.

    One draw says nothing of the loss; curves, choices and ties are measured on these.
    """
    generator = torch.Generator().manual_seed(2306)
    return pairs(z0.repeat_interleave(each, 0), num_times, generator)


def errors(model: Model, condition: Condition, asked: Pairs) -> Tensor:
    """Squared error of each row (B,), a mean over the entries of a latent; carries gradients.

    Args:
        model: whose network predicts.
        condition: one row for all, or B.
        asked: latents, times and noise.
    """
    return objective.errors(model, model.unet, asked.z0, condition, asked)


@torch.no_grad()
def losses(
    model: Model, conditions: Condition, asked: Pairs, tick: Tick | None = None
) -> list[float]:
    """The mean error on a bank for each row of the conditions."""
    size = rows_of_pass(model, asked.z0)
    out = []
    for k in range(len(conditions.embeds)):
        one, found = conditions.rows(slice(k, k + 1)), []
        for start in range(0, len(asked), size):
            part = asked.part(start, start + size)
            found.append(errors(model, one, part))
            if tick:
                tick(len(part))
        out.append(torch.cat(found).double().mean().item())
    return out


@torch.no_grad()
def draw(
    model: Model,
    conditions: Condition,
    noise: Tensor,
    *,
    guidance: float,
    steps: int,
    tick: Tick | None = None,
) -> Tensor:
    """z_0 (N, c, h, w): DDIM with classifier-free guidance, in passes of a fixed size.

    Args:
        model: whose network predicts.
        conditions: N rows, or one for all.
        noise: z_T, N rows.
        guidance: weight of the text; 1 leaves out the branch without it.
        steps: DDIM steps.
        tick: told how many rows went through the network.

    Raises:
        DeviceOutOfMemory: the device is too small.
    """
    if len(conditions.embeds) == 1:
        conditions = conditions.expand(len(noise))
    empty = model.unconditional()
    branches = 2 if guidance > 1 else 1

    def part_of(start: int, stop: int) -> Tensor:
        said = conditions.rows(slice(start, stop))
        return denoise(
            model,
            model.unet,
            noise[start:stop],
            lambda _: said,
            unconditional=empty,
            num_inference_steps=steps,
            guidance_scale=guidance,
            tick=lambda _: tick(branches * (stop - start)) if tick else None,
        )

    return torch.cat(list(halving(len(noise), rows_of_pass(model, noise), part_of)))
