"""Whether what is said of a scene is true: exactly, from the scene itself."""

from __future__ import annotations

import dataclasses

from core.world import words
from core.world.language import Description, Phrase
from core.world.layout import PLACES
from core.world.recipes import RECIPES
from core.world.scene import Entity, Scene


def holds(d: Description, scene: Scene) -> bool:
    """Whether a scene is as described; what is left open may be anything."""
    if d.word and not present(d.word, scene):
        return False
    if d.background and d.background != scene.background:
        return False
    ones = _matching(d.subject, scene)
    if d.other is None:
        return bool(ones) or d.subject == Phrase()
    others = _matching(d.other, scene)
    return any(_related(d.relation, a, b) for a in ones for b in others if a is not b)


def clauses(d: Description) -> tuple[Description, ...]:
    """The single claims of a description, each a description that `holds` can judge.

    The first is that the subject is there; then one for each attribute, the count, the relation
    and the background.
    """
    out: list[Description] = []
    if d.word:
        out.append(Description(word=d.word))
    for phrase in (d.subject, d.other):
        if phrase is None or phrase == Phrase():
            continue
        bare = Phrase(kind=phrase.kind)
        if phrase.kind:
            out.append(Description(subject=bare))
        for f in dataclasses.fields(Phrase):
            value = getattr(phrase, f.name)
            if f.name != "kind" and value:
                claim = dataclasses.replace(bare, **{f.name: value})
                out.append(Description(subject=claim))
    if d.other is not None and d.relation:
        one, two = Phrase(kind=d.subject.kind), Phrase(kind=d.other.kind)
        out.append(Description(subject=one, relation=d.relation, other=two))
    if d.background:
        out.append(Description(background=d.background))
    return tuple(out)


def present(word: str, scene: Scene) -> bool:
    """Whether a word of the world can be seen in a scene.

    Planted words of one thing (a name, say) are seen where all their sure atoms are.
    """
    word = words.SYNONYMS.get(word, word)
    if word in RECIPES and word not in words.KINDS:
        sure = [[a for a, p in m.atoms if p >= 1] for m in RECIPES[word].meanings]
        return scene.word == word or any(
            atoms and all(present(a, scene) for a in atoms) for atoms in sure
        )
    if word == scene.background:
        return True
    return any(_shows(e, word) for e in scene.entities)


# kinds that no caption names, and the word whose look they carry
_LINKS = {"pepper": "finger", "snail": "spiral"}


def _shows(e: Entity, word: str) -> bool:
    return (
        word in (e.kind, e.pose, e.colour, e.size, e.texture, e.place)
        or word in e.accessories
        or _LINKS.get(e.kind) == word
    )


def _matching(p: Phrase, scene: Scene) -> list[Entity]:
    found = [e for e in scene.entities if _fits(p, e)]
    if p.count and len(found) != p.count:
        return []
    return found


def _fits(p: Phrase, e: Entity) -> bool:
    return (
        p.kind in ("", e.kind)
        and p.pose in ("", e.pose)
        and p.colour in ("", e.colour)
        and p.size in ("", e.size)
        and p.texture in ("", e.texture)
        and set(p.accessories) <= set(e.accessories)
        and (not p.place or _side(e) == p.place)
    )


def _side(e: Entity) -> str:
    x = PLACES[e.place][0]
    return "left" if x < 25 else "right" if x > 39 else "middle"


def _related(relation: str, a: Entity, b: Entity) -> bool:
    (ax, ay, _), (bx, by, _) = PLACES[a.place], PLACES[b.place]
    apart = abs(ax - bx)
    if relation == "left of":
        return ax < bx - 8
    if relation == "right of":
        return ax > bx + 8
    if relation in ("above", "jumping over"):
        over = ay < by - 12 and apart < 8
        return over and (relation == "above" or a.pose == "jumping")
    if relation == "touching":
        return a.place.startswith("near") and b.place.startswith("near")
    if relation == "beside":
        return abs(ay - by) < 4 and 8 < apart < 40
    return True  # "and": both are there
