"""What stages 1 and 2 leave behind: two embeddings, an adapter or weights, and the losses on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from core.world.diffusion.condition import Condition
from core.world.diffusion.parts import Pictures

from .config import Learning

StageName = Literal["embedding", "tuning", "joint", "inversion", "sampling", "baselines"]


@dataclass(frozen=True, slots=True)
class Point:
    """A loss on the fixed bank, after `step` steps of a stage."""

    stage: StageName
    step: int
    loss: float


@dataclass(frozen=True, slots=True)
class Losses:
    """The three reference losses on the fixed bank; the gap between them says which stage is off.

    Attributes:
        target: L(e_tgt, θ0), before anything was learnt.
        optimised: L(e_opt, θ0), what stage 1 reached.
        tuned: L(e_opt, θ*), what stage 2 reached.
    """

    target: float
    optimised: float
    tuned: float

    @property
    def share_of_embedding(self) -> float | None:
        """How much of the whole gap stage 1 closed; None where there is no gap."""
        gap = self.target - self.tuned
        return (self.target - self.optimised) / gap if gap > 0 else None


@dataclass(frozen=True, slots=True)
class Preview:
    """A short strip, drawn while learning.

    Attributes:
        etas: one for each picture.
        pictures: (K, H, W, 3) uint8.
    """

    etas: tuple[float, ...]
    pictures: Pictures


Report = Callable[[StageName, int, int, float | None, Preview | None], None]
"""Called with stage, steps done, steps of the stage, newest batch loss, preview; may raise to end the edit."""

Stop = Callable[[], bool]
"""Asked before every step: True ends learning with the best so far. It may raise to end the edit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """Everything that sampling needs, apart from the model.

    Attributes:
        z0: latents (1, c, h, w) of the picture, float32.
        target: e_tgt, one row.
        optimised: e_opt, one row, float32.
        learning: how it was learnt.
        adapter: LoRA weights `<layer>.lora_A.weight` and `...lora_B.weight`, float32; None without one.
        weights: all weights of the network that were tuned whole, float32; None otherwise.
        curve: losses on the fixed bank.
        losses: its three references.
        steps: steps done in each stage.
        seconds: wall time of each stage.
        peak_bytes: most memory above that at the beginning, in bytes; on a CPU of the whole process.
        stopped: whether learning was ended early.
        starts: noises z_T (1, c, h, w) of which DDIM draws z0, by "<weights>.<steps>" (`inversion.START_OF`). They are
            found when they are first needed and kept here, because finding them costs as much as a drawing.
    """

    z0: Tensor
    target: Condition
    optimised: Condition
    learning: Learning
    adapter: Mapping[str, Tensor] | None = None
    weights: Mapping[str, Tensor] | None = None
    curve: tuple[Point, ...] = ()
    losses: Losses
    steps: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_bytes: int = 0
    stopped: bool = False
    # not taken over by `replace`: other weights draw the picture from elsewhere
    starts: dict[str, Tensor] = field(default_factory=dict, init=False)
