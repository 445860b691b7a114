"""Training examples: scenes with captions in the mix of a curriculum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.world.curriculum import Curriculum
from core.world.language import describe, shorten, write
from core.world.planting import planted_scene
from core.world.sampling import pair_scene, pick, subject_scene, template_scene
from core.world.scene import Scene

USES = ("subject", "template", "planted", "pair")
"""Kinds of training examples; `Curriculum.mix` gives their shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One training example.

    Attributes:
        scene: the truth of the picture.
        caption: what is said of it; for planted words nothing but the word.
        use: one of `USES`.
    """

    scene: Scene
    caption: str
    use: str


def sample(rng: np.random.Generator, c: Curriculum, use: str = "") -> Sample:
    """One training example of a curriculum.

    Args:
        rng: source of chance.
        c: the curriculum.
        use: one of `USES`, else drawn from the curriculum's mix.
    """
    use = use or _drawn(rng, c)
    if use == "template":
        scene, word = template_scene(rng, c)
        # the word alone, with the one article of Conceptor's prompt
        return Sample(scene=scene, caption=f"a photo of a {word}", use=use)
    if use == "planted":
        word = pick(rng, c.planted)
        scene = planted_scene(rng, c, word)
        return Sample(scene=scene, caption=f"a photo of a {word}", use=use)
    scene = pair_scene(rng, c) if use == "pair" else subject_scene(rng, c)
    return Sample(scene=scene, caption=_said(rng, c, scene), use=use)


def recaption(rng: np.random.Generator, c: Curriculum, s: Sample) -> str:
    """Another caption of the same picture, so that stored latents can be trained on for long.

    What the one-word template said of a picture stays as it is.
    """
    return _said(rng, c, s.scene) if s.use in ("subject", "pair") else s.caption


def _said(rng: np.random.Generator, c: Curriculum, scene: Scene) -> str:
    return write(shorten(describe(scene), rng), rng, synonyms=c.synonyms)


def _drawn(rng: np.random.Generator, c: Curriculum) -> str:
    u = float(rng.random())
    for use, share in c.mix:
        if u < share:
            return use
        u -= share
    return c.mix[-1][0]


def samples(rng: np.random.Generator, c: Curriculum, n: int) -> list[Sample]:
    """Training examples in the curriculum's mix."""
    return [sample(rng, c) for _ in range(n)]
