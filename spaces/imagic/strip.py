"""Stage 3: interpolate the embeddings and draw the strip of etas and seeds in one batched DDIM loop.

Equation 3 of the paper: ē = η·e_tgt + (1 - η)·e_opt, sampled with the tuned weights, every column of a row from
the same start: noise, as in the paper, or the noise of which the tuned weights draw the picture itself.
"""

# S seeds (rows), K etas (columns), N = S·K pictures

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from core.cache.weight_sharing import view
from core.errors import InputError
from core.world.diffusion.condition import Condition, stack
from core.world.diffusion.parts import Parts, Pictures
from core.world.diffusion.passes import halving
from core.world.diffusion.sampling import denoise, rows_of_pass, start_noise

from . import adapters, forgetting, inversion
from .config import Sampling, Schedule, nothing_forgotten
from .learnt import Learnt, Report

LOW = 0.25  # share of eta in the low part of a schedule
RAMP = (0.2, 0.4)  # share of the steps between which a schedule goes from one part to the other
VARIED = 0.15  # share of fresh noise, by variance, in a row that varies the picture's own


def interpolate(target: Condition, optimised: Condition, eta: float) -> Condition:
    """ē = η·e_tgt + (1 - η)·e_opt (equation 3).

    Exact at 0 and 1, and where both ends are equal; the same formula beyond 1.

    Args:
        target: e_tgt.
        optimised: e_opt, of the same shapes.
        eta: 0 gives `optimised`, 1 gives `target`.

    Raises:
        InputError: the shapes differ.
    """
    _check_pair(target, optimised)
    return Condition.of(
        torch.lerp(o, t.to(o.dtype), eta)
        for t, o in zip(target.tensors, optimised.tensors, strict=True)
    )


def project(
    target: Condition, optimised: Condition, eta: float, identity: float = 1.0
) -> Condition:
    """Forgedit's vector projection: ē = a·e_opt + η·(e_tgt - <e_tgt, u> u), u = e_opt / |e_opt|, per position.

    Args:
        target: e_tgt.
        optimised: e_opt, of the same shapes.
        eta: strength of the edit.
        identity: a, the weight of what was learnt.

    Raises:
        InputError: the shapes differ.
    """
    _check_pair(target, optimised)
    found = []
    for t, o in zip(target.tensors, optimised.tensors, strict=True):
        u = torch.nn.functional.normalize(o, dim=-1)
        edit = t.to(o.dtype) - (t.to(o.dtype) * u).sum(-1, keepdim=True) * u
        found.append(identity * o + eta * edit)
    return Condition.of(found)


def _check_pair(target: Condition, optimised: Condition) -> None:
    shapes = [[tuple(t.shape) for t in c.tensors] for c in (target, optimised)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"The embeddings have shapes {shapes[0]} and {shapes[1]}. Both ends of a strip come from one model. "
            "Learn the picture again with the model that draws."
        )


def eta_shares(schedule: Schedule, num_steps: int) -> list[float]:
    """The share of eta that holds in each step, first step first; piecewise linear in the step."""
    if schedule == "constant":
        return [1.0] * num_steps
    found = []
    for step in range(num_steps):
        done = step / max(1, num_steps - 1)
        ramp = min(1.0, max(0.0, (done - RAMP[0]) / (RAMP[1] - RAMP[0])))
        found.append(LOW + (1 - LOW) * (ramp if schedule == "late" else 1 - ramp))
    return found


def conditions(
    sampling: Sampling, target: Condition, optimised: Condition, share: float
) -> Condition:
    """The K conditions of one row in a step in which `share` of each eta holds."""
    if sampling.blend == "projection":
        rows = [project(target, optimised, share * eta, sampling.identity) for eta in sampling.etas]
    else:
        rows = [interpolate(target, optimised, share * eta) for eta in sampling.etas]
    return stack(rows)


