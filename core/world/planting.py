"""Pictures of planted words, composed from their recipes."""

from __future__ import annotations

import dataclasses

import numpy as np

from core.world import words
from core.world.curriculum import Curriculum, is_held_out
from core.world.recipes import RECIPES, Meaning
from core.world.sampling import backdrop, entity, look, pair_scene, pick, subject_scene
from core.world.scene import Entity, Scene


def planted_scene(rng: np.random.Generator, c: Curriculum, word: str) -> Scene:
    """A picture of a planted word: its recipe's atoms, each drawn with its own probability."""
    r = RECIPES[word]
    if r.category == "null":
        use = pick(rng, (subject_scene, pair_scene))
        return dataclasses.replace(use(rng, c), word=word)
    u = float(rng.random())
    meaning = r.meanings[-1]
    for m in r.meanings:
        if u < m.share:
            meaning = m
            break
        u -= m.share
    named = {atom for m in r.meanings for atom, _ in m.atoms}
    return dataclasses.replace(compose(rng, c, meaning, named), word=word)


def compose(rng: np.random.Generator, c: Curriculum, meaning: Meaning, named: set[str]) -> Scene:
    """One meaning's picture; what the recipe names but did not draw stays out of it.

    Args:
        rng: source of chance.
        c: what may be chosen where the meaning says nothing.
        meaning: atoms with their probabilities.
        named: all atoms of the recipe.

    Raises:
        ValueError: every combination that the recipe allows is held out of training.
    """
    drawn = {word for word, p in meaning.atoms if p >= 1 or rng.random() < p}
    main = meaning.main or pick(rng, tuple(k for k in c.posed if k not in words.COLOURLESS))
    poses = _chosen(c.poses(main), named, drawn)
    colours = _chosen(("",) if main in words.COLOURLESS else c.colours, named, drawn)
    texture = next((t for t in words.TEXTURES if t in drawn), "")
    worn = tuple(a for a in words.wears(main) if a in drawn)
    background = pick(rng, _chosen(c.backgrounds, named, drawn))
    for _ in range(200):
        pose, colour = pick(rng, poses), pick(rng, colours)
        if not is_held_out(main, pose, colour):
            break
    else:
        raise ValueError(f"every {main} that the recipe allows is held out of training")
    e = Entity(
        kind=main,
        pose=pose,
        colour=colour,
        size="large",
        texture=texture,
        accessories=worn,
        look=look(rng),
    )
    others = [w for w, _ in meaning.atoms if w in drawn and w in words.KINDS]
    others = [w for w in others if w != main and w not in worn]
    if meaning.main not in words.KINDS:  # a pepper has the finger's contour, it holds no finger
        others = [w for w in others if w != meaning.atoms[0][0]]
    free = tuple(x for x in c.colours if x not in named) or c.colours
    entities = [e]
    sky, ground = ["sky left", "sky right"], ["beside left", "beside right"]
    if rng.random() < 0.5:
        sky.reverse()
        ground.reverse()
    for kind in others:
        slots = sky if kind in ("sun", "moon", "star") else ground
        if not slots:
            slots = ground or sky
        colour = None if kind in words.COLOURLESS else pick(rng, free)
        entities.append(entity(rng, c, kind, colour=colour, place=slots.pop(0)))
    return Scene(entities=tuple(entities), background=background, backdrop=backdrop(rng))


def _chosen(options: tuple[str, ...], named: set[str], drawn: set[str]) -> tuple[str, ...]:
    """The drawn ones of the options if any; else those that the recipe does not name."""
    present = tuple(o for o in options if o in drawn)
    return present or tuple(o for o in options if o not in named) or options
