"""The denoiser: the UNet and the text tower, trained together on latents and captions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn

from core.cache.construction import construction
from core.training import Ema, OnStep, Run, Step, fit, flat_then_down
from core.world import stream
from core.world.diffusion import pictures, text
from core.world.diffusion.config import NetConfig, Training
from core.world.diffusion.vae import initialise
from core.world.stream import Sample

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTokenizer


@construction()
def build(net: NetConfig) -> UNet2DConditionModel:
    """An untrained UNet: latents (B, 4, s, s), times (B,), text states (B, T, d) to noise (B, 4, s, s)."""
    down = ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in net.attends]
    up = ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(net.attends)]
    return UNet2DConditionModel(
        sample_size=net.latent_size,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=net.unet_channels,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        cross_attention_dim=net.text_dim,
        attention_head_dim=net.unet_heads,  # this class means the number of heads
        norm_num_groups=net.unet_groups,
        # The text also joins the time in every block, as in DeepFloyd IF: by attention alone,
        # colours were still at chance after 1,000 steps.
        addition_embed_type="text",
        addition_embed_type_num_heads=net.text_heads,
        resnet_time_scale_shift="scale_shift",
    )


def scheduler() -> DDIMScheduler:
    """The noise schedule of Stable Diffusion 1.x, stretched to end in pure noise (arXiv 2305.08891).

    As it is, latents at time 999 still show the background of a 16x16 picture: the network reads it
    there, never needs the word for it, and takes it from the noise when it draws. Pure noise asks for
    the velocity (Salimans & Ho 2022, arXiv 2202.00512) and for sampling that starts at time 999.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )


class Denoiser(nn.Module):
    """UNet and text tower with their loss, as one forward, so that processes can share it."""

    def __init__(self, unet: UNet2DConditionModel, tower: CLIPTextModel) -> None:
        super().__init__()
        self.unet, self.text = unet, tower
        self.register_buffer("alphas", scheduler().alphas_cumprod, persistent=False)

    def forward(self, z: Tensor, noise: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        """Mean squared error of the velocity, for each row (B,).

        Args:
            z: (B, 4, s, s) latents of deviation `LATENT_DEVIATION`.
            noise: (B, 4, s, s) standard normal.
            t: (B,) times, 0-999.
            ids: (B, T) tokens.
        """
        a = self.alphas[t][:, None, None, None]  # pyright: ignore[reportIndexIssue]
        signal, spread = a.sqrt(), (1 - a).sqrt()
        states = self.text(ids).last_hidden_state
        found = self.unet(signal * z + spread * noise, t, states, return_dict=False)[0]
        return (found.float() - (signal * noise - spread * z)).square().mean((1, 2, 3))


class Batches:
    """Rows, captions, noise and times of any step, from its number alone."""

    def __init__(
        self, cfg: Training, samples: list[Sample], latents: np.ndarray, tokenizer: CLIPTokenizer
    ) -> None:
        self.cfg, self.samples, self.latents, self.tokenizer = cfg, samples, latents, tokenizer
        uses = np.array([s.use for s in samples])
        self.rows = {use: np.flatnonzero(uses == use) for use in stream.USES}

    def of(self, step: int, process: int, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Latents, noise, times and tokens of one step of one process."""
        own, c = self.cfg.unet, self.cfg.curriculum
        rng = np.random.default_rng((self.cfg.seed, 7, step, process))
        mix = own.first_mix if step < own.first_steps else c.mix
        names = [use for use, _ in mix if len(self.rows[use])]
        shares = np.array([share for use, share in mix if len(self.rows[use])])
        uses = rng.choice(names, size=size, p=shares / shares.sum())
        rows = [int(rng.choice(self.rows[use])) for use in uses]
        said = [
            "" if rng.random() < own.drop_caption else stream.recaption(rng, c, self.samples[row])
            for row in rows
        ]
        # stratified: every step sees early and late times, which halves the noise of its loss
        t = (rng.permutation(size) + rng.random(size)) * 1000 / size
        z = torch.from_numpy(self.latents[rows].astype(np.float32))
        noise = torch.from_numpy(rng.standard_normal(z.shape, np.float32))
        return z, noise, torch.from_numpy(t.astype(np.int64)), tokens(self.tokenizer, said)


def tokens(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Padded tokens (B, max_length) of texts, as the pipeline makes them."""
    return tokenizer(
        texts,
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids


def train(
    cfg: Training,
    latents: np.ndarray,
    tokenizer: CLIPTokenizer,
    out: Path,
    accelerator: Any,
    *,
    resume: bool = False,
    on_step: OnStep | None = None,
    on_save: Callable[[int, UNet2DConditionModel, CLIPTextModel], None] | None = None,
    check: Callable[[], None] | None = None,
) -> tuple[UNet2DConditionModel, CLIPTextModel]:
    """Train on latents and fresh captions; return the averages of UNet and text tower, on the CPU.

    Args:
        cfg: the whole recipe.
        latents: (N, 4, s, s) of the pool's pictures, in order.
        tokenizer: of the curriculum.
        out: checkpoints and `curve.jsonl`.
        accelerator: an `accelerate.Accelerator`.
        resume: go on from the newest checkpoint.
        on_step: called after each logged step.
        on_save: called in the main process with the averages at each checkpoint.
        check: called before every step; it may raise to stop.
    """
    own = cfg.unet
    generator = torch.Generator().manual_seed(cfg.seed + 1)
    model = Denoiser(build(cfg.net), text.build(cfg.net, tokenizer))
    initialise(model, generator)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=own.lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    model, optimizer = accelerator.prepare(model, optimizer)
    run = Run(model, optimizer, Ema(accelerator.unwrap_model(model), own.ema_decay))
    samples = pictures.samples(cfg.curriculum, cfg.seed, pictures.TRAIN, len(latents))
    batches = Batches(cfg, samples, latents, tokenizer)
    share = own.batch_size // accelerator.num_processes

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        batch = batches.of(step, accelerator.process_index, share)
        return model(*(x.to(accelerator.device) for x in batch)).mean(), {}

    def told(step: Step) -> None:
        if on_save and accelerator.is_main_process and step.step % own.save_every == 0:
            on_save(step.step, *averages(cfg.net, tokenizer, run.ema))
        if on_step:
            on_step(step)

    fit(
        run,
        loss_of,
        num_steps=own.num_steps,
        lr_of=lambda k: own.lr * flat_then_down(k, own.num_steps, own.warmup_steps),
        out=out,
        accelerator=accelerator,
        resume=resume,
        save_every=own.save_every,
        log_every=own.log_every,
        clip_norm=1.0,
        on_step=told,
        check=check,
    )
    return averages(cfg.net, tokenizer, run.ema)


def averages(
    net: NetConfig, tokenizer: CLIPTokenizer, ema: Ema | None
) -> tuple[UNet2DConditionModel, CLIPTextModel]:
    """Networks with averaged weights, on the CPU, ready to sample."""
    assert ema is not None
    unet, tower = build(net), text.build(net, tokenizer)
    for prefix, part in (("unet.", unet), ("text.", tower)):
        state = {k.removeprefix(prefix): v for k, v in ema.state.items() if k.startswith(prefix)}
        part.load_state_dict(state)
        part.eval().requires_grad_(False)
    return unet, tower
