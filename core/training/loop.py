"""The training loop: seeds, moving average, learning rate, and `fit`, which resumes bit for bit."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import InputError, WeightsError
from core.training.checkpoints import load_checkpoint, rng_state, save_checkpoint, set_rng_state
from core.training.records import Curve


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of a training run, given to `on_step`."""

    step: int  # steps done
    num_steps: int
    values: Mapping[str, float]  # loss and what else is watched
    seconds: float  # of training so far, earlier parts of a resumed run included

    @property
    def fraction(self) -> float:
        """Share of the run that is done, 0-1."""
        return self.step / max(1, self.num_steps)


OnStep = Callable[[Step], None]


def seed_everything(seed: int) -> torch.Generator:
    """Seed the global generators of Python, NumPy and torch; return a generator of our own."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  # libraries may use the global one
    torch.manual_seed(seed)  # noqa: TID251  # the one place that may
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
    return torch.Generator().manual_seed(seed)


class Ema:
    """Exponential moving average of parameters; buffers are copied as they are."""

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.state = {k: v.detach().clone().float() for k, v in _floats(module).items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move the average towards `module`; early steps count more, so a short run is not held back.

        Args:
            module: the network being trained.
            step: steps done so far, from 0.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        parameters = dict(module.named_parameters())
        for name, value in _floats(module).items():
            keep = decay if name in parameters else 0.0
            self.state[name].lerp_(value.detach().float(), 1 - keep)

    def copy_to(self, module: nn.Module) -> None:
        """Load the average into `module`, in place."""
        with torch.no_grad():
            for name, value in _floats(module).items():
                value.copy_(self.state[name])


def _floats(module: nn.Module) -> dict[str, Tensor]:
    return {k: v for k, v in module.state_dict().items() if v.is_floating_point()}


def cosine_with_warmup(step: int, num_steps: int, warmup: int, final: float = 0.01) -> float:
    """Factor on the learning rate at `step`: linear rise, then half a cosine down to `final`."""
    if step < warmup:
        return (step + 1) / max(1, warmup)
    done = min(1.0, (step - warmup) / max(1, num_steps - warmup))
    return final + (1 - final) * 0.5 * (1 + float(np.cos(np.pi * done)))


@dataclass(slots=True)
class Run:
    """What a training loop needs to go on from where it stopped."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    ema: Ema | None
    step: int = 0
    seconds: float = 0.0  # of the parts before this one
    parts: dict[str, nn.Module] = field(default_factory=dict)  # heads used in training only

    def state(self, seconds: float) -> dict[str, Any]:
        """Everything that decides how the run goes on."""
        return {
            "model": _bare(self.model).state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.state if self.ema else {},
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "rng": rng_state(),
            "seconds": seconds,
        }

    def restore(self, step: int, state: Mapping[str, Any]) -> None:
        """Put a checkpoint back.

        Raises:
            InputError: it was made by a run of another shape.
        """
        try:
            _bare(self.model).load_state_dict(state["model"])
            for name, part in self.parts.items():
                part.load_state_dict(state["parts"][name])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise InputError(
                f"The checkpoint at step {step} does not fit this configuration. Resume with the "
                "settings it was started with, or train into an empty folder."
            ) from error
        if self.ema:
            self.ema.state = {k: v.clone() for k, v in state["ema"].items()}
        set_rng_state(state["rng"])
        self.step, self.seconds = step, float(state["seconds"])


def flat_then_down(step: int, num_steps: int, warmup: int, decay: float = 0.25) -> float:
    """Factor on the learning rate at `step`: linear rise, flat, then straight down to 1 %.

    While it is flat the length of the run may still be changed (Hu et al. 2024, arXiv 2404.06395).

    Args:
        step: steps done.
        num_steps: length of the run.
        warmup: steps of the rise.
        decay: share of the run that goes down.
    """
    if step < warmup:
        return (step + 1) / max(1, warmup)
    left = (num_steps - step) / max(1.0, decay * num_steps)
    return max(0.01, min(1.0, left))


