"""Which part of the world a model learns: `full` for a GPU, `small` for two processor cores, `tiny`.

The code that samples, draws and captions is the same; a curriculum only narrows the choices.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

from core.world import recipes, words
from core.world.draw.people import FIGURES


@dataclass(frozen=True, slots=True, kw_only=True)
class Curriculum:
    """The values that training pictures and captions may take.

    Attributes:
        name: "full", "small" or "tiny".
        kinds: kinds that captions name, subjects of several poses first.
        dropped_poses: poses of those kinds that stay out.
        mix: share of each use in a training stream (`sampling.USES`); sums to 1.
    """

    name: str
    kinds: tuple[str, ...]
    colours: tuple[str, ...]
    sizes: tuple[str, ...]
    textures: tuple[str, ...]
    backgrounds: tuple[str, ...]
    accessories: tuple[str, ...]
    relations: tuple[str, ...]
    counts: tuple[int, ...]
    planted: tuple[str, ...]
    dropped_poses: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    mix: tuple[tuple[str, float], ...] = (
        ("subject", 0.40),
        ("template", 0.25),
        ("planted", 0.20),
        ("pair", 0.15),
    )

    def poses(self, kind: str) -> tuple[str, ...]:
        """The poses of a kind in this curriculum; ("",) where it has none."""
        every = words.POSES.get(kind, ("",))
        return tuple(p for p in every if p not in self.dropped_poses)

    def colours_of(self, kind: str) -> tuple[str, ...]:
        """The colours of a kind; ("",) where it has none."""
        return ("",) if kind in words.COLOURLESS else self.colours

    def wears(self, kind: str) -> tuple[str, ...]:
        """The accessories that a kind may wear or hold."""
        return tuple(a for a in words.wears(kind) if a in self.accessories)

    @property
    def posed(self) -> tuple[str, ...]:
        """Kinds with more than one pose or state."""
        return tuple(k for k in self.kinds if len(self.poses(k)) > 1)


HELD_OUT_KINDS = ("dog", "cat", "horse", "teddy", "person", "vase", *FIGURES)
"""Kinds with three poses or more in every curriculum. With two, the pose that is left would always
go with the colour, and a model would rightly learn that a blue face frowns."""


_SALT = (
    4967  # chosen so that each kept colour has two poses, each pose three colours, in both worlds
)


def is_held_out(kind: str, pose: str, colour: str) -> bool:
    """Whether a combination is kept from training: a fixed tenth of those with pose and colour."""
    if kind not in HELD_OUT_KINDS or not colour or not pose:
        return False
    if (kind, pose, colour) in recipes.fixed_triples():
        return False
    digest = hashlib.sha256(f"held out {_SALT}: {kind}, {pose}, {colour}".encode()).digest()
    return digest[0] < 32  # an eighth, a tenth once the triples of recipes are taken out


def full() -> Curriculum:
    """Everything that can be drawn."""
    return Curriculum(
        name="full",
        kinds=words.KINDS,
        colours=words.COLOURS,
        sizes=words.SIZES,
        textures=words.TEXTURES,
        backgrounds=words.BACKGROUNDS,
        accessories=words.ACCESSORIES,
        relations=words.RELATIONS,
        counts=(1, 2, 3),
        planted=tuple(recipes.RECIPES),
        synonyms=tuple(words.TAUGHT_SYNONYMS.values()),
    )


def narrowed(base: Curriculum, **choices: tuple[str, ...] | tuple[int, ...] | str) -> Curriculum:
    """A curriculum with fewer values; planted words that need others fall away by themselves.

    Args:
        base: what to narrow.
        **choices: fields of `Curriculum` with their new values.

    Raises:
        ValueError: a value that the base does not have.
    """
    for name, values in choices.items():
        strange = set(values) - set(getattr(base, name)) if name in _NARROWABLE else set()
        if strange:
            raise ValueError(f"the {base.name} world has no {name} {sorted(map(str, strange))}")
    c = dataclasses.replace(base, **choices)  # pyright: ignore[reportArgumentType]
    poses = {p for k in c.kinds for p in c.poses(k)}
    known = {*c.kinds, *c.colours, *c.sizes, *c.textures, *c.backgrounds, *c.accessories, *poses}
    kept = set(recipes.within(frozenset(known)))
    return dataclasses.replace(c, planted=tuple(w for w in c.planted if w in kept))


_NARROWABLE = ("kinds", "colours", "sizes", "textures", "backgrounds", "accessories", "relations", "counts", "synonyms")  # fmt: skip


def small() -> Curriculum:
    """What two processor cores can learn: fewer, larger, plainer things in six far colours."""
    return narrowed(
        full(),
        name="small",
        kinds=(
            "dog", "cat", "horse", "zebra", "bird", "person", "tree", "door", "box",
            "roundhead", "squarehead", "face",
            "ball", "star", "heart", "spiral", "house", "car", "balloon", "hat", "carrot", "sun",
            "moon", "finger", "bug",
        ),
        colours=("red", "yellow", "green", "blue", "white", "black"),
        sizes=("small", "large"),
        textures=("striped", "glowing"),
        backgrounds=("plain", "grass", "beach", "snow", "night"),
        accessories=("hat", "scarf", "balloon", "carrot"),
        relations=("left of", "right of", "jumping over", "beside"),
        counts=(1, 2),
        synonyms=("crimson", "azure"),
        dropped_poses=("arms crossed", "tears", "leaning"),
    )  # fmt: skip


def tiny() -> Curriculum:
    """For trying a recipe out in minutes, and a last resort where `small` is too much."""
    return narrowed(
        small(),
        name="tiny",
        kinds=("dog", "cat", "bird", "person", "door", "tree", "ball", "star", "hat", "sun"),
        colours=("red", "yellow", "blue", "white"),
        textures=("striped",),
        backgrounds=("plain", "grass", "night"),
        accessories=("hat",),
        relations=("left of", "right of", "beside"),
        synonyms=(),
    )
