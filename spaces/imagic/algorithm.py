"""Imagic (Kawar et al., CVPR 2023, arXiv 2210.09276): learn one picture, so that a text can edit it.

    z0 = parts.encode(picture)
    learnt = learn(parts, z0, parts.encode_text(target), settings.learning)     # stages 1 and 2
    strip = sample_strip(parts, learnt, learnt.target, settings.sampling)         # stage 3, in `strip`

The shared network is never touched: an adapter sits on a view of it, full tuning has a copy. Departures from
the paper, each a setting: an adapter in place of all weights, batches of times, joint tuning, prior pictures.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from core.cache.weight_sharing import view
from core.world.diffusion.condition import Condition, stack
from core.world.diffusion.parts import Parts
from core.world.diffusion.sampling import start_noise

from . import adapters
from .config import Learning, Sampling
from .learnt import Learnt, Losses, Preview, Report, Stop
from .objective import bank, bank_loss
from .peak import Peak
from .strip import draw, interpolate, start_of
from .tuning import Outcome, Prior, Task, Watch, descend, trained_embedding

PRIOR_GUIDANCE, PRIOR_STEPS = 3.0, 20


def previews_of(sampling: Sampling) -> Sampling:
    """A quick version of a strip, to look at while learning: three columns, six steps."""
    return replace(sampling, etas=(0.0, 0.7, 1.0), seeds=sampling.seeds[:1], steps=6)


def learn(
    parts: Parts,
    z0: Tensor,
    target: Condition,
    learning: Learning,
    *,
    report: Report | None = None,
    stop: Stop | None = None,
    previews: Sampling | None = None,
) -> Learnt:
    """Stages 1 and 2. Runs with gradients, whatever the caller's mode.

    Args:
        parts: the borrowed model; it is the same to the last bit afterwards, also after an error.
        z0: latents (1, c, h, w) of the picture.
        target: e_tgt, one row.
        learning: what to do.
        report: progress, a few times a second at most; may raise to end the edit.
        stop: asked before every step; True keeps the best so far and goes to the end.
        previews: how to draw previews (`previews_of`); None draws none.

    Raises:
        InputError: the loss is no number any more.
        DeviceOutOfMemory: the device is too small even for one pair at a time.
    """
    if z0.ndim != 4 or len(z0) != 1 or len(target.embeds) != 1:
        raise ValueError(
            f"one picture and one text are learnt, got {tuple(z0.shape)}, {len(target.embeds)} texts"
        )
    with torch.inference_mode(False), torch.enable_grad(), Peak(parts.device) as peak:
        # laid out as a kit gives it back, since the last bits of a pass depend on that too
        z0 = (
            z0.detach().to(parts.device, torch.float32).clone(memory_format=torch.contiguous_format)
        )
        target = target.to(parts.device).detach()
        run = _Edit(parts, z0, target, learning, Watch(report, stop), previews)
        run.go()
    return Learnt(
        z0=z0,
        target=target,
        optimised=run.optimised,
        learning=learning,
        adapter=run.adapter,
        weights=run.weights,
        curve=tuple(run.watch.curve),
        losses=run.losses(),
        steps=run.steps,
        seconds=run.seconds,
        peak_bytes=peak.bytes,
        stopped=run.watch.stopped,
    )


class _Edit:
    """One call of `learn`: the stages in order, and what they leave."""

    def __init__(
        self,
        parts: Parts,
        z0: Tensor,
        target: Condition,
        learning: Learning,
        watch: Watch,
        previews: Sampling | None,
    ) -> None:
        self.parts, self.z0, self.target, self.learning = parts, z0, target, learning
        self.watch, self.previews = watch, previews
        self.pairs = bank(z0, parts.scheduler.config["num_train_timesteps"])
        self.optimised = target.to(dtype=torch.float32)
        self.adapter: dict[str, Tensor] | None = None
        self.weights: dict[str, Tensor] | None = None
        self.steps: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self.known: dict[str, float] = {}

    def go(self) -> None:
        """All stages that the settings ask for."""
        if self.learning.tuning == "joint":
            self._joint()
            return
        self._embedding()
        if self.learning.tuning != "none" and self.learning.tuning_steps and not self.watch.stopped:
            self._network()

    def losses(self) -> Losses:
        """The three references."""
        return Losses(self.known["target"], self.known["optimised"], self.known["tuned"])

    def _measure(self, unet: Any, condition: Condition) -> float:
        return bank_loss(self.parts, unet, self.z0, condition, self.pairs)

    def _embedding(self) -> None:
        """Stage 1: the embedding, the network frozen."""
        own = self.learning
        values, condition = trained_embedding(self.target, own.freeze_padding)
        task = Task(
            stage="embedding",
            steps=own.embedding_steps,
            unet=view(self.parts.unet),
            condition=condition,
            groups=[{"params": values, "lr": own.embedding_lr}],
            state=lambda: _copies(values),
            restore=lambda state: _put_back(values, state),
        )
        done = self._run(task)
        self.optimised = condition().detach()
        self.known = {"target": done.first, "optimised": done.last, "tuned": done.last}

    def _network(self) -> None:
        """Stage 2: the network, the embedding frozen."""
        own = self.learning
        whole = own.tuning == "full"
        tuned = (
            adapters.private_copy(self.parts.unet)
            if whole
            else adapters.attach(self.parts.unet, own.rank, own.layers, self._generator(2))
        )
        weights = adapters.trained(tuned)
        task = Task(
            stage="tuning",
            steps=own.tuning_steps,
            unet=tuned,
            condition=lambda: self.optimised,
            groups=[{"params": weights, "lr": own.tuning_lr}],
            state=None if whole else lambda: _copies(weights),
            restore=lambda state: _put_back(weights, state),
            prior=self._prior() if own.prior_weight else None,
        )
        # a fresh adapter answers as the shared network does, and so does a copy
        done = self._run(task, self.known["optimised"])
        self.known["tuned"] = done.last
        if whole:
            self.weights = {name: p.detach() for name, p in tuned.named_parameters()}
        else:
            self.adapter = adapters.extract(tuned)

    def _joint(self) -> None:
        """Forgedit's one stage: embedding and adapter together, from a caption of the input."""
        own = self.learning
        start = self.parts.encode_text(own.source_caption) if own.source_caption else self.target
        values, condition = trained_embedding(start, own.freeze_padding)
        tuned = adapters.attach(self.parts.unet, own.rank, own.layers, self._generator(2))
        weights = adapters.trained(tuned)
        task = Task(
            stage="joint",
            steps=own.tuning_steps,
            unet=tuned,
            condition=condition,
            groups=[
                {"params": values, "lr": own.embedding_lr},
                {"params": weights, "lr": own.tuning_lr},
            ],
            state=lambda: _copies([*values, *weights]),
            restore=lambda state: _put_back([*values, *weights], state),
            prior=self._prior() if own.prior_weight else None,
            stop_below=own.stop_below,
        )
        done = self._run(task)
        self.optimised = condition().detach()
        self.adapter = adapters.extract(tuned)
        same = start is self.target
        self.known = {
            "target": done.first if same else self._measure(self.parts.unet, self.target),
            "optimised": self._measure(self.parts.unet, self.optimised),
            "tuned": done.last,
        }

    def _run(self, task: Task, known: float | None = None) -> Outcome:
        began = time.perf_counter()
        self.watch.preview_of = (lambda: self._preview(task)) if self.previews else None
        generator = self._generator(0 if task.stage == "embedding" else 1)
        done = descend(
            task, self.parts, self.z0, self.learning, self.pairs, generator, self.watch, known
        )
        self.steps[task.stage] = done.steps
        self.seconds[task.stage] = time.perf_counter() - began
        return done

    def _generator(self, use: int) -> torch.Generator:
        return torch.Generator().manual_seed(8 * self.learning.seed + use)

    @torch.no_grad()
    def _preview(self, task: Task) -> Preview:
        """A short strip with the state of the moment."""
        assert self.previews is not None
        etas = self.previews.etas
        e = task.condition().detach()
        noise = start_of(self.parts, task.unet, self.z0, e, self.previews)
        rows = [interpolate(self.target, e, eta) for eta in etas]
        ends = stack(rows)
        noise = noise.expand(len(etas), *noise.shape[1:])
        latents = draw(self.parts, task.unet, noise, lambda _: ends, self.previews)
        return Preview(etas, self.parts.decode(latents))

    def _prior(self) -> Prior:
        """Pictures that the untouched model makes of the target."""
        own = self.learning
        count = own.prior_pictures
        seeds = [8 * own.seed + 3 + 8 * k for k in range(count)]
        sampling = Sampling(guidance=PRIOR_GUIDANCE, steps=PRIOR_STEPS)
        noise = start_noise(self.parts, self.z0.shape, seeds)
        same = self.target.expand(count)
        made = draw(self.parts, self.parts.unet, noise, lambda _: same, sampling)
        return Prior(z0=made, condition=self.target, weight=own.prior_weight)


def _copies(values: list[Any]) -> dict[str, Tensor]:
    return {str(k): v.detach().clone() for k, v in enumerate(values)}


@torch.no_grad()
def _put_back(values: list[Any], state: Any) -> None:
    for k, value in enumerate(values):
        value.copy_(state[str(k)])
