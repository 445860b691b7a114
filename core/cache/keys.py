"""What the cache is asked for: component keys, component specs and model specs.

A component (a text encoder, a UNet, an embedded net) is the unit that is loaded, lent and evicted.
Equality of keys means sharing: two models whose parts have equal keys hold one object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Work = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ComponentKey:
    """Identity of one set of weights in one precision."""

    source: str  # Hub id, or the folder of embedded weights
    revision: str = ""  # commit of the Hub repository, or sha256 of the file
    subfolder: str = ""
    cls: str = ""
    dtype: str = "float32"  # name of a torch dtype
    quant: str = ""

    def __str__(self) -> str:
        place = f"{self.source}/{self.subfolder}" if self.subfolder else self.source
        revision = f"@{self.revision[:8]}" if self.revision else ""
        quant = f"+{self.quant}" if self.quant else ""
        return f"{place}{revision} {self.cls} {self.dtype}{quant}".replace("  ", " ")


def _unknown_size() -> int:
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSpec:
    """How to get one component.

    Attributes:
        key: identity; equal keys are loaded once.
        load: builds the component in main memory in the given dtype. It runs in a thread of the
            cache, under the construction lock, outside inference mode. An object that is not an
            `nn.Module` (a tokenizer) may be returned; it weighs nothing and is never moved.
        est_bytes: size before loading; 0 when it cannot be known.
        mutable: the borrower changes the weights, so each lease gets a private copy.
        no_split: names of module classes that a partial placement must keep on one device.
        fetch: brings files to this machine; runs before `load` and outside the construction lock,
            so that a long download does not hold up other models.
    """

    key: ComponentKey
    load: Callable[[torch.dtype], Any]
    est_bytes: Callable[[], int] = _unknown_size
    mutable: bool = False
    no_split: tuple[str, ...] = ()
    fetch: Callable[[], Any] | None = None


def _only_part(parts: Mapping[str, Any], device: Any) -> Any:
    """Return the single part, or the parts by name."""
    return next(iter(parts.values())) if len(parts) == 1 else dict(parts)


def no_work(work: Work) -> int:
    """Work that needs no memory worth counting."""
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model: named components and the way they become one object.

    Attributes:
        name: shown on the status page, used by `unload` and `pin`.
        parts: the components by the name under which `assemble` finds them.
        assemble: builds the object that the lease lends. It is called for every lease, because a
            pipeline carries the state of its run (a scheduler, for one); it must be cheap.
        work_bytes: device memory that a run needs beside the weights, for the given work.
        degrade: a smaller plan of the same work (half the batch, tiles), or None when there is none.
    """

    name: str
    parts: Mapping[str, ComponentSpec]
    assemble: Callable[[Mapping[str, Any], torch.device], Any] = _only_part
    work_bytes: Callable[[Work], int] = no_work
    degrade: Callable[[Work], Work | None] | None = None

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError(f"model {self.name!r} has no parts")


def halve(name: str, least: int = 1) -> Callable[[Work], Work | None]:
    """Return a `degrade` that halves `work[name]` until it reaches `least`."""

    def degrade(work: Work) -> Work | None:
        now = int(work.get(name, least))
        return {**work, name: max(least, now // 2)} if now > least else None

    return degrade
