"""How the embedded TRILL was trained, and how it is scored.

    python -m core.methods.trill.recipe --data DATA --out OUT            # the shipped weights
    python -m core.methods.trill.recipe --preset smoke --out OUT         # seconds, needs no data
    accelerate launch -m core.methods.trill.recipe --preset gpu --data DATA --out OUT

The objective is TRILL's: triplets by temporal proximity with semi-hard mining. Two things are ours:
virtual speakers (resampled recordings), and a second triplet loss on moments with a small tau that
acts through a head which is thrown away, so that the lower layers keep what is being said and how.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch import Tensor, nn

from core.training import Ema, OnStep, Run, cosine_with_warmup, fit, seed_everything

from . import config, corpus, sampling
from .algorithm import triplet_loss
from .config import TrainConfig
from .model import ResNetish, initialise

logger = logging.getLogger(__name__)


def smoke() -> TrainConfig:
    """Seconds on a CPU with procedural voices: proves the recipe, teaches little."""
    return TrainConfig(
        net=config.embedded(),
        num_steps=30,
        warmup_steps=5,
        num_recordings=12,
        num_same_group=4,
        num_moment_recordings=2,
        save_every=10,
        log_every=10,
        factors=(1.0,),
    )


def cpu() -> TrainConfig:
    """The shipped weights."""
    return TrainConfig(net=config.embedded(), mixed_precision="bf16", espeak_clips=2500)


def gpu() -> TrainConfig:
    """ResNetish-50, the paper's size: the same recipe on an accelerator."""
    return TrainConfig(
        net=config.full(),
        num_steps=60_000,
        margin=0.1,
        lr=3e-4,
        warmup_steps=1000,
        num_recordings=96,
        num_same_group=32,
        num_moment_recordings=12,
        mixed_precision="bf16",
        save_every=1000,
        espeak_clips=6000,
    )


PRESETS = {"smoke": smoke, "cpu": cpu, "gpu": gpu}


class MomentHead(nn.Module):
    """Projection of a mid-level map for the loss on moments; used in training only."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels * 6 * 4, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, C, 12, 8) of stage 3 to (P, dim), keeping order in time."""
        return self.linear(nn.functional.avg_pool2d(x, 2).flatten(1))


class Trainee(nn.Module):
    """The network with its training-only head, so that one forward serves both losses."""

    def __init__(self, cfg: TrainConfig) -> None:
        super().__init__()
        self.net = ResNetish(cfg.net)
        expansion = 1 if cfg.net.block == "basic" else 4
        self.moments = MomentHead(cfg.net.widths[2] * expansion, cfg.moment_dim)

    def forward(self, patches: Tensor, num_recordings: int) -> tuple[Tensor, Tensor]:
        """Embeddings of the first `num_recordings` patches, moment vectors of the others."""
        maps = self.net.maps(patches)
        # the last stage's statistics come from all patches, so that both parts see the same ones
        embedding = self.net.head_of(maps[-1])[:num_recordings]
        return embedding, self.moments(maps[3][num_recordings:])


def _losses(trainee: nn.Module, batch: sampling.Batch, cfg: TrainConfig, device: torch.device):
    patches = torch.from_numpy(batch.patches).to(device)
    count = batch.num_recordings
    embedding, moments = trainee(patches, count)
    positive = torch.from_numpy(batch.positive).to(device)
    recording = torch.from_numpy(batch.recording).to(device)
    main = triplet_loss(embedding.float(), recording, positive[:count], cfg.margin)
    values = {"triplet": main.loss.item(), "top1": main.top1, "spread": main.spread}
    values["active"] = main.active
    loss = main.loss
    if len(moments):
        number = torch.arange(len(moments), device=device) // 2
        side = triplet_loss(moments.float(), number, positive[count:] - count, cfg.margin)
        loss = loss + cfg.moment_weight * side.loss
        values |= {"moment": side.loss.item(), "moment_top1": side.top1}
    return loss, values


def _corpus(cfg: TrainConfig, data: Path | None, out: Path) -> corpus.Corpus:
    if data is None:
        return corpus.procedural_corpus(16, 4, 3.0, cfg.seed)
    return corpus.training_corpus(
        data, out / "cache", factors=cfg.factors, espeak_clips=cfg.espeak_clips, seed=cfg.seed
    )


def train(
    cfg: TrainConfig,
    data: Path | None,
    out: Path,
    resume: bool = False,
    on_step: OnStep | None = None,
) -> Path:
    """Train into `out` and return the folder with the weights.

    Args:
        cfg: a preset, or one of your own.
        data: folder with `speech_*` sub-folders, or with any audio files; None makes procedural voices.
        out: checkpoints, curve and weights go here.
        resume: go on from the newest checkpoint in `out`.
        on_step: called after each logged step.
    """
    from accelerate import Accelerator

    accelerator = Accelerator(mixed_precision=cfg.mixed_precision)
    generator = seed_everything(cfg.seed)
    trainee = Trainee(cfg)
    initialise(trainee, generator)
    if cfg.channels_last:
        trainee = trainee.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(trainee.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
    sampler = sampling.Sampler(_corpus(cfg, data, out), cfg)
    trainee, optimizer = accelerator.prepare(trainee, optimizer)
    run = Run(trainee, optimizer, Ema(accelerator.unwrap_model(trainee), cfg.ema_decay))
    trainee.train()
    shift = accelerator.process_index * 1_000_000_007

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        return _losses(trainee, sampler.batch(step + shift), cfg, accelerator.device)

    fit(
        run,
        loss_of,
        num_steps=cfg.num_steps,
        lr_of=lambda k: cfg.lr * cosine_with_warmup(k, cfg.num_steps, cfg.warmup_steps),
        out=out,
        accelerator=accelerator,
        resume=resume,
        save_every=cfg.save_every,
        log_every=cfg.log_every,
        on_step=on_step,
    )
    return out
