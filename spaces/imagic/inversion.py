"""DDIM inversion: the noise from which a deterministic sampler draws a given picture.

A DDIM step (Song et al. 2020, arXiv 2010.02502) read backwards needs the prediction at the noisier end, which
is not known yet. The usual way takes the one at the cleaner end; fixed-point rounds make it nearly
exact (as in Pan et al. 2023, arXiv 2309.04907).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from core.world.diffusion.condition import Condition
from core.world.diffusion.parts import Parts
from core.world.diffusion.sampling import ddim

StartOf = Literal["tuned", "untouched"]
START_OF = ("tuned", "untouched")  # with e_opt and θ*; with the empty text and θ0
ROUNDS = 12  # predictions of one step at most
# A round that changes less is the last one. Predicted noise is divided by sqrt(alpha) on the way back, which
# makes errors larger; a turn by a velocity does not.
CLOSE = {"epsilon": 1e-5, "v_prediction": 3e-3}


@torch.no_grad()
def invert(
    parts: Parts,
    unet: Any,
    z0: Tensor,
    condition: Condition,
    num_steps: int,
    rounds: int = ROUNDS,
    *,
    tick: Callable[[int], None] | None = None,
) -> Tensor:
    """z_T (B, c, h, w) of latents z0, without guidance.

    Args:
        parts: the borrowed model.
        unet: which weights predict.
        z0: (B, c, h, w).
        condition: one row, or B.
        num_steps: DDIM steps; drawing must take as many.
        rounds: predictions of each step at most; 1 is plain DDIM inversion.
        tick: called after each step with how many are done; may raise.
    """
    scheduler = ddim(parts, num_steps)
    predicted = scheduler.config["prediction_type"]
    backwards, close = _STEPS[predicted], CLOSE[predicted]
    alphas, stride = scheduler.alphas_cumprod, scheduler.config["num_train_timesteps"] // num_steps
    if len(condition.embeds) == 1:
        condition = condition.expand(len(z0))
    z, found = z0.to(parts.device), None
    for done, t in enumerate(reversed(scheduler.timesteps), 1):
        before = int(t) - stride
        a = alphas[before] if before >= 0 else scheduler.final_alpha_cumprod
        b = alphas[int(t)]
        # the prediction changes little from step to step, so the last one gives a near first guess
        guess = z if found is None or rounds == 1 else backwards(found, z, a, b)
        clean, noisy, last, share = z, guess, torch.inf, 1.0
        for _ in range(max(1, rounds)):
            found = parts.predict(unet, noisy, t, condition).float()
            nearer = backwards(found, clean, a, b)
            change = (nearer - noisy).abs().max().item()
            if change >= last:  # rounds that jump to and fro meet half-way
                share /= 2
            noisy, last = noisy.lerp(nearer, share), change
            if change < close:
                break
        z = noisy
        if tick:
            tick(done)
    return z


def _noise_step(noise: Tensor, clean: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Z at alpha b, of which a sampler that predicts noise makes `clean` at alpha a."""
    return b.sqrt() * (clean - (1 - a).sqrt() * noise) / a.sqrt() + (1 - b).sqrt() * noise


def _velocity_step(velocity: Tensor, clean: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The same for a prediction of velocity: a turn by the angle between the times, so b may be 0."""
    cosine = (a * b).sqrt() + ((1 - a) * (1 - b)).sqrt()
    sine = (a * (1 - b)).sqrt() - ((1 - a) * b).sqrt()
    return (clean + sine * velocity) / cosine


def kept(
    starts: dict[str, Tensor], weights: StartOf, num_steps: int, find: Callable[[], Tensor]
) -> Tensor:
    """The start that is kept for these weights and steps; found and kept where there is none.

    Args:
        starts: of one picture, one text and its tuned weights (`Learnt.starts`); changed in place.
        weights: whose drawing starts there.
        num_steps: DDIM steps of the drawing.
        find: inverts, on any device.
    """
    name = f"{weights}.{num_steps}"
    if name not in starts:
        starts[name] = find().detach().cpu()
    return starts[name]


_STEPS = {"epsilon": _noise_step, "v_prediction": _velocity_step}
