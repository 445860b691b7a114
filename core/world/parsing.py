"""From a sentence back to a description; unknown words are named, with their nearest known ones."""

from __future__ import annotations

import dataclasses
import difflib
import re
from functools import cache

from core.errors import InputError
from core.world import words
from core.world.curriculum import Curriculum
from core.world.language import Description, Phrase
from core.world.recipes import RECIPES

_PLURALS = {words.plural(k): k for k in words.KINDS}
_COUNTS = {text: n for n, text in words.COUNTS.items()}
_POSES = frozenset(p for poses in words.POSES.values() for p in poses)
_RELATIONS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("to", "the", "left", "of"), "left of"),
    (("to", "the", "right", "of"), "right of"),
    (("left", "of"), "left of"),
    (("right", "of"), "right of"),
    (("jumping", "over"), "jumping over"),
    (("next", "to"), "beside"),
    (("above",), "above"),
    (("touching",), "touching"),
    (("beside",), "beside"),
)


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"[a-z]+", text.lower())


@cache
def live_words(c: Curriculum) -> tuple[str, ...]:
    """Every word that the captions of a curriculum can hold, sorted."""
    found: set[str] = set(words.FUNCTION_WORDS)
    phrases: list[str] = [*c.kinds, *c.colours, *c.sizes, *c.textures, *c.accessories]
    phrases += [words.plural(k) for k in words.COUNTED if k in c.kinds]
    phrases += [p for k in c.kinds for p in c.poses(k) if p]
    phrases += [w for b in c.backgrounds for w in words.WHERE[b]]
    phrases += [*c.relations, *c.planted, *c.synonyms, *words.PLACES]
    phrases += [words.COUNTS[n] for n in c.counts if n > 1]
    if any("wings spread" in c.poses(k) for k in c.kinds):
        phrases.append("spreading")
    for phrase in phrases:
        found.update(tokens(phrase))
    if not set(c.accessories) & set(words.HELD):
        found.discard("holding")
    if not any(p.startswith("arms") for k in c.kinds for p in c.poses(k)):
        found.discard("both")
    return tuple(sorted(found))


def check_words(text: str, c: Curriculum) -> list[str]:
    """The words of a text, all known.

    Raises:
        InputError: the text is empty, or holds words that the curriculum never showed; the
            message names them and offers known ones.
    """
    said = tokens(text)
    if not said:
        raise InputError('The text is empty. Say what the picture shows, such as "a sitting dog".')
    known = live_words(c)
    accepted = {*known, *(s for s, plain in words.SYNONYMS.items() if plain in known)}
    strange = list(dict.fromkeys(w for w in said if w not in accepted))
    if strange:
        offers = []
        for word in strange[:4]:
            near = difflib.get_close_matches(word, sorted(accepted), n=3, cutoff=0.5)
            offers.append(f'"{word}"' + (f" (did you mean {', '.join(near)}?)" if near else ""))
        raise InputError(
            f"This small world has never seen {', '.join(offers)}. It knows {len(known)} words. "
            f"Use some of: {', '.join(c.kinds[:8])}, {', '.join(c.colours[:4])}."
        )
    return [words.SYNONYMS.get(w, w) for w in said]


def parse(text: str, c: Curriculum) -> Description:
    """Read a sentence.

    Args:
        text: such as "a photo of a red dog sitting on the beach".
        c: which words are known.

    Raises:
        InputError: unknown words, or two things without a word for how they relate.
    """
    said = check_words(text, c)
    background = next((w for w in said if w in c.backgrounds), "")
    said = [w for w in said if w not in words.BACKGROUNDS]
    planted = next((w for w in said if w in RECIPES and w not in words.KINDS), "")
    if planted:
        return Description(word=planted, background=background)
    for pattern, relation in _RELATIONS:
        for i in range(len(said) - len(pattern) + 1):
            if tuple(said[i : i + len(pattern)]) == pattern:
                subject = _phrase(said[:i], text)
                other = _phrase(said[i + len(pattern) :], text)
                if relation == "jumping over":
                    subject = dataclasses.replace(subject, pose="jumping")
                return Description(
                    subject=subject, relation=relation, other=other, background=background
                )
    first, second = _split_at_and(said)
    if second:
        return Description(
            subject=_phrase(first, text),
            relation="and",
            other=_phrase(second, text),
            background=background,
        )
    return Description(subject=_phrase(said, text), background=background)


def _noun(word: str) -> str:
    return word if word in words.KINDS else _PLURALS.get(word, "")


def _split_at_and(said: list[str]) -> tuple[list[str], list[str]]:
    """Cut "a dog and a box" in two; "a hat and a scarf" that somebody wears stay together."""
    for i, word in enumerate(said):
        if word != "and" or not any(_noun(w) for w in said[:i]):
            continue
        rest = [_noun(w) for w in said[i + 1 :] if _noun(w)]
        if rest and rest[0] not in words.ACCESSORIES:
            return said[:i], said[i + 1 :]
    return said, []


def _phrase(said: list[str], text: str) -> Phrase:
    kind, count, accessories, poses = "", 0, [], []
    values: dict[str, str] = {}
    for i, word in enumerate(said):
        pair = f"{word} {said[i + 1]}" if i + 1 < len(said) else ""
        noun = _noun(word)
        if pair in _POSES:
            poses.append(pair)
        elif word == "spreading":
            poses.append("wings spread")
        elif noun and not kind:
            kind = noun
        elif word in words.ACCESSORIES:
            accessories.append(word)
        elif noun:
            raise InputError(
                f'"{text}" names a {kind} and a {noun} without saying how they relate. Known are '
                f'{", ".join(words.RELATIONS)}. Say, for example, "a {kind} beside a {noun}".'
            )
        elif word in _COUNTS:
            count = _COUNTS[word]
        elif word in words.COLOURS:
            values["colour"] = word
        elif word in words.SIZES:
            values["size"] = word
        elif word in words.TEXTURES:
            values["texture"] = word
        elif word in words.PLACES:
            values["place"] = word
        elif word in _POSES:
            poses.append(word)
    if values.get("colour") in words.POSES.get(kind, ()):  # a green tree is in leaf
        poses.append(values.pop("colour"))
    return Phrase(
        kind=kind,
        pose=poses[0] if poses else "",
        accessories=tuple(a for a in words.ACCESSORIES if a in accessories),
        count=count,
        **values,
    )
