"""The dictionary of one concept: the live tokens nearest to its pictures, without the concept itself."""

# V live tokens, D tokens of a dictionary, F width of CLIP's features

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import InputError
from core.world import words as world_words
from core.world.diffusion.judge import Judge

from .algorithm import Dictionary
from .config import Settings
from .model import Model
from .tokens import Tokens, own_words

SYNONYM_QUANTILE = 0.9995  # of all pairs of words: ViT-B/32's 0.9 is as rare
# the 27 templates of textual inversion (Gal et al. 2022), which the official code takes too
TEMPLATES = tuple(
    template + " {}"
    for template in [
        "a photo of a",
        "a rendering of a",
        "a cropped photo of the",
        "the photo of a",
        "a photo of a clean",
        "a photo of a dirty",
        "a dark photo of the",
        "a photo of my",
        "a photo of the cool",
        "a close-up photo of a",
        "a bright photo of the",
        "a cropped photo of a",
        "a photo of the",
        "a good photo of the",
        "a photo of one",
        "a close-up photo of the",
        "a rendition of the",
        "a photo of the clean",
        "a rendition of a",
        "a photo of a nice",
        "a good photo of a",
        "a photo of the nice",
        "a photo of the small",
        "a photo of the weird",
        "a photo of the large",
        "a photo of a cool",
        "a photo of a small",
    ]
)
WORLD_TEMPLATES = tuple(opening + "a {}" for opening in world_words.OPENINGS)


@torch.no_grad()
def features(
    judge: Judge,
    texts: Sequence[str],
    templates: Sequence[str],
    tell: Callable[[float], None] | None = None,
) -> Tensor:
    """Unit text features of words (V, F): each template's, averaged, normalised again."""
    out, batch = [], max(1, 256 // len(templates))
    for start in range(0, len(texts), batch):
        if tell:
            tell(start / len(texts))
        some = texts[start : start + batch]
        said = [template.format(text) for text in some for template in templates]
        found = judge.embed_text(said).reshape(len(some), len(templates), -1)
        out.append(F.normalize(found.mean(1), dim=-1))
    return torch.cat(out)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The dictionary of one concept.

    Attributes:
        tokens: the D tokens.
        dictionary: their embeddings.
        excluded: entries that were left out as the concept or its near-synonyms.
        likeness: cosine of each token's text and the concept's pictures (D,); None without CLIP.
        texts: text features of the tokens (D, F); None without CLIP.
    """

    tokens: Tokens
    dictionary: Dictionary
    excluded: tuple[str, ...]
    likeness: Tensor | None
    texts: Tensor | None


def choose(
    model: Model,
    tokens: Tokens,
    concept: str,
    settings: Settings,
    *,
    tier: str,
    texts: Tensor | None = None,
    concept_text: Tensor | None = None,
    pictures: Tensor | None = None,
) -> Chosen:
    """Filter the live tokens for one concept.

    Args:
        model: for the token tables.
        tokens: the live ones.
        concept: as `check_concept` gives it.
        settings: which words, how many, and whether the concept stays.
        tier: decides over which rows the mean norm is taken: dead tokens of the small tokenizer do not count.
        texts: text features (V, F); None without CLIP, then likeness is not looked at.
        concept_text: text feature (F,) of the concept.
        pictures: mean of the unit image features (F,) of its training pictures.

    Raises:
        InputError: nothing is left.
    """
    out = own_words(concept, tokens, model) if settings.exclude_concept else set()
    if settings.exclude_concept and texts is not None and concept_text is not None:
        limit = settings.synonym_cosine
        limit = synonym_limit(texts) if limit is None else limit
        near = (texts @ concept_text > limit).nonzero().flatten().tolist()
        out |= set(near)
    left = [i for i in range(len(tokens)) if i not in out]
    if texts is not None and pictures is not None:
        likeness = texts @ F.normalize(pictures, dim=-1)
        order = sorted(left, key=lambda i: -float(likeness[i]))[: settings.dictionary_size]
        left = sorted(order)
    else:
        likeness, left = None, left[: settings.dictionary_size]
    if not left:
        raise InputError(
            f"No word is left to write “{concept}” in. At least one is needed. Keep the concept in the "
            "dictionary, or allow more words."
        )
    rows = tuple(table[[tokens.ids[i] for i in left]].float() for table in model.tables)
    norms = tuple(mean_norm(table, tokens, tier) for table in model.tables)
    return Chosen(
        tokens=tokens.some(left),
        dictionary=Dictionary(rows, norms),
        excluded=tuple(dict.fromkeys(tokens.shown[i] for i in sorted(out))),
        likeness=None if likeness is None else likeness[left],
        texts=None if texts is None else texts[left],
    )


def mean_norm(table: Tensor, tokens: Tokens, tier: str) -> float:
    """Mean norm of the rows of a table; in the small one half are fragments that were never trained."""
    rows = table[list(tokens.ids)] if tier == "embedded" else table
    return float(rows.float().norm(dim=-1).mean())


def synonym_limit(texts: Tensor) -> float:
    """The cosine that only one pair of words in two thousand exceeds."""
    if len(texts) < 2:
        return 1.0
    some = texts[:4000]
    i, j = np.triu_indices(len(some), 1)
    return float(np.quantile((some @ some.T).numpy()[i, j], SYNONYM_QUANTILE))


def templates_of(tier: str) -> tuple[str, ...]:
    """The sentences that a word's text feature is a mean over."""
    return WORLD_TEMPLATES if tier == "embedded" else TEMPLATES
