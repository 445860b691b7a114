"""Latents, noise and the loss: how pictures are drawn, and how well a condition explains given ones."""

# N pictures, B rows of a pass, c, h, w of a latent

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.errors import DeviceOutOfMemory

from .model import Condition, Model, joined

ROWS = 64  # of one pass through the network: a constant, so that passes never vary
BUDGET = 2 * 2**30  # bytes of activations of one pass

Tick = Callable[[int], None]
"""Told how many rows went through the network; it may raise to stop."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Latents z0 (B, c, h, w) with the times (B,) and noise (B, c, h, w) at which they are asked for."""

    z0: Tensor
    t: Tensor
    noise: Tensor

    def __len__(self) -> int:
        """Rows."""
        return len(self.t)

    def part(self, start: int, stop: int) -> Pairs:
        """Some rows."""
        return Pairs(self.z0[start:stop], self.t[start:stop], self.noise[start:stop])


def start_noise(model: Model, seeds: Sequence[int]) -> Tensor:
    """z_T of each seed, what a pipeline draws from a CPU generator of that seed."""
    rows = [
        torch.randn((1, *model.latent_shape), generator=torch.Generator().manual_seed(seed))
        for seed in seeds
    ]
    return torch.cat(rows).to(model.device)


def times(count: int, num_times: int, generator: torch.Generator, *, stratified: bool) -> Tensor:
    """Uniform times (count,); stratified ones have one in each of `count` equal intervals."""
    if not stratified:
        return torch.randint(num_times, (count,), generator=generator)
    places = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    return (places * num_times / count).long().clamp(max=num_times - 1)


def pairs(
    z0: Tensor, num_times: int, generator: torch.Generator, *, stratified: bool = True
) -> Pairs:
    """A time and a noise for each latent."""
    t = times(len(z0), num_times, generator, stratified=stratified)
    noise = torch.randn(z0.shape, generator=generator)
    return Pairs(z0, t.to(z0.device), noise.to(z0.device))


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
    if len(condition.embeds) == 1:
        condition = condition.expand(len(asked))
    a = model.scheduler.alphas_cumprod.to(asked.z0.device)[asked.t][:, None, None, None]
    signal, spread = a.sqrt(), (1 - a).sqrt()
    found = model.predict(signal * asked.z0 + spread * asked.noise, asked.t, condition)
    target = asked.noise
    if model.scheduler.config["prediction_type"] == "v_prediction":
        target = signal * asked.noise - spread * asked.z0
    return (found - target).square().mean((1, 2, 3))


@torch.no_grad()
def losses(
    model: Model, conditions: Condition, asked: Pairs, tick: Tick | None = None
) -> list[float]:
    """The mean error on a bank for each row of the conditions."""
    size = rows_of(model)
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


def rows_of(model: Model) -> int:
    """Rows of one pass within the budget: from sizes alone, so that it never varies."""
    width = model.unet.config.block_out_channels[0]
    _, h, w = model.latent_shape
    each = 40 * width * h * w * model.unet.dtype.itemsize
    return int(max(1, min(ROWS, BUDGET // each)))


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
    size = max(1, rows_of(model) // (2 if guidance > 1 else 1))
    found = []
    for start in range(0, len(noise), size):
        z = noise[start : start + size]
        said = conditions.rows(slice(start, start + size))
        scheduler: Any = copy.deepcopy(model.scheduler)  # annotated as taking whole times only
        scheduler.set_timesteps(steps, device=model.device)
        if guidance > 1:
            said = joined([empty.expand(len(z)), said])
        for t in scheduler.timesteps:
            with in_words("drawing"):
                if guidance > 1:
                    without, told = model.predict(torch.cat([z, z]), t, said).chunk(2)
                    told = without + guidance * (told - without)
                else:
                    told = model.predict(z, t, said)
            z = scheduler.step(told, t, z, return_dict=False)[0]
            if tick:
                tick(len(said.embeds))
        found.append(z)
    return torch.cat(found)


@contextmanager
def in_words(doing: str) -> Iterator[None]:
    """Say in words what a full device could not do.

    Raises:
        DeviceOutOfMemory: instead of torch's own errors of that kind.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise DeviceOutOfMemory(
            f"The device ran out of memory while {doing}. Fewer pictures in one step need less. "
            "Choose a smaller batch or model, or wait until other jobs have ended."
        ) from error
