"""What can be asked of TRILL: one frozen, JSON-able dataclass for each verb.

A request is the whole truth of a run: sounds by content hash or example id, parameters, tier.
Same request and weights, same bytes on a CPU.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from core.errors import InputError
from core.runs.kinds import Kinds

from .config import LAYERS, Layer, Padding

Classifier = Literal["logistic", "lda", "centroid"]
TierName = Literal["embedded", "full"]

CLASSIFIERS: tuple[Classifier, ...] = ("logistic", "lda", "centroid")
MAX_CLASSES = 6
MAX_CLIPS = 10  # of one class
MAX_TRAINING_CLIPS = 60
MAX_CLIP_SECONDS = 120.0  # heard of one clip; longer ones are cut, and the result says so
_SOURCE = re.compile(r"example:[a-z0-9-]{1,64}|sha256:[0-9a-f]{64}")


def _number(name: str, value: float, low: float, high: float) -> None:
    if not isinstance(value, int | float) or not math.isfinite(value) or not low <= value <= high:
        raise InputError(f"{name} is {value!r}. It can be from {low:g} to {high:g}. Choose one.")


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{name} {value!r} is unknown. Choose one of {', '.join(allowed)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One sound, or a part of it: a shipped example by its id, or an upload by its sha256."""

    source: str  # "example:<id>" or "sha256:<64 hex digits>"
    name: str = ""  # what the visitor called it; shown, never opened
    start: float = 0.0  # seconds
    end: float | None = None  # seconds; None means to the end

    def __post_init__(self) -> None:
        if not isinstance(self.source, str) or not _SOURCE.fullmatch(self.source):
            raise InputError(
                f"The clip {str(self.source)[:80]!r} is neither an example nor an upload. "
                "Use example:<id> or sha256:<hash>."
            )
        _number("The start of a clip, in seconds,", self.start, 0.0, 1e5)
        if self.end is not None:
            _number("The end of a clip, in seconds,", self.end, 0.0, 1e5)
            if self.end <= self.start:
                raise InputError(
                    f"The cut from {self.start:g} s to {self.end:g} s is empty. "
                    "The end must come after the start. Write for example 1.5-3.0."
                )

    @property
    def title(self) -> str:
        """A name to show: the given one, else the example's id, else the start of the hash."""
        return self.name or self.source.partition(":")[2][:24]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """How sounds are turned into vectors; part of every request.

    Distances are read from the final embedding, which was trained for them; small classifiers do
    better on the middle layer. Each verb has the default that suits it.
    """

    layer: Layer = "layer19"
    hop_frames: int = 17  # 10 ms frames between patches; 17 in the published export
    padding: Padding = "tile"  # what fills a clip under one second
    tier: TierName = "embedded"

    def __post_init__(self) -> None:
        _choice("The layer", self.layer, LAYERS)
        _choice("The padding", self.padding, ("tile", "zero"))
        _choice("The tier", self.tier, ("embedded", "full"))
        _number("The patch hop, in frames,", self.hop_frames, 4, 96)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploreRequest(Hearing):
    """Show what the net hears in one clip."""

    kind: ClassVar[str] = "explore"
    layer: Layer = "embedding"
    clip: Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest(Hearing):
    """How alike two clips sound, beside pairs whose answer is known."""

    kind: ClassVar[str] = "compare"
    layer: Layer = "embedding"
    first: Clip
    second: Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachClass:
    """One class of the visitor's own: a name and its clips."""

    name: str
    clips: tuple[Clip, ...]

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > 40:
            raise InputError(
                f"The class name {self.name[:60]!r} cannot be used. "
                "A name has 1 to 40 characters. Type one."
            )
        if not 1 <= len(self.clips) <= MAX_CLIPS:
            raise InputError(
                f"The class {self.name!r} has {len(self.clips)} clips. "
                f"A class needs 1 to {MAX_CLIPS}. Add or remove some."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachRequest(Hearing):
    """Learn the visitor's own classes from a few clips each."""

    kind: ClassVar[str] = "teach"
    classes: tuple[TeachClass, ...]
    classifier: Classifier = "logistic"
    c: float = 1.0  # inverse strength of the regularisation (logistic only)
    l2: bool = True  # put every clip on the unit sphere first
    standardise: bool = True  # divide by the spread of the shipped examples first

    def __post_init__(self) -> None:
        Hearing.__post_init__(self)
        _choice("The classifier", self.classifier, CLASSIFIERS)
        _number("C", self.c, 1e-3, 1e5)
        if not 2 <= len(self.classes) <= MAX_CLASSES:
            raise InputError(
                f"There are {len(self.classes)} classes. Teaching needs 2 to {MAX_CLASSES}. "
                "Add a clip to another class, or remove one."
            )
        names = [group.name.strip().casefold() for group in self.classes]
        if len(set(names)) < len(names):
            raise InputError(
                "Two classes have the same name. Every class needs its own. Rename one of them."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyRequest:
    """Ask a taught head about a new clip. The head says how the clip must be heard."""

    kind: ClassVar[str] = "classify"
    clip: Clip
    head: str  # "sha256:<64 hex digits>" of the head's JSON file in the input store
    tier: TierName = "embedded"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", self.head):
            raise InputError(
                f"The head {self.head[:80]!r} is not an upload. Use sha256:<hash> of a head file."
            )
        _choice("The tier", self.tier, ("embedded", "full"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SurviveRequest(Hearing):
    """Change the sound, and see whether the embedding notices."""

    kind: ClassVar[str] = "survive"
    layer: Layer = "embedding"
    clip: Clip
    pitch: float = 0.0  # semitones
    rate: float = 1.0  # 1.4 is 40 % faster, at the same pitch
    snr_db: float | None = None  # added noise; None adds none
    telephone: bool = False  # keep 300 to 3400 Hz
    reverb_seconds: float = 0.0  # time to fall by 60 dB; 0 adds none
    seed: int = 0

    def __post_init__(self) -> None:
        Hearing.__post_init__(self)
        _number("The pitch, in semitones,", self.pitch, -6, 6)
        _number("The rate", self.rate, 0.7, 1.4)
        if self.snr_db is not None:
            _number("The noise, in dB below the voice,", self.snr_db, 0, 40)
        _number("The reverberation, in seconds,", self.reverb_seconds, 0, 2)
        _number("The seed", self.seed, 0, 2**31 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletRequest(Hearing):
    """Three moments, and what the training loss would say about them."""

    kind: ClassVar[str] = "triplet"
    layer: Layer = "embedding"
    anchor: Clip
    positive: Clip
    negative: Clip
    margin: float = 0.2  # the embedded net's margin

    def __post_init__(self) -> None:
        Hearing.__post_init__(self)
        _number("The margin", self.margin, 0.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaliseRequest(Hearing):
    """Accuracy against the number of own clips, for one speaker of the shipped digits."""

    kind: ClassVar[str] = "personalise"
    speaker: str = "george"
    resamples: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        Hearing.__post_init__(self)
        _number("The number of resamples", self.resamples, 1, 50)
        _number("The seed", self.seed, 0, 2**31 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest(Hearing):
    """Known answers on the shipped clips, measured now."""

    kind: ClassVar[str] = "check"
    layer: Layer = "embedding"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """Train the small net on the visitor's own recordings, or on procedural voices."""

    kind: ClassVar[str] = "train"
    clips: tuple[Clip, ...] = ()  # empty: procedural voices
    steps: int = 100
    seed: int = 20
    resume: bool = True  # go on from the last checkpoint of the same recordings
    tier: TierName = "embedded"

    def __post_init__(self) -> None:
        _number("The number of steps", self.steps, 10, 5000)
        _number("The seed", self.seed, 0, 2**31 - 1)
        if len(self.clips) > MAX_TRAINING_CLIPS:
            raise InputError(
                f"There are {len(self.clips)} recordings. The page trains on up to "
                f"{MAX_TRAINING_CLIPS}. Use python app.py train trill --data FOLDER for more."
            )
        if 0 < len(self.clips) < 4:
            raise InputError(
                f"There are {len(self.clips)} recordings. Training needs at least 4, because it "
                "learns from their differences. Add some, or leave the list empty."
            )


Request = (
    ExploreRequest
    | CompareRequest
    | TeachRequest
    | ClassifyRequest
    | SurviveRequest
    | TripletRequest
    | PersonaliseRequest
    | CheckRequest
    | TrainRequest
)
KINDS: Kinds[Request] = Kinds(Request, "a TRILL run")
