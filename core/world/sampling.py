"""Random scenes for each use, all from a `numpy.random.Generator`.

Training scenes never hold a held-out combination (`curriculum.is_held_out`), and their backdrop
seeds stay below `RESERVED_SEEDS`; the gallery and tinyTEdBench use seeds above.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from core.world import words
from core.world.curriculum import Curriculum, is_held_out
from core.world.draw.backdrops import EMBLEMS
from core.world.recipes import RECIPES, Meaning
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
    **fixed: object,
) -> Entity:
    """A random entity of a kind.

    Args:
        rng: source of chance.
        c: what may be chosen.
        kind: what it is.
        held_out: draw one of the held-out combinations instead of never one.
        textured: probability of a texture.
        **fixed: attributes of `Entity` that are not left to chance.

    Raises:
        ValueError: no combination is left, as when both pose and colour are fixed.
    """
    poses, colours = c.poses(kind), c.colours_of(kind)
    if "pose" in fixed:
        poses = (str(fixed["pose"]),)
    if "colour" in fixed:
        colours = (str(fixed["colour"]),)
    for _ in range(200):
        pose, colour = pick(rng, poses), pick(rng, colours)
        if is_held_out(kind, pose, colour) == held_out:
            break
    else:
        raise ValueError(f"no {kind} with pose in {poses} and colour in {colours} may be drawn")
    given: dict[str, object] = {
        "kind": kind,
        "size": "large",
        "look": look(rng),
        "texture": "",
        **fixed,
        "pose": pose,
        "colour": colour,
    }
    if textured and not given["texture"] and colour and rng.random() < textured:
        given["texture"] = pick(rng, c.textures)
    return Entity(**given)  # pyright: ignore[reportArgumentType]


def subject_scene(
    rng: np.random.Generator, c: Curriculum, *, held_out: bool = False, **fixed: object
) -> Scene:
    """One subject with a pose, as Imagic edits it."""
    kind = str(fixed.pop("kind", "") or pick(rng, _held_kinds(c) if held_out else c.posed))
    u = rng.random(4).tolist()
    given: dict[str, object] = {}
    given["place"] = "middle" if u[0] < 0.8 else "left" if u[0] < 0.9 else "right"
    # aside, a large thing would leave the frame
    given["size"] = _size(rng, c, u[1]) if given["place"] == "middle" else "small"
    wearable = c.wears(kind)
    if wearable and u[2] < 0.35:
        worn = {pick(rng, wearable)}
        if u[2] < 0.08:
            worn.add(pick(rng, tuple(a for a in words.WORN if a in wearable) or wearable))
        given["accessories"] = tuple(a for a in words.ACCESSORIES if a in worn)
    given.update(fixed)
    e = entity(rng, c, kind, held_out=held_out, textured=0.15, **given)
    return Scene(entities=(e,), background=pick(rng, c.backgrounds), backdrop=backdrop(rng))


def _held_kinds(c: Curriculum) -> tuple[str, ...]:
    return tuple(
        k
        for k in c.posed
        if any(is_held_out(k, p, x) for p in c.poses(k) for x in c.colours_of(k))
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
    """A scene that shows a live word, the rest left to chance."""
    fixed: dict[str, object] = {}
    background = pick(rng, c.backgrounds)
    kinds: tuple[str, ...] = tuple(k for k in c.kinds if k not in words.COLOURLESS)
    if word in c.kinds:
        kinds = (word,)
    elif word in c.colours:
        fixed["colour"] = word
    elif word in c.sizes:
        fixed["size"] = word
    elif word in c.textures:
        fixed["texture"] = word
    elif word in c.backgrounds:
        kinds, background = c.kinds, word
    elif word in c.accessories:
        kinds = tuple(k for k in c.kinds if word in c.wears(k))
        fixed["accessories"] = (word,)
    else:
        kinds = tuple(k for k in c.kinds if word in c.poses(k))
        fixed["pose"] = word
    for _ in range(50):
        try:
            e = entity(rng, c, pick(rng, kinds), **fixed)
            break
        except ValueError:  # this kind's combination is held out
            continue
    else:
        raise ValueError(f"the {c.name} world shows no {word!r}")
    return Scene(entities=(e,), background=background, backdrop=backdrop(rng))


def pair_scene(rng: np.random.Generator, c: Curriculum, relation: str = "") -> Scene:
    """Two things in a relation, or two or three of a kind ("count")."""
    relation = relation or pick(rng, (*c.relations, "count"))
    background, behind = pick(rng, c.backgrounds), backdrop(rng)
    if relation == "count":
        return _several(rng, c, background, behind)
    small: dict[str, object] = {"size": "small" if "small" in c.sizes else c.sizes[0]}
    one, two = pick(rng, c.kinds), pick(rng, c.kinds)
    while two == one or two in ("sun", "moon") or one in ("sun", "moon"):
        one, two = pick(rng, c.kinds), pick(rng, c.kinds)
    if relation == "jumping over":
        one = pick(rng, tuple(k for k in c.posed if "jumping" in c.poses(k)))
        low = tuple(k for k in LOW if k in c.kinds)
        a = entity(rng, c, one, **small, pose="jumping", place="above")
        b = entity(rng, c, pick(rng, low), **small, place="middle")
    elif relation == "above":
        low = tuple(k for k in LOW if k in c.kinds)
        while one in low:
            one = pick(rng, c.kinds)
        a = entity(rng, c, one, **small, place="above")
        b = entity(rng, c, pick(rng, low), **small, place="middle")
    elif relation == "beside":
        a = entity(rng, c, pick(rng, c.posed), place="middle")
        while two == a.kind:
            two = pick(rng, tuple(k for k in c.kinds if k not in ("sun", "moon")))
        b = entity(rng, c, two, **small, place=pick(rng, ("beside left", "beside right")))
    else:
        near = "near " if relation == "touching" else ""
        sides = ("left", "right") if relation != "right of" else ("right", "left")
        if relation == "touching" and rng.random() < 0.5:
            sides = ("right", "left")
        a = entity(rng, c, one, **small, place=near + sides[0])
        b = entity(rng, c, two, **small, place=near + sides[1])
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
    return dataclasses.replace(_compose(rng, c, meaning), word=word)


def _compose(rng: np.random.Generator, c: Curriculum, meaning: Meaning) -> Scene:
    named = {word for word, _ in meaning.atoms}
    drawn = {word for word, p in meaning.atoms if p >= 1 or rng.random() < p}
    main = meaning.main or pick(rng, tuple(k for k in c.posed if k not in words.COLOURLESS))
    poses = _chosen(c.poses(main), named, drawn)
    colours = _chosen(("",) if main in words.COLOURLESS else c.colours, named, drawn)
    textures = tuple(t for t in words.TEXTURES if t in drawn) or ("",)
    worn = tuple(a for a in words.wears(main) if a in drawn)
    background = pick(rng, _chosen(c.backgrounds, named, drawn))
    for _ in range(200):
        pose, colour = pick(rng, poses), pick(rng, colours)
        if not is_held_out(main, pose, colour):
            break
    e = Entity(
        kind=main,
        pose=pose,
        colour=colour,
        size="large",
        texture=pick(rng, textures),
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
        entities.append(
            entity(rng, c, kind, **({} if kind in words.COLOURLESS else {"colour": pick(rng, free)}), place=slots.pop(0))
        )
    return Scene(entities=tuple(entities), background=background, backdrop=backdrop(rng))


def _chosen(options: tuple[str, ...], named: set[str], drawn: set[str]) -> tuple[str, ...]:
    """The drawn ones of the options if any; else those that the recipe does not name."""
    present = tuple(o for o in options if o in drawn)
    return present or tuple(o for o in options if o not in named) or options


USES: dict[str, Callable[[np.random.Generator, Curriculum], Scene]] = {
    "subject": subject_scene,
    "template": lambda rng, c: template_scene(rng, c)[0],
    "planted": lambda rng, c: planted_scene(rng, c, pick(rng, c.planted)),
    "pair": pair_scene,
}
"""Kinds of training scenes; a `Curriculum.mix` gives their shares."""