def accelerator_for(mixed_precision: str) -> Any:
    """An `accelerate.Accelerator` of a precision, whatever this process trained in before.

    accelerate keeps the first one's precision for the whole process and refuses another, while a hub trains by one
    preset after the other.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    if AcceleratorState._shared_state.get("_mixed_precision", mixed_precision) != mixed_precision:
        AcceleratorState._reset_state()
    return Accelerator(mixed_precision=mixed_precision, cpu=not torch.cuda.is_available())


def _bare(model: nn.Module) -> nn.Module:
    """The network without the wrapper of several processes, so that any number of them resumes."""
    return model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model


def fit(
    run: Run,
    loss_of: Callable[[int], tuple[Tensor, dict[str, float]]],
    *,
    num_steps: int,
    lr_of: Callable[[int], float],
    out: Path,
    accelerator: Any,
    resume: bool = False,
    save_every: int = 500,
    log_every: int = 50,
    clip_norm: float = 5.0,
    on_step: OnStep | None = None,
    check: Callable[[], None] | None = None,
) -> Run:
    """Train to `num_steps`, with checkpoints in `out/checkpoints` and a curve in `out/curve.jsonl`.

    Args:
        run: model, optimizer and average; the model and optimizer already prepared by `accelerator`.
        loss_of: loss of step `k` and values to watch. A step must depend on `k`, the weights and the
            global generators only: then a resumed run repeats the uninterrupted one bit for bit.
        num_steps: length of the whole run.
        lr_of: learning rate at step `k`.
        out: folder of the run.
        accelerator: an `accelerate.Accelerator`.
        resume: go on from the newest checkpoint when there is one.
        save_every: steps between checkpoints; the last step is always saved.
        log_every: steps between points of the curve.
        clip_norm: largest norm of the gradient.
        on_step: called after each logged step; it may raise to stop the run.
        check: called before every step, for the same purpose.

    Raises:
        WeightsError: the loss is not finite.
    """
    checkpoints, main = out / "checkpoints", accelerator.is_main_process
    if resume and (found := load_checkpoint(checkpoints)) is not None:
        run.restore(*found)
    elif not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    curve = Curve(out / "curve.jsonl", run.step if resume else None) if main else None
    parameters = [p for group in run.optimizer.param_groups for p in group["params"]]
    began, sums, seen = time.perf_counter(), {}, 0
    while run.step < num_steps:
        if check:
            check()
        for group in run.optimizer.param_groups:
            group["lr"] = lr_of(run.step)
        loss, values = loss_of(run.step)
        if not bool(torch.isfinite(loss)):
            raise WeightsError(
                f"The loss is {loss.item()} at step {run.step}. Lower the learning rate and resume."
            )
        run.optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        norm = accelerator.clip_grad_norm_(parameters, clip_norm)
        run.optimizer.step()
        if run.ema:
            run.ema.update(accelerator.unwrap_model(run.model), run.step)
        run.step += 1
        values = {"loss": loss.item(), "grad_norm": float(norm), **values}
        sums = {k: sums.get(k, 0.0) + v for k, v in values.items()}
        seen += 1
        seconds = run.seconds + time.perf_counter() - began
        if run.step % save_every == 0 or run.step == num_steps:
            accelerator.wait_for_everyone()
            if main:
                save_checkpoint(checkpoints, run.step, run.state(seconds))
        if run.step % log_every == 0 or run.step == num_steps:
            means = {k: v / seen for k, v in sums.items()}
            if curve:
                curve.add(run.step, **means, lr=lr_of(run.step - 1), seconds=seconds)
            sums, seen = {}, 0
            if on_step:
                on_step(Step(run.step, num_steps, means, seconds))
    run.seconds += time.perf_counter() - began
    return run


def device_name(device: torch.device | Literal["cpu"] | str) -> str:
    """Plain words for a device: the accelerator's name, or the number of CPU threads used."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return device.type
