"""What a method says about itself, and how the hub finds methods. Standard library only."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from core.errors import NotFoundError

SPACES = Path(__file__).resolve().parents[1] / "spaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The paper that a method implements."""

    title: str
    authors: str
    venue: str
    year: int
    arxiv: str = ""

    @property
    def url(self) -> str:
        """Address of the abstract, or an empty text for a paper without an arXiv number."""
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One size of a method: which weights it runs on and what they need."""

    name: Literal["embedded", "full"]
    title: str
    licence: str
    model_ids: tuple[str, ...] = ()  # Hub ids of the full tier; empty for weights in the repository
    parameters: int = 0
    size_bytes: int = 0
    min_device_bytes: int = 0  # 0 means a CPU will do
    min_ram_bytes: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpec:
    """A method's card: pure data, read without importing its code."""

    slug: str
    title: str
    summary: str  # one sentence
    paper: Paper
    tasks: tuple[str, ...]
    tiers: tuple[Tier, ...]
    colour: str  # accent, "#rrggbb"
    emoji: str
    heavy: bool = False  # whether its jobs need the device lease
    first_example_seconds: float = 10.0  # promise of the first example on two cores
    order: int = 100  # place on the landing page

    @property
    def folder(self) -> Path:
        """The method's folder."""
        return SPACES / self.slug

    def tier(self, name: str) -> Tier:
        """Return the tier called `name`.

        Raises:
            NotFoundError: the method has no such tier.
        """
        for tier in self.tiers:
            if tier.name == name:
                return tier
        known = ", ".join(t.name for t in self.tiers)
        raise NotFoundError(f"{self.title} has no tier {name!r}. It has: {known}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One measured number, with what it must be read against."""

    name: str
    value: float
    unit: str = ""
    better: Literal["higher", "lower"] = "higher"
    baseline: float | None = None
    baseline_name: str = ""
    chance: float | None = None
    n: int = 0
    interval: tuple[float, float] | None = None  # 95 %
    seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)  # further baselines, the choice made, ...

    def to_dict(self) -> dict[str, Any]:
        """Return the score as plain JSON types."""
        return asdict(self)


def slugs() -> list[str]:
    """Names of all folders of `spaces/` that hold a method, sorted."""
    return sorted(p.parent.name for p in SPACES.glob("*/__init__.py"))


def load(slug: str) -> MethodSpec:
    """Import the `SPEC` of one method; no torch and no Gradio is loaded by it.

    Raises:
        NotFoundError: there is no such folder.
    """
    if slug not in slugs():
        known = ", ".join(slugs())
        raise NotFoundError(f"There is no method {slug!r}. Known methods: {known}.")
    return importlib.import_module(f"core.methods.{slug}").SPEC


def module(slug: str, name: str) -> ModuleType:
    """Import one module of a method, such as `pipeline`, `ui` or `recipe`.

    Raises:
        NotFoundError: there is no such method.
    """
    load(slug)
    return importlib.import_module(f"core.methods.{slug}.{name}")


def specs(only: tuple[str, ...] = ()) -> Iterator[MethodSpec]:
    """All methods (or those named in `only`) in the order of the landing page."""
    chosen = only or tuple(slugs())
    yield from sorted((load(slug) for slug in chosen), key=lambda spec: (spec.order, spec.slug))


def embedded_config(spec: MethodSpec) -> dict[str, Any]:
    """The `weights/config.json` of a method, or an empty dict when it has no weights yet."""
    path = spec.folder / "weights" / "config.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}
