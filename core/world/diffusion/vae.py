"""The autoencoder: how it is built, trained, and brought to the scale that public code expects."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from core.cache.construction import construction
from core.training import Curve, Ema, OnStep, Run, Step, cosine_with_warmup, fit
from core.world.diffusion import pictures
from core.world.diffusion.config import (
    LATENT_DEVIATION,
    SCALING_FACTOR,
    NetConfig,
    Training,
    VaeTraining,
)
from core.world.render import render

logger = logging.getLogger(__name__)


@construction()
def build(net: NetConfig) -> AutoencoderKL:
    """An untrained autoencoder: pictures (B, 3, S, S) in -1..1, latents (B, 4, S/4, S/4)."""
    levels = len(net.vae_channels)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,  # pyright: ignore[reportArgumentType]
        up_block_types=("UpDecoderBlock2D",) * levels,  # pyright: ignore[reportArgumentType]
        block_out_channels=net.vae_channels,  # pyright: ignore[reportArgumentType]
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=net.vae_groups,
        sample_size=net.image_size,
        scaling_factor=SCALING_FACTOR,
        mid_block_add_attention=False,  # at 16x16 it costs a third of the time and adds little
    )


def as_tensor(pixels: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Pictures (B, S, S, 3) uint8 as (B, 3, S, S) float32 in -1..1."""
    x = torch.from_numpy(np.array(pixels)).to(device)
    return x.permute(0, 3, 1, 2).float() / 127.5 - 1


class Reconstruction(nn.Module):
    """The autoencoder together with its loss, as one forward, so that processes can share it."""

    def __init__(self, vae: AutoencoderKL, cfg: VaeTraining) -> None:
        super().__init__()
        self.vae, self.cfg = vae, cfg

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and mean squared error of pictures (B, 3, S, S), with posterior noise (B, 4, s, s)."""
        posterior = self.vae.encode(x).latent_dist  # pyright: ignore[reportAttributeAccessIssue]
        mean, std = posterior.mean.float(), posterior.std.float()
        y = self.vae.decode(mean + std * noise).sample.float()  # pyright: ignore[reportAttributeAccessIssue]
        mse = F.mse_loss(y, x)
        edges = F.l1_loss(y.diff(dim=-1), x.diff(dim=-1)) + F.l1_loss(
            y.diff(dim=-2), x.diff(dim=-2)
        )
        kl = 0.5 * (mean**2 + std**2 - 1 - 2 * std.log()).sum((1, 2, 3)).mean()
        loss = mse + self.cfg.l1 * F.l1_loss(y, x) + self.cfg.edges * edges + self.cfg.kl * kl
        return loss, mse.detach()


@torch.no_grad()
def reconstruct(vae: AutoencoderKL, x: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) through the mean of the posterior and back, clamped to -1..1."""
    parts = [vae.decode(vae.encode(p).latent_dist.mean).sample for p in x.split(50)]  # pyright: ignore
    return torch.cat(parts).clamp(-1, 1)


def psnr(x: Tensor, y: Tensor) -> float:
    """Peak signal to noise ratio of pictures in -1..1, in dB, over all of them together."""
    return float(10 * torch.log10(4 / F.mse_loss(x.float(), y.float())))


