"""Teaches the text tower to read a sum of words in one place; everything else of the model stays as it is.

    L = E ||v - v_θ(z_t, t, "a photo of a <sum>")||² + w · E ||states(text) - earlier states(text)||² / variance

The UNet, the VAE and the token table are frozen: words keep their embeddings, and the second term keeps what ordinary
captions say. Sums are those of `sums`; no sum comes close to a planted word.
"""

# B examples, T tokens, d width of a token

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.training import Ema, OnStep, Run, accelerator_for, fit, flat_then_down
from core.world import curriculum, stream
from core.world.curriculum import Curriculum
from core.world.diffusion import objective
from core.world.diffusion.condition import Condition
from core.world.render import render

from . import sums
from .choosing import mean_norm
from .model import Model
from .slot import filled
from .tokens import END, live

STREAM = 61  # of the random numbers; the model's own training has others
KEPT = 64  # ordinary captions of a step


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """Everything that decides the weights.

    Attributes:
        name: of the preset.
        world: curriculum that the model knows.
        num_steps: optimiser steps.
        batch_size: sums of one step, all processes together.
        lr: learning rate, constant after a warm-up, falling in the last quarter.
        kept: weight of the second term.
        mixed_precision: of the forward passes.
        seed: of every draw.
    """

    name: str
    world: str = "small"
    num_steps: int = 3_000
    batch_size: int = 32
    lr: float = 3e-3
    warmup_steps: int = 100
    kept: float = 0.5
    first_time: int = 200  # earlier ones ask for details that no word decides
    ema_decay: float = 0.995
    mixed_precision: str = "bf16"
    seed: int = 0
    save_every: int = 250
    log_every: int = 25

    @property
    def curriculum(self) -> Curriculum:
        """The part of the world that the model knows."""
        return getattr(curriculum, self.world)()


def smoke() -> Teaching:
    """Seconds on one core: proves the recipe, teaches nothing."""
    return Teaching(
        name="smoke", num_steps=4, batch_size=4, warmup_steps=2, save_every=2, log_every=2, mixed_precision="no"
    )  # fmt: skip


def cpu() -> Teaching:
    """The shipped weights: half an hour on two processor cores."""
    return Teaching(name="cpu")


def gpu() -> Teaching:
    """Longer and wider, on one accelerator."""
    return Teaching(name="gpu", num_steps=20_000, batch_size=128, lr=5e-4, save_every=2_000)


PRESETS = {"smoke": smoke, "cpu": cpu, "gpu": gpu}


class Reader(nn.Module):
    """A text tower with both terms of the loss, as one forward, so that processes can share it."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.text = copy.deepcopy(model.base.text_encoders[0]).float().train()
        self.text.get_input_embeddings().requires_grad_(False)
        for name, parameter in self.text.named_parameters():
            parameter.requires_grad_("embeddings" not in name)
        # in a list, so that neither is among the modules that are trained, averaged and saved
        self._frozen = [model, copy.deepcopy(self.text).eval().requires_grad_(False)]

    def forward(
        self, z0: Tensor, t: Tensor, noise: Tensor, ids: Tensor, place: int, sums: Tensor, kept: Tensor
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Squared error of the prediction (B,), and relative change of the states of ordinary captions.

        Args:
            z0: latents (B, c, h, w).
            t: times (B,).
            noise: (B, c, h, w).
            ids: tokens (T,) of the prompt with the slot.
            place: of the slot.
            sums: (B, d), what stands there.
            kept: tokens (K, T) of ordinary captions.
        """
        model, before = self._frozen
        with filled(self.text.get_input_embeddings(), [place], sums[:, None]):
            states = self.text(ids.expand(len(sums), -1)).last_hidden_state
        asked = objective.Draw(t, noise)
        errors = objective.errors(model, model.unet, z0, Condition(states.float()), asked)
        with torch.no_grad():
            wanted = before(kept).last_hidden_state.float()
        now = self.text(kept).last_hidden_state.float()
        return errors, (now - wanted).square().mean() / wanted.var()


