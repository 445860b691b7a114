"""Settings of Conceptor: how a word is taken apart, and how pictures are drawn (no torch here).

Conceptor is Chefer et al., ICLR 2024, arXiv 2306.00966. `official()` holds the numbers of the authors' code
(google-research/conceptor, `one_step_reconstruction.py` and its README); those of `embedded()` and `full()` are
our choices.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from core.errors import InputError

Words = Literal["all", "atoms"]
Choice = Literal["bank", "pictures"]
WORDS: tuple[Words, ...] = get_args(Words)
CHOICES: tuple[Choice, ...] = get_args(Choice)

MAX_SEED = 2**31 - 1
PROMPT = "a photo of a {}"  # the one template of the method
NEAR_SYNONYM = 0.8  # share of one word above which it explains the concept by itself
FLAT = 2.0  # the top word must hold this many times the median of the top ten
BACKWARD = (
    2  # a row of learning costs about as much as two that are only predicted (measured: 1.6 to 2.1)
)
TOP = 10  # words that a comparison looks at
AGREED = (
    0.5  # repeats with this much in common excuse flat shares; a word without a meaning reaches .33
)
SCATTERED = 0.3  # repeats with less in common found nothing

LIMITS: Mapping[str, tuple[float, float]] = {
    "n": (1, 100),
    "sparsity": (0.0, 1.0),
    "steps": (1, 1000),
    "batch_size": (1, 64),
    "lr": (1e-6, 1.0),
    "weight_decay": (0.0, 1.0),
    "hidden": (1, 1024),
    "training_pictures": (4, 100),
    "validation_pictures": (2, 32),
    "dictionary_size": (2, 50_000),
    "synonym_cosine": (-1.0, 1.0),
    "repeats": (1, 5),
    "seed": (0, MAX_SEED),
    "guidance": (1.0, 12.0),
    "drawing_steps": (1, 100),
    "validate_every": (1, 1000),
    "bank_pictures": (1, 32),
    "bank_pairs": (1, 32),
    "distribution": (0, 64),
}
"""Lowest and highest value of each number in `Settings`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides a decomposition, apart from the concept and the model.

    Attributes:
        n: words that are kept, those of the largest coefficients.
        sparsity: λ, weight of the term that wants the kept words to say what all words say.
        steps: AdamW steps of one repeat.
        batch_size: pictures of one step, each with a time and a noise of its own.
        lr: learning rate.
        lr_falls: whether the learning rate falls evenly to nothing; it is constant in the official code.
        weight_decay: of AdamW.
        hidden: width of the coefficient network's one hidden layer.
        training_pictures: made from the concept's own prompt.
        validation_pictures: likewise; with them the best coefficients are chosen.
        dictionary: "all" words that the model has learnt, or the "atoms" alone: words that a caption taught to
            stand for one visible thing or look, and named figures (in the full tier both are the same). With
            "all" a planted word may be written in other planted words, and the sum is not unique.
        dictionary_size: of these, the best by likeness of training pictures and word.
        exclude_concept: leave the concept and its near-synonyms out of the dictionary.
        synonym_cosine: words whose text features are nearer to the concept than this are near-synonyms;
            None takes a percentile of all pairs of words, because a CLIP other than ViT-B/32 has other cosines.
        repeats: how often it is learnt, each with an own start and an own part of the pictures.
        seed: of every draw.
        guidance: weight of classifier-free guidance.
        drawing_steps: DDIM steps.
        validate_every: steps between two candidates.
        choice: "bank" compares candidates by the loss on fixed noises and draws pictures for the best two,
            "pictures" draws for every candidate (the official code).
        bank_pictures: validation pictures in the fixed bank.
        bank_pairs: (time, noise) pairs for each of them.
        flip: mirror half of the training pictures (the official code); wrong where left and right are words.
        stratified: spread the times of a batch evenly, which leaves the expectation as it is.
        attribution: measure how much the loss grows without each word.
        distribution: pictures of single words for the check whether a concept is a mixture; 0 leaves it out.
    """

    n: int = 10
    sparsity: float = 0.03
    steps: int = 120
    batch_size: int = 6
    lr: float = 1e-2
    lr_falls: bool = True
    weight_decay: float = 1e-2
    hidden: int = 100
    training_pictures: int = 32
    validation_pictures: int = 8
    dictionary: Words = "atoms"
    dictionary_size: int = 5000
    exclude_concept: bool = True
    synonym_cosine: float | None = None
    repeats: int = 3
    seed: int = 0
    guidance: float = 3.0
    drawing_steps: int = 15
    validate_every: int = 40
    choice: Choice = "bank"
    bank_pictures: int = 8
    bank_pairs: int = 8
    flip: bool = False
    stratified: bool = True
    attribution: bool = True
    distribution: int = 12

    def __post_init__(self) -> None:
        for name, allowed in (("dictionary", WORDS), ("choice", CHOICES)):
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}. Known are {', '.join(allowed)}. Choose one of them."
                )
        for name, (low, high) in LIMITS.items():
            if name == "synonym_cosine" and self.synonym_cosine is None:
                continue
            number(name, getattr(self, name), low, high, whole=_is_whole(name))
        for name in ("exclude_concept", "lr_falls", "flip", "stratified", "attribution"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(
                    f"{name} is {getattr(self, name)!r}. It can be true or false. Give one of them."
                )
        if self.bank_pictures > self.validation_pictures:
            object.__setattr__(self, "bank_pictures", self.validation_pictures)


def _is_whole(name: str) -> bool:
    return next(f.type for f in dataclasses.fields(Settings) if f.name == name) == "int"


def number(name: str, value: Any, low: float, high: float, *, whole: bool = False) -> None:
    """Return if `value` is a number inside the limits, themselves allowed.

    Raises:
        InputError: it is no number, not finite, not whole where it must be, or outside.
    """
    kinds = (int,) if whole else (int, float)
    fits = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise InputError(
            f"{name} is {value!r}. It must be {kind} from {low:g} to {high:g}. Give one of these."
        )


def embedded() -> Settings:
    """The small model of the captioned world, on a processor."""
    return Settings()


def full() -> Settings:
    """Stable Diffusion 1.x and XL on one GPU."""
    return Settings(
        n=50,
        sparsity=1e-3,
        steps=500,
        lr=1e-3,
        dictionary="all",
        training_pictures=100,
        validation_pictures=20,
        synonym_cosine=0.9,
        guidance=7.5,
        drawing_steps=25,
        validate_every=50,
    )


def official() -> Settings:
    """The numbers of the authors' code for Stable Diffusion 2.1, as its README runs it.

    Their sampler is another one (LMS for data, DPM-Solver for validation); here both are DDIM.
    """
    return Settings(
        n=50,
        dictionary="all",
        sparsity=1e-3,
        steps=500,
        batch_size=6,
        lr=1e-3,
        lr_falls=False,
        weight_decay=1e-2,
        training_pictures=100,
        validation_pictures=20,
        synonym_cosine=0.9,
        repeats=1,
        guidance=7.5,
        drawing_steps=50,
        validate_every=50,
        choice="pictures",
        flip=True,
        stratified=False,
        attribution=False,
        distribution=0,
    )


PRESETS = {"embedded": embedded, "full": full, "official": official}


def to_dict(settings: Settings) -> dict[str, Any]:
    """Return settings as JSON types."""
    return dataclasses.asdict(settings)
