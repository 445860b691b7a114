"""What Conceptor answers: one frozen, JSON-able dataclass for each verb, and the files beside it.

Numbers are rounded where they are made, so that equal requests give equal bytes, times aside.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from core.runs.kinds import Kinds
from core.world.diffusion.training_job import TrainPoint

from .answer_parts import (
    Distribution,
    Element,
    Glimpse,
    Losses,
    Point,
    Repeat,
    Sheet,
    Similarity,
    Stage,
    Truth,
    TruthPart,
)
from .verb_parts import AuditRow, CheckCase, CheckRow, Meaning, Rate, Removal, Side

__all__ = [
    "RESULTS",
    "AnyResult",
    "AuditResult",
    "AuditRow",
    "CheckCase",
    "CheckResult",
    "CheckRow",
    "CompareResult",
    "DecomposeResult",
    "Distribution",
    "Element",
    "ExplainResult",
    "Glimpse",
    "Losses",
    "Meaning",
    "MixResult",
    "Point",
    "Rate",
    "Removal",
    "Repeat",
    "Result",
    "Sheet",
    "Side",
    "Similarity",
    "Stage",
    "TrainPoint",
    "TrainResult",
    "Truth",
    "TruthPart",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Shared by all answers: which weights gave them."""

    weights: str  # first 12 digits of the hash of the model
    tier: str = "embedded"
    model: str = ""  # of the full tier
    files: dict[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecomposeResult(Result):
    """A concept in words.

    Files: `concept.png` (validation pictures), `reconstruction.png` (w*_N from the same noise),
    `tokens.png` (each element alone), `mixture.png` (single words drawn by their shares), `coefficients.json`
    (every coefficient of the dictionary), `concept.safetensors` (w*_N as a textual inversion), `picture.png`.

    Attributes:
        concept: what was taken apart.
        elements: the kept words, the largest share first.
        dictionary: tokens that could be chosen.
        excluded: words left out as the concept itself or its near-synonyms.
        stable: whether the decomposition means something; False is "no stable decomposition".
        verdict: in words, with the reason.
        agreement: mean share of the first ten words that two repeats have in common; None for one repeat.
        repeats: each repeat of the learning.
        chosen: index of the repeat whose coefficients these are; None for their mean.
        losses: on the fixed bank.
        similarity: of the pictures.
        distribution: mixture or blend.
        truth: for planted words of the embedded tier.
        pictures: `concept.png`.
        reconstruction: `reconstruction.png`.
        tokens: `tokens.png`.
        mixture: `mixture.png`; None if it was left out.
        stages: where the time went.
        seconds: of the learning, also when it was read from the store.
        stored: whether it was learnt before.
        ended_early: whether a visitor ended the learning, who kept the best so far.
        base_before: hash of the shared model before the work.
        base_after: after it; the same, or something is wrong.
        notes: what was done to the settings, in words.
    """

    kind: ClassVar[str] = "decompose"
    concept: str
    elements: tuple[Element, ...]
    dictionary: int
    excluded: tuple[str, ...]
    stable: bool
    verdict: str
    agreement: float | None
    repeats: tuple[Repeat, ...]
    chosen: int | None
    losses: Losses
    similarity: Similarity
    distribution: Distribution
    truth: Truth | None = None
    pictures: Sheet
    reconstruction: Sheet
    tokens: Sheet
    mixture: Sheet | None = None
    stages: tuple[Stage, ...] = ()
    seconds: float = 0.0
    stored: bool = False
    ended_early: bool = False
    base_before: str = ""
    base_after: str = ""
    notes: tuple[str, ...] = ()

    @property
    def untouched(self) -> bool:
        """Whether the shared model is bit by bit what it was."""
        return self.base_before == self.base_after


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainResult(Result):
    """The fewest words that draw one picture of a concept.

    Files: `steps.png` (the picture after each try, one row), `survivors.png` (each word that is left, alone),
    `three.png` (original, reconstruction and the picture of the words that are left).

    Attributes:
        concept: the concept.
        seed: of the picture.
        target: what the pictures were compared with: "original" or "reconstruction".
        likeness: cosine of original and reconstruction.
        threshold: as asked for.
        survivors: the words that are left, with their shares among themselves.
        words: the words that were there at the beginning, the smallest share first, as they are tried.
        groups: for each of them the words that leave together with it, itself among them.
        log: every try in order; `rethreshold.replay` answers another threshold from it, as far as it goes.
        similarity: of the last picture to the target.
        three: `three.png`.
        steps: `steps.png`; None if nothing was tried.
        alone: `survivors.png`.
        seen: what the probe sees in the original; empty without a probe.
        seconds: of this work, the decomposition aside.
    """

    kind: ClassVar[str] = "explain"
    concept: str
    seed: int
    target: str
    likeness: float
    threshold: float
    survivors: tuple[Element, ...]
    words: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    log: tuple[Removal, ...]
    similarity: float
    three: Sheet
    steps: Sheet | None
    alone: Sheet
    seen: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MixResult(Result):
    """A decomposition with other weights.

    Files: `mix.png` (first row before, second row after), `mixed.safetensors` (a textual inversion),
    `picture.png`.

    Attributes:
        concept: the concept.
        seeds: columns of the sheet.
        before: words with their shares as learnt.
        after: the same words with their new shares; a negative factor gives a negative share.
        sheet: `mix.png`.
        likeness: cosine of each pair before and after; empty without CLIP.
        seen_before: how often each word of the mix is seen before; empty without a probe.
        seen_after: likewise after.
        token: name under which the file loads as a textual inversion.
        seconds: of this work, the decomposition aside.
    """

    kind: ClassVar[str] = "mix"
    concept: str
    seeds: tuple[int, ...]
    before: tuple[Element, ...]
    after: tuple[Element, ...]
    sheet: Sheet
    likeness: tuple[float, ...] = ()
    seen_before: dict[str, float] = field(default_factory=dict)
    seen_after: dict[str, float] = field(default_factory=dict)
    token: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult(Result):
    """Leanings of concepts, and what the mitigation did; `audit.png` has two rows for each concept, before and after.

    Attributes:
        group_a: words of the first group.
        group_b: words of the second.
        rows: the concepts, in the order of the request.
        strength: of the mitigation.
        correlation: Spearman's of leaning and measured rate; None with fewer than three concepts.
        measured_by: what counts, in words.
        sheet: `audit.png`.
        caution: what such a figure does not say.
        seconds: of this work, decompositions aside.
    """

    kind: ClassVar[str] = "audit"
    group_a: tuple[str, ...]
    group_b: tuple[str, ...]
    rows: tuple[AuditRow, ...]
    strength: float
    correlation: float | None
    measured_by: str
    sheet: Sheet
    caution: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareResult(Result):
    """Two concepts side by side. Files: `one.png`, `other.png`.

    Attributes:
        one: the first concept.
        other: the second.
        shared: words that both have, the largest smaller share first.
        jaccard: shared words over all words of both.
        cosine: of the two vectors of shares over the dictionary, all words counted.
    """

    kind: ClassVar[str] = "compare"
    one: Side
    other: Side
    shared: tuple[str, ...]
    jaccard: float
    cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult(Result):
    """Known answers, measured now; `check.png` holds two rows of pictures for each word."""

    kind: ClassVar[str] = "check"
    rows: tuple[CheckRow, ...]
    cases: tuple[CheckCase, ...] = ()
    sheet: Sheet | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult(Result):
    """A text tower of the visitor's own; `samples.png` has sums before and after in rows, `model.zip` the tower."""

    kind: ClassVar[str] = "train"
    preset: str
    steps: int
    points: tuple[TrainPoint, ...]
    captions: tuple[str, ...] = ()  # of the samples
    sheet: Sheet | None = None
    seconds: float = 0.0


AnyResult = (
    DecomposeResult
    | ExplainResult
    | MixResult
    | AuditResult
    | CompareResult
    | CheckResult
    | TrainResult
)
RESULTS: Kinds[AnyResult] = Kinds(AnyResult, "a Conceptor result")
