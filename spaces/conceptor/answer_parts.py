"""What answers are made of: words with their shares, curves, losses, rates, sheets of pictures (no torch).

Pictures travel as files: a `Sheet` is one lossless PNG of equal tiles without gaps, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file of the run that holds equal square pictures side by side.

    Attributes:
        file: name among the result's files, such as "concept.png".
        rows: pictures below each other.
        columns: pictures beside each other.
        tile: side of one picture, pixels.
    """

    file: str
    rows: int
    columns: int
    tile: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the work.

    Attributes:
        name: pictures, dictionary, learning, choosing, attribution, distribution, drawing.
        seconds: how long it took.
        passes: rows that went through the network, a step backwards counted as two more.
    """

    name: str
    seconds: float
    passes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A candidate on the way of one repeat.

    Attributes:
        step: steps that were done.
        loss: of the kept words, on the fixed bank.
        sparsity: 1 - cos(kept words, all words), 0 to 2.
        score: likeness of its pictures to the concept's, where they were drawn.
    """

    step: int
    loss: float
    sparsity: float
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One repeat of the learning.

    Attributes:
        seed: of its start, its part of the pictures and its draws.
        steps: steps that were done.
        kept: step of the candidate that was kept.
        curve: all candidates.
        top: its words, the largest share first.
    """

    seed: int
    steps: int
    kept: int
    curve: tuple[Point, ...]
    top: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One word of a decomposition; forms of one word ("dog", "dogs", a piece "dog-") are one element.

    Attributes:
        word: as it is shown.
        share: α·||w|| of the word over the sum of those kept, 0 to 1. Shares are comparable, α alone is not.
        alpha: coefficient, summed over the forms; scaled so that α·||w||/r̄ sums to 1 over the kept words.
        forms: tokens that it stands for, as the tokenizer writes them.
        mean: mean of the share over the repeats.
        spread: standard deviation of the share over the repeats.
        kept: in how many repeats it is among the kept words.
        loss: how much the loss on the fixed bank grows without it; None if it was not measured.
        column: its place in `tokens.png`; None where there is no picture of it.
    """

    word: str
    share: float
    alpha: float
    forms: tuple[str, ...]
    mean: float = 0.0
    spread: float = 0.0
    kept: int = 1
    loss: float | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Loss on the fixed bank, each lower than the next where all is well.

    Attributes:
        concept: of the concept's own prompt.
        whole: of w*, all words of the dictionary.
        kept: of w*_N, the kept words; what is drawn.
        nearest: of as many words, nearest by likeness of pictures and word, in equal parts; None without CLIP.
        chance: of as many random words in equal parts.
    """

    concept: float
    whole: float
    kept: float
    nearest: float | None
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Whether a concept is a mixture (one word in each picture) or a blend (all words in each picture).

    Attributes:
        kind: "mixture", "blend", or "unknown" where pictures cannot be compared.
        mixture: 0 to 1: how much nearer the pictures of single words are to the concept's than those of w*_N.
        drawn: the word of each picture of `mixture.png`, drawn with its share as probability.
        words_apart: energy distance of image features, pictures of single words against the concept's.
        kept_apart: likewise for pictures of w*_N.
    """

    kind: str
    mixture: float | None
    drawn: tuple[str, ...] = ()
    words_apart: float | None = None
    kept_apart: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """How alike pictures of w*_N are to the concept's, pairs from the same noise.

    Attributes:
        image: mean cosine of image features; None without CLIP.
        pairs: each pair's.
        seen: mean share of what the probe sees in either picture that it sees in both; None without a probe.
    """

    image: float | None
    pairs: tuple[float, ...] = ()
    seen: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthPart:
    """One element of a planted word's recipe.

    Attributes:
        word: the element.
        planted: its probability in the pictures that the model learnt from.
        rank: its place among the found words, 1 for the first; None if it is not there.
        share: of the found word; 0 if it is not there.
    """

    word: str
    planted: float
    rank: int | None
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A decomposition beside the recipe of its planted word.

    Attributes:
        category: composite, name, exemplar, homograph, blend, linked, abstract, profession, null.
        parts: the recipe, most probable first.
        recall: share of the recipe's elements among the first ten words.
        chance: what ten random words of the dictionary would reach.
        correlation: Spearman's of planted probability and share; None with fewer than three elements or
            equal probabilities.
        meanings: for homographs, whether each meaning has a word of its own among the first ten.
    """

    category: str
    parts: tuple[TruthPart, ...]
    recall: float
    chance: float
    correlation: float | None = None
    meanings: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What a page may show while a decomposition is learnt; the `preview` of a job's report.

    Attributes:
        stage: as in `Stage`.
        step: steps of the stage that are done.
        of: steps of the stage.
        repeat: which repeat, from 1; 0 outside learning.
        repeats: how many.
        words: kept words with their shares, the largest first.
        curve: candidates of this repeat.
        concept: PNG of the concept's pictures, one row; empty before they are there.
        current: PNG of rough pictures of the kept words, from the same noise.
        columns: pictures in each of the two.
    """

    stage: str
    step: int
    of: int
    repeat: int = 0
    repeats: int = 0
    words: tuple[tuple[str, float], ...] = ()
    curve: tuple[Point, ...] = ()
    concept: bytes = b""
    current: bytes = b""
    columns: int = 0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPoint:
    """One point of a training curve."""

    stage: str  # "vae" or "unet"
    step: int  # of the whole recipe
    loss: float
    values: dict[str, float] = field(default_factory=dict)
