"""Settings of Imagic: what is learnt from one picture, and how the strip is drawn (no torch here).

Imagic is Kawar et al., CVPR 2023, arXiv 2210.09276. `paper()` holds the numbers that the paper gives for
Stable Diffusion, `community()` those of the public diffusers pipeline `imagic_stable_diffusion`; the numbers of
`embedded()` and `full()` are our choices. Joint tuning, forgetting and projection follow Forgedit (Zhang et
al. 2023, arXiv 2309.10556).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from core.errors import InputError

from .ranges import Range

Tuning = Literal["lora", "full", "none", "joint"]
Layers = Literal["attention", "wide"]
Start = Literal["noise", "inverted"]
Schedule = Literal["constant", "late", "early"]
Unconditional = Literal["tuned", "base"]
Blend = Literal["linear", "projection"]
Forget = Literal[
    "none", "encoder", "encoderkv", "encoderattn", "decoder", "decoderkv", "decoderattn", "middle"
]

TUNINGS: tuple[Tuning, ...] = get_args(Tuning)
LAYERS: tuple[Layers, ...] = get_args(Layers)
STARTS: tuple[Start, ...] = get_args(Start)
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
UNCONDITIONALS: tuple[Unconditional, ...] = get_args(Unconditional)
BLENDS: tuple[Blend, ...] = get_args(Blend)
FORGETS: tuple[Forget, ...] = get_args(Forget)

BANK_SIZE = 64  # fixed (time, noise) pairs on which every plotted loss is measured
TYPICAL = (0.6, 0.8)  # where the paper sees the edit appear (figure 9)
MAX_COLUMNS = 16
MAX_ROWS = 8
MAX_SEED = 2**31 - 1


LEARNING_RANGES: Mapping[str, Range] = {
    "embedding_steps": Range(low=0, high=2000, unit="steps", whole=True),
    "embedding_lr": Range(low=1e-5, high=1e-1),
    "tuning_steps": Range(low=0, high=2000, unit="steps", whole=True),
    "tuning_lr": Range(low=1e-8, high=1e-1),
    "rank": Range(low=1, high=32, whole=True),
    "batch_size": Range(low=1, high=32, unit="(time, noise) pairs", whole=True),
    "seed": Range(low=0, high=MAX_SEED, whole=True),
    "prior_weight": Range(low=0.0, high=10.0),
    "prior_pictures": Range(low=1, high=32, unit="pictures", whole=True),
    "stop_below": Range(low=0.0, high=2.0),
}
"""Limits of the numbers in `Learning`, wide enough for every published setting."""

SAMPLING_RANGES: Mapping[str, Range] = {
    "guidance": Range(low=1.0, high=12.0),
    "steps": Range(low=1, high=100, unit="DDIM steps", whole=True),
    "forget_strength": Range(low=0.0, high=1.0),
    "identity": Range(low=0.0, high=2.0),
}
"""Limits of the single numbers in `Sampling`."""

ETA_RANGE = Range(low=-0.5, high=2.0)
SEED_RANGE = Range(low=0, high=MAX_SEED, whole=True)


def _one_of(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(
            f"{name} is {value!r}. Known are {', '.join(choices)}. Choose one of them."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """Stages 1 and 2: what is learnt from the picture.

    Attributes:
        embedding_steps: Adam steps on the text embedding, the network frozen (stage 1).
        embedding_lr: learning rate of these steps.
        tuning: "lora" learns a small adapter, "full" a private copy of every weight (the paper), "joint" an
            adapter together with the embedding (Forgedit), "none" leaves stage 2 out (the paper's ablation).
        tuning_steps: Adam steps on the network (stage 2), or on both when `tuning` is "joint".
        tuning_lr: learning rate of the network.
        rank: rank of the adapter; its scale is 1 whatever the rank.
        layers: what the adapter touches: the projections of "attention", or "wide": convolutions and
            feed-forward layers as well.
        batch_size: (time, noise) pairs of one step.
        source_caption: what the picture shows; joint tuning starts from it, or from the target when it is empty.
        seed: of every draw in both stages.
        freeze_padding: leave the positions after the end of the text as they are.
        prior_weight: weight of the same loss on pictures that the untouched model makes of the target (0: none).
        prior_pictures: how many of them.
        stop_below: joint tuning ends once the fixed-bank loss is below this (0: never).
    """

    embedding_steps: int = 60
    embedding_lr: float = 5e-3
    tuning: Tuning = "lora"
    tuning_steps: int = 40
    tuning_lr: float = 1.5e-3
    rank: int = 8
    layers: Layers = "attention"
    batch_size: int = 4
    source_caption: str = ""
    seed: int = 0
    freeze_padding: bool = False
    prior_weight: float = 0.0
    prior_pictures: int = 4
    stop_below: float = 0.0

    def __post_init__(self) -> None:
        _one_of("tuning", self.tuning, TUNINGS)
        _one_of("layers", self.layers, LAYERS)
        if not isinstance(self.source_caption, str) or not isinstance(self.freeze_padding, bool):
            raise InputError(
                "source_caption is a text and freeze_padding is true or false. Other values were given. "
                "Leave them out, or give values of these kinds."
            )
        for name, allowed in LEARNING_RANGES.items():
            allowed.check(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Stage 3: how the strip is drawn.

    Attributes:
        etas: one column each; 0 is the learnt embedding (the input again), 1 the target, above 1 beyond it.
        seeds: one row each; a row shares its start. Seed 0 of an inverted start is the picture's own noise,
            any other turns it a little towards fresh noise.
        guidance: weight of classifier-free guidance; 1 is without.
        steps: DDIM steps.
        start: "noise" (the paper), or "inverted": the noise from which the tuned weights draw the picture,
            by DDIM inversion.
        schedule: eta over the steps: "constant" (the paper), "late" is low for the first 30 % of the steps
            (layout from the input), "early" is low after them (pose from the text, details from the input).
        blend: "linear" (the paper) or "projection": only the part of the target that is orthogonal to the
            learnt embedding is added (Forgedit); eta is its strength and `identity` the weight of the rest.
        identity: weight of the learnt embedding when `blend` is "projection".
        forget: where the untouched weights are put back while sampling.
        forget_strength: how far: 0 not at all, 1 fully.
        unconditional: weights of the branch without text: the tuned ones, or the untouched ones.
    """

    etas: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4)
    seeds: tuple[int, ...] = (0,)
    guidance: float = 3.0
    steps: int = 20
    start: Start = "inverted"
    schedule: Schedule = "constant"
    blend: Blend = "linear"
    identity: float = 1.0
    forget: Forget = "none"
    forget_strength: float = 1.0
    unconditional: Unconditional = "tuned"

    def __post_init__(self) -> None:
        object.__setattr__(self, "etas", tuple(self.etas))
        object.__setattr__(self, "seeds", tuple(self.seeds))
        for name, choices in (
            ("start", STARTS), ("schedule", SCHEDULES), ("blend", BLENDS), ("forget", FORGETS),
            ("unconditional", UNCONDITIONALS),
        ):  # fmt: skip
            _one_of(name, getattr(self, name), choices)
        for name, allowed in SAMPLING_RANGES.items():
            allowed.check(name, getattr(self, name))
        _check_row("etas", self.etas, MAX_COLUMNS, ETA_RANGE)
        _check_row("seeds", self.seeds, MAX_ROWS, SEED_RANGE)


