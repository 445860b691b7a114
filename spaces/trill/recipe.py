"""How the embedded TRILL was trained, and how it is scored.

    python app.py train trill --preset cpu --data DATA --out OUT       # the shipped weights
    python app.py train trill --preset smoke --out OUT                 # seconds, needs no data
    accelerate launch app.py train trill --preset gpu --data DATA --out OUT
    python app.py eval trill --data DATA

The objective is TRILL's: triplets by temporal proximity with semi-hard mining. Two things are ours:
virtual speakers (resampled recordings), and a second triplet loss on moments with a small tau that
acts through a head which is thrown away, so that the lower layers keep what is being said and how.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.cache.construction import construction
from core.registry import Score
from core.training import (
    Card,
    Ema,
    OnStep,
    Run,
    Step,
    accelerator_for,
    cosine_with_warmup,
    device_name,
    fit,
    read_curve,
    save_weights,
    seed_everything,
    write_atomically,
    write_card,
)

from . import config, corpus, full, reference, sampling
from . import evaluate as evaluation
from .algorithm import triplet_loss
from .config import TrainConfig
from .embed import Embedder, read_config
from .model import ResNetish, initialise, num_parameters

logger = logging.getLogger(__name__)

DATA = {
    "speech_librispeech_mini": "LibriSpeech (Panayotov et al. 2015, CC BY 4.0): the 233 clips of 179 "
    "readers marked train",
    "speech_emodb": "EmoDB (Burkhardt et al. 2005, CC0 1.0): the 315 sentences of 6 actors marked "
    "train; of the labels only the actor's number is used, to group clips into batches",
    "espeak": "eSpeak NG: synthetic clips in 12 languages, made by the recipe and not kept",
    "procedural": "made voices: a source and filter model in numpy, no recordings",
    "files": "recordings of the person who ran the recipe",
}
LIMITS = [
    "Under two hundred real readers: it knows voices worse than networks trained on thousands.",
    "Read English and acted German; other languages only as synthetic speech.",
    "Learning emotion from one actor and asking another, ours is worse than an untrained net (30 % against "
    "52 %, two actors): it keeps the voice, which only several voices to learn from average out.",
    "Not for telling who a person is: compare voices only of people who agreed to it.",
]


def smoke() -> TrainConfig:
    """Seconds on a CPU with procedural voices: proves the recipe, teaches little."""
    return TrainConfig(
        net=config.embedded(),
        num_steps=30,
        warmup_steps=5,
        num_recordings=12,
        num_same_group=4,
        num_moment_recordings=2,
        settle_batches=5,
        save_every=10,
        log_every=5,
        factors=(1.0,),
    )


def cpu() -> TrainConfig:
    """The shipped weights."""
    return TrainConfig(
        net=config.embedded(), num_steps=12_000, mixed_precision="bf16", espeak_clips=2500
    )


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

    @construction()
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
        return corpus.procedural_corpus(12, 3, 2.5, cfg.seed)
    return corpus.training_corpus(
        data, out / "cache", factors=cfg.factors, espeak_clips=cfg.espeak_clips, seed=cfg.seed
    )


def train(
    cfg: TrainConfig,
    data: Path | None,
    out: Path,
    resume: bool = False,
    on_step: OnStep | None = None,
    check: Callable[[], None] | None = None,
) -> Path:
    """Train into `out` and return the folder with the weights.

    Args:
        cfg: a preset, or one of your own.
        data: folder with `speech_*` sub-folders, or with any audio files; None makes procedural voices.
        out: checkpoints, curve and weights go here.
        resume: go on from the newest checkpoint in `out`.
        on_step: called after each logged step.
        check: called before every step; it may raise to stop the run.
    """
    accelerator = accelerator_for(cfg.mixed_precision)
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
        check=check,
    )
    if accelerator.is_main_process:
        made = device_name(accelerator.device)
        _finish(run, sampler, cfg, out, accelerator.unwrap_model(trainee), made, data)
    accelerator.wait_for_everyone()
    return out


@torch.no_grad()
def settle_batch_norm(trainee: Trainee, sampler: sampling.Sampler, cfg: TrainConfig) -> None:
    """Measure the batch norms' statistics anew for averaged weights, over batches never trained on."""
    norms = [part for part in trainee.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over batches
    trainee.train()
    device = next(trainee.parameters()).device
    for k in range(cfg.settle_batches):
        batch = sampler.batch(cfg.num_steps + 1 + k)
        trainee(torch.from_numpy(batch.patches).to(device), batch.num_recordings)
    for norm in norms:
        norm.momentum = 0.1
    trainee.eval()


def _finish(
    run: Run,
    sampler: sampling.Sampler,
    cfg: TrainConfig,
    out: Path,
    trainee: nn.Module,
    made_on: str,
    data: Path | None,
) -> None:
    """Write the weights, their config with reference statistics, and the card."""
    final = Trainee(cfg).to(next(trainee.parameters()).device)
    final.load_state_dict(trainee.state_dict())
    assert run.ema is not None
    run.ema.copy_to(final)
    settle_batch_norm(final, sampler, cfg)
    net = final.net.cpu().eval().requires_grad_(False)
    full_size = cfg.net.block == "bottleneck"
    info = {
        "name": "ResNetish-50, trained here" if full_size else "TRILL, embedded",
        "format": 1,
        "net": config.to_dict(cfg.net),
        "train": {k: v for k, v in config.to_dict(cfg).items() if k != "net"},
        "steps": run.step,
        "minutes": round(run.seconds / 60, 1),
        "device": made_on,
        "parameters": num_parameters(net),
        "command": "python app.py train trill --preset {}{}".format(
            "gpu" if full_size else "cpu" if data else "smoke", " --data DATA" if data else ""
        ),
        "corpus": {
            name: int((sampler.corpus.source == number).sum())
            for number, name in enumerate(sampler.corpus.sources)
        },
        "reference": reference.measure(Embedder(net), sampler.corpus, cfg.seed),
    }
    save_weights(out, net.state_dict(), info)
    write_card(out / "CARD.md", card(info, read_curve(out / "curve.jsonl")))


def publish(folder: Path, curve: list[dict[str, float]], scores: list[Score]) -> None:
    """Put scores into `config.json` and the card of finished weights."""
    info = read_config(folder)
    info["scores"] = [score.to_dict() for score in scores]
    text = json.dumps(info, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / "config.json", text.encode())
    write_card(folder / "CARD.md", card(info, curve, scores))


def card(info: dict[str, Any], curve: list[dict[str, float]], scores: Sequence[Score] = ()) -> Card:
    """The card of a set of weights; `curve` is thinned to about ten rows."""
    rows = curve[:: max(1, len(curve) // 9)]
    if curve and rows[-1] is not curve[-1]:
        rows = [*rows, curve[-1]]
    names = ("step", "loss", "triplet", "top1", "spread", "active", "moment", "lr")
    return Card(
        title=info["name"],
        summary=(
            "A ResNetish trained with TRILL's triplet objective on small open data. It is not the "
            "authors' TRILL, which was trained on AudioSet."
        ),
        command=info["command"],
        seed=info["train"]["seed"],
        minutes=info["minutes"],
        device=info["device"],
        data=[
            f"{DATA.get(name, name)} ({count} recordings)" for name, count in info["corpus"].items()
        ],
        curve=[{n: r[n] for n in names if n in r} for r in rows],
        scores=[
            {
                "task": s.name,
                "ours": s.value,
                "unit": s.unit,
                "95 % from": s.interval[0] if s.interval else None,
                "to": s.interval[1] if s.interval else None,
                "chosen": s.details.get("all", {}).get("trained", {}).get("chosen"),
                **{
                    n: s.details.get("all", {}).get(n, {}).get("value")
                    for n in ("log-mel", "MFCC", "untrained")
                },
                "chance": s.chance,
                "n": s.n,
            }
            for s in scores
        ],
        limits=LIMITS if "speech_librispeech_mini" in info["corpus"] else (),
        extra={
            "Parameters": f"{info['parameters']:,}",
            **({"Note": info["note"]} if "note" in info else {}),
        },
    )


def evaluate(
    tier: str = "embedded",
    data: Path | None = None,
    limit: int | None = None,
    on_step: OnStep | None = None,
) -> list[Score]:
    """Score a tier: on the data sets below `data`, or on procedural voices when there is none.

    Args:
        tier: `embedded`, or `full` when its weights lie in the data directory.
        data: holds the `speech_*` folders. Rows whose `subset` is not `train` are the test part.
        limit: clips of each data set, for a quick look.
        on_step: called with the share done of each part.

    Raises:
        InputError: `data` holds none of the data sets.
        WeightsError: the tier has no weights here.
    """
    embedder = full.load_tier(tier)
    began = time.perf_counter()

    def tell(what: str, share: float) -> None:
        if on_step:
            on_step(Step(int(100 * share), 100, {}, time.perf_counter() - began))
        logger.info("%s %.0f %%", what, 100 * share)

    scores = [evaluation.real_time_factor(embedder)]
    scores += evaluation.procedural(embedder, tell=tell)
    if data is not None:
        scores += evaluation.everything(embedder, data, limit, tell)
    return scores
