"""Random edits with their true answers, in the families of tinyTEdBench.

The fixed benchmark is `gallery.tiny_tedbench`; this makes as many more as one likes, say to choose
a default or to measure a spread.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from core.errors import InputError
from core.world import words
from core.world.curriculum import Curriculum, is_held_out
from core.world.edit import Edit, edited
from core.world.language import Description, Phrase, write
from core.world.sampling import LOW, backdrop, entity, pick, subject_scene
from core.world.scene import Scene
from core.world.truth import holds

FAMILIES = ("pose", "state", "add", "replace", "texture", "background", "count", "relation")
_STATES = ("door", "box", "tree", "cake", "vase")


def random_edit(rng: np.random.Generator, c: Curriculum, family: str = "") -> tuple[Edit, str]:
    """A random edit and the text that asks for it.

    Args:
        rng: source of chance.
        c: the curriculum; neither picture holds a held-out combination.
        family: one of `FAMILIES`; "" leaves it to chance.

    Returns:
        The edit, whose `before` is not yet as the text says, and the text.
    """
    family = family or pick(rng, FAMILIES)
    while True:
        scene = _source(rng, c, family)
        target = _target(rng, c, scene, family)
        if target is None or holds(target, scene):
            continue
        try:
            edit = edited(scene, target)
        except InputError:  # this subject cannot be asked for it
            continue
        if not any(is_held_out(e.kind, e.pose, e.colour) for e in edit.after.entities):
            return edit, write(target, rng)


def _source(rng: np.random.Generator, c: Curriculum, family: str) -> Scene:
    if family == "relation":
        leap = tuple(k for k in c.kinds if "jumping" in c.poses(k))
        low = tuple(k for k in LOW if k in c.kinds)
        sides = ("left", "right") if rng.random() < 0.5 else ("right", "left")
        a = entity(rng, c, pick(rng, leap), size="small", place=sides[0])
        b = entity(rng, c, pick(rng, low), size="small", place=sides[1])
        return Scene(entities=(a, b), background=pick(rng, c.backgrounds), backdrop=backdrop(rng))
    if family == "count":
        kind = pick(rng, tuple(k for k in words.COUNTED if k in c.kinds))
        a = entity(rng, c, kind, size="small", place=pick(rng, ("left", "right")))
        return Scene(entities=(a,), background=pick(rng, c.backgrounds), backdrop=backdrop(rng))
    states = tuple(k for k in c.posed if k in _STATES)
    moving = tuple(k for k in c.posed if k not in _STATES)
    kind = pick(rng, states if family == "state" else moving)
    scene = subject_scene(rng, c, kind=kind)
    plain = dataclasses.replace(scene.entities[0], place="middle", size="large", texture="")
    return dataclasses.replace(scene, entities=(plain,))


def _target(
    rng: np.random.Generator, c: Curriculum, scene: Scene, family: str
) -> Description | None:
    e = scene.entities[0]
    said = Phrase(kind=e.kind)
    if family in ("pose", "state"):
        return Description(subject=dataclasses.replace(said, pose=pick(rng, c.poses(e.kind))))
    if family == "add":
        if rng.random() < 0.3:
            other = Phrase(kind=pick(rng, tuple(k for k in LOW if k in c.kinds)))
            return Description(subject=said, relation="beside", other=other)
        able = c.wears(e.kind)
        if not able:
            return None
        return Description(subject=dataclasses.replace(said, accessories=(pick(rng, able),)))
    if family == "replace":
        alike = tuple(k for k in c.kinds if set(c.poses(k)) & set(c.poses(e.kind)) and k != e.kind)
        return Description(subject=Phrase(kind=pick(rng, alike))) if alike else None
    if family == "texture":
        return Description(subject=dataclasses.replace(said, texture=pick(rng, c.textures)))
    if family == "background":
        return Description(subject=said, background=pick(rng, c.backgrounds))
    if family == "count":
        return Description(subject=dataclasses.replace(said, count=2))
    other = Phrase(kind=scene.entities[1].kind)
    relation = pick(rng, ("left of", "right of", "jumping over"))
    if relation == "jumping over":
        said = dataclasses.replace(said, pose="jumping")
    return Description(subject=said, relation=relation, other=other)