def train(
    cfg: Teaching,
    model: Model,
    out: Path,
    *,
    resume: bool = False,
    on_step: OnStep | None = None,
    check: Callable[[], None] | None = None,
) -> tuple[Any, float]:
    """Teach, and return the averaged text tower on the CPU and the seconds that it took.

    Args:
        cfg: a preset, or one of your own.
        model: whose tower is taught; it is not changed.
        out: checkpoints and `curve.jsonl` go here.
        resume: go on from the newest checkpoint.
        on_step: called after each logged step.
        check: called before every step; it may raise to stop.
    """
    accelerator = accelerator_for(cfg.mixed_precision)
    device = accelerator.device
    reader: Any = Reader(model)
    trained = [p for p in reader.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=cfg.lr, betas=(0.9, 0.99), weight_decay=0.01)
    reader, optimizer = accelerator.prepare(reader, optimizer)
    run = Run(reader, optimizer, Ema(accelerator.unwrap_model(reader), cfg.ema_decay))
    examples = Examples(cfg, model)
    share = cfg.batch_size // accelerator.num_processes

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        given = examples.of(step, accelerator.process_index, share)
        tensors = (x.to(device) if isinstance(x, Tensor) else x for x in given)
        errors, change = reader(*tensors)
        loss = errors.mean() + cfg.kept * change
        return loss, {"error": float(errors.detach().mean()), "change": float(change.detach())}

    fit(
        run,
        loss_of,
        num_steps=cfg.num_steps,
        lr_of=lambda k: cfg.lr * flat_then_down(k, cfg.num_steps, cfg.warmup_steps),
        out=out,
        accelerator=accelerator,
        resume=resume,
        save_every=cfg.save_every,
        log_every=cfg.log_every,
        clip_norm=1.0,
        on_step=on_step,
        check=check,
    )
    assert run.ema is not None
    tower = copy.deepcopy(model.base.text_encoders[0]).float().cpu()
    state = {k.removeprefix("text."): v.cpu() for k, v in run.ema.state.items()}
    tower.load_state_dict({**tower.state_dict(), **state})
    return tower.eval().requires_grad_(False), run.seconds


class Examples:
    """What `Reader` takes at any step, from its number alone."""

    def __init__(self, cfg: Teaching, model: Model) -> None:
        self.cfg, self.model = cfg, model
        words = live(model, "embedded", "all", cfg.curriculum)
        self._ids = {form.removesuffix(END): k for form, k in zip(words.forms, words.ids, strict=True)}  # fmt: skip
        self._table = model.tables[0].float()
        self._norm = mean_norm(self._table, words, "embedded")
        (self._prompt,), self._place = model.prompt

    def of(self, step: int, process: int, size: int) -> tuple[Any, ...]:
        """The arguments of `Reader.forward` for one step of one process."""
        rng = np.random.default_rng((self.cfg.seed, STREAM, step, process))
        c = self.cfg.curriculum
        some = [sums.sample(rng, c) for _ in range(size)]
        edge = self.model.image_size
        z0 = self.model.encode(render([s.scene for s in some], size=edge))
        first = self.cfg.first_time
        t = (
            first
            + (rng.permutation(size) + rng.random(size)) * (self.model.num_times - first) / size
        )
        noise = torch.from_numpy(rng.standard_normal(z0.shape, np.float32))
        captions = ["", *(stream.sample(rng, c).caption for _ in range(KEPT - 1))]
        kept = self.model.tokens(captions)[0]
        vectors = torch.stack([self.sum_of(s.parts) for s in some])
        times = torch.from_numpy(t.astype(np.int64))
        return z0, times, noise, self._prompt[0], self._place, vectors, kept

    def sum_of(self, parts: dict[str, float]) -> Tensor:
        """The weighted sum (d,) of words' embeddings, brought to the usual length."""
        rows = torch.stack([w * self._table[self._ids[word]] for word, w in parts.items()])
        found = rows.sum(0)
        return found / found.norm() * self._norm
