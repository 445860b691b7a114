"""Scores for people as a table, and for programs as one JSON object."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import core
from core.registry import Score

_LIBRARIES = ("torch", "gradio", "diffusers", "transformers", "accelerate", "numpy", "scikit-learn")


def versions() -> dict[str, str]:
    """Versions of this project, of Python and of the libraries that numbers depend on."""
    found = {"vitrine": core.__version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def device_words() -> str:
    """The device that the numbers were measured on."""
    from core.readiness import device

    here = device()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"cpu, {cores} cores, {platform.machine()}" if here.kind == "cpu" else here.name


def write_json(
    path: Path, *, method: str, tier: str, scores: Sequence[Score], seconds: float
) -> None:
    """Write `{"method", "tier", "scores", "versions", "device", "seconds"}`; `-` is stdout."""
    report = {
        "method": method,
        "tier": tier,
        "scores": [score.to_dict() for score in scores],
        "versions": versions(),
        "device": device_words(),
        "seconds": round(seconds, 3),
    }
    text = json.dumps(report, indent=1, ensure_ascii=False, default=_plain) + "\n"
    if str(path) == "-":
        import typer

        typer.echo(text, nl=False)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _plain(value: Any) -> Any:
    """Turn numpy numbers into Python's; scores may carry them in their details."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def number(value: float | None, unit: str = "") -> str:
    """A number with three significant digits and its unit; empty for None."""
    if value is None:
        return ""
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def print_scores(title: str, scores: Sequence[Score]) -> None:
    """Print one line for each score: value, 95 % interval, baseline, chance, n."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("score", "value", "95 %", "baseline", "chance", "n", "better"):
        is_text = heading in ("score", "baseline", "better")
        table.add_column(heading, justify="left" if is_text else "right", overflow="fold")
    for score in scores:
        low_high = score.interval
        baseline = number(score.baseline)
        table.add_row(
            score.name,
            number(score.value, score.unit),
            f"{number(low_high[0])} to {number(low_high[1])}" if low_high else "",
            f"{baseline} {score.baseline_name}".strip() if baseline else "",
            number(score.chance),
            str(score.n) if score.n else "",
            score.better,
        )
    console = Console(width=None if Console().is_terminal else 140, highlight=False)
    console.print(table)
