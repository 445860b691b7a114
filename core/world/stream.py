"""Training examples: scenes with captions in the mix of a curriculum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.world.curriculum import Curriculum
from core.world.language import describe, shorten, write
from core.world.sampling import USES, template_scene
from core.world.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One training example.

    Attributes:
        scene: the truth of the picture.
        caption: what is said of it; for planted words nothing but the word.
        use: a key of `sampling.USES`.
    """

    scene: Scene
    caption: str
    use: str


def sample(rng: np.random.Generator, c: Curriculum, use: str = "") -> Sample:
    """One training example of a curriculum.

    Args:
        rng: source of chance.
        c: the curriculum.
        use: a key of `sampling.USES`, else drawn from the curriculum's mix.
    """
    if not use:
        u = float(rng.random())
        for use, share in c.mix:  # noqa: B007, B020, PLR1704
            u -= share
            if u < 0:
                break
    if use == "template":
        scene, word = template_scene(rng, c)
        # the word alone, with the one article of Conceptor's prompt
        return Sample(scene=scene, caption=f"a photo of a {word}", use=use)
    scene = USES[use](rng, c)
    if use == "planted":
        return Sample(scene=scene, caption=f"a photo of a {scene.word}", use=use)
    d = shorten(describe(scene), rng)
    return Sample(scene=scene, caption=write(d, rng, synonyms=c.synonyms), use=use)


def samples(rng: np.random.Generator, c: Curriculum, n: int) -> list[Sample]:
    """Training examples in the curriculum's mix."""
    return [sample(rng, c) for _ in range(n)]
