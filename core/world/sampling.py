"""Random scenes for each use, all from a `numpy.random.Generator`.

Training scenes never hold a held-out combination (`curriculum.is_held_out`), and their backdrop
seeds stay below `RESERVED_SEEDS`; the gallery and tinyTEdBench use seeds above.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from core.world import words
from core.world.curriculum import Curriculum, is_held_out
from core.world.draw.backdrops import EMBLEMS
from core.world.scene import Backdrop, Entity, Look, Scene

RESERVED_SEEDS = 1 << 20
"""Backdrop seeds from here on belong to test scenes."""

T = TypeVar("T")


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options, each as likely."""
    return options[int(rng.random() * len(options))]


def look(rng: np.random.Generator) -> Look:
    """An identity."""
    u = rng.random(13).tolist()
    return Look(
        hue=_round(2 * u[0] - 1),
        tone=_round(2 * u[1] - 1),
        girth=_round(2 * u[2] - 1),
        reach=_round(2 * u[3] - 1),
        head=_round(2 * u[4] - 1),
        ear=int(3 * u[5]),
        tail=int(3 * u[6]),
        marking=int(3 * u[7]),
        phase=_round(u[8]),
        flip=u[9] < 0.5,
        dx=_round(4 * u[10] - 2),
        dy=_round(2 * u[11] - 1.3),
    )


def backdrop(rng: np.random.Generator) -> Backdrop:
    """Surroundings."""
    u = rng.random(9).tolist()
    side = -1.0 if u[1] < 0.5 else 1.0
    return Backdrop(
        horizon=_round(2 * u[0] - 1),
        light=_round(side * (0.4 + 1.2 * abs(u[1] - 0.5))),
        seed=int(RESERVED_SEEDS * u[2]),
        specks=3 + int(6 * u[3]),
        emblem=EMBLEMS[int(4 * u[4])],
        emblem_x=_round(5 + 54 * u[5]),
        emblem_y=_round(5 + 17 * u[6]),
        emblem_hue=int(4 * u[7]),
        zoom=_round(0.9 + 0.2 * u[8]),
    )


def _round(x: float) -> float:
    return round(x, 4)  # what JSON prints, so that a scene reads back the same


def entity(
    rng: np.random.Generator,
    c: Curriculum,
    kind: str,
    *,
    held_out: bool = False,
    textured: float = 0.0,
    pose: str | None = None,
    colour: str | None = None,
    size: str = "large",
    texture: str = "",
    accessories: tuple[str, ...] = (),
    place: str = "middle",
) -> Entity:
    """A random entity of a kind.

    Args:
        rng: source of chance.
        c: what may be chosen.
        kind: what it is.
        held_out: draw one of the held-out combinations instead of never one.
        textured: probability of a texture, where none is given.
        pose: its pose; None leaves it to chance.
        colour: its colour; None leaves it to chance.
        size: its size.
        texture: its texture.
        accessories: what it wears and holds.
        place: where it stands.

    Raises:
        ValueError: no combination is left, as when both pose and colour are fixed.
    """
    poses = c.poses(kind) if pose is None else (pose,)
    colours = c.colours_of(kind) if colour is None else (colour,)
    for _ in range(200):
        pose, colour = pick(rng, poses), pick(rng, colours)
        if is_held_out(kind, pose, colour) == held_out:
            break
    else:
        raise ValueError(f"no {kind} with pose in {poses} and colour in {colours} may be drawn")
    if textured and not texture and colour and rng.random() < textured:
        texture = pick(rng, c.textures)
    return Entity(
        kind=kind,
        pose=pose,
        colour=colour,
        size=size,
        texture=texture,
        accessories=accessories,
        place=place,
        look=look(rng),
    )


def subject_scene(
    rng: np.random.Generator, c: Curriculum, *, kind: str = "", held_out: bool = False
) -> Scene:
    """One subject with a pose, as Imagic edits it.

    Args:
        rng: source of chance.
        c: the curriculum.
        kind: the subject; "" leaves it to chance.
        held_out: draw only combinations that training never shows.
    """
    kind = kind or pick(rng, _held_kinds(c) if held_out else c.posed)
    u = rng.random(4).tolist()
    place = "middle" if u[0] < 0.8 else "left" if u[0] < 0.9 else "right"
    # aside, a large thing would leave the frame
    size = _size(rng, c, u[1]) if place == "middle" else "small"
    worn: set[str] = set()
    wearable = c.wears(kind)
    if wearable and u[2] < 0.35:
        worn = {pick(rng, wearable)}
        if u[2] < 0.08:
            worn.add(pick(rng, tuple(a for a in words.WORN if a in wearable) or wearable))
    e = entity(
        rng,
        c,
        kind,
        held_out=held_out,
        textured=0.15,
        size=size,
        accessories=tuple(a for a in words.ACCESSORIES if a in worn),
        place=place,
    )
    return Scene(entities=(e,), background=pick(rng, c.backgrounds), backdrop=backdrop(rng))


def _held_kinds(c: Curriculum) -> tuple[str, ...]:
    return tuple(
        k for k in c.posed if any(is_held_out(k, p, x) for p in c.poses(k) for x in c.colours_of(k))
    )


