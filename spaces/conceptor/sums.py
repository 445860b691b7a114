"""Scenes for sums of words: random parts drawn into one picture, none of them close to a planted word (no torch).

A text tower that only ever read one word in a place loses some of a sum of several words there. These scenes teach
it. They are composed as planted words are, from parts of their own, and the parts of a planted word never come
together here: what is later read off a planted word was not told to the tower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.world import words
from core.world.curriculum import Curriculum
from core.world.planting import compose
from core.world.recipes import RECIPES, Meaning
from core.world.sampling import pick
from core.world.scene import Scene

MOST = 6  # parts of a sum
SHARED = 3  # parts that a sum never has in common with a planted word
WEIGHTS = (0.5, 1.5)  # of each part, uniform; they say nothing of how often it is drawn


@dataclass(frozen=True, slots=True)
class Sum:
    """One example.

    Attributes:
        scene: shows every part; what is not a part is left to chance.
        parts: weight of each word.
    """

    scene: Scene
    parts: dict[str, float]


def sample(rng: np.random.Generator, c: Curriculum) -> Sum:
    """A sum of one to `MOST` words, and a scene that shows all of them."""
    while True:
        main = "" if rng.random() < 0.1 else pick(rng, c.kinds)
        atoms = _parts(rng, c, main)
        if not atoms or too_close(atoms):
            continue
        meaning = Meaning(1.0, main, tuple((a, 1.0) for a in atoms))
        try:
            scene = compose(rng, c, meaning, set(atoms))
        except ValueError:  # held out of training
            continue
        low, high = WEIGHTS
        return Sum(scene, {said(a): low + (high - low) * float(rng.random()) for a in atoms})


def said(atom: str) -> str:
    """The word that stands for a part in a sum: of "wings spread" the one that no other part has."""
    return atom.split()[-1]


def too_close(atoms: tuple[str, ...]) -> bool:
    """Whether a planted word has `SHARED` of these parts or more in one of its meanings."""
    some = set(atoms)
    return any(len(some & planted) >= SHARED for planted in _PLANTED)


_PLANTED = tuple(frozenset(a for a, _ in m.atoms) for r in RECIPES.values() for m in r.meanings)


def _parts(rng: np.random.Generator, c: Curriculum, main: str) -> tuple[str, ...]:
    """What may come together: a thing, its looks, where it is, what it wears, what stands around."""
    found: list[str] = []
    if c.colours_of(main) != ("",) and rng.random() < 0.75:
        found.append(pick(rng, c.colours))
        if rng.random() < 0.35:
            found.append(pick(rng, c.textures))
    if len(c.poses(main)) > 1 and rng.random() < 0.5:
        found.append(pick(rng, c.poses(main)))
    if rng.random() < 0.5:
        found.append(pick(rng, c.backgrounds))
    found += [a for a in c.wears(main) if rng.random() < 0.25]
    around = tuple(k for k in c.kinds if k not in c.posed or k == "tree")
    found += [pick(rng, around) for _ in range(2) if rng.random() < 0.35]
    chosen = [found[k] for k in rng.permutation(len(found))][: MOST - bool(main)]
    if main:
        return tuple(dict.fromkeys((main, *chosen)))
    # a scene without a thing of its own shows any; `compose` takes the first part for its looks
    chosen.sort(key=lambda a: a in words.KINDS)
    return tuple(dict.fromkeys(chosen)) if chosen and chosen[0] not in words.KINDS else ()
