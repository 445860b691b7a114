"""Latents of a whole pool of pictures, made once, so that the UNet never waits for the VAE."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from core.world.diffusion.config import SCALING_FACTOR
from core.world.diffusion.pictures import Pool
from core.world.diffusion.vae import as_tensor


@torch.no_grad()
def encode(
    vae: AutoencoderKL,
    pool: Pool,
    path: Path,
    accelerator: Any,
    check: Callable[[], None] | None = None,
) -> np.ndarray:
    """Posterior means times the scaling factor, (N, 4, s, s) float16, mapped from `path`.

    The processes share the work. A file that is there already is used as it is.

    Args:
        vae: on the accelerator's device.
        pool: made already.
        path: where the latents are kept.
        accelerator: an `accelerate.Accelerator`.
        check: called between batches; it may raise to stop.
    """
    if not path.exists():
        part = path.with_name(f"{path.name}.part")
        first = vae.encode(as_tensor(pool.open()[:1], vae.device)).latent_dist.mean  # pyright: ignore
        shape = (pool.n, *first.shape[1:])
        if accelerator.is_main_process:
            np.lib.format.open_memmap(part, "w+", np.float16, shape).flush()
        accelerator.wait_for_everyone()
        rows = np.lib.format.open_memmap(part, "r+")
        for k, batch in enumerate(pool.chunks(100)):
            if check:
                check()
            if k % accelerator.num_processes == accelerator.process_index:
                mean = vae.encode(as_tensor(batch, vae.device)).latent_dist.mean  # pyright: ignore
                rows[k * 100 : k * 100 + len(batch)] = (mean * SCALING_FACTOR).cpu().numpy()
        rows.flush()
        del rows
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            os.replace(part, path)
        accelerator.wait_for_everyone()
    return np.load(path, mmap_mode="r")
