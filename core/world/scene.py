"""What a picture shows: described attributes, undescribed identity, camera.

A `Scene` is the whole truth of a picture: `render` needs nothing else, captions and questions are
read off it, an edit is a change to it. Scenes are immutable and go to JSON and back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What no caption tells about one entity; numbers run from -1 to 1 unless said otherwise."""

    hue: float = 0.0  # inside the colour word, towards the neighbouring hues
    tone: float = 0.0  # darker to lighter
    girth: float = 0.0  # thin to round
    reach: float = 0.0  # short to long legs, arms, stems
    head: float = 0.0  # small to big head
    ear: int = 0  # 0, 1 or 2: ears, hair, roof: the kind decides
    tail: int = 0  # 0, 1 or 2
    marking: int = 0  # 0 none, 1 light belly, 2 patches
    phase: float = 0.0  # where patches, stripes, dots lie, 0 to 1
    flip: bool = False  # looks to the left
    dx: float = 0.0  # pixels to the right of its place
    dy: float = 0.0  # pixels below its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One thing of a scene. An empty word means: has no such attribute."""

    kind: str
    pose: str = ""  # or state
    colour: str = ""
    size: str = "large"
    texture: str = ""
    accessories: tuple[str, ...] = ()
    place: str = "middle"  # a key of `core.world.layout.PLACES`
    look: Look = field(default_factory=Look)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """What no caption tells about the surroundings."""

    horizon: float = 0.0  # -1 low to 1 high
    light: float = 0.0  # direction of the light, -1 left to 1 right
    seed: int = 0  # places of specks, clouds, hills
    specks: int = 5  # 3 to 8
    emblem: str = "star"  # a small mark: star, heart, ring or diamond
    emblem_x: float = 8.0  # pixels from the left
    emblem_y: float = 8.0  # pixels from the top
    emblem_hue: int = 0
    zoom: float = 1.0  # 0.9 to 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A picture's truth.

    Attributes:
        entities: the subject first, the object of `relation` second.
        relation: how the first entity relates to the second, or "".
        background: where it is.
        backdrop: the undescribed rest.
        word: the planted word that made this scene, or "".
    """

    entities: tuple[Entity, ...]
    relation: str = ""
    background: str = "plain"
    backdrop: Backdrop = field(default_factory=Backdrop)
    word: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; `scene_from_dict` is its inverse."""
        return dataclasses.asdict(self)


def scene_from_dict(data: Mapping[str, Any]) -> Scene:
    """Read a scene back from `Scene.to_dict` or its JSON.

    Raises:
        ValueError: a key that no scene has.
    """
    given = dict(data)
    entities = []
    for raw in given.pop("entities"):
        parts = dict(raw)
        look = _made(Look, parts.pop("look", {}))
        parts["accessories"] = tuple(parts.get("accessories", ()))
        entities.append(_made(Entity, {**parts, "look": look}))
    backdrop = _made(Backdrop, given.pop("backdrop", {}))
    return _made(Scene, {**given, "entities": tuple(entities), "backdrop": backdrop})


def _made(cls: type, data: Mapping[str, Any]) -> Any:
    unknown = set(data) - {f.name for f in fields(cls)}
    if unknown:
        raise ValueError(f"a {cls.__name__} has no {', '.join(sorted(unknown))}")
    return cls(**data)
