"""What decompositions are made of: words with their shares, curves, losses, sheets of pictures (no torch).

Pictures travel as files: a `Sheet` is one lossless PNG of equal tiles without gaps, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass


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
        repeat: which repeat, from 1; 0 outside learning, and where all are learnt at once.
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
