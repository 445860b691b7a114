"""What Imagic is compared with, from the same start noise: the simpler ways to edit a picture by a text.

Plain text-to-image; SDEdit (Meng et al. 2021, arXiv 2108.01073), the paper's own baseline; DDIM inversion;
and Imagic itself with the settings of the public diffusers pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.errors import InputError
from core.world.diffusion.condition import Condition
from core.world.diffusion.parts import Parts, Pictures
from core.world.diffusion.sampling import ddim, start_noise

from . import config
from .algorithm import learn
from .config import Sampling
from .inversion import invert
from .learnt import Learnt, Report, Stop
from .strip import draw, sample_strip

STRENGTHS = (0.4, 0.6, 0.8)


@torch.no_grad()
def text_to_image(
    parts: Parts,
    target: Condition,
    sampling: Sampling,
    shape: Sequence[int],
    *,
    report: Report | None = None,
) -> Pictures:
    """Pictures (S, H, W, 3) of the target alone, one for each seed: nothing of the input can be in them.

    Args:
        parts: the borrowed model.
        target: one row.
        sampling: seeds, guidance, steps.
        shape: of the latents, (1, c, h, w).
        report: progress.
    """
    noise = start_noise(parts, shape, sampling.seeds)
    same = target.to(parts.device).expand(len(noise))
    latents = draw(
        parts, parts.unet, noise, lambda _: same, sampling, report=report, stage="baselines"
    )
    return parts.decode(latents)


@torch.no_grad()
def sdedit(
    parts: Parts,
    z0: Tensor,
    target: Condition,
    sampling: Sampling,
    strengths: Sequence[float] = STRENGTHS,
    *,
    report: Report | None = None,
) -> Pictures:
    """Pictures (S, number of strengths, H, W, 3): noise the input part of the way, draw from there.

    The same as `StableDiffusionImg2ImgPipeline` on the same latents.

    Args:
        parts: the borrowed model.
        z0: latents (1, c, h, w) of the input.
        target: one row.
        sampling: seeds, guidance, steps.
        strengths: share of the way, above 0 up to 1.
        report: progress.

    Raises:
        InputError: a strength is out of range.
    """
    found = []
    noise = start_noise(parts, z0.shape, sampling.seeds)
    same = target.to(parts.device).expand(len(noise))
    scheduler = ddim(parts, sampling.steps)
    for strength in strengths:
        if not 0 < strength <= 1:
            raise InputError(
                f"A strength of SDEdit is {strength:g}. It is above 0 and at most 1. Choose one between them."
            )
        first = max(0, sampling.steps - int(sampling.steps * strength))
        if first == sampling.steps:  # too weak for one step: the input itself
            latents = z0.to(parts.device).expand(len(noise), *z0.shape[1:])
        else:
            t = scheduler.timesteps[first].expand(len(noise))
            start = scheduler.add_noise(z0.to(parts.device).expand_as(noise), noise, t)
            latents = draw(
                parts, parts.unet, start, lambda _: same, sampling,
                first=first, report=report, stage="baselines",
            )  # fmt: skip
        found.append(torch.from_numpy(parts.decode(latents)))
    return torch.stack(found, dim=1).numpy()


@torch.no_grad()
def ddim_inversion(
    parts: Parts,
    z0: Tensor,
    target: Condition,
    sampling: Sampling,
    *,
    source: Condition | None = None,
    report: Report | None = None,
) -> Pictures:
    """The picture (1, H, W, 3) that the target makes of the input's own noise.

    Args:
        parts: the borrowed model.
        z0: latents (1, c, h, w) of the input.
        target: one row.
        sampling: guidance and steps; there is no seed in it.
        source: of a caption of the input, for the way back; the empty text without one.
        report: progress.
    """
    source = parts.unconditional() if source is None else source.to(parts.device)
    noise = invert(parts, parts.unet, z0, source, sampling.steps)
    same = target.to(parts.device)
    latents = draw(
        parts, parts.unet, noise, lambda _: same, sampling, report=report, stage="baselines"
    )
    return parts.decode(latents)


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
