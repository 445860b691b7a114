"""What can be asked of Conceptor: one frozen, JSON-able dataclass for each verb.

A request is the whole truth of a run: the concept, every setting, the tier. What builds on a
decomposition (explain, mix, audit, compare) names its concept and settings; it is taken from the store if
it was learnt before with the same model, and learnt otherwise. Same request and weights, same bytes on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from core.errors import InputError
from core.runs.kinds import Kinds

from .config import MAX_SEED, Settings, number

TierName = Literal["embedded", "full"]
ModelName = Literal[
    "stable-diffusion-v1-4", "stable-diffusion-v1-5", "stable-diffusion-xl-base-1.0"
]
Target = Literal["auto", "original", "reconstruction"]
Preset = Literal["smoke", "cpu", "gpu"]

TIERS: tuple[TierName, ...] = get_args(TierName)
MODELS: tuple[ModelName, ...] = get_args(ModelName)
TARGETS: tuple[Target, ...] = get_args(Target)
PRESETS: tuple[Preset, ...] = get_args(Preset)
MAX_CONCEPT = 80  # characters
MAX_CONCEPTS = 12  # of an audit: each may have to be learnt
MAX_SEEDS = 8
MAX_GROUP = 8  # words of one side of an audit
FACTORS = (-1.0, 5.0)
STRENGTH = (0.0, 1.0)
THRESHOLD = (0.5, 0.999)


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{name} {value!r} is unknown. Choose one of {', '.join(allowed)}.")


def _concept(value: str, what: str = "The concept") -> None:
    if not isinstance(value, str) or not value.strip():
        raise InputError(
            f'{what} is empty. A word that the model can draw is needed. Write for example "snowman".'
        )
    if len(value) > MAX_CONCEPT:
        raise InputError(
            f"{what} has {len(value)} characters. Up to {MAX_CONCEPT} are read. Use one word, or a few."
        )


def _seeds(values: tuple[int, ...]) -> None:
    if not 1 <= len(values) <= MAX_SEEDS:
        raise InputError(
            f"There are {len(values)} seeds. From 1 to {MAX_SEEDS} pictures can be made. Add or remove some."
        )
    for value in values:
        number("The seed", value, 0, MAX_SEED, whole=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnModel:
    """Which text-to-image model is asked; part of every request that starts from one."""

    tier: TierName = "embedded"
    model: ModelName = "stable-diffusion-v1-5"  # of the full tier; the embedded tier has one model

    def __post_init__(self) -> None:
        _choice("The tier", self.tier, TIERS)
        _choice("The model", self.model, MODELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecomposeRequest(OnModel):
    """Take one concept apart into words."""

    kind: ClassVar[str] = "decompose"
    concept: str
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        OnModel.__post_init__(self)
        _concept(self.concept)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainRequest(OnModel):
    """Find the fewest words of a decomposition that still draw one picture.

    Attributes:
        seed: which picture of the concept.
        threshold: a word is dropped if the picture without it is at least this alike, cosine of image features.
        target: what the picture must stay alike to; "auto" takes the concept's own picture where the
            reconstruction is near it, and the reconstruction elsewhere.
    """

    kind: ClassVar[str] = "explain"
    concept: str
    settings: Settings = field(default_factory=Settings)
    seed: int = 0
    threshold: float = 0.93
    target: Target = "auto"

    def __post_init__(self) -> None:
        OnModel.__post_init__(self)
        _concept(self.concept)
        number("The seed", self.seed, 0, MAX_SEED, whole=True)
        number("The threshold", self.threshold, *THRESHOLD)
        _choice("The target", self.target, TARGETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixRequest(OnModel):
    """Draw a decomposition with other weights: stronger, weaker, without a word, a word alone.

    Attributes:
        factors: what the coefficient of a word is multiplied by; words that are not named keep 1.
        solo: draw this word alone, whatever the factors say; empty for none.
        mute: words that are left out.
        seeds: pictures before and after, each pair from the same noise.
    """

    kind: ClassVar[str] = "mix"
    concept: str
    settings: Settings = field(default_factory=Settings)
    factors: dict[str, float] = field(default_factory=dict)
    solo: str = ""
    mute: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2, 3)

    def __post_init__(self) -> None:
        OnModel.__post_init__(self)
        _concept(self.concept)
        _seeds(self.seeds)
        for word, factor in self.factors.items():
            number(f"The factor of {word!r}", factor, *FACTORS)
        if not isinstance(self.solo, str):
            raise InputError(f"The word to draw alone is {self.solo!r}. It is a text. Name a word.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest(OnModel):
    """Read the leaning of concepts between two groups of words, measure it, and take it out.

    Attributes:
        concepts: such as professions.
        group_a: words of the one side, each other's synonyms.
        group_b: words of the other side.
        pictures: of each concept and each way, that are counted.
        strength: of the mitigation: 0 none, 1 both groups get equal shares.
    """

    kind: ClassVar[str] = "audit"
    concepts: tuple[str, ...]
    group_a: tuple[str, ...] = ("roundhead", "bea", "una", "ada")  # the last three have such heads
    group_b: tuple[str, ...] = ("squarehead", "arlo", "odo", "ivo")
    pictures: int = 32
    strength: float = 1.0
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        OnModel.__post_init__(self)
        if not 1 <= len(self.concepts) <= MAX_CONCEPTS:
            raise InputError(
                f"There are {len(self.concepts)} concepts. An audit reads 1 to {MAX_CONCEPTS} of them. "
                "Choose fewer, or at least one."
            )
        for concept in self.concepts:
            _concept(concept)
        for name, group in (("first", self.group_a), ("second", self.group_b)):
            if not 1 <= len(group) <= MAX_GROUP:
                raise InputError(
                    f"The {name} group has {len(group)} words. It needs 1 to {MAX_GROUP}. Change it."
                )
            for word in group:
                _concept(word, f"A word of the {name} group")
        if both := set(self.group_a) & set(self.group_b):
            raise InputError(
                f"{', '.join(sorted(both))} is in both groups. A word belongs to one side. Remove it from the other."
            )
        number("The number of pictures", self.pictures, 4, 256, whole=True)
        number("The strength", self.strength, *STRENGTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest(OnModel):
    """Lay two decompositions side by side."""

    kind: ClassVar[str] = "compare"
    one: str
    other: str
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        OnModel.__post_init__(self)
        _concept(self.one, "The first concept")
        _concept(self.other, "The second concept")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest(OnModel):
    """Known answers, measured now: planted words taken apart, and compared with their recipes."""

    kind: ClassVar[str] = "check"
    num_words: int = 1  # each is learnt from the start
    seed: int = 0  # which words, and of every draw
    steps: int = 120

    def __post_init__(self) -> None:
        OnModel.__post_init__(self)
        number("The number of words", self.num_words, 1, 12, whole=True)
        number("The seed", self.seed, 0, MAX_SEED, whole=True)
        number("The number of steps", self.steps, 10, 1000, whole=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """Teach the text tower of the small model to read sums of words, by one of the recipe's presets."""

    kind: ClassVar[str] = "train"
    preset: Preset = "smoke"
    resume: bool = True  # go on from the last checkpoint of the same preset
    tier: TierName = "embedded"

    def __post_init__(self) -> None:
        _choice("The preset", self.preset, PRESETS)
        _choice("The tier", self.tier, ("embedded",))


Request = (
    DecomposeRequest
    | ExplainRequest
    | MixRequest
    | AuditRequest
    | CompareRequest
    | CheckRequest
    | TrainRequest
)
KINDS: Kinds[Request] = Kinds(Request, "a Conceptor run")
