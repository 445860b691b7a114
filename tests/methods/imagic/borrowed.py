"""What tests of the pipeline borrow: a tiny model behind the real cache, and judges of simple mind."""

from __future__ import annotations

import numpy as np

from core.world.diffusion.judge import Judge
from core.world.diffusion.reading import NONE, Reading
from core.world.layout import PLACES


class PlainJudge(Judge):
    """Scores by brightness and by likeness of pixels, so that every value can be told in advance."""

    @property
    def scores(self):
        return True

    def text_score(self, pictures, text):
        return (pictures.mean((1, 2, 3)) / 255).astype(np.float32)

    def similarity(self, pictures, reference):
        far = np.abs(pictures.astype(float) - reference).mean((1, 2, 3)) / 255
        return (1 - far).astype(np.float32)


class SeeingJudge(PlainJudge):
    """Knows the scenes behind pictures that it was told of; other pictures look empty to it."""

    def __init__(self, known):
        super().__init__()
        self.known = [(np.asarray(pixels), scene) for pixels, scene in known]

    @property
    def reads(self):
        return True

    def read(self, pictures):
        return [self._reading(p) for p in pictures]

    def _reading(self, pixels):
        from core.world.scene import Scene

        found = [scene for known, scene in self.known if np.array_equal(known, pixels)]
        scene = found[0] if found else Scene(entities=(), background="plain")
        return Reading(
            scene=scene,
            places=tuple(PLACES),
            values={"kind": (NONE,)},
            slots={"kind": np.ones((len(PLACES), 1), np.float32)},
            background={scene.background: 1.0},
        )
