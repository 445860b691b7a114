"""The right answer to an edit: the scene with only that changed which the text asks for.

Everything a text leaves open stays as it is, identity first of all: a replaced kind keeps its
predecessor's look, colour and place, an added thing moves nobody.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import InputError
from core.world import sampling, words
from core.world.language import Description, Phrase
from core.world.render import silhouettes
from core.world.scene import Entity, Scene
from core.world.truth import holds

FAMILIES = ("pose", "state", "add", "replace", "texture", "background", "count", "relation", "colour", "size", "place", "none")  # fmt: skip
_STATES = ("door", "box", "tree", "cake", "vase")
_OVERLAID = ("snow", "rain")  # weather falls in front of the entities


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """An edit with its answer.

    Attributes:
        before: the scene as it was.
        after: the true edited scene; `truth.holds(target, after)`.
        target: what was asked.
        family: the first of `FAMILIES` that it belongs to.
    """

    before: Scene
    after: Scene
    target: Description
    family: str

    def mask(self, size: int = 64) -> npt.NDArray[np.bool_]:
        """Where before and after may differ: the changed things' silhouettes in both pictures.

        Args:
            size: pixels per side.

        Returns:
            (size, size) bool. For a new background, all but what stands in front of it.
        """
        one, two = self.before.entities, self.after.entities
        gone = [i for i, e in enumerate(one) if e not in two]
        come = [i for i, e in enumerate(two) if e not in one]
        changed = silhouettes([self.before, self.after], [gone, come], size).max(0) > 0
        if self.before.background == self.after.background:
            return changed
        if self.before.background in _OVERLAID or self.after.background in _OVERLAID:
            return np.ones_like(changed)
        kept = [i for i, e in enumerate(one) if e in two]
        solid = silhouettes([self.before], [kept], size)[0] == 1.0
        return changed | ~solid


def edited(scene: Scene, target: Description) -> Edit:
    """Change a scene to what a text says.

    Args:
        scene: the scene to edit.
        target: what the edited picture shall show (see `parsing.parse`).

    Raises:
        InputError: the text asks for what the subject cannot be, or for a planted word.
    """
    if target.word:
        raise InputError(
            f'"{target.word}" is a word whose meaning is only learnt from pictures, so no true '
            "edit is known. Ask for a kind, pose, colour, accessory or background instead."
        )
    index = _subject_of(scene, target.subject)
    before = scene.entities[index]
    after, family = _changed(before, target.subject)
    entities = [after if i == index else e for i, e in enumerate(scene.entities)]
    if target.subject.count and target.subject.count != sum(e.kind == after.kind for e in entities):
        entities = _counted(scene, entities, index, target.subject.count)
        family = family or "count"
    relation = scene.relation
    if target.other is not None:
        entities, moved = _related(scene, entities, index, target)
        relation = target.relation if target.relation != "and" else relation
        family = moved or family
    background = target.background or scene.background
    if background != scene.background:
        family = family or "background"
    result = dataclasses.replace(
        scene, entities=tuple(entities), relation=relation, background=background, word=""
    )
    if not holds(target, result):
        raise InputError(
            "No edit of this scene makes the text true. Ask for one change at a time, of the "
            f"{before.kind} or of what is around it."
        )
    return Edit(before=scene, after=result, target=target, family=family or "none")


def _subject_of(scene: Scene, p: Phrase) -> int:
    kinds = [e.kind for e in scene.entities]
    return kinds.index(p.kind) if p.kind in kinds else 0


def _changed(e: Entity, p: Phrase) -> tuple[Entity, str]:
    """The subject as described, and the family of the first change."""
    new: dict[str, object] = {}
    family = ""
    kind = p.kind or e.kind
    if kind != e.kind:
        family = "replace"
        poses = words.POSES.get(kind, ("",))
        colour = "" if kind in words.COLOURLESS else e.colour or "white"
        able = words.wears(kind)
        new = {
            "kind": kind,
            "pose": e.pose if e.pose in poses else poses[0],
            "colour": colour,
            "texture": e.texture if colour else "",
            "accessories": tuple(a for a in e.accessories if a in able),
        }
    if p.pose and p.pose != new.get("pose", e.pose):
        if p.pose not in words.POSES.get(kind, ()):
            known = ", ".join(words.POSES.get(kind, ())) or "no poses"
            raise InputError(
                f'A {kind} is never "{p.pose}". It knows: {known}. Ask for one of these.'
            )
        new["pose"] = p.pose
        family = family or ("state" if kind in _STATES else "pose")
    for name, value in (("colour", p.colour), ("texture", p.texture), ("size", p.size)):
        if value and value != new.get(name, getattr(e, name)):
            if name != "size" and kind in words.COLOURLESS:
                raise InputError(f"A {kind} has one look only. Leave out {value!r}.")
            new[name] = value
            family = family or name
    missing = [a for a in p.accessories if a not in e.accessories]
    if missing:
        able = words.wears(kind)
        if not set(missing) <= set(able):
            raise InputError(
                f"A {kind} wears no {missing[0]}. It can have: {', '.join(able) or 'nothing'}."
            )
        worn = {*e.accessories, *missing}
        new["accessories"] = tuple(a for a in words.ACCESSORIES if a in worn)
        family = family or "add"
    if p.place and p.place != e.place:
        new["place"] = p.place
        family = family or "place"
    return dataclasses.replace(e, **new), family  # pyright: ignore[reportArgumentType]


def _newcomer(scene: Scene, salt: int) -> np.random.Generator:
    """The chance that gives added things their look: fixed by the scene."""
    return np.random.default_rng([scene.backdrop.seed, salt])


def _counted(scene: Scene, entities: list[Entity], index: int, count: int) -> list[Entity]:
    """Add copies of the subject with looks of their own, or take some away."""
    subject = entities[index]
    alike = [i for i, e in enumerate(entities) if e.kind == subject.kind]
    extra = [i for i in alike if i != index][: max(0, len(alike) - count)]
    kept = [e for i, e in enumerate(entities) if i not in extra]
    order = ("left", "right", "middle") if subject.place != "left" else ("right", "middle", "left")
    free = [p for p in order if p not in {e.place for e in kept}]
    rng = _newcomer(scene, 1)
    for place in free[: count - len(alike) + len(extra)]:
        kept.append(dataclasses.replace(subject, place=place, look=sampling.look(rng)))
    return kept


_SIDES = {"left of": ("left", "right"), "right of": ("right", "left")}


def _related(
    scene: Scene, entities: list[Entity], index: int, target: Description
) -> tuple[list[Entity], str]:
    """Bring in the other thing if it is not there, and move the subject if it must."""
    p, relation = target.other, target.relation
    assert p is not None
    subject = entities[index]
    found = [i for i, e in enumerate(entities) if i != index and p.kind in ("", e.kind)]
    if found:
        other, _ = _changed(entities[found[0]], p)
        entities[found[0]] = other
        if not holds(target, dataclasses.replace(scene, entities=tuple(entities), background=target.background or scene.background)):  # fmt: skip
            if relation in ("above", "jumping over"):
                side = other.place if other.place in ("left", "right") else ""
                entities[index] = dataclasses.replace(subject, place=f"above {side}".strip())
            elif relation in _SIDES and subject.place in ("left", "right"):
                # the two change places
                entities[found[0]] = dataclasses.replace(other, place=subject.place)
                entities[index] = dataclasses.replace(subject, place=other.place)
            elif relation in _SIDES:
                entities[index] = dataclasses.replace(subject, place=_SIDES[relation][0])
            elif relation == "touching":
                entities[index] = dataclasses.replace(subject, place=_near(subject.place, "left"))
                entities[found[0]] = dataclasses.replace(other, place=_near(other.place, "right"))
        return entities, "relation"
    rng = _newcomer(scene, 2)
    kind = p.kind or "ball"
    poses = words.POSES.get(kind, ("",))
    colour = "" if kind in words.COLOURLESS else p.colour or sampling.pick(rng, ("red", "blue", "yellow"))  # fmt: skip
    place = "beside left" if subject.place == "right" else "beside right"
    if relation == "right of" and subject.place == "middle":
        place = "beside left"
    elif relation in ("above", "jumping over"):
        place = subject.place
        side = subject.place if subject.place in ("left", "right") else ""
        entities[index] = dataclasses.replace(subject, place=f"above {side}".strip(), size="small")
    elif relation == "touching":
        place = "near right"
        entities[index] = dataclasses.replace(subject, place="near left")
    elif kind in ("sun", "moon"):
        place = "sky right"
    added = Entity(
        kind=kind,
        pose=p.pose or poses[0],
        colour=colour,
        size=p.size or ("small" if relation in ("above", "jumping over", "touching") else "large"),
        texture=p.texture,
        accessories=p.accessories,
        place=place,
        look=sampling.look(rng),
    )
    return [*entities, added], "add"


def _near(place: str, other: str) -> str:
    return "near " + (place if place in ("left", "right") else other)
