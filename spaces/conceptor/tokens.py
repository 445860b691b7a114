"""Which tokens a model has learnt, how they are shown, and which of them are the concept itself.

A tokenizer holds many pieces that no caption ever used. They are random directions, and an optimiser loves them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InputError
from core.world import parsing
from core.world import words as world_words
from core.world.curriculum import Curriculum, small
from core.world.recipes import RECIPES
from core.world.sampling import template_words

from .model import Model

END = "</w>"  # of a token that ends a word
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

    In the embedded tier these are the whole words of its captions without those that only join others; "atoms" are
    the ones that mean something alone, without what is planted, names aside. In the full tier they are the tokens of letters alone.
    """
    vocabulary = model.tokenizers[0].get_vocab()
    if tier == "embedded":
        words = parsing.live_words(world or small())
        forms = [w + END for w in words if w + END in vocabulary and w not in world_words.FUNCTION_WORDS]  # fmt: skip
        if kind == "atoms":
            alone = _alone(world or small())
            forms = [f for f in forms if f.removesuffix(END) in alone]
    else:
        forms = sorted((f for f in vocabulary if _WORD.fullmatch(f)), key=vocabulary.__getitem__)
    whole = {form.removesuffix(END) for form in forms if form.endswith(END)}
    shown = tuple(_shown(form, whole) for form in forms)
    return Tokens(tuple(vocabulary[f] for f in forms), tuple(forms), shown)


def _alone(world: Curriculum) -> frozenset[str]:
    """Words that captions or sums taught by themselves; "two" and "over" mean nothing alone."""
    poses = {p.split()[-1] for k in world.kinds for p in world.poses(k) if p}
    names = {w for w in world.planted if RECIPES[w].category == "name"}
    return frozenset({*template_words(world), *world.synonyms, *poses, *names})


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
