"""Plain forms, flowers, trees and small creatures."""

from __future__ import annotations

import math

from core.world.draw.palette import INK, WHITE, darker, lighter, luminance
from core.world.draw.sketch import Colour, Sketch
from core.world.draw.things import LEAF, main_colour, rim_of
from core.world.scene import Entity

BARK: Colour = (124, 90, 68)


def cone(sk: Sketch, e: Entity) -> None:
    """A cone standing on its base."""
    c = main_colour(e)
    w, h = 17.0 * (1 + 0.06 * e.look.girth), 42.0 * (1 + 0.04 * e.look.reach)
    sk.oval(0, 5, w, 4.6, rim_of(c))
    sk.poly(((-w, 5), (w, 5), (0, h)), c)
    sk.poly(((w * 0.25, 4), (w, 5), (0, h)), rim_of(c), 0.0, 0.55)
    sk.poly(((-w * 0.55, 6), (-w * 0.35, 5), (0, h)), lighter(c, 0.5), 0.0, 0.45)


def triangle(sk: Sketch, e: Entity) -> None:
    """A flat triangle with round corners."""
    c = main_colour(e)
    sk.edge = 0.12
    sk.poly(((-17.5, 5), (17.5, 5), (0, 37)), c, 3.0)
    sk.edge = 0.0


def spiral(sk: Sketch, e: Entity) -> None:
    """A spiral of two and a half turns."""
    coil(sk, 0.0, 21.5, main_colour(e), 4.6 * (1 + 0.07 * e.look.girth), 3.9, 5)


def ring(sk: Sketch, e: Entity) -> None:
    """A thick ring."""
    c = main_colour(e)
    sk.edge = 0.14
    sk.arc(0, 21, 14.5, 8.5 * (1 + 0.08 * e.look.girth), c)
    sk.edge = 0.0
    sk.clip(0, 27, 0, -1)
    sk.arc(0, 21, 15.5, 1.6, lighter(c, 0.55), 0.8)
    sk.unclip()


def star(sk: Sketch, e: Entity) -> None:
    """A five-pointed star."""
    c = main_colour(e)
    sk.edge = 0.12
    sk.star(0, 20, 22.5, c, 0.47 + 0.03 * e.look.girth, 0.25 * (e.look.phase - 0.5))
    sk.edge = 0.0


def heart(sk: Sketch, e: Entity) -> None:
    """A heart."""
    c = main_colour(e)
    r = 10.2
    sk.limb(-8.6, 28, r, 0, 10, 3.0, c)
    sk.limb(8.6, 28, r, 0, 10, 3.0, c)
    sk.poly(((-7, 24), (7, 24), (0, 8)), c, 1.5)
    sk.oval(-10.5, 32, 3.6, 2.2, WHITE, 0.6, 0.6)


def diamond(sk: Sketch, e: Entity) -> None:
    """A cut gem."""
    c = main_colour(e)
    w = 19.0 * (1 + 0.04 * e.look.girth)
    pale = lighter(c, 0.45) if luminance(c) < 225 else (206, 214, 226)
    sk.poly(((-w, 28), (w, 28), (10, 39), (-10, 39)), pale, 0.4)
    sk.poly(((-w, 28), (w, 28), (0, 3)), c, 0.4)
    sk.poly(((-7, 28), (7, 28), (0, 3)), lighter(c, 0.22) if luminance(c) < 225 else pale)
    sk.poly(((7, 28), (w, 28), (0, 3)), rim_of(c), 0.0, 0.7)
    sk.poly(((-7, 28), (7, 28), (0, 39)), WHITE, 0.0, 0.6)


def cross(sk: Sketch, e: Entity) -> None:
    """A plus-shaped cross."""
    c = main_colour(e)
    t = 12.5 * (1 + 0.06 * e.look.girth)
    sk.box(0, 21, 38, t, c, 2.2)
    sk.box(0, 21, t, 38, c, 2.2)