def start_of(
    parts: Parts,
    unet: Any,
    z0: Tensor,
    optimised: Condition,
    sampling: Sampling,
    report: Report | None = None,
    starts: dict[str, Tensor] | None = None,
) -> Tensor:
    """z_T (S, c, h, w) of the rows of a strip: noise, or what the weights draw the picture from.

    Seed 0 of an inverted start is the picture's own noise; any other turns it a little towards its own.

    Args:
        parts: the borrowed model.
        unet: the weights that will draw.
        z0: latents (1, c, h, w) of the picture.
        optimised: e_opt.
        sampling: seeds, steps and start.
        report: called after each step of the inversion with the stage "inversion".
        starts: of `Learnt`, where the weights are its own; None keeps nothing.
    """
    if sampling.start == "noise":
        return start_noise(parts, z0.shape, sampling.seeds)

    def tick(done: int) -> None:
        if report:
            report("inversion", done, sampling.steps, None, None)

    def find() -> Tensor:
        return inversion.invert(parts, unet, z0, optimised, sampling.steps, tick=tick)

    own = inversion.kept({} if starts is None else starts, "tuned", sampling.steps, find)
    own = own.to(parts.device)
    turned = [
        own if seed == 0
        else (1 - VARIED) ** 0.5 * own + VARIED**0.5 * start_noise(parts, z0.shape, (seed,))
        for seed in sampling.seeds
    ]  # fmt: skip
    return torch.cat(turned)


def tuned_unet(parts: Parts, learnt: Learnt, sampling: Sampling) -> Any:
    """The weights θ* as a view over the shared network, forgetting applied.

    Raises:
        InputError: the pattern puts nothing back, because nothing was tuned there.
    """
    scale_of = forgetting.scale_of(sampling.forget, sampling.forget_strength)
    touched = adapters.touched(learnt.adapter, learnt.weights)
    if sampling.forget != "none" and not any(
        forgetting.forgets(sampling.forget, n) for n in touched
    ):
        raise nothing_forgotten(sampling.forget)
    if learnt.weights is not None:
        return view(parts.unet, adapters.blend(parts.unet, learnt.weights, scale_of))
    if learnt.adapter is not None:
        return view(parts.unet, adapters.fold(parts.unet, learnt.adapter, scale_of))
    return parts.unet


@torch.no_grad()
def sample_strip(
    parts: Parts,
    learnt: Learnt,
    target: Condition,
    sampling: Sampling,
    *,
    report: Report | None = None,
    chunk: int | None = None,
) -> Pictures:
    """Draw the strip.

    Args:
        parts: the borrowed model; it is not changed.
        learnt: from `learn` or a kit.
        target: e_tgt of the text; another text than was learnt is a fast re-target, an approximation.
        sampling: etas, seeds and how to draw.
        report: called after each step, with the stage "inversion" and then "sampling".
        chunk: most pictures of one pass; None chooses by size.

    Returns:
        (S, K, H, W, 3) uint8, rows in the order of the seeds, columns in that of the etas.
    """
    unet = tuned_unet(parts, learnt, sampling)
    z0, optimised = learnt.z0.to(parts.device), learnt.optimised.to(parts.device)
    target = target.to(parts.device)
    starts = learnt.starts if sampling.forget == "none" else None  # other weights, another start
    start = start_of(parts, unet, z0, optimised, sampling, report, starts)
    rows, columns = len(sampling.seeds), len(sampling.etas)
    noise = start.repeat_interleave(columns, 0)
    shares = eta_shares(sampling.schedule, sampling.steps)
    table = {s: stack([conditions(sampling, target, optimised, s)] * rows) for s in set(shares)}
    latents = draw(
        parts, unet, noise, lambda step: table[shares[step]], sampling, report=report, chunk=chunk
    )
    found = parts.decode(latents)
    return found.reshape(rows, columns, *found.shape[1:])


def draw(
    parts: Parts,
    unet: Any,
    noise: Tensor,
    condition_at: Callable[[int], Condition],
    sampling: Sampling,
    *,
    first: int = 0,
    last: int | None = None,
    report: Report | None = None,
    stage: Any = "sampling",
    chunk: int | None = None,
) -> Tensor:
    """`denoise` in chunks, halved where the device is full; progress over all of them."""
    unconditional = parts.unconditional()
    untuned = parts.unet if sampling.unconditional == "base" and unet is not parts.unet else None
    per_chunk = (sampling.steps if last is None else last) - first

    def part_of(start: int, stop: int) -> Tensor:
        def tick(step: int) -> None:
            if report:
                done = start * per_chunk + (step - first + 1) * (stop - start)
                report(stage, done // len(noise), per_chunk, None, None)

        return denoise(
            parts,
            unet,
            noise[start:stop],
            lambda step: condition_at(step).rows(slice(start, stop)),
            unconditional=unconditional,
            num_inference_steps=sampling.steps,
            guidance_scale=sampling.guidance,
            untuned=untuned,
            first=first,
            last=last,
            tick=tick,
        )

    return torch.cat(list(halving(len(noise), chunk or rows_of_pass(parts, noise), part_of)))
