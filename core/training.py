"""Loop pieces that all recipes share: seeds, EMA, checkpoints, curves and the weights card.

A checkpoint is one folder: tensors as safetensors, the rest as JSON, never a pickle. It is written
beside its place, flushed to disk and renamed, so that a process killed at any moment leaves either
the old checkpoint or the new one. Everything runs unchanged under `accelerate launch`; only the main
process writes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.errors import InputError, WeightsError

logger = logging.getLogger(__name__)


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
    torch.random.default_generator.manual_seed(seed)
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


# Checkpoints


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file beside its place, flush it to disk and rename it over `path`."""
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with part.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(part, path)


def _split(value: Any, tensors: dict[str, Tensor], prefix: str) -> Any:
    """Take tensors out of a nested state, leaving references in JSON types."""
    if isinstance(value, Tensor):
        tensors[prefix] = value.detach().cpu().contiguous()
        return {"$tensor": prefix}
    if isinstance(value, Mapping):
        pairs = [[k, _split(v, tensors, f"{prefix}.{k}")] for k, v in value.items()]
        return {"$map": pairs}  # pairs: JSON would turn the optimizer's number keys into texts
    if isinstance(value, list | tuple):
        items = [_split(v, tensors, f"{prefix}.{i}") for i, v in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} at {prefix} cannot be kept in a checkpoint")


def _join(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_join(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    if "$tensor" in value:
        return tensors[value["$tensor"]]
    if "$tuple" in value:
        return tuple(_join(v, tensors) for v in value["$tuple"])
    return {k: _join(v, tensors) for k, v in value["$map"]}


def rng_state() -> dict[str, Any]:
    """State of the global generators, as tensors and JSON types."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    version, words, gauss = random.getstate()
    state = {
        "torch": torch.get_rng_state(),
        "numpy": {"kind": kind, "keys": torch.from_numpy(keys.astype(np.int64)), "rest": rest},
        "python": {"version": version, "words": torch.tensor(words), "gauss": gauss},
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_rng_state(state: Mapping[str, Any]) -> None:
    """Put back what `rng_state` returned."""
    torch.set_rng_state(state["torch"])
    numpy, python = state["numpy"], state["python"]
    keys = numpy["keys"].numpy().astype(np.uint32)
    np.random.set_state((numpy["kind"], keys, *numpy["rest"]))  # noqa: NPY002
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


def save_checkpoint(folder: Path, step: int, parts: Mapping[str, Any], keep: int = 2) -> Path:
    """Write `folder/step-<n>` in one atomic rename and delete all but the newest `keep`.

    Args:
        folder: where the checkpoints of the run live.
        step: steps done.
        parts: nested dicts, lists, tensors, numbers and texts, such as `state_dict()`s.
        keep: how many checkpoints stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, part = folder / f"step-{step:08d}", folder / f".step-{step:08d}.tmp"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    tensors: dict[str, Tensor] = {}
    tree = _split(dict(parts), tensors, "state")
    unique = {k: v.clone() for k, v in tensors.items()}  # safetensors refuses shared memory
    save_file(unique, part / "state.safetensors")
    digest = hashlib.sha256((part / "state.safetensors").read_bytes()).hexdigest()
    note = json.dumps({"step": step, "sha256": digest, "tree": tree})
    (part / "state.json").write_text(note, "utf-8")
    for file in part.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    shutil.rmtree(target, ignore_errors=True)
    os.replace(part, target)
    for old in sorted(folder.glob("step-*"))[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    for leftover in folder.glob(".step-*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    return target


def load_checkpoint(folder: Path) -> tuple[int, dict[str, Any]] | None:
    """Read the newest whole checkpoint below `folder`; a damaged one is skipped with a warning."""
    for path in sorted(folder.glob("step-*"), reverse=True):
        try:
            note = json.loads((path / "state.json").read_text("utf-8"))
            data = (path / "state.safetensors").read_bytes()
        except (OSError, ValueError) as error:
            logger.warning("checkpoint %s cannot be read: %s", path.name, error)
            continue
        if hashlib.sha256(data).hexdigest() != note["sha256"]:
            logger.warning("checkpoint %s is damaged, trying the one before", path.name)
            continue
        return note["step"], _join(note["tree"], load_file(path / "state.safetensors"))
    return None


# Curves and weights


class Curve:
    """One JSON object for each line, appended as training goes; a resumed run drops later lines."""

    def __init__(self, path: Path, resume_at: int | None = None) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [] if resume_at is None else [r for r in read_curve(path) if r["step"] <= resume_at]
        write_atomically(path, "".join(json.dumps(r) + "\n" for r in kept).encode())

    def add(self, step: int, **values: float) -> None:
        """Append the values of one step."""
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({"step": step, **values}) + "\n")


def read_curve(path: Path) -> list[dict[str, float]]:
    """Read a curve; a last line cut off by a crash is left out."""
    rows = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def save_weights(
    folder: Path,
    state: Mapping[str, Tensor],
    config: Mapping[str, Any],
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Write `model.safetensors` and `config.json` with its sha256; float tensors become `dtype`.

    Raises:
        WeightsError: a value is not finite, or leaves the range of `dtype`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        k: (v.detach().cpu().to(dtype) if v.is_floating_point() else v.detach().cpu()).clone()
        for k, v in state.items()
    }
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise WeightsError(
                f"{name} holds values that are not finite in {dtype}. The run has diverged: "
                "lower the learning rate, or save as float32."
            )
    part = folder / f".model.safetensors.{os.getpid()}.tmp"
    save_file(tensors, part)
    part.chmod(0o644)  # safetensors makes it private to its owner
    digest = hashlib.sha256(part.read_bytes()).hexdigest()
    os.replace(part, folder / "model.safetensors")
    full = {**config, "sha256": {"model.safetensors": digest}}
    write_atomically(folder / "config.json", (json.dumps(full, indent=1) + "\n").encode())
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What `CARD.md` says of a set of weights: how it was made, and how good it is."""

    title: str
    summary: str
    command: str
    seed: int
    minutes: float
    device: str
    data: Sequence[str]
    curve: Sequence[Mapping[str, float]] = ()
    scores: Sequence[Mapping[str, Any]] = ()
    limits: Sequence[str] = ()
    licence: str = "Apache-2.0"
    extra: Mapping[str, str] = field(default_factory=dict)


def write_card(path: Path, card: Card) -> None:
    """Write `CARD.md`."""
    lines = [f"# {card.title}", "", card.summary, "", "## How it was made", ""]
    facts = {
        "Command": f"`{card.command}`",
        "Seed": str(card.seed),
        "Time": f"{card.minutes:.1f} minutes",
        "Device": card.device,
        "Licence of the weights": card.licence,
        **card.extra,
    }
    lines += [f"- {name}: {text}" for name, text in facts.items()]
    lines += ["", "## Data", "", *(f"- {line}" for line in card.data)]
    if card.curve:
        names = list(card.curve[0])
        lines += ["", "## Curve", "", "| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
        lines += [
            "| " + " | ".join(_number(row.get(n)) for n in names) + " |" for row in card.curve
        ]
    if card.scores:
        names = list(card.scores[0])
        lines += ["", "## Scores", "", "| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
        lines += [
            "| " + " | ".join(_number(row.get(n)) for n in names) + " |" for row in card.scores
        ]
    if card.limits:
        lines += ["", "## Limits", "", *(f"- {line}" for line in card.limits)]
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def _number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value == int(value) and abs(value) >= 10 else f"{value:.3f}"
    return str(value)


# The loop


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
            "model": self.model.state_dict(),
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
            self.model.load_state_dict(state["model"])
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
