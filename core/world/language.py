"""Sentences of the world: a description and its words, both ways.

A `Description` holds what a sentence says; an empty field is left open. `describe` reads the
complete one off a scene, `shorten` drops clauses at random, `write` makes a sentence of it,
`parse` reads a sentence back, and `core.world.truth` compares it with a scene.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from core.world import words
from core.world.sampling import pick
from core.world.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """What is said of one thing."""

    kind: str = ""
    pose: str = ""
    colour: str = ""
    size: str = ""
    texture: str = ""
    accessories: tuple[str, ...] = ()
    place: str = ""
    count: int = 0  # 0: not said


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is said of a picture.

    Attributes:
        subject: the first thing.
        relation: how it relates to `other`; "and" when only both are there; "" without another.
        other: the second thing.
        background: where it is.
        word: a planted word, alone.
    """

    subject: Phrase = Phrase()
    relation: str = ""
    other: Phrase | None = None
    background: str = ""
    word: str = ""


def describe(scene: Scene) -> Description:
    """All that may be said of a scene: of its first thing, a related one, and the background."""
    first = scene.entities[0]
    alike = [e for e in scene.entities if e.kind == first.kind]
    phrase = _phrase(scene, 0)
    if len(alike) > 1:
        phrase = dataclasses.replace(phrase, count=len(alike), place="")
    other = None
    if scene.relation:
        other = _phrase(scene, 1)
        phrase = dataclasses.replace(phrase, place="")
        other = dataclasses.replace(other, place="")
    return Description(
        subject=phrase, relation=scene.relation, other=other, background=scene.background
    )


def _phrase(scene: Scene, index: int) -> Phrase:
    e = scene.entities[index]
    return Phrase(
        kind=e.kind,
        pose=e.pose,
        colour=e.colour,
        size=e.size,
        texture=e.texture,
        accessories=e.accessories,
        place=e.place if e.place in words.PLACES and e.place != "middle" else "",
    )


# how often a caption keeps each clause; colour is learnt last, so it is said more often than posing
_KEPT = {"pose": 0.66, "colour": 0.55, "size": 0.12, "texture": 0.6, "accessories": 0.65, "place": 0.5}  # fmt: skip
_KEPT_BACKGROUND = 0.36


def shorten(d: Description, rng: np.random.Generator) -> Description:
    """Drop clauses at random; kinds, counts and relations stay."""
    u = rng.random(16).tolist()

    def cut(p: Phrase, rate: float) -> Phrase:
        kept: dict[str, object] = {}
        for name, share in _KEPT.items():
            if u.pop() > share * rate:
                kept[name] = () if name == "accessories" else ""
        if d.relation == "jumping over" and p is d.subject:
            kept["pose"] = "jumping"
        return dataclasses.replace(p, **kept)  # pyright: ignore[reportArgumentType]

    rate = 0.4 if d.other else 1.0
    return dataclasses.replace(
        d,
        subject=cut(d.subject, rate),
        other=cut(d.other, rate) if d.other else None,
        background=d.background if u.pop() < _KEPT_BACKGROUND * rate else "",
    )


def write(
    d: Description,
    rng: np.random.Generator,
    *,
    opening: str | None = None,
    synonyms: tuple[str, ...] = (),
) -> str:
    """A sentence that says a description, in one of several wordings.

    Args:
        d: what to say.
        rng: chooses the wording.
        opening: one of `words.OPENINGS`, else left to chance.
        synonyms: the synonyms that may stand for their words.
    """
    start = (
        opening if opening is not None else words.OPENINGS[int(_OPENING[int(100 * rng.random())])]
    )
    if d.word:
        return f"{start}{_article(d.word)} {d.word}"
    text = _noun_phrase(d.subject, rng, skip_pose=d.relation == "jumping over")
    if d.other is not None:
        text += f" {_join(d.relation, rng)} {_noun_phrase(d.other, rng)}"
    if d.background:
        text += f" {pick(rng, words.WHERE[d.background])}"
    if synonyms and rng.random() < 0.3:
        for plain, other in words.TAUGHT_SYNONYMS.items():
            if other in synonyms:
                text = " ".join(other if w == plain else w for w in text.split())
        text = _fix_articles(text)
    return start + text


_OPENING = "0" * 60 + "1" * 18 + "2" * 6 + "3" * 6 + "4" * 5 + "5" * 5


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" and not word.startswith(("uni", "ufo")) else "a"


def _fix_articles(text: str) -> str:
    tokens = text.split()
    for i in range(len(tokens) - 1):
        if tokens[i] in ("a", "an"):
            tokens[i] = _article(tokens[i + 1])
    return " ".join(tokens)


def _join(relation: str, rng: np.random.Generator) -> str:
    if relation in ("left of", "right of") and rng.random() < 0.5:
        return "to the " + relation
    if relation == "beside" and rng.random() < 0.4:
        return "next to"
    return relation


def _noun_phrase(p: Phrase, rng: np.random.Generator, *, skip_pose: bool = False) -> str:
    before: list[str] = [w for w in (p.size, p.texture) if w]
    after: list[str] = []
    people = p.kind in words.PEOPLE
    if p.colour and people and rng.random() < 0.5:
        after.append("in " + p.colour)
    elif p.colour:
        before.append(p.colour)
    many = p.count > 1
    pose = "" if skip_pose else p.pose
    if pose in ("roses", "tulips", "daisies"):
        after.insert(0, pick(rng, ("of ", "with ")) + pose)
    elif pose in ("smile", "frown"):
        after.append("with a " + pose)
    elif pose == "tears":
        after.append("with tears")
    elif pose == "wings spread":
        after.append(
            pick(
                rng,
                ("with its wings spread", "spreading its wings", "with wings spread")[2 * many :],
            )
        )
    elif pose.startswith("arms"):
        both = "both " if pose != "arms crossed" and rng.random() < 0.3 else ""
        after.append(f"with {both}{pose}")
    elif pose:
        u = rng.random()
        if u < 0.5 or pose in ("green", "autumn"):
            before.append(pose)
        elif u < 0.8 and pose.endswith("ing"):
            after.append(pose)
        else:
            after.append(("that are " if many else "that is ") + pose)
    worn = [a for a in p.accessories if a in words.WORN]
    held = [a for a in p.accessories if a not in words.WORN]
    for verb, things in (("wearing", worn), ("holding", held)):
        if things:
            lead = verb if rng.random() < 0.6 else "with"
            if held and worn and verb == "holding":
                lead = "and " + lead
            after.append(lead + " " + " and ".join(f"{_article(t)} {t}" for t in things))
    if p.place:
        after.append(words.PLACES[p.place])
    noun = (words.plural(p.kind) if many else p.kind) or "thing"
    head = [*before, noun]
    lead = words.COUNTS[p.count] if many else _article(head[0])
    return " ".join([lead, *head, *after])
