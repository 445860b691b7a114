"""What Imagic is compared with, for the same seeds: the simpler ways to edit a picture by a text.

Plain text-to-image; SDEdit (Meng et al. 2021, arXiv 2108.01073), the paper's own baseline; DDIM inversion;
and Imagic itself with the settings of the public diffusers pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.world.diffusion.condition import Condition
from core.world.diffusion.parts import Parts, Pictures
from core.world.diffusion.sampling import ddim, start_noise

from . import config
from .algorithm import learn
from .config import Sampling
from .inversion import invert, kept
from .learnt import Learnt, Report, Stop
from .strip import draw, sample_strip

STRENGTHS = (0.4, 0.6, 0.8)


@dataclass(frozen=True, slots=True)
class Join:
    """Latents (B, c, h, w) from which a way of editing draws, and the step at which they join the batch."""

    latents: Tensor
    first: int = 0


@torch.no_grad()
def drawn(
    parts: Parts,
    target: Condition,
    sampling: Sampling,
    starts: Sequence[Join],
    *,
    report: Report | None = None,
) -> list[Pictures]:
    """Draw all starts in one batch, which each joins at its own step: the pictures (B, H, W, 3) of each.

    Args:
        parts: the borrowed model; nothing is tuned.
        target: one row.
        sampling: guidance and steps.
        starts: where each begins.
        report: progress over the steps.
    """
    order = sorted(range(len(starts)), key=lambda k: starts[k].first)
    joins = sorted({start.first for start in starts})
    batch, same = starts[order[0]].latents[:0], target.to(parts.device)
    for here, after in zip(joins, [*joins[1:], sampling.steps], strict=True):
        batch = torch.cat([batch, *(starts[k].latents for k in order if starts[k].first == here)])
        condition = same.expand(len(batch))

        def tell(_: Any, done: int, *__: Any, here: int = here) -> None:
            if report:
                report("baselines", here + done, sampling.steps, None, None)

        if here < after:
            batch = draw(
                parts, parts.unet, batch, lambda _, own=condition: own, sampling,
                first=here, last=after, report=tell,
            )  # fmt: skip
    pictures = parts.decode(batch)
    ends = np.cumsum([len(starts[k].latents) for k in order])[:-1]
    found = dict(zip(order, np.split(pictures, ends), strict=True))
    return [found[k] for k in range(len(starts))]


def text_start(parts: Parts, shape: Sequence[int], sampling: Sampling) -> Join:
    """Noise of each seed: nothing of the input can be in what is drawn from it."""
    return Join(start_noise(parts, shape, sampling.seeds))


def sdedit_start(parts: Parts, z0: Tensor, sampling: Sampling, strength: float) -> Join:
    """The input, noised a part of the way, for each seed; as `StableDiffusionImg2ImgPipeline` does.

    Args:
        parts: the borrowed model.
        z0: latents (1, c, h, w) of the input.
        sampling: seeds and steps.
        strength: share of the way, above 0 up to 1.

    Raises:
        InputError: the strength is out of range.
    """
    if not 0 < strength <= 1:
        raise InputError(
            f"A strength of SDEdit is {strength:g}. It is above 0 and at most 1. Choose one between them."
        )
    noise = start_noise(parts, z0.shape, sampling.seeds)
    z0 = z0.to(parts.device).expand_as(noise)
    first = max(0, sampling.steps - int(sampling.steps * strength))
    if first == sampling.steps:  # too weak for one step: the input itself
        return Join(z0, first)
    scheduler = ddim(parts, sampling.steps)
    t = scheduler.timesteps[first].expand(len(noise))
    return Join(scheduler.add_noise(z0, noise, t), first)


def inverted_start(
    parts: Parts,
    z0: Tensor,
    sampling: Sampling,
    source: Condition | None = None,
    *,
    report: Report | None = None,
    starts: dict[str, Tensor] | None = None,
) -> Join:
    """The one noise of which the untouched model draws the input.

    Args:
        parts: the borrowed model.
        z0: latents (1, c, h, w) of the input.
        sampling: steps; there is no seed in it.
        source: of a caption of the input, for the way back; the empty text without one.
        report: called after each step, so that a stop is seen; drawing has not begun yet.
        starts: of `Learnt`, where there is no source; None keeps nothing.
    """
    starts = {} if starts is None or source is not None else starts
    source = parts.unconditional() if source is None else source.to(parts.device)

    def tick(_: int) -> None:
        if report:
            report("baselines", 0, sampling.steps, None, None)

    def find() -> Tensor:
        return invert(parts, parts.unet, z0, source, sampling.steps, tick=tick)

    return Join(kept(starts, "untouched", sampling.steps, find).to(parts.device))


def text_to_image(
    parts: Parts,
    target: Condition,
    sampling: Sampling,
    shape: Sequence[int],
    *,
    report: Report | None = None,
) -> Pictures:
    """Pictures (S, H, W, 3) of the target alone; `shape` is that of the latents, (1, c, h, w)."""
    return drawn(parts, target, sampling, [text_start(parts, shape, sampling)], report=report)[0]


def sdedit(
    parts: Parts,
    z0: Tensor,
    target: Condition,
    sampling: Sampling,
    strengths: Sequence[float] = STRENGTHS,
    *,
    report: Report | None = None,
) -> Pictures:
    """Pictures (S, number of strengths, H, W, 3): the input noised part of the way, drawn from there.

    Raises:
        InputError: a strength is out of range.
    """
    starts = [sdedit_start(parts, z0, sampling, strength) for strength in strengths]
    return np.stack(drawn(parts, target, sampling, starts, report=report), axis=1)


def ddim_inversion(
    parts: Parts,
    z0: Tensor,
    target: Condition,
    sampling: Sampling,
    *,
    source: Condition | None = None,
    report: Report | None = None,
) -> Pictures:
    """The picture (1, H, W, 3) that the target makes of the input's own noise; see `inverted_start`."""
    start = inverted_start(parts, z0, sampling, source, report=report)
    return drawn(parts, target, sampling, [start], report=report)[0]


def community(
    parts: Parts,
    z0: Tensor,
    target: Condition,
    *,
    seeds: Sequence[int] = (0,),
    report: Report | None = None,
    stop: Stop | None = None,
) -> tuple[Learnt, Pictures]:
    """Imagic as the public diffusers pipeline sets it: batch 1, 500 + 1000 steps, every weight, guidance 7.5.

    Unlike there, the noise is seeded, the shared network is not changed, and z0 is the posterior's mean.

    Args:
        parts: the borrowed model.
        z0: latents (1, c, h, w) of the input.
        target: one row.
        seeds: rows of the strip.
        report: progress.
        stop: asked before every step.

    Returns:
        What was learnt, and the strip (S, K, H, W, 3) for the etas of `config.community()`.
    """
    settings = config.community()
    learnt = learn(parts, z0, target, settings.learning, report=report, stop=stop)
    sampling = config.with_seeds(settings.sampling, seeds)
    return learnt, sample_strip(parts, learnt, target, sampling, report=report)