def _check_row(name: str, values: tuple[Any, ...], most: int, allowed: Range) -> None:
    if not 1 <= len(values) <= most:
        raise InputError(
            f"There are {len(values)} {name}. A strip has 1 to {most} of them. Give fewer, or at least one."
        )
    for value in values:
        allowed.check(f"One of the {name}", value)
    if len(set(values)) < len(values):
        raise InputError(
            f"The {name} {', '.join(f'{v:g}' for v in values)} repeat. Each is drawn once. Leave out the repetition."
        )


def nothing_forgotten(pattern: Forget) -> InputError:
    """The error for a pattern that would put back only what was never tuned."""
    return InputError(
        f'The pattern "{pattern}" puts back weights that were not tuned, so it would change nothing. '
        'An adapter on attention is touched by "encoder", "decoder", "encoderkv", "decoderkv" and "middle". '
        'Choose one of these, or learn with layers "wide" or tuning "full".'
    )


def check_forgetting(learning: Learning, sampling: Sampling) -> None:
    """Refuse a pattern that would change nothing, before anything is learnt for it.

    Raises:
        InputError: nothing is tuned where the pattern puts weights back.
    """
    only_attention = learning.tuning in ("lora", "joint") and learning.layers == "attention"
    spared = only_attention and sampling.forget.endswith("attn")
    if sampling.forget != "none" and (spared or learning.tuning == "none"):
        raise nothing_forgotten(sampling.forget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides an edit, apart from the picture, the target text and the model."""

    learning: Learning = field(default_factory=Learning)
    sampling: Sampling = field(default_factory=Sampling)


def embedded() -> Settings:
    """The small model of the captioned world, on a processor."""
    return Settings()


def full() -> Settings:
    """Stable Diffusion 1.x and XL on one GPU, with an adapter."""
    return Settings(
        learning=Learning(
            embedding_steps=500, embedding_lr=1e-3, tuning_steps=600, tuning_lr=1e-4, batch_size=2
        ),
        sampling=Sampling(start="noise", steps=30),
    )


def paper() -> Settings:
    """The paper's numbers for Stable Diffusion (section 3.3): the whole network is tuned.

    Batch size, guidance and steps are not stated; these are 1 and the defaults of the public pipelines.
    """
    return Settings(
        learning=Learning(
            embedding_steps=1000,
            embedding_lr=2e-3,
            tuning="full",
            tuning_steps=1500,
            tuning_lr=5e-7,
            batch_size=1,
        ),
        sampling=Sampling(start="noise", guidance=7.5, steps=50),
    )


def community() -> Settings:
    """The public pipeline's defaults: 500 + 1000 steps on one pair each, the whole network, guidance 7.5.

    Source: diffusers, `examples/community/imagic_stable_diffusion.py`; the etas 1.2 (its default), 1, 1.5 and
    2 (its documentation) come after the ordinary ones.
    """
    return Settings(
        learning=Learning(
            embedding_steps=500,
            embedding_lr=1e-3,
            tuning="full",
            tuning_steps=1000,
            tuning_lr=2e-6,
            batch_size=1,
        ),
        sampling=Sampling(
            etas=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0),
            start="noise",
            guidance=7.5,
            steps=50,
        ),
    )


def forgedit() -> Settings:
    """Joint tuning with an adapter, 40 steps on ten pairs, as in Forgedit's script."""
    return Settings(
        learning=Learning(
            embedding_steps=0,
            embedding_lr=1e-3,
            tuning="joint",
            tuning_steps=40,
            tuning_lr=1e-3,
            batch_size=10,
        ),
        sampling=Sampling(start="noise", guidance=7.5, steps=30),
    )


PRESETS = {
    "embedded": embedded,
    "full": full,
    "paper": paper,
    "community": community,
    "forgedit": forgedit,
}


def with_seeds(sampling: Sampling, seeds: Sequence[int]) -> Sampling:
    """The same way to draw, for other seeds."""
    return dataclasses.replace(sampling, seeds=tuple(seeds))
