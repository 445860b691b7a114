"""What TRILL answers: one frozen, JSON-able dataclass for each verb, and the files beside it.

Numbers are rounded where they are made, so that equal requests give equal bytes. Pictures that a
page draws from many values (log-mel, self-similarity) travel as PNGs in base64 with the values
that the darkest and the brightest colour stand for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from core.runs.kinds import Kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What is known of one input before the net hears it."""

    name: str
    source: str
    seconds: float  # after cutting
    format: str
    codec: str
    sample_rate: int  # of the file, Hz
    channels: int
    level_db: float  # root mean square, dB below full scale
    peak_db: float
    notes: tuple[str, ...]
    peaks: tuple[float, ...]  # loudest |sample| of each of the equal parts of the clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A matrix as a picture: row 0 on top, `low` is the darkest colour and `high` the brightest."""

    png: str  # base64
    rows: int
    columns: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One point of a map."""

    x: float
    y: float
    label: str
    example: str = ""  # id of a shipped example, empty for the visitor's own
    seconds: float | None = None  # middle of the patch in the clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A shipped clip, and how alike it sounds."""

    example: str
    cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Shared by all answers: which weights gave them."""

    weights: str  # first 12 digits of the sha256 of the weights
    files: dict[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploreResult(Result):
    """What the net hears in one clip."""

    kind: ClassVar[str] = "explore"
    heard: Heard
    layer: str
    dimensions: int
    num_patches: int
    hop_seconds: float
    log_mel: Picture  # low frequencies at the bottom
    similarity: Picture  # patch against patch, cosine
    other_similarity: Picture  # of the other layer
    vectors: Picture  # dimensions that move most, over time
    similarity_span: tuple[float, float]  # centres of the first and the last patch, seconds
    dots: tuple[Dot, ...]  # the clip's patches, in time order
    gallery: tuple[Dot, ...]  # means of the shipped clips
    explained: tuple[float, float]  # share of the gallery's spread on each axis
    nearest: tuple[Neighbour, ...]
    turns: tuple[float, ...]  # seconds at which the voice seems to change


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerAnswer:
    """One layer's view of a pair."""

    layer: str
    cosine: float
    above_different: float  # share of the different-voice pairs that are less alike
    above_same: float  # share of the same-voice pairs that are less alike


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareResult(Result):
    """How alike two clips sound."""

    kind: ClassVar[str] = "compare"
    first: Heard
    second: Heard
    layer: str  # the one the sentence is about
    answers: tuple[LayerAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtClip:
    """One clip of the lesson, and what a head that never heard it would say."""

    name: str
    source: str
    truth: int
    answer: int
    probability: float  # given to `answer`
    x: float  # place on the map
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachResult(Result):
    """A head, and how far to trust it."""

    kind: ClassVar[str] = "teach"
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    classifier: str
    layer: str
    clips: tuple[TaughtClip, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows: truth
    accuracy: float  # leaving one clip out at a time
    interval: tuple[float, float]  # 95 %, Wilson
    chance: float  # always answering the largest class
    notes: tuple[str, ...]
    head: str  # sha256 of the head's JSON file


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyResult(Result):
    """What a head says about one clip."""

    kind: ClassVar[str] = "classify"
    heard: Heard
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    times: tuple[float, ...]  # centres of the patches, seconds
    series: tuple[tuple[float, ...], ...]  # per patch, one probability per class


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the sound, and how far it moved the embedding."""

    group: str
    label: str
    distance: float  # squared, on the unit sphere: 0 same, 2 unrelated, 4 opposite


@dataclass(frozen=True, slots=True, kw_only=True)
class SurviveResult(Result):
    """What the embedding ignores, and what it notices."""

    kind: ClassVar[str] = "survive"
    heard: Heard
    layer: str
    chosen: Change
    sweep: tuple[Change, ...]
    other_voice: tuple[float, float, float]  # 5 %, median, 95 % of distances to the examples
    same_clip: float | None  # first half against second half; None when too short


@dataclass(frozen=True, slots=True, kw_only=True)
class Triangle:
    """One layer's view of a triplet."""

    layer: str
    positive: float  # squared distance anchor to positive
    negative: float  # squared distance anchor to negative
    loss: float
    verdict: str  # easy, semi-hard or hard


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletResult(Result):
    """What the training loss says about three moments."""

    kind: ClassVar[str] = "triplet"
    names: tuple[str, str, str]
    margin: float
    triangles: tuple[Triangle, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Accuracy at one number of own clips per class: mean, and the middle 80 % of the draws."""

    clips: int
    generic: tuple[float, float, float]
    personal: tuple[float, float, float]
    both: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaliseResult(Result):
    """How much a few own clips help."""

    kind: ClassVar[str] = "personalise"
    speaker: str
    classes: tuple[str, ...]
    num_test: int  # clips of the speaker that are never learnt from
    resamples: int
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One question with known answers, and how each representation does."""

    name: str
    question: str
    n: int
    chance: float
    shares: dict[str, float]  # representation to share of right answers
    interval: tuple[float, float]  # 95 % of the chosen layer's share, Wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A clip whose nearest other clip is another voice."""

    example: str
    taken_for: str
    cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult(Result):
    """Known answers on the shipped clips."""

    kind: ClassVar[str] = "check"
    layer: str
    rows: tuple[CheckRow, ...]
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPoint:
    """One point of a training curve."""

    step: int
    loss: float
    top1: float  # share of patches whose nearest other patch is of the same recording
    spread: float  # mean distance between embeddings; falls to 0 in a collapse


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult(Result):
    """Weights of the visitor's own."""

    kind: ClassVar[str] = "train"
    num_clips: int  # 0: procedural voices
    steps: int
    points: tuple[TrainPoint, ...]


AnyResult = (
    ExploreResult
    | CompareResult
    | TeachResult
    | ClassifyResult
    | SurviveResult
    | TripletResult
    | PersonaliseResult
    | CheckResult
    | TrainResult
)
RESULTS: Kinds[AnyResult] = Kinds(AnyResult, "a TRILL result")
