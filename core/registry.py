"""What a method says about itself, and how the hub finds methods. Standard library only."""

from __future__ import annotations

import importlib
import json
import re
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
class HubModel:
    """Files of one repository of the Hugging Face Hub at one commit, as a full tier reads them.

    The pipeline loads by `repo_id` and `revision`, `readiness` asks whether the files are here, and
    a Space that carries the full tier has them fetched while it is built.

    Args:
        repo_id: `owner/name`.
        revision: the full commit, 40 hexadecimal digits; a branch could change under a result.
        files: paths inside the repository, such as `unet/config.json`; empty for all of them.

    Raises:
        ValueError: the id, the commit or a path cannot be meant.
    """

    repo_id: str
    revision: str
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", self.repo_id):
            raise ValueError(f"{self.repo_id!r} is no model of the Hub. Write owner/name.")
        if not re.fullmatch(r"[0-9a-f]{40}", self.revision):
            raise ValueError(
                f"the revision of {self.repo_id} is {self.revision!r}. A full commit of 40 "
                "hexadecimal digits is needed. Copy it from the history of the repository."
            )
        for file in self.files:
            if not file or re.search(r"[\s,]", file) or ".." in file.split("/"):
                raise ValueError(f"{file!r} of {self.repo_id} is no path inside a repository.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One size of a method: which weights it runs on and what they need."""

    name: Literal["embedded", "full"]
    title: str
    licence: str
    models: tuple[HubModel, ...] = ()  # of the full tier; empty for weights in the repository
    model_ids: tuple[str, ...] = ()  # their Hub ids; taken from `models` where those are given
    parameters: int = 0
    size_bytes: int = 0
    min_device_bytes: int = 0  # 0 means a CPU will do
    min_ram_bytes: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        ids = tuple(dict.fromkeys(model.repo_id for model in self.models))
        if ids and self.model_ids not in ((), ids):
            raise ValueError(f"model_ids are {self.model_ids}, but models are {ids}. Give models.")
        object.__setattr__(self, "model_ids", ids or self.model_ids)

    def model(self, repo_id: str) -> HubModel:
        """Return the pinned model `repo_id` of this tier.

        Raises:
            NotFoundError: the tier pins no such model.
        """
        for model in self.models:
            if model.repo_id == repo_id:
                return model
        known = ", ".join(self.model_ids) or "none"
        raise NotFoundError(f"{self.title} pins no model {repo_id!r}. It pins: {known}.")


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
    shared_weights: tuple[
        str, ...
    ] = ()  # folders below the root, where not all weights are the method's own
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
