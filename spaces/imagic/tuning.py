"""The descent of stages 1 and 2: Adam on the loss, over an embedding, an adapter, all weights, or two of them.

Adam without weight decay, warm-up or averaging, as in the paper and every public port; the network stays in
evaluation mode. Trained values are float32 whatever the network computes in.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from core.cache.backends import is_out_of_memory
from core.errors import InputError
from core.world.diffusion.condition import Condition
from core.world.diffusion.objective import Draw, draw, errors
from core.world.diffusion.parts import Parts
from core.world.diffusion.passes import free, out_of_memory

from .config import Learning
from .learnt import Point, Preview, Report, StageName, Stop
from .objective import bank_loss

EVALUATIONS = 6  # of the fixed bank in a stage, after the one at its beginning
PREVIEWS = 3  # in a stage, the one at its beginning included
QUIET = 0.25  # seconds between two reports at least
LOSS_SCALE = 1024.0  # in float16, so that small gradients do not vanish
ADVICE = 'An adapter (tuning "lora") of a small rank needs the least, tuning "full" more than twice the model.'

logger = logging.getLogger(__name__)

State = Mapping[str, Tensor]


@dataclass(slots=True)
class Watch:
    """What looks on while a stage descends: reports, the curve, previews, the wish to stop.

    Attributes:
        preview_of: draws a preview with the state of the moment.
        curve: losses on the fixed bank, of all stages so far.
    """

    report: Report | None = None
    stop: Stop | None = None
    preview_of: Callable[[], Preview] | None = None
    curve: list[Point] = field(default_factory=list)
    stopped: bool = False
    _last: float = -math.inf

    def asks_to_stop(self) -> bool:
        """Whether learning shall end with the best so far; stays true once it was."""
        self.stopped = self.stopped or bool(self.stop and self.stop())
        return self.stopped

    def tell(self, stage: StageName, step: int, of: int, loss: float | None) -> None:
        """Report a step, a few times a second at most; the last step and previews always."""
        if self.report is None:
            return
        due = self.preview_of is not None and step < of and step in spread(of, PREVIEWS)
        if due and self.preview_of is not None:
            self.report(stage, step, of, loss, self.preview_of())
        elif step == of or time.monotonic() - self._last >= QUIET:
            self.report(stage, step, of, loss, None)
        else:
            return
        self._last = time.monotonic()


def spread(steps: int, parts: int) -> frozenset[int]:
    """Step numbers that cut `steps` into `parts` nearly equal ones: 0 and those between."""
    return frozenset(math.ceil(steps * k / parts) for k in range(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Pictures of the untouched model whose loss is added, so that tuning keeps what it knew.

    Attributes:
        z0: latents (P, c, h, w).
        condition: of the text that they show, one row.
        weight: λ.
    """

    z0: Tensor
    condition: Condition
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One stage.

    Attributes:
        unet: a view or copy; what it trains wants gradients.
        condition: e of the moment, from the trained values.
        groups: parameter groups for Adam.
        state: a copy of the trained values, to come back to; None where they are too large for copies.
        restore: puts such a copy back.
    """

    stage: StageName
    steps: int
    unet: Any
    condition: Callable[[], Condition]
    groups: list[dict[str, Any]]
    state: Callable[[], State] | None = None
    restore: Callable[[State], None] | None = None
    prior: Prior | None = None
    stop_below: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Steps done in a stage, and the losses on the fixed bank at its beginning and end."""

    steps: int
    first: float
    last: float


def descend(
    task: Task,
    parts: Parts,
    z0: Tensor,
    learning: Learning,
    pairs: Draw,
    generator: torch.Generator,
    watch: Watch,
    known: float | None = None,
) -> Outcome:
    """Run one stage; the trained values are left in place.

    Args:
        task: what is trained.
        parts: the borrowed model.
        z0: (1, c, h, w) float32.
        learning: batch size and learning rates.
        pairs: the fixed bank.
        generator: on the CPU; draws times and noise.
        watch: reports, curve and stop.
        known: the loss on the bank at the beginning, where it was measured already.

    Raises:
        InputError: the loss is no number any more.
        DeviceOutOfMemory: not even one pair at a time fits, with checkpointing.
    """
    optimizer = torch.optim.Adam(task.groups, fused=parts.device.type in ("cpu", "cuda"))
    passes = _Passes(task, parts, z0, learning.batch_size)
    times = parts.scheduler.config["num_train_timesteps"]
    due = spread(task.steps, EVALUATIONS)
    measured = _Measured(task, parts, z0, pairs, watch)
    first = measured.at(0, known)
    step, loss = 0, None
    while step < task.steps and measured.last >= task.stop_below:
        if step and step in due:
            measured.at(step)
        watch.tell(task.stage, step, task.steps, loss)
        if watch.asks_to_stop():
            break
        optimizer.zero_grad(set_to_none=True)
        loss = passes.backward(draw(z0, learning.batch_size, times, generator), generator)
        if not math.isfinite(loss):
            raise InputError(
                f"The loss is no number any more after {step} steps of the {task.stage} stage. The learning "
                f"rates, {learning.embedding_lr:g} for the embedding and {learning.tuning_lr:g} for the network, "
                "are too large for this picture. Choose a tenth of them."
            )
        optimizer.step()
        step += 1
    if measured.step != step:
        measured.at(step)
    if watch.stopped:
        measured.back_to_best()
    watch.tell(task.stage, step, step, loss)
    return Outcome(step, first, measured.last)