def tree(sk: Sketch, e: Entity) -> None:
    """A tree: green, autumn or bare."""
    look = e.look
    tall = 1 + 0.06 * look.reach
    y = 30 * tall
    sk.limb(0, 0, 4.2, 0, y, 2.4, BARK)
    sk.limb(0, 16, 2.4, -10, y + 2, 1.5, BARK)
    sk.limb(0, 19, 2.2, 10, y + 4, 1.4, BARK)
    if e.pose == "bare":
        for x1, y1, x2, y2 in ((-6, y - 5, -15, y - 2), (-10, y + 2, -12, y + 11), (10, y + 4, 17, y + 3),
                               (10, y + 4, 9, y + 14), (0, y, -3.5, y + 15), (0, y, 3.5, y + 11), (-10, y + 2, -17, y + 7)):  # fmt: skip
            sk.limb(x1, y1, 1.5, x2, y2, 0.8, BARK)
        return
    leaf: Colour = (92, 158, 84) if e.pose == "green" else (232, 132, 52)
    leaf = (leaf[0] + 7 * look.hue, leaf[1] + 7 * look.tone, leaf[2])
    r = 1 + 0.05 * look.girth
    sk.edge = 0.10
    for x, dy, q, t in (
        (-10, -3, 9.5, 0.10),
        (10, -2, 9.5, 0.10),
        (0, -4, 9, 0.05),
        (-5.5, 6, 9.5, 0.0),
        (6.5, 6, 9, 0.0),
        (0, 2, 10, 0.0),
    ):
        sk.ball(x * r, y + dy, q * r, darker(leaf, t))
    sk.edge = 0.0
    sk.ball(-5, y + 8, 5, lighter(leaf, 0.25), 0.6, 3)
    if e.pose == "autumn":
        for x, yy in ((-15, 3), (11, 2), (17, 10), (-9, 1.5)):
            sk.oval(x + 3 * look.phase, yy, 1.9, 1.3, (206, 92, 44), 0.6)


def vase(sk: Sketch, e: Entity) -> None:
    """A vase of roses, tulips or daisies."""
    look = e.look
    c = main_colour(e)
    fat = 1 + 0.08 * look.girth
    heads = ((-10.5, 35.0), (10.5, 34.0), (0.0, 39.5))
    for x, y in heads:
        sk.limb(x * 0.15, 18, 0.9, x, y - 3, 0.8, LEAF)
    sk.oval(-6.5, 26, 5.0, 2.0, LEAF, 2.2)
    sk.oval(6.5, 26, 5.0, 2.0, LEAF, 0.9)
    for x, y in heads:
        _flower(sk, e.pose, x, y, 1 + 0.06 * look.head)
    sk.edge = 0.12
    sk.oval(0, 10, 10.5 * fat, 9.8, c)
    sk.poly(((-5.2, 14), (5.2, 14), (6.6, 22), (-6.6, 22)), c, 0.8)
    sk.edge = 0.0
    sk.oval(0, 22.3, 7.2, 1.7, rim_of(c))
    band = lighter(c, 0.5) if luminance(c) < 190 else rim_of(c)
    if look.tail:
        sk.box(0, 9 + 2 * look.tail, 19.5 * fat, 2.4, band, 1.0)
    sk.oval(-4.2, 12, 1.5, 4.0, WHITE, 0.1, 0.55)


def _flower(sk: Sketch, kind: str, x: float, y: float, k: float) -> None:
    if kind == "roses":
        deep: Colour = (196, 44, 70)
        sk.ball(x, y, 6.4 * k, deep)
        sk.arc(x + 0.6, y + 0.5, 3.8 * k, 1.5, (232, 96, 112))
        sk.ball(x, y, 1.7 * k, (140, 26, 50))
    elif kind == "tulips":
        warm: Colour = (246, 186, 60)
        sk.clip(x, y + 2.4, 0, 1)
        sk.oval(x, y + 1.0, 5.4 * k, 7.4 * k, warm)
        sk.unclip()
        for side in (-3.6, 0.0, 3.6):
            sk.poly(
                ((x + side - 2.0, y + 1.6), (x + side + 2.0, y + 1.6), (x + side * 1.15, y + 7.2)),
                warm,
                0.3,
            )
    else:
        for i in range(7):
            a = i * 2 * math.pi / 7
            sk.oval(
                x + 4.6 * k * math.cos(a), y + 4.6 * k * math.sin(a), 2.9 * k, 1.8 * k, WHITE, a
            )
        sk.ball(x, y, 2.8 * k, (244, 190, 60))