@torch.no_grad()
def fold(vae: AutoencoderKL, pixels: np.ndarray) -> None:
    """Give the latents, times `scaling_factor`, mean 0 and `LATENT_DEVIATION` in each channel.

    The 1x1 convolutions beside the latents take the change, so that no picture comes out otherwise.

    Args:
        vae: changed in place.
        pixels: (N, S, S, 3) uint8, a few hundred pictures of the world.
    """
    parts = np.array_split(pixels, -(-len(pixels) // 64))
    means = [vae.encode(as_tensor(p, vae.device)).latent_dist.mean for p in parts]  # pyright: ignore
    z = torch.cat(means)
    centre, spread = z.mean((0, 2, 3)), z.std((0, 2, 3))
    gain = LATENT_DEVIATION / (spread * SCALING_FACTOR)
    into: Any = vae.quant_conv
    out: Any = vae.post_quant_conv
    n = len(gain)
    into.bias[:n] = (into.bias[:n] - centre) * gain
    into.weight[:n] *= gain[:, None, None, None]
    into.bias[n:] += 2 * gain.log()  # the log variance follows its mean
    out.bias += (out.weight * centre[None, :, None, None]).sum((1, 2, 3))
    out.weight /= gain[None, :, None, None]


def train(
    cfg: Training,
    pool: pictures.Pool,
    out: Path,
    accelerator: Any,
    *,
    resume: bool = False,
    on_step: OnStep | None = None,
    check: Callable[[], None] | None = None,
) -> AutoencoderKL:
    """Train on a pool of pictures and return the average of the weights, folded, on the CPU.

    Args:
        cfg: the whole recipe.
        pool: made already.
        out: checkpoints, `curve.jsonl` and `checks.jsonl` (PSNR on fresh pictures).
        accelerator: an `accelerate.Accelerator`.
        resume: go on from the newest checkpoint.
        on_step: called after each logged step.
        check: called before every step; it may raise to stop.
    """
    own = cfg.vae
    generator = torch.Generator().manual_seed(cfg.seed)
    model = Reconstruction(build(cfg.net), own)
    initialise(model.vae, generator)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=own.lr, betas=(0.9, 0.99), weight_decay=0.0, fused=True
    )
    model, optimizer = accelerator.prepare(model, optimizer)
    bare: Reconstruction = accelerator.unwrap_model(model)
    run = Run(model, optimizer, Ema(bare, own.ema_decay))
    pixels = pool.open()
    share = own.batch_size // accelerator.num_processes
    size = cfg.net.latent_size
    fresh = pictures.samples(pool.curriculum, cfg.seed, pictures.CHECK, 200)
    fresh = as_tensor(render([s.scene for s in fresh], size=cfg.net.image_size), accelerator.device)
    checks = Curve(out / "checks.jsonl", None) if accelerator.is_main_process else None

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        rng = np.random.default_rng((cfg.seed, step, accelerator.process_index))
        rows = np.sort(rng.integers(len(pixels), size=share))
        noise = torch.from_numpy(rng.standard_normal((share, 4, size, size), np.float32))
        x = as_tensor(pixels[rows], accelerator.device)
        loss, mse = model(x, noise.to(x.device))
        return loss, {"mse": mse.item()}

    def told(step: Step) -> None:
        if checks and step.step % own.save_every == 0:
            averaged = build(cfg.net).to(accelerator.device)
            _load(averaged, run.ema)
            checks.add(step.step, psnr=psnr(fresh, reconstruct(averaged, fresh)))
        if on_step:
            on_step(step)

    fit(
        run,
        loss_of,
        num_steps=own.num_steps,
        lr_of=lambda k: own.lr * cosine_with_warmup(k, own.num_steps, own.warmup_steps, 0.03),
        out=out,
        accelerator=accelerator,
        resume=resume,
        save_every=own.save_every,
        log_every=own.log_every,
        clip_norm=1.0,
        on_step=told,
        check=check,
    )
    vae = build(cfg.net).to(accelerator.device)
    _load(vae, run.ema)
    vae.eval().requires_grad_(False)
    fold(vae, np.array(pixels[:1000]))
    return vae.cpu()


def _load(vae: AutoencoderKL, ema: Ema | None) -> None:
    assert ema is not None
    vae.load_state_dict({k.removeprefix("vae."): v for k, v in ema.state.items()})


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights as torch does by default, but from a generator of our own."""
    for part in module.modules():
        weight = getattr(part, "weight", None)
        if isinstance(part, nn.Conv2d | nn.Linear) and isinstance(weight, Tensor):
            fan_in = weight[0].numel()
            nn.init.uniform_(weight, -(fan_in**-0.5), fan_in**-0.5, generator=generator)
            if part.bias is not None:
                nn.init.uniform_(part.bias, -(fan_in**-0.5), fan_in**-0.5, generator=generator)
        elif isinstance(part, nn.Embedding) and isinstance(weight, Tensor):
            nn.init.normal_(weight, std=0.02, generator=generator)
        for name, parameter in part.named_parameters(recurse=False):
            if name not in ("weight", "bias") and parameter.ndim:  # the place of pooled text states
                nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5, generator=generator)
