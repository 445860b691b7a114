"""From noise to latents: start noise of seeds, and the DDIM loop with classifier-free guidance.

DDIM: Song et al. 2020, arXiv 2010.02502. Guidance: Ho and Salimans 2022, arXiv 2207.12598. The loop is the
one of `StableDiffusionPipeline`; a text may change from step to step, and the branch without text may be
predicted by other weights.
"""

# N pictures, c, h, w of a latent

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from core.world.diffusion.condition import Condition, stack
from core.world.diffusion.parts import Parts

MOST = 64  # pictures of one pass
BUDGET = 2 * 2**30  # bytes of activations of one pass; a constant, so that passes never vary


def start_noise(parts: Parts, shape: Sequence[int], seeds: Iterable[int]) -> Tensor:
    """z_T (N, c, h, w) of N seeds; each is what a pipeline draws from a CPU generator of that seed.

    Args:
        parts: the borrowed model.
        shape: of a latent; its last three numbers are c, h, w.
        seeds: one for each picture.
    """
    rows = [
        torch.randn((1, *shape[-3:]), generator=torch.Generator().manual_seed(seed))
        for seed in seeds
    ]
    return torch.cat(rows).to(parts.device)


def ddim(parts: Parts, num_inference_steps: int) -> Any:
    """A scheduler of one's own, with its times set."""
    own = copy.deepcopy(parts.scheduler)
    own.set_timesteps(num_inference_steps, device=parts.device)
    return own


def rows_of_pass(parts: Parts, latents: Tensor) -> int:
    """Pictures of one pass within the budget, with two branches: from sizes alone, so that it never varies."""
    width = parts.unet.config.block_out_channels[0]
    activations = 40 * width * latents[0, 0].numel() * parts.unet.dtype.itemsize
    return int(max(1, min(MOST, BUDGET // (2 * activations))))


@torch.no_grad()
def denoise(
    parts: Parts,
    unet: Any,
    latents: Tensor,
    condition_at: Callable[[int], Condition],
    *,
    unconditional: Condition,
    num_inference_steps: int,
    guidance_scale: float,
    untuned: Any = None,
    first: int = 0,
    last: int | None = None,
    tick: Callable[[int], None] | None = None,
) -> Tensor:
    """The DDIM loop with classifier-free guidance, as `StableDiffusionPipeline` has it.

    Args:
        parts: the borrowed model.
        unet: the weights that predict.
        latents: (N, c, h, w) at the first time.
        condition_at: the condition of a step, N rows.
        unconditional: one row.
        num_inference_steps: DDIM steps.
        guidance_scale: weight of the text; up to 1 leaves out the branch without it.
        untuned: other weights for the branch without text; None takes `unet`.
        first: steps that are left out at the beginning (SDEdit).
        last: the step before which to end; None draws to the end.
        tick: called after each step with its number; may raise.

    Returns:
        z_0 (N, c, h, w), float32.
    """
    scheduler = ddim(parts, num_inference_steps)
    empty, guided = unconditional.expand(len(latents)), guidance_scale > 1
    for step, t in enumerate(scheduler.timesteps):
        if not first <= step < (num_inference_steps if last is None else last):
            continue
        condition = condition_at(step)
        if not guided:
            noise = parts.predict(unet, latents, t, condition)
        elif untuned is None:
            both = stack((empty.to(dtype=condition.embeds.dtype), condition))
            without, noise = parts.predict(unet, torch.cat([latents] * 2), t, both).chunk(2)
            noise = without + guidance_scale * (noise - without)
        else:
            without = parts.predict(untuned, latents, t, empty)
            noise = parts.predict(unet, latents, t, condition)
            noise = without + guidance_scale * (noise - without)
        latents = scheduler.step(noise.float(), t, latents, return_dict=False)[0]
        if tick:
            tick(step)
    return latents
