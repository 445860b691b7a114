"""What can be asked of Imagic: one frozen, JSON-able dataclass for each verb.

A request is the whole truth of a run: the picture by content hash, example id or scene seed, the text,
every setting, the tier. Same request and weights, same bytes on a CPU.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from core.errors import InputError
from core.runs.kinds import Kinds

from .config import Learning, Sampling, check_forgetting

TierName = Literal["embedded", "full"]
ModelName = Literal[
    "stable-diffusion-v1-4", "stable-diffusion-v1-5", "stable-diffusion-xl-base-1.0"
]
BaselineName = Literal["text to image", "SDEdit", "DDIM inversion"]
Preset = Literal["smoke", "cpu", "gpu"]

TIERS: tuple[TierName, ...] = get_args(TierName)
MODELS: tuple[ModelName, ...] = get_args(ModelName)
BASELINES: tuple[BaselineName, ...] = get_args(BaselineName)
PRESETS: tuple[Preset, ...] = get_args(Preset)
MAX_TEXT = 400  # characters; a longer text would be cut by any of the text encoders
MAX_SEED = 2**31 - 1
MAX_SEEDS = 8  # rows of a strip
MAX_CHECK_SCENES = 10
_PICTURE = re.compile(r"example:[a-z0-9-]{1,64}|sha256:[0-9a-f]{64}|scene:[0-9]{1,10}")
_KIT = re.compile(r"gallery:[a-z0-9-]{1,64}|run:[A-Za-z0-9_-]{8,64}|sha256:[0-9a-f]{64}")


def _number(name: str, value: float, low: float, high: float) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise InputError(f"{name} is {value!r}. It can be from {low:g} to {high:g}. Choose one.")


def _whole(name: str, value: int, low: int, high: int) -> None:
    if type(value) is not int:
        raise InputError(f"{name} is {value!r}. It is a whole number. Write one.")
    _number(name, value, low, high)


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{name} {value!r} is unknown. Choose one of {', '.join(allowed)}.")


def _text(value: str, *, empty_allowed: bool = False) -> None:
    if not isinstance(value, str) or (not empty_allowed and not value.strip()):
        raise InputError(
            "The text is empty. It says what the edited picture shall show. "
            'Write for example "a photo of a sitting dog".'
        )
    if len(value) > MAX_TEXT:
        raise InputError(
            f"The text has {len(value)} characters. Up to {MAX_TEXT} are read, and short texts work "
            "best. Say it in fewer words."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A square part of a picture.

    Attributes:
        left: its left edge, as a share of the picture's width, 0 to 1.
        top: its upper edge, as a share of the picture's height, 0 to 1.
        side: its side, as a share of the picture's shorter side, above 0 up to 1.
    """

    left: float = 0.0
    top: float = 0.0
    side: float = 1.0

    def __post_init__(self) -> None:
        _number("The left edge of the crop, as a share of the width,", self.left, 0.0, 1.0)
        _number("The upper edge of the crop, as a share of the height,", self.top, 0.0, 1.0)
        _number("The side of the crop, as a share of the shorter side,", self.side, 0.01, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture: a shipped scene, an upload by its sha256, or a random scene by its seed.

    Attributes:
        source: "example:<id>", "sha256:<64 hex digits>" or "scene:<seed>".
        name: what the visitor called it; shown, never opened.
        crop: the square that is edited; None is the largest one in the middle.
    """

    source: str
    name: str = ""
    crop: Crop | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.source, str) or not _PICTURE.fullmatch(self.source):
            raise InputError(
                f"The picture {str(self.source)[:80]!r} is no example, upload or scene. "
                "Use example:<id>, sha256:<hash> or scene:<seed>."
            )
        if self.kind == "scene":
            _whole("The seed of the scene", int(self.ident), 0, MAX_SEED)

    @property
    def kind(self) -> str:
        """What it is: example, sha256 or scene."""
        return self.source.partition(":")[0]

    @property
    def ident(self) -> str:
        """What names it: an id, a hash or a seed."""
        return self.source.partition(":")[2]

    @property
    def title(self) -> str:
        """A name to show."""
        if self.name:
            return self.name
        return f"scene {self.ident}" if self.kind == "scene" else self.ident[:24]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnModel:
    """Which text-to-image model works; part of every request that starts from one."""

    tier: TierName = "embedded"
    model: ModelName = "stable-diffusion-v1-5"  # of the full tier; the embedded tier has one model

    def __post_init__(self) -> None:
        _choice("The tier", self.tier, TIERS)
        _choice("The model", self.model, MODELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRequest(OnModel):
    """Edit one picture by one text: learn, tune, sample a strip, compare with simpler ways."""

    kind: ClassVar[str] = "edit"
    picture: Picture
    target: str
    learning: Learning = field(default_factory=Learning)
    sampling: Sampling = field(default_factory=Sampling)
    baselines: tuple[BaselineName, ...] = BASELINES

    def __post_init__(self) -> None:
        OnModel.__post_init__(self)
        _text(self.target)
        check_forgetting(self.learning, self.sampling)
        for name in self.baselines:
            _choice("The baseline", name, BASELINES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResampleRequest:
    """Make another strip from what an edit learnt, without learning again.

    The kit says which model it belongs to. With a text of its own this is the fast re-target: the
    learnt embedding and adapter are kept, which is an approximation.
    """

    kind: ClassVar[str] = "resample"
    kit: str  # "gallery:<id>", "run:<id>" or "sha256:<hash>" of an uploaded kit
    target: str = ""  # another text; empty keeps the kit's own
    sampling: Sampling = field(default_factory=Sampling)
    baselines: tuple[BaselineName, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.kit, str) or not _KIT.fullmatch(self.kit):
            raise InputError(
                f"The edit kit {str(self.kit)[:80]!r} is unknown. "
                "Use gallery:<id>, run:<id> or sha256:<hash> of an uploaded kit."
            )
        _text(self.target, empty_allowed=True)
        for name in self.baselines:
            _choice("The baseline", name, BASELINES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagineRequest(OnModel):
    """Plain text to image: what the model shows for a text, from several seeds."""

    kind: ClassVar[str] = "imagine"
    text: str
    seeds: tuple[int, ...] = (0, 1, 2, 3)
    guidance: float = 3.0
    steps: int = 30

    def __post_init__(self) -> None:
        OnModel.__post_init__(self)
        _text(self.text)
        if not 1 <= len(self.seeds) <= MAX_SEEDS:
            raise InputError(
                f"There are {len(self.seeds)} seeds. From 1 to {MAX_SEEDS} pictures can be made. "
                "Add or remove some."
            )
        for seed in self.seeds:
            _whole("The seed", seed, 0, MAX_SEED)
        _number("The guidance", self.guidance, 1.0, 12.0)
        _whole("The number of steps", self.steps, 5, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest(OnModel):
    """Known answers, measured now: edits of scenes whose true answer is known."""

    kind: ClassVar[str] = "check"
    num_scenes: int = 2  # each is learnt from the start
    seed: int = 0  # which scenes, and every draw while learning
    embedding_steps: int = 60
    tuning_steps: int = 40

    def __post_init__(self) -> None:
        OnModel.__post_init__(self)
        _whole("The number of scenes", self.num_scenes, 1, MAX_CHECK_SCENES)
        _whole("The seed", self.seed, 0, MAX_SEED)
        _whole("The number of embedding steps", self.embedding_steps, 0, 1000)
        _whole("The number of tuning steps", self.tuning_steps, 0, 1500)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """Train the text-to-image model of the world from nothing, by one of the recipe's presets."""

    kind: ClassVar[str] = "train"
    preset: Preset = "smoke"
    resume: bool = True  # go on from the last checkpoint of the same preset
    tier: TierName = "embedded"

    def __post_init__(self) -> None:
        _choice("The preset", self.preset, PRESETS)
        _choice("The tier", self.tier, ("embedded",))


Request = EditRequest | ResampleRequest | ImagineRequest | CheckRequest | TrainRequest
KINDS: Kinds[Request] = Kinds(Request, "an Imagic run")
