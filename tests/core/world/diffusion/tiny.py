"""Random pipelines of the real classes at the smallest size that still has every kind of layer."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from core.cache.construction import construction
from core.world.curriculum import tiny
from core.world.diffusion.unet import scheduler as ours
from core.world.diffusion.vae import initialise
from core.world.diffusion.vocabulary import build as build_tokenizer

MAX_LENGTH = 12  # tokens
IMAGE = 16  # pixels; latents are 8x8


@cache
def tokenizer(max_length: int = MAX_LENGTH) -> CLIPTokenizer:
    """A real CLIPTokenizer of the tiny world's words."""
    return build_tokenizer(tiny(), max_length)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _ready(module, generator):
    initialise(module, generator)
    return module.eval().requires_grad_(False)


def text_config(hidden: int, projection: int, max_length: int = MAX_LENGTH) -> CLIPTextConfig:
    words = tokenizer(max_length)
    return CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        projection_dim=projection,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=max_length,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )


def _vae(generator: torch.Generator) -> AutoencoderKL:
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=IMAGE,
        scaling_factor=0.18215,
    )
    return _ready(vae, generator)


def theirs() -> DDIMScheduler:
    """The noise schedule of the checkpoints of Stable Diffusion 1.x and XL, which predict the noise."""
    return DDIMScheduler.from_config(
        ours().config,
        rescale_betas_zero_snr=False,
        timestep_spacing="leading",
        prediction_type="epsilon",
    )


@construction()
def tiny_pipeline(seed: int = 0, *, prediction_type: str = "epsilon") -> StableDiffusionPipeline:
    """A random `StableDiffusionPipeline`: 16x16 pictures, 4x8x8 latents, 12 tokens of width 16."""
    generator = _generator(seed)
    unet = UNet2DConditionModel(
        sample_size=IMAGE // 2,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    return StableDiffusionPipeline(
        vae=_vae(generator),
        text_encoder=_ready(CLIPTextModel(text_config(16, 16)), generator),
        tokenizer=tokenizer(),
        unet=_ready(unet, generator),
        scheduler=ours() if prediction_type == "v_prediction" else theirs(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@construction()
def tiny_sdxl(seed: int = 0) -> StableDiffusionXLPipeline:
    """A random `StableDiffusionXLPipeline`: two text encoders, pooled embedding, time ids."""
    generator = _generator(seed)
    unet = UNet2DConditionModel(
        sample_size=IMAGE // 2,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16 + 24,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=6 * 8 + 20,
        norm_num_groups=4,
    )
    return StableDiffusionXLPipeline(
        vae=_vae(generator),
        text_encoder=_ready(CLIPTextModel(text_config(16, 16)), generator),
        text_encoder_2=_ready(CLIPTextModelWithProjection(text_config(24, 20)), generator),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        unet=_ready(unet, generator),
        scheduler=theirs(),
        add_watermarker=False,
    )


def picture(seed: int = 0) -> np.ndarray:
    """A picture (16, 16, 3) uint8 with some structure, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:IMAGE, 0:IMAGE] / IMAGE
    waves = [np.sin(2 * np.pi * (a * x + b * y + c)) for a, b, c in rng.uniform(-1, 1, (3, 3))]
    return np.stack([(127.5 * (1 + w)).astype(np.uint8) for w in waves], axis=-1)
