"""What the verbs on decompositions answer with: removals, rates, meanings, rows of the check (no torch)."""

from __future__ import annotations

from dataclasses import dataclass

from .answer_parts import Element, Sheet, Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One try to do without a word.

    Attributes:
        turn: which pass over the words, from 1.
        words: the word and those that were removed with it, because they mean the same.
        without: the words that were left, the largest share first.
        similarity: cosine of image features between the picture without it and the target.
        removed: whether it was left out for good.
    """

    turn: int
    words: tuple[str, ...]
    without: tuple[str, ...]
    similarity: float
    removed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often the first group is seen, among pictures in which either group is.

    Attributes:
        value: 0 to 1; None where neither group was seen.
        low: of the 95 % interval.
        high: likewise.
        n: pictures in which either group is seen.
    """

    value: float | None
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One concept of an audit.

    Attributes:
        concept: such as a profession.
        share_a: of the words of the first group, 0 to 1, among all words of the dictionary.
        share_b: of the second.
        leaning: share_a - share_b over their sum, -1 to 1; 0 where both are nothing.
        measured: in pictures of the concept's own prompt.
        reconstructed: in pictures of w*_N.
        mitigated: in pictures after the mitigation.
        planted: rate of the first group in the recipe; None where it is not known.
        stable: whether the decomposition means something.
    """

    concept: str
    share_a: float
    share_b: float
    leaning: float
    measured: Rate
    reconstructed: Rate
    mitigated: Rate
    planted: float | None = None
    stable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One side of a concept whose pictures fall into two groups.

    Attributes:
        words: words whose text is nearer to this side's pictures than to the other's, the clearest first.
        pictures: columns of the concept's sheet that belong to it.
    """

    words: tuple[str, ...]
    pictures: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One concept of a comparison.

    Attributes:
        concept: the concept.
        elements: its words.
        meanings: two, where its pictures fall into two groups; empty else.
        apart: how clearly they do: silhouette of the two groups, -1 to 1; None without CLIP.
        pictures: its sheet of pictures.
    """

    concept: str
    elements: tuple[Element, ...]
    meanings: tuple[Meaning, ...]
    apart: float | None
    pictures: Sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One question with a known answer.

    Attributes:
        name: short, for the table.
        question: one sentence.
        value: what was measured.
        unit: "share", "correlation", ...; a share is shown in per cent.
        better: "higher" or "lower".
        n: how many cases.
        interval: 95 %; None for a value that is exact.
        baseline: the simple way on the same cases.
        baseline_name: which.
        chance: of a blind guess.
        passed: for an exact question, whether it held; None for a measured one.
    """

    name: str
    question: str
    value: float
    unit: str = "share"
    better: str = "higher"
    n: int = 1
    interval: tuple[float, float] | None = None
    baseline: float | None = None
    baseline_name: str = ""
    chance: float | None = None
    passed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCase:
    """One word of the check; its pictures are two rows of the sheet, the concept's and the reconstruction's."""

    concept: str
    elements: tuple[Element, ...]
    truth: Truth
    verdict: str