def _size(rng: np.random.Generator, c: Curriculum, u: float) -> str:
    """Mostly large; the other sizes share the rest."""
    if u < 0.7:
        return "large"
    return pick(rng, tuple(s for s in c.sizes if s != "large"))


def template_scene(rng: np.random.Generator, c: Curriculum) -> tuple[Scene, str]:
    """A scene that shows one live word, for the caption "a photo of a {word}".

    Returns:
        The scene and the word.
    """
    word = pick(rng, template_words(c))
    return word_scene(rng, c, word), word


def template_words(c: Curriculum) -> tuple[str, ...]:
    """The live words that the one-word template teaches: kinds twice as often as attributes."""
    kinds = c.kinds
    rest = (*c.colours, *c.sizes, *c.textures, *c.backgrounds, *_poses(c), *_only_worn(c))
    return (*kinds, *kinds, *(w for w in rest if w not in kinds), *c.colours)


def _poses(c: Curriculum) -> tuple[str, ...]:
    """One-word poses and states that name no colour."""
    every = dict.fromkeys(p for k in c.posed for p in c.poses(k))
    return tuple(p for p in every if " " not in p and p not in c.colours)


def _only_worn(c: Curriculum) -> tuple[str, ...]:
    return tuple(a for a in c.accessories if a not in c.kinds)


def word_scene(rng: np.random.Generator, c: Curriculum, word: str) -> Scene:
    """A scene that shows a live word, the rest left to chance.

    Raises:
        ValueError: the curriculum has no such word.
    """
    kinds: tuple[str, ...] = tuple(k for k in c.kinds if k not in words.COLOURLESS)
    pose = colour = None
    if word in c.kinds:
        kinds = (word,)
    elif word in c.colours:
        colour = word
    elif word in c.backgrounds:
        kinds = c.kinds
    elif word in c.accessories:
        kinds = tuple(k for k in c.kinds if word in c.wears(k))
    elif word not in (*c.sizes, *c.textures):
        kinds = tuple(k for k in c.kinds if word in c.poses(k))
        pose = word
    if not kinds:
        raise ValueError(f"the {c.name} world shows no {word!r}")
    worn = word in c.accessories and word not in c.kinds
    while True:
        try:
            e = entity(
                rng,
                c,
                pick(rng, kinds),
                pose=pose,
                colour=colour,
                size=word if word in c.sizes else "large",
                texture=word if word in c.textures else "",
                accessories=(word,) if worn else (),
            )
        except ValueError:  # this kind's combination is held out
            continue
        background = word if word in c.backgrounds else pick(rng, c.backgrounds)
        return Scene(entities=(e,), background=background, backdrop=backdrop(rng))


def pair_scene(rng: np.random.Generator, c: Curriculum, relation: str = "") -> Scene:
    """Two things in a relation, or two or three of a kind ("count")."""
    relation = relation or pick(rng, (*c.relations, "count"))
    background, behind = pick(rng, c.backgrounds), backdrop(rng)
    if relation == "count":
        return _several(rng, c, background, behind)
    one, two = pick(rng, c.kinds), pick(rng, c.kinds)
    while two == one or two in ("sun", "moon") or one in ("sun", "moon"):
        one, two = pick(rng, c.kinds), pick(rng, c.kinds)
    if relation == "jumping over":
        one = pick(rng, tuple(k for k in c.posed if "jumping" in c.poses(k)))
        low = tuple(k for k in LOW if k in c.kinds)
        a = entity(rng, c, one, size="small", pose="jumping", place="above")
        b = entity(rng, c, pick(rng, low), size="small", place="middle")
    elif relation == "above":
        low = tuple(k for k in LOW if k in c.kinds)
        while one in low:
            one = pick(rng, c.kinds)
        a = entity(rng, c, one, size="small", place="above")
        b = entity(rng, c, pick(rng, low), size="small", place="middle")
    elif relation == "beside":
        a = entity(rng, c, pick(rng, c.posed), place="middle")
        while two == a.kind:
            two = pick(rng, tuple(k for k in c.kinds if k not in ("sun", "moon")))
        b = entity(rng, c, two, size="small", place=pick(rng, ("beside left", "beside right")))
    else:
        near = "near " if relation == "touching" else ""
        sides = ("left", "right") if relation != "right of" else ("right", "left")
        if relation == "touching" and rng.random() < 0.5:
            sides = ("right", "left")
        a = entity(rng, c, one, size="small", place=near + sides[0])
        b = entity(rng, c, two, size="small", place=near + sides[1])
    return Scene(entities=(a, b), relation=relation, background=background, backdrop=behind)


LOW = ("ball", "box", "car", "cake", "heart", "bug", "carrot", "book")
"""Kinds low enough to jump over."""


def _several(rng: np.random.Generator, c: Curriculum, background: str, behind: Backdrop) -> Scene:
    n = int(pick(rng, tuple(k for k in c.counts if k > 1)))
    kinds = tuple(k for k in words.COUNTED if k in c.kinds)
    size = "small" if n == 2 else "tiny"
    first = entity(rng, c, pick(rng, kinds), size=size)
    places = ("left", "right", "middle")[:n]
    several = tuple(dataclasses.replace(first, place=p, look=look(rng)) for p in places)
    return Scene(entities=several, background=background, backdrop=behind)
