"""What a probe sees in a picture: a scene, and how sure it is of each part.

A reading holds a `Scene`, so that the exact truth of `core.world.truth` judges a picture as it judges a
drawing; and chances, so that half an edit can be told from none.
"""

# S slots (one for each place of the layout), V values of an attribute

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.world import truth
from core.world.language import Description, Phrase
from core.world.layout import PLACES
from core.world.scene import Scene

Chances = npt.NDArray[np.float32]

NONE = ""  # the kind of a slot where nothing stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One picture as a probe sees it.

    Attributes:
        scene: the likeliest things, each in its place, with their looks and the backdrop as far as
            they are read (`probe.LOOKS`, `probe.CHOICES`, `probe.SURROUNDINGS`); the rest is left at its default.
        places: the place of each slot.
        values: the words that each attribute can take: "kind" ("" for nothing there), "pose", "colour",
            "size", "texture", and "accessory".
        slots: for each attribute its chances (S, V); for "accessory" each column is on its own.
        background: chance of each background.
    """

    scene: Scene
    places: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    slots: Mapping[str, Chances]
    background: Mapping[str, float]

    def holds(self, said: Description) -> bool:
        """Whether the picture is as described, by the likeliest scene."""
        return truth.holds(said, self.scene)

    def present(self, word: str) -> bool:
        """Whether a word can be seen, by the likeliest scene."""
        return truth.present(word, self.scene)

    def chance(self, said: Description) -> float:
        """How likely the picture is as described, 0 to 1: slots and attributes taken as independent.

        A planted word has no chance of its own; its description counts as the scene's `holds`.
        """
        if said.word:
            return float(self.holds(said))
        p = self.background.get(said.background, 0.0) if said.background else 1.0
        ones = self._fits(said.subject)
        if said.other is None:
            return p * _counted(ones, said.subject)
        others = self._fits(said.other)
        missed = 1.0
        for i, one in enumerate(ones):
            for j, other in enumerate(others):
                if i != j and _stands(said.relation, self.places[i], self.places[j]):
                    missed *= 1 - float(one) * float(other)
        return p * (1 - missed)

    def _fits(self, p: Phrase) -> Chances:
        """Chance of each slot to hold a thing as said, (S,)."""
        kinds = self.values["kind"]
        there = 1 - self.slots["kind"][:, kinds.index(NONE)]
        out = self._of("kind", p.kind) if p.kind else there
        for name in ("pose", "colour", "size", "texture"):
            if word := getattr(p, name):
                out = out * self._of(name, word)
        for word in p.accessories:
            out = out * self._of("accessory", word)
        if p.place:
            out = out * np.array([_side(place) == p.place for place in self.places], np.float32)
        return out

    def _of(self, name: str, word: str) -> Chances:
        known = self.values[name]
        if word not in known:
            return np.zeros(len(self.places), np.float32)
        return self.slots[name][:, known.index(word)]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary: the scene, the chance of each part, the identity."""
        things = []
        for e in self.scene.entities:
            i = self.places.index(e.place)
            things.append(
                {
                    "kind": e.kind,
                    "pose": e.pose,
                    "colour": e.colour,
                    "size": e.size,
                    "texture": e.texture,
                    "accessories": list(e.accessories),
                    "place": e.place,
                    "chance": round(float(self._of("kind", e.kind)[i]), 4),
                }
            )
        return {
            "things": things,
            "background": self.scene.background,
        }


def _side(place: str) -> str:
    x = PLACES[place][0]
    return "left" if x < 25 else "right" if x > 39 else "middle"


def _counted(each: Chances, p: Phrase) -> float:
    """Chance of at least one, or of exactly as many as a count says."""
    if not p.count:
        return float(1 - np.prod(1 - each)) if p != Phrase() else 1.0
    exactly = np.zeros(p.count + 2)  # the last cell: more than the count
    exactly[0] = 1.0
    for chance in each:
        more = exactly * float(chance)
        exactly = exactly * (1 - float(chance))
        exactly[1:] += more[:-1]
        exactly[-1] += more[-1]
    return float(exactly[p.count])


def _stands(relation: str, one: str, other: str) -> bool:
    """Whether two places stand in a relation; "jumping over" asks of the places what "above" asks."""
    (ax, ay, _), (bx, by, _) = PLACES[one], PLACES[other]
    if relation == "left of":
        return ax < bx - 8
    if relation == "right of":
        return ax > bx + 8
    if relation in ("above", "jumping over"):
        return ay < by - 12 and abs(ax - bx) < 8
    if relation == "touching":
        return one.startswith("near") and other.startswith("near")
    if relation == "beside":
        return abs(ay - by) < 4 and 8 < abs(ax - bx) < 40
    return True
