"""What was learnt of a concept, as plain numbers: everything that explaining, mixing and comparing need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.errors import InputError
from core.runs.request import from_json, to_json

from .algorithm import Dictionary, combine, kept, renormalised, scaled, shares, top
from .config import Settings
from .model import Model
from .results import Element, Losses, Repeat
from .tokens import stem

DIGITS = 7  # of a stored coefficient


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """A concept over its dictionary.

    Attributes:
        concept: as it stands in the prompt.
        weights: hash of the model that it belongs to.
        tier: of the model.
        settings: how it was learnt.
        ids: tokens of the dictionary.
        forms: as the tokenizer writes them.
        shown: the entry of each.
        norms: r̄ of each token table.
        alpha: coefficients, scaled so that their shares sum to 1.
        spread: per entry that is kept: mean and deviation of its share over the repeats, and in how many it was kept.
        growth: how much the loss on the bank grows without an entry.
        excluded: entries that were left out.
        repeats: of the learning.
        chosen: which repeat these are; None for the mean of all.
        losses: on the bank.
        likeness: cosine of each kept entry's text and the concept's pictures.
        seconds: of the learning.
        ended_early: whether it was ended before its last step.
    """

    concept: str
    weights: str
    tier: str
    settings: Settings
    ids: tuple[int, ...]
    forms: tuple[str, ...]
    shown: tuple[str, ...]
    norms: tuple[float, ...]
    alpha: tuple[float, ...]
    spread: dict[str, tuple[float, float, int]]
    growth: dict[str, float]
    excluded: tuple[str, ...]
    repeats: tuple[Repeat, ...]
    chosen: int | None
    losses: Losses
    likeness: dict[str, float]
    seconds: float = 0.0
    ended_early: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return to_json(self)

    def dictionary(self, model: Model) -> Dictionary:
        """The embeddings of its words.

        Raises:
            InputError: it belongs to another model.
        """
        if any(max(self.ids) >= len(table) for table in model.tables) or len(self.norms) != len(model.tables):  # fmt: skip
            raise InputError(
                f"The decomposition of “{self.concept}” is of another model. Its words are not the ones here. "
                "Decompose the concept with this model."
            )
        rows = tuple(table[list(self.ids)].float() for table in model.tables)
        return Dictionary(rows, self.norms)

    def coefficients(self) -> Tensor:
        """α (D,) in float32."""
        return torch.tensor(self.alpha)

    def kept(self) -> Tensor:
        """α with all but the n largest set to zero."""
        return kept(self.coefficients(), self.settings.n)

    def vectors(self, model: Model, alpha: Tensor | None = None) -> tuple[Tensor, ...]:
        """w*_N, or that of other coefficients (D,) or (B, D), renormalised."""
        dictionary = self.dictionary(model)
        values = self.kept() if alpha is None else alpha
        values = values.to(dictionary.rows[0].device)
        return renormalised(combine(values, dictionary), dictionary.norms)

    def entries(self, alpha: Tensor | None = None) -> dict[str, list[int]]:
        """Places of the forms of each kept word, the largest share first, by coefficients at their scale."""
        values = self.kept() if alpha is None else alpha
        found: dict[str, list[int]] = {}
        for i in top(values.abs(), int((values != 0).sum())).tolist():
            found.setdefault(self.shown[i], []).append(i)
        return found

    def elements(self, model: Model, alpha: Tensor | None = None) -> tuple[Element, ...]:
        """The kept words as they are shown, the largest share first."""
        own = alpha is None
        values = self.kept() if alpha is None else alpha
        dictionary = self.dictionary(model)
        values = scaled(values.to(dictionary.rows[0].device), dictionary).cpu()
        part = values * dictionary.lengths.cpu()
        found = []
        for word, places in self.entries(values).items():
            share = float(part[places].sum())
            mean, spread, times = self.spread.get(word, (share, 0.0, 1))
            found.append(
                Element(
                    word=word,
                    share=round(share, 5),
                    alpha=round(float(values[places].sum()), 5),
                    forms=tuple(self.forms[i] for i in places),
                    mean=mean if own else round(share, 5),
                    spread=spread if own else 0.0,
                    kept=times,
                    loss=self.growth.get(word) if own else None,
                )
            )
        return tuple(sorted(found, key=lambda e: -e.share))

    def share_of(self, words: Sequence[str], model: Model) -> float:
        """Summed share of some words among all of the dictionary, kept or not."""
        dictionary = self.dictionary(model)
        part = shares(self.coefficients().to(dictionary.rows[0].device), dictionary)
        return float(part[self.places(words)].sum()) if self.places(words) else 0.0

    def places(self, words: Sequence[str]) -> list[int]:
        """Places in the dictionary of all forms of some words."""
        known = set(self.shown)
        wanted = {stem(word, known) for word in words} | set(words)
        return [i for i, shown in enumerate(self.shown) if shown in wanted]

    def need(self, word: str) -> str:
        """A kept word as it is shown.

        Raises:
            InputError: it is none of them; the nearest and the largest are named.
        """
        import difflib

        known = list(self.entries())
        said = word.strip().lower()
        if said in known:
            return said
        near = difflib.get_close_matches(said, known, n=2, cutoff=0.5)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise InputError(
            f"“{self.concept}” is not written with {word!r}.{hint} Its words are {', '.join(known[:12])}. "
            "Use one of these."
        )


def rounded(alpha: Tensor) -> tuple[float, ...]:
    """Coefficients as they are stored."""
    return tuple(float(f"{value:.{DIGITS}g}") for value in alpha.tolist())


def from_dict(data: Mapping[str, Any]) -> Decomposition:
    """Read one back.

    Raises:
        InputError: it is none.
    """
    found = from_json(Decomposition, data)
    sizes = {len(found.ids), len(found.forms), len(found.shown), len(found.alpha)}
    if len(sizes) != 1 or not found.ids or not found.norms:
        raise InputError(
            "The stored decomposition has lists of different lengths. One that was saved here would work. "
            "Decompose the concept again."
        )
    return found