def finger(sk: Sketch, e: Entity) -> None:
    """A pointing finger: the contour of `stub` with a nail."""
    stub(sk, main_colour(e), e)
    sk.limb(6.6, 36.5, 2.9, 5.8, 33.6, 3.1, lighter(main_colour(e), 0.6))
    for y in (20.0, 22.2):
        sk.limb(-3.5, y, 0.55, 3.5, y + 0.6, 0.55, darker(main_colour(e), 0.35))


def pepper(sk: Sketch, e: Entity) -> None:
    """A pepper: the contour of `stub` with a stalk and a gloss."""
    c = main_colour(e)
    sk.limb(-2.5, 4, 2.0, -5.5, -0.0, 1.6, LEAF)
    stub(sk, c, e)
    sk.oval(-1.8, 5.2, 6.4, 3.0, LEAF, -0.1)
    sk.limb(-3.0, 14, 1.3, -0.4, 30, 1.1, WHITE, 0.65)


def stub(sk: Sketch, colour: Colour, e: Entity) -> None:
    """The one contour that finger and pepper share."""
    r = 8.2 * (1 + 0.06 * e.look.girth)
    sk.edge = 0.14
    sk.limb(-1.5, 8, r, 0, 22, r * 0.94, colour)
    sk.limb(0, 22, r * 0.94, 5.6, 35, r * 0.80, colour)
    sk.edge = 0.0


def bug(sk: Sketch, e: Entity) -> None:
    """A ladybird in side view."""
    c = main_colour(e)
    for x in (-9, 0, 9):
        sk.limb(x, 7, 1.2, x + 1.5, 1.2, 1.1, INK)
    sk.ball(15, 11, 7.0, INK)
    sk.limb(17, 16, 0.8, 21, 23, 0.8, INK)
    sk.limb(14, 17, 0.8, 15.5, 24, 0.8, INK)
    dome = 19.0 * (1 + 0.05 * e.look.girth)
    sk.clip(0, 6, 0, -1)
    sk.edge = 0.12
    sk.oval(-2, 6, dome, 22, c)
    sk.edge = 0.0
    sk.unclip()
    spot = INK if luminance(c) > 80 else lighter(c, 0.6)
    k = 3.0 * (e.look.phase - 0.5)
    for x, y, r in ((-11, 13, 3.2), (-3 + k, 20, 3.4), (6, 13, 3.0), (-3, 10.5, 2.4)):
        sk.ball(x, y, r, spot)
    sk.ball(18.5, 12.5, 1.7, WHITE)


def snail(sk: Sketch, e: Entity) -> None:
    """A snail: a spiral for a shell."""
    c = main_colour(e)
    skin: Colour = (206, 182, 130)
    sk.limb(-19, 3.2, 2.4, 14, 4.0, 4.0, skin)
    sk.limb(14, 4, 4.2, 19, 17, 4.6, skin)
    sk.limb(18, 20, 1.0, 16.5, 28, 1.0, skin)
    sk.limb(20.5, 20, 1.0, 23, 27, 1.0, skin)
    sk.ball(16.5, 28.5, 1.7, INK)
    sk.ball(23.2, 27.5, 1.7, INK)
    sk.edge = 0.12
    sk.ball(-4, 19, 15.5, c)
    sk.edge = 0.0
    line = darker(c, 0.5) if luminance(c) > 80 else lighter(c, 0.5)
    coil(sk, -4, 19, line, 2.4, 2.6, 5)


def coil(
    sk: Sketch, x: float, y: float, colour: Colour, wide: float, step: float, turns: int
) -> None:
    """A spiral of half circles around (x, y); radius grows by `step` per half turn."""
    for i in range(turns):
        side = -1.0 if i % 2 == 0 else 1.0
        radius = step * (i + 1)
        sk.clip(x, y + 0.4 * side, 0.0, side)  # halves overlap: no seam
        sk.arc(x, y, radius, wide, colour)
        sk.unclip()
        if i == 0:
            sk.ball(x + radius, y, wide / 2, colour)
        # the next half is one step larger and starts where this one ended, at the left or right
        x -= side * step
        if i == turns - 1:
            sk.ball(x + side * step * (turns + 1), y, wide / 2, colour)


DRAW = {
    "cone": cone, "triangle": triangle, "spiral": spiral, "ring": ring, "star": star,
    "heart": heart, "diamond": diamond, "cross": cross, "tree": tree, "vase": vase,
    "finger": finger, "pepper": pepper, "bug": bug, "snail": snail,
}  # fmt: skip
