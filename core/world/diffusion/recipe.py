"""Trains the world's text-to-image model: pictures, autoencoder, latents, denoiser, one folder.

    python app.py train imagic --preset cpu --out OUT
    accelerate launch app.py train imagic --preset gpu --out OUT

Every stage finds what is done already in OUT and goes on from there, on any number of processes. On a
CPU one process for each core is faster than threads: with two, 0.37 s for a step of 32 against 0.92 s.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from core.training import OnStep, accelerator_for
from core.world.diffusion import latents, pictures, pipeline_report, unet, vae, vocabulary
from core.world.diffusion.config import Training

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline  # pyright: ignore[reportPrivateImportUsage]
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

FOLDER = "text_to_image"


def train(
    cfg: Training,
    out: Path,
    resume: bool = False,
    on_step: OnStep | None = None,
    check: Callable[[], None] | None = None,
    on_save: Callable[[int, StableDiffusionPipeline], None] | None = None,
) -> Path:
    """Train into `out` and return the folder of the pipeline.

    Args:
        cfg: a preset, or one of your own.
        out: pictures, latents, checkpoints, curves and the finished `text_to_image` go here.
        resume: go on with what is there.
        on_step: called after each logged step, with the steps of the whole recipe.
        check: called before every step; it may raise to stop.
        on_save: called in the main process with the averaged pipeline at each checkpoint.
    """
    accelerator = accelerator_for(cfg.mixed_precision)
    c, total = cfg.curriculum, cfg.vae.num_steps + cfg.unet.num_steps
    pool = pictures.Pool(out / "pictures.bin", c, cfg.num_pictures, cfg.net.image_size, cfg.seed)
    if accelerator.is_main_process:
        pool.make(check)
    accelerator.wait_for_everyone()

    def shifted(by: int) -> OnStep | None:
        if on_step is None:
            return None
        tell = on_step
        return lambda s: tell(dataclasses.replace(s, step=s.step + by, num_steps=total))

    coder = vae.train(
        cfg, pool, out / "vae", accelerator, resume=resume, on_step=shifted(0), check=check
    ).to(accelerator.device)  # pyright: ignore[reportArgumentType]
    encoded = latents.encode(coder, pool, out / "latents.npy", accelerator, check)
    coder = coder.cpu()
    tokenizer = vocabulary.build(c, cfg.net.max_length)

    def saved(step: int, net: UNet2DConditionModel, tower: CLIPTextModel) -> None:
        if on_save:
            on_save(step, assemble(coder, net, tower, tokenizer))

    net, tower = unet.train(
        cfg,
        encoded,
        tokenizer,
        out / "unet",
        accelerator,
        resume=resume,
        on_step=shifted(cfg.vae.num_steps),
        on_save=saved,
        check=check,
    )
    if accelerator.is_main_process:
        save(assemble(coder, net, tower, tokenizer), out / FOLDER)
        pipeline_report.record(out / FOLDER, pipeline_report.of_training(cfg, out))
    accelerator.wait_for_everyone()
    return out / FOLDER


def assemble(
    coder: AutoencoderKL,
    net: UNet2DConditionModel,
    tower: CLIPTextModel,
    tokenizer: CLIPTokenizer,
) -> StableDiffusionPipeline:
    """The parts as one ordinary pipeline, without a safety checker: it can only draw this world."""
    from diffusers import StableDiffusionPipeline  # pyright: ignore[reportPrivateImportUsage]

    return StableDiffusionPipeline(
        vae=coder,
        text_encoder=tower,
        tokenizer=tokenizer,
        unet=net,
        scheduler=unet.scheduler(),  # pyright: ignore[reportArgumentType]
        safety_checker=None,  # pyright: ignore[reportArgumentType]
        feature_extractor=None,  # pyright: ignore[reportArgumentType]
        requires_safety_checker=False,
    )


def save(pipe: StableDiffusionPipeline, folder: Path) -> None:
    """Write the pipeline as float16 safetensors; it is read as float32 on a CPU."""
    pipe.to(torch.float16).save_pretrained(folder, safe_serialization=True)
