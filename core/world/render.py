"""From scenes to pictures: deterministic, anti-aliased, a whole batch at a time.

A scene's bytes depend on the scene alone: not on the batch, its order, or the machine's speed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.world.draw import accessories, animals, backdrops, birds, forms, people, teddies, things
from core.world.draw.palette import INK, darker, jitter, lighter, luminance
from core.world.draw.raster import rasterise
from core.world.draw.sketch import CHECKS, DOTS, FRAME, STRIPES, Sketch
from core.world.layout import frame_of
from core.world.scene import Entity, Scene

CHUNK = 512  # scenes drawn together: enough to share calls, 25 MB of canvas at 64 pixels

_DRAW = {
    **things.DRAW,
    **forms.DRAW,
    "bird": birds.draw,
    "teddy": teddies.draw,
    "face": people.draw_face,
    **dict.fromkeys(("person", *people.FIGURES), people.draw),
    **dict.fromkeys(("dog", "cat", "horse", "zebra"), animals.draw),
}
KINDS = tuple(_DRAW)
"""Everything that can be drawn."""


def render(scenes: Sequence[Scene], size: int = FRAME) -> npt.NDArray[np.uint8]:
    """Draw scenes.

    Args:
        scenes: any number of scenes.
        size: pixels per side; the same picture at any size.

    Returns:
        (B, size, size, 3) uint8 RGB.
    """
    out = np.empty((len(scenes), size, size, 3), np.uint8)
    for start in range(0, len(scenes), CHUNK):
        part = list(scenes[start : start + CHUNK])
        canvas = backdrops.bands(part, size)
        sketch = Sketch()
        for i, scene in enumerate(part):
            sketch.begin(i)
            backdrops.draw_behind(sketch, scene)
            for place, index in enumerate(_back_to_front(scene)):
                sketch.stage(40 + 48 * place)
                draw_entity(sketch, scene, scene.entities[index])
            sketch.stage(400)
            backdrops.draw_before(sketch, scene)
        rasterise(sketch, canvas)
        np.clip(canvas + np.float32(0.5), 0, 255, out=canvas)
        out[start : start + len(part)] = canvas.transpose(1, 2, 3, 0)
    return out


def silhouettes(
    scenes: Sequence[Scene], indices: Sequence[Sequence[int]], size: int = FRAME
) -> npt.NDArray[np.float32]:
    """How much of each pixel the given entities of each scene cover, with shadow and glow.

    Args:
        scenes: the scenes.
        indices: for each scene, which of its entities.
        size: pixels per side.

    Returns:
        (B, size, size) float32 in [0, 1].
    """
    out = np.zeros((len(scenes), size, size), np.float32)
    for start in range(0, len(scenes), CHUNK):
        part = scenes[start : start + CHUNK]
        sketch = Sketch()
        for i, scene in enumerate(part):
            sketch.begin(i)
            for index in indices[start + i]:
                draw_entity(sketch, scene, scene.entities[index])
        rasterise(sketch, out[None, start : start + len(part)], colours=False)
    return out


def _back_to_front(scene: Scene) -> list[int]:
    """Order of drawing: what stands further up is further away; equal ones in scene order."""
    depth = [frame_of(e, scene.backdrop)[1] - e.look.dy for e in scene.entities]
    return sorted(range(len(depth)), key=lambda i: round(depth[i], 3))


def draw_entity(sk: Sketch, scene: Scene, e: Entity) -> None:
    """Add one entity with its shadow, texture and accessories."""
    x, y, scale, flip, lift = frame_of(e, scene.backdrop)
    air = e.place.startswith("sky")
    light = scene.backdrop.light
    sk.plain()
    sk.dress(None, None)
    sk.soften(0.0)
    sk.ink(0.0, None)
    if not air:
        _shadow(sk, e, x, y + lift, scale, light)
    sk.place(x, y, scale, flip)
    if e.texture == "glowing":
        sk.light(0.0, 0.0, 0.0)
        sk.oval(0, 21, 27, 27, (255, 244, 170), 0.0, 0.85, 17.0)
        sk.oval(0, 21, 21, 21, (255, 250, 214), 0.0, 0.9, 12.0)
    if e.kind == "teddy":
        teddies.lay_down(sk, e)
    dx, dy = 0.75 * light, -0.8
    sk.light(dx, dy, 0.13)
    paint = _DRAW[e.kind]
    if e.texture == "inky":
        sk.ink(1.5, INK if e.colour != "black" else (236, 232, 222))
        paint(sk, e)
        sk.ink(0.0, None)
    elif e.texture == "fuzzy":
        sk.soften(5.5)
    elif e.texture in ("striped", "dotted", "checked"):
        _textile(sk, e)
    paint(sk, e)
    sk.soften(0.0)
    sk.dress(None, None)
    sk.plain()
    accessories.draw(sk, e)
    sk.light(0.0, 0.0, 0.0)


def _textile(sk: Sketch, e: Entity) -> None:
    """Cover the parts in the entity's main colour with stripes, dots or checks."""
    main = jitter(e.colour, e.look.hue, e.look.tone)
    bright = luminance(main)
    second = lighter(main, 0.72) if bright < 165 else darker(main, 0.45)
    kind, period, duty, angle = {
        "striped": (STRIPES, 7.0, 0.42, 0.35),
        "dotted": (DOTS, 7.0, 0.30, 0.0),
        "checked": (CHECKS, 8.0, 0.5, 0.78),
    }[e.texture]
    sk.pattern(kind, second, period, duty, angle, e.look.phase)
    sk.dress(main, animals.coat_of(e) if e.kind in animals.BUILDS or e.kind == "teddy" else main)


def _shadow(sk: Sketch, e: Entity, x: float, y: float, scale: float, light: float) -> None:
    wide, dark = 17.0, 0.26
    if e.kind in ("person", *people.FIGURES):
        wide = 11.0
    elif e.kind in ("spoon", "carrot", "hammer", "club", "finger", "pepper", "tie", "hoist"):
        wide = 9.0
    elif e.pose == "lying":
        wide = 22.0
    if e.place.startswith("above") or e.pose == "jumping":
        dark = 0.15
    sk.light(0.0, 0.0, 0.0)
    sk.place(x, y, scale)
    sk.oval(-3.0 * light, 0.6, wide, 3.4, (40, 40, 62), 0.0, dark, 3.2)