@dataclass(slots=True)
class _Measured:
    """Losses on the fixed bank in one stage, and the trained values of the lowest."""

    task: Task
    parts: Parts
    z0: Tensor
    pairs: Draw
    watch: Watch
    step: int = -1
    last: float = math.inf
    best: float = math.inf
    state: State | None = None

    def at(self, step: int, known: float | None = None) -> float:
        """Measure after `step` steps, or take a loss that is known."""
        task = self.task
        found = known
        if found is None:
            found = bank_loss(self.parts, task.unet, self.z0, task.condition(), self.pairs)
        self.step, self.last = step, found
        self.watch.curve.append(Point(task.stage, step, found))
        if task.state and found < self.best:
            self.best, self.state = found, task.state()
        return found

    def back_to_best(self) -> None:
        """Put the values of the lowest loss back, where copies are kept."""
        if self.state is not None and self.task.restore and self.best < self.last:
            self.task.restore(self.state)
            self.last = self.best


@dataclass(slots=True)
class _Passes:
    """Forward and backward of a batch, in smaller passes once the device was full."""

    task: Task
    parts: Parts
    z0: Tensor
    size: int
    checkpointing: bool = False

    def backward(self, batch: Draw, generator: torch.Generator) -> float:
        """Leave the gradient of the mean loss in place and return that loss."""
        prior = self.task.prior and self._prior_batch(self.task.prior, len(batch.t), generator)
        while True:
            try:
                return self._all(batch, prior)
            except BaseException as error:
                if not is_out_of_memory(error):
                    raise
                self._shrink(error)

    def _prior_batch(
        self, prior: Prior, count: int, generator: torch.Generator
    ) -> tuple[Draw, Tensor]:
        times = self.parts.scheduler.config["num_train_timesteps"]
        rows = torch.randint(len(prior.z0), (count,), generator=generator)
        return draw(self.z0, count, times, generator), rows

    def _all(self, batch: Draw, prior: tuple[Draw, Tensor] | None) -> float:
        count, total = len(batch.t), 0.0
        for part in batch.split(self.size):
            total += self._one(part, self.z0, self.task.condition(), 1 / count)
        if prior is not None and self.task.prior is not None:
            given = self.task.prior
            draws, rows = prior
            for part, chosen in zip(draws.split(self.size), rows.split(self.size), strict=True):
                z0 = given.z0[chosen.to(given.z0.device)]
                self._one(part, z0, given.condition, given.weight / count)
        scale = self._scale
        if scale != 1:
            for weight in (p for group in self.task.groups for p in group["params"]):
                if weight.grad is not None:
                    weight.grad /= scale
        return total

    def _one(self, pairs: Draw, z0: Tensor, condition: Condition, weight: float) -> float:
        loss = errors(self.parts, self.task.unet, z0, condition, pairs).sum() * weight
        (loss * self._scale).backward()
        return loss.item()

    @property
    def _scale(self) -> float:
        return LOSS_SCALE if self.parts.dtype == torch.float16 else 1.0

    def _shrink(self, error: BaseException) -> None:
        for weight in (p for group in self.task.groups for p in group["params"]):
            weight.grad = None
        free()
        if self.size > 1:
            self.size = (self.size + 1) // 2
        elif not self.checkpointing:
            self.checkpointing = True
            self.task.unet.enable_gradient_checkpointing()
        else:
            doing = {"embedding": "learning the embedding"}.get(
                self.task.stage, "tuning the network"
            )
            raise out_of_memory(f"{doing}, even with one pair at a time", ADVICE) from error
        logger.warning(
            "out of memory in the %s stage: %d pairs at a time%s",
            self.task.stage,
            self.size,
            ", with checkpointing" if self.checkpointing else "",
        )


def trained_embedding(
    start: Condition, freeze_padding: bool = False
) -> tuple[list[nn.Parameter], Callable[[], Condition]]:
    """Float32 parameters that start at a condition, and the condition that they make.

    Args:
        start: e_tgt, one row, with its mask if the padding shall stay.
        freeze_padding: only positions of the text move.

    Raises:
        ValueError: the padding is not known.
    """
    values = [nn.Parameter(t.detach().float().clone()) for t in start.tensors]
    fixed, mask = values[0].detach().clone(), start.mask
    if freeze_padding and mask is None:
        raise ValueError("the condition does not say which of its positions are padding")

    def condition() -> Condition:
        embeds: Tensor = values[0]
        if freeze_padding and mask is not None:
            embeds = torch.where(mask > 0, embeds, fixed)
        return Condition.of([embeds, *values[1:]])

    return values, condition
