"""What a run leaves behind: its curve, its weights with their checksum, and their card."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from core.errors import WeightsError
from core.training.checkpoints import write_atomically


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
        if value == int(value) and abs(value) >= 10:
            return f"{value:.0f}"
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
    return str(value)
