"""Which tokens a concept may be written in: live ones, without the concept itself, and how they are shown.

A tokenizer holds many pieces that no caption ever used. They are random directions, and an optimiser loves them.
"""

# V live tokens, D tokens of a dictionary, F width of CLIP's features

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import InputError
from core.world import parsing
from core.world import words as world_words
from core.world.curriculum import Curriculum, small
from core.world.diffusion.judge import Judge
from core.world.recipes import RECIPES

from .algorithm import Dictionary
from .config import Settings
from .model import Model

END = "</w>"  # of a token that ends a word
SYNONYM_QUANTILE = 0.9995  # of all pairs of words: ViT-B/32's 0.9 is as rare
_WORD = re.compile(rf"[a-z]{{2,}}({END})?")
_KEPT_S = ("ss", "us", "is")  # endings of words that are no plurals, and such words
_NO_PLURALS = frozenset(
    [
        "news",
        "lens",
        "mars",
        "yes",
        "gas",
        "bus",
        "has",
        "was",
        "does",
        "goes",
        "series",
        "species",
        "chaos",
        "texas",
        "james",
        "charles",
        "thomas",
        "arts",
        "hers",
        "ours",
        "its",
        "this",
        "thus",
        "means",
        "pants",
        "jeans",
        "glasses",
        "physics",
        "always",
        "perhaps",
    ]
)
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


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens in a fixed order.

    Attributes:
        ids: their numbers.
        forms: as the tokenizer writes them, `</w>` at the end of whole words.
        shown: the entry that each is shown under; forms of one word share it.
    """

    ids: tuple[int, ...]
    forms: tuple[str, ...]
    shown: tuple[str, ...]

    def __len__(self) -> int:
        """How many."""
        return len(self.ids)

    def some(self, which: Sequence[int]) -> Tokens:
        """Some of them, in the order that is given."""
        return Tokens(
            tuple(self.ids[i] for i in which),
            tuple(self.forms[i] for i in which),
            tuple(self.shown[i] for i in which),
        )

    def where(self, word: str) -> list[int]:
        """Places of the forms of a word, or of a synonym's where the world knows one."""
        wanted = {word, stem(word, set(self.shown))}
        return [i for i, shown in enumerate(self.shown) if shown in wanted]


def stem(word: str, known: set[str]) -> str:
    """The singular of a word, where that is known; else the word itself."""
    if word in _NO_PLURALS or word.endswith(_KEPT_S):
        return word
    odd = {world_words.plural(k): k for k in world_words.COUNTED}
    for single in (odd.get(word, ""), word[:-1] if word.endswith("s") else "", word[:-2] if word.endswith("es") else ""):  # fmt: skip
        if len(single) > 2 and single in known:
            return single
    return word


def live(model: Model, tier: str, kind: str = "all", world: Curriculum | None = None) -> Tokens:
    """The tokens that a model has learnt.

    In the embedded tier these are the whole words of its captions without those that only join others; "atoms"
    leaves out what is planted, names aside. In the full tier they are the tokens of letters alone.
    """
    vocabulary = model.tokenizers[0].get_vocab()
    if tier == "embedded":
        words = parsing.live_words(world or small())
        forms = [w + END for w in words if w + END in vocabulary and w not in world_words.FUNCTION_WORDS]  # fmt: skip
        if kind == "atoms":
            forms = [f for f in forms if not _planted(f.removesuffix(END))]
    else:
        forms = sorted((f for f in vocabulary if _WORD.fullmatch(f)), key=vocabulary.__getitem__)
    whole = {form.removesuffix(END) for form in forms if form.endswith(END)}
    shown = tuple(_shown(form, whole) for form in forms)
    return Tokens(tuple(vocabulary[f] for f in forms), tuple(forms), shown)


def _planted(word: str) -> bool:
    known = RECIPES.get(word)
    return known is not None and known.category != "name" and word not in world_words.KINDS


def _shown(form: str, whole: set[str]) -> str:
    word = form.removesuffix(END)
    if not form.endswith(END):
        return stem(word, whole) if len(word) > 2 and word in whole else f"{word}-"
    return stem(word, whole)


def check_concept(concept: str, tier: str, world: Curriculum | None = None) -> str:
    """A concept as it is written into the prompt: lower case, single spaces.

    Raises:
        InputError: a word that the embedded model has never seen, named with the nearest known ones, or
            no word at all.
    """
    said = " ".join(concept.lower().split())
    if tier != "embedded":
        if not re.search(r"\w", said):
            raise InputError(
                f'The concept is {concept!r}. It needs letters. Write a word, such as "snail".'
            )
        return said
    parsing.check_words(said, world or small())
    said = " ".join(parsing.tokens(said))
    if all(word in world_words.FUNCTION_WORDS for word in said.split()):
        raise InputError(
            f'"{said}" only joins other words, so there is nothing to draw. A word with a look is needed. '
            'Write for example "snowman".'
        )
    return said


def own_words(concept: str, tokens: Tokens, model: Model) -> set[int]:
    """Places of the tokens that are the concept itself: its words, their forms, its pieces, known synonyms."""
    known = set(tokens.shown)
    said = concept.split()
    said += [s for w in said for s, plain in world_words.SYNONYMS.items() if plain == w]
    said += [world_words.SYNONYMS[w] for w in concept.split() if w in world_words.SYNONYMS]
    stems = {stem(word, known) for word in said} | set(said)
    pieces = set(model.tokenizers[0](concept).input_ids)  # a whole word among them may be kept
    found = set()
    for i, (number, form, shown) in enumerate(zip(tokens.ids, tokens.forms, tokens.shown, strict=True)):  # fmt: skip
        word = form.removesuffix(END)
        longer = any(len(s) > 3 and word.startswith(s) for s in said) and " " not in concept
        if shown in stems or word in stems or (number in pieces and not form.endswith(END)) or (longer and len(word) - len(concept) <= 2):  # fmt: skip
            found.add(i)
    return found


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
    norms = tuple(_mean_norm(table, tokens, tier) for table in model.tables)
    return Chosen(
        tokens=tokens.some(left),
        dictionary=Dictionary(rows, norms),
        excluded=tuple(dict.fromkeys(tokens.shown[i] for i in sorted(out))),
        likeness=None if likeness is None else likeness[left],
        texts=None if texts is None else texts[left],
    )


def _mean_norm(table: Tensor, tokens: Tokens, tier: str) -> float:
    # half of the small tokenizer's table are fragments that were never trained
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
