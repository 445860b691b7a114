"""Objects: ball, box, door, car, cake, house and the small things that people hold or wear."""

from __future__ import annotations

import itertools
import math

from core.world.draw.palette import INK, WHITE, darker, jitter, lighter, luminance, mix
from core.world.draw.sketch import Colour, Sketch
from core.world.scene import Entity

WOOD: Colour = (158, 112, 76)
STEEL: Colour = (150, 158, 170)
GLASS: Colour = (176, 214, 232)
CARROT: Colour = (238, 126, 50)
LEAF: Colour = (98, 158, 92)
CREAM: Colour = (250, 234, 206)


def main_colour(e: Entity) -> Colour:
    """The exact colour of an entity that has a colour word."""
    return jitter(e.colour, e.look.hue, e.look.tone)


def rim_of(colour: Colour) -> Colour:
    """A second tone that stands out on a colour."""
    return darker(colour, 0.25) if luminance(colour) > 80 else lighter(colour, 0.25)


def ball(sk: Sketch, e: Entity) -> None:
    """A play ball with two seams."""
    c = main_colour(e)
    r = 19.5 * (1 + 0.05 * e.look.girth)
    sk.edge = 0.14
    sk.ball(0, r, r, c)
    sk.edge = 0.0
    tilt = 0.9 * (e.look.phase - 0.5)
    seam = rim_of(c) if luminance(c) > 215 else lighter(c, 0.5)
    sk.oval(0, r, r * 0.34, r * 0.98, seam, tilt)
    sk.oval(0, r, r * 0.12, r * 0.98, c, tilt)
    sk.oval(-r * 0.36, r * 1.42, r * 0.26, r * 0.16, WHITE, 0.7, 0.75)


def box(sk: Sketch, e: Entity) -> None:
    """A cardboard box with a strip of tape; open, its flaps stand out and the inside shows."""
    c = main_colour(e)
    w, h = 17.5 * (1 + 0.06 * e.look.girth), 25.0 * (1 + 0.06 * e.look.reach)
    side, inner = rim_of(c), darker(c, 0.6) if luminance(c) > 80 else (20, 18, 24)
    if e.pose == "open":
        sk.poly(((-w, h), (w + 6, h), (w, h + 7), (-w + 6, h + 7)), inner)
        sk.poly(
            ((-w + 6, h + 7), (w + 6, h + 7), (w + 9, h + 16), (-w + 3, h + 16)),
            lighter(c, 0.2),
            0.4,
        )
        sk.poly(((-w, h), (-w + 6, h + 7), (-w - 4, h + 12), (-w - 11, h + 4.5)), side, 0.4)
    else:
        sk.poly(((-w, h), (w, h), (w + 6, h + 7), (-w + 6, h + 7)), lighter(c, 0.28), 0.3)
    sk.poly(((w, 0), (w + 6, 6), (w + 6, h + 7), (w, h)), side, 0.3)
    sk.box(0, h / 2, 2 * w, h, c, 0.6)
    if e.pose == "open":
        sk.poly(((w, h), (w + 6, h + 7), (w + 14, h + 2.0), (w + 9, h - 5)), lighter(c, 0.12), 0.4)
        sk.poly(((-w, h), (w, h), (w - 3, h - 9), (-w - 3, h - 9)), lighter(c, 0.28), 0.4)
    else:
        tape = CREAM if luminance(c) < 200 else (214, 178, 128)
        sk.poly(((-3, h), (3, h), (9, h + 7), (3, h + 7)), tape)
        sk.box(0, h - 4, 6, 8, tape)


def door(sk: Sketch, e: Entity) -> None:
    """A door in its frame; open, one looks into a warm room."""
    c = main_colour(e)
    w, h = 13.0 * (1 + 0.06 * e.look.girth), 43.0 * (1 + 0.04 * e.look.reach)
    frame = lighter(WOOD, 0.35) if luminance(c) < 200 else WOOD
    panel = rim_of(c)
    sk.box(0, h / 2 + 1, 2 * w + 8, h + 6, frame, 1.2)
    sk.box(0, 0.8, 2 * w + 13, 3, darker(frame, 0.3), 1.0)
    if e.pose == "open":
        sk.box(0, h / 2 + 1, 2 * w, h, (70, 58, 66))
        sk.poly(((-w, 1), (w, 1), (w * 0.45, 11), (-w * 0.45, 11)), (226, 178, 116))
        sk.oval(0, 26, w * 0.5, 9, (255, 220, 150), 0.0, 0.75, 9.0)
        sk.poly(((-w, 1), (-w - 12, -3.5), (-w - 12, h - 1), (-w, h + 1)), c, 0.3)
        sk.poly(((-w - 2.5, 24), (-w - 9.5, 23), (-w - 9.5, h - 6), (-w - 2.5, h - 4)), panel, 0.2)
        sk.poly(((-w - 2.5, 5), (-w - 9.5, 2.5), (-w - 9.5, 18), (-w - 2.5, 19)), panel, 0.2)
        sk.ball(-w - 10.4, 20.5, 1.3, (240, 200, 96))
        return
    sk.box(0, h / 2 + 1, 2 * w, h, c)
    style = e.look.ear
    if style == 2:
        sk.ball(0, h - 9, 6, panel)
        sk.ball(0, h - 9, 4.4, GLASS)
        sk.box(0, 13, 2 * w - 8, 18, panel, 1)
    else:
        cols = (0.0,) if style == 0 else (-w * 0.46, w * 0.46)
        wide = 2 * w - 8 if style == 0 else w - 5
        for x in cols:
            sk.box(x, 12.5, wide, 16, panel, 1)
            sk.box(x, h - 10, wide, 15, panel, 1)
    sk.ball(w - 4, 21.5, 1.9, (240, 200, 96))


def car(sk: Sketch, e: Entity) -> None:
    """A small car in side view."""
    c = main_colour(e)
    tall = 1 + 0.08 * e.look.reach
    top = 26 * tall
    sk.poly(((-13, 15), (11, 15), (6, top), (-10, top)), c, 2.0)
    glass = GLASS if luminance(c) < 200 else mix(GLASS, INK, 0.25)
    sk.poly(((-11.5, 16), (-1.5, 16), (-1.5, top - 1), (-8.6, top - 1)), glass, 0.4)
    sk.poly(((0.8, 16), (9.2, 16), (5.6, top - 1), (0.8, top - 1)), glass, 0.4)
    sk.edge = 0.10
    sk.box(0, 11, 46, 11.5, c, 4.6)
    sk.edge = 0.0
    sk.box(0, 8.0, 46, 2.2, rim_of(c), 1)
    sk.oval(20.8, 12.5, 2.0, 2.4, (255, 236, 160))
    sk.oval(-21.6, 12.5, 1.4, 2.2, (190, 60, 60) if e.colour != "red" else (120, 30, 36))
    hub = (0.42, 0.55, 0.3)[e.look.ear]
    for x in (-12.5, 12.5):
        sk.ball(x, 5.8, 6.0, INK)
        sk.ball(x, 5.8, 6.0 * hub, (206, 206, 210))


def cake(sk: Sketch, e: Entity) -> None:
    """A round cake with icing and candles; sliced, a wedge is missing and the layers show."""
    c = main_colour(e)
    w, h = 18.5 * (1 + 0.05 * e.look.girth), 19.0 * (1 + 0.08 * e.look.reach)
    sponge: Colour = (236, 196, 132)
    sliced = e.pose == "sliced"
    sk.oval(0, 4.5, w + 6, 4.8, (206, 214, 222))
    sk.oval(0, 5.4, w + 4, 3.8, (238, 242, 244))
    if sliced:
        sk.clip(3.0, 5, 1, -0.35)
    sk.oval(0, 7, w, 4.2, darker(sponge, 0.15))
    sk.box(0, 7 + (h - 7) / 2, 2 * w, h - 7, sponge)
    filling = lighter(c, 0.1) if luminance(c) < 200 else (226, 120, 120)
    sk.box(0, 12.2, 2 * w, 2.4, filling)
    for i in range(5):  # the icing runs down
        x = (i - 2) * w * 0.41
        drop = 3.0 + 3.2 * abs(math.sin(2.1 * i + 6.3 * e.look.phase))
        sk.limb(x, h, 3.6, x, h - drop, 2.7, c)
    sk.box(0, h - 0.5, 2 * w, 4, c)
    sk.oval(0, h + 1, w, 4.8, lighter(c, 0.16) if luminance(c) < 220 else c)
    sk.unclip()
    if sliced:
        face: Colour = (252, 226, 168)
        x1, y1, x2, y2 = 1.6, 3.4, 9.0, 9.0
        up = h - 6.6
        sk.poly(((x1, y1), (x2, y2), (x2, y2 + up + 1), (x1, y1 + up + 1)), face)
        sk.poly(((x1, y1 + 7.5), (x2, y2 + 6.3), (x2, y2 + 4.2), (x1, y1 + 5.0)), filling)
        sk.poly(((x1, y1 + up + 1), (x2, y2 + up + 1), (x2, y2 + up - 1.2), (x1, y1 + up - 1.8)), c)
        sk.oval(14.5, 5.6, 1.5, 0.9, sponge)
        sk.oval(18.5, 4.6, 1.1, 0.7, filling)
    for x in ((-11, -5, 0), (-9, 0, 9), (-12, -4, 4))[e.look.ear]:
        if sliced and x > 0:
            continue
        sk.limb(x, h + 2, 1.2, x, h + 9, 1.2, (120, 190, 206))
        sk.oval(x, h + 12.2, 1.5, 2.6, (255, 196, 80))


def house(sk: Sketch, e: Entity) -> None:
    """A house with a pitched roof."""
    c = main_colour(e)
    w, h = 17.0 * (1 + 0.05 * e.look.girth), 22.0 * (1 + 0.06 * e.look.reach)
    roof: Colour = ((150, 84, 74), (104, 100, 118), (122, 92, 76))[e.look.tail]
    sk.box(9, h + 13, 5, 12, darker(roof, 0.25), 0.6)
    sk.box(0, h / 2, 2 * w, h, c)
    sk.poly(((-w - 4, h), (w + 4, h), (0, h + 20)), roof, 1.2)
    sk.box(-6.5, 6.8, 8, 13.6, WOOD, 0.8)
    sk.ball(-4.2, 6.8, 0.9, (240, 200, 96))
    sk.box(7.5, 12, 9, 8.5, WHITE if luminance(c) < 225 else rim_of(c), 0.6)
    sk.box(7.5, 12, 7.2, 6.7, GLASS)
    sk.box(7.5, 12, 1, 7, WHITE)
    if e.look.ear:
        sk.ball(0, h + 8, 3.4, WHITE)
        sk.ball(0, h + 8, 2.4, GLASS)


def balloon(sk: Sketch, e: Entity) -> None:
    """A balloon on its string."""
    c = main_colour(e)
    bend = 2.0 * (e.look.phase - 0.5)
    sk.limb(0, 15, 0.55, bend, 7, 0.55, (120, 112, 116))
    sk.limb(bend, 7, 0.55, -bend, 0, 0.55, (120, 112, 116))
    sk.poly(((-2.6, 13), (2.6, 13), (0, 17)), c, 0.5)
    sk.edge = 0.12
    sk.oval(0, 30.5, 13.5 * (1 + 0.05 * e.look.girth), 15.5, c)
    sk.edge = 0.0
    sk.oval(-4.8, 35.5, 2.7, 4.2, WHITE, -0.5, 0.7)


def hat(sk: Sketch, e: Entity) -> None:
    """A top hat standing on its brim."""
    c = main_colour(e)
    tall = 1 + 0.08 * e.look.reach
    sk.poly(((-11.5, 5), (11.5, 5), (13.5, 28 * tall), (-13.5, 28 * tall)), c, 1.0)
    sk.oval(0, 28 * tall, 14, 3.6, rim_of(c))
    sk.box(0, 9, 24.5, 5, lighter(c, 0.6) if luminance(c) < 170 else (196, 74, 70))
    sk.oval(0, 4.5, 21, 4.4, rim_of(c))
    sk.oval(0, 5.4, 20, 3.6, c)


def scarf(sk: Sketch, e: Entity) -> None:
    """A scarf laid in a loop with fringed ends."""
    c = main_colour(e)
    d = rim_of(c)
    for x in (-9, -5.5, -2):
        sk.limb(x, 6, 1.2, x - 0.6, 1.2, 1.0, d)
    for x in (4.5, 8, 11.5):
        sk.limb(x, 10, 1.2, x + 0.8, 5.0, 1.0, d)
    sk.limb(-3, 28, 5.4, -5.5, 10, 5.4, c)
    sk.limb(3, 28, 5.0, 8, 13, 5.2, d)
    sk.oval(0, 31, 18, 9.5, c)
    sk.oval(0, 34.0, 12.5, 4.6, darker(c, 0.5) if luminance(c) > 80 else (18, 16, 22))
    sk.box(-5.3, 12.5, 11, 2.6, lighter(c, 0.5), 0, -0.1)


def carrot(sk: Sketch, e: Entity) -> None:
    """A carrot with its leaves."""
    for turn in (-0.55, 0.0, 0.55):
        sk.oval(
            9 + 9 * math.sin(turn + 0.6), 33 + 8 * math.cos(turn + 0.6), 2.7, 7, LEAF, -(turn + 0.6)
        )
    fat = 7.4 * (1 + 0.08 * e.look.girth)
    sk.edge = 0.12
    sk.limb(8, 28, fat, -10, 5, 1.8, CARROT)
    sk.edge = 0.0
    for t in (0.15, 0.42, 0.66):
        x, y = 8 - 18 * t, 28 - 23 * t
        sk.limb(x - 4.5 + 4 * t, y + 3.5 - 3 * t, 0.6, x - 0.5, y + 0.2, 0.6, darker(CARROT, 0.25))


def tie(sk: Sketch, e: Entity) -> None:
    """A necktie."""
    c = main_colour(e)
    sk.poly(((-3.2, 34), (3.2, 34), (8, 12), (-8, 12)), c, 0.8)
    sk.poly(((-8, 12), (8, 12), (0, 2)), c, 0.8)
    sk.poly(((-5.5, 42), (5.5, 42), (3.2, 34), (-3.2, 34)), rim_of(c), 1.0)
    stripe = lighter(c, 0.5) if luminance(c) < 190 else rim_of(c)
    sk.poly(((-4.6, 25), (5.0, 28.5), (5.7, 25.5), (-5.2, 22)), stripe)
    sk.poly(((-6.4, 16.5), (6.8, 20), (7.4, 17), (-7.0, 13.5)), stripe)


def book(sk: Sketch, e: Entity) -> None:
    """A closed book, slightly turned."""
    c = main_colour(e)
    sk.poly(((-15, 3), (13, 1), (17, 5), (-11, 7)), darker(c, 0.4), 0.6)
    sk.poly(((-13, 4), (15, 2.2), (16, 6), (-11, 8)), CREAM, 0.2)
    sk.poly(((-15, 5), (13, 3), (13, 38), (-15, 40)), c, 1.0)
    sk.poly(((-15, 5), (-11, 4.7), (-11, 39.7), (-15, 40)), rim_of(c), 0.8)
    plate = CREAM if luminance(c) < 210 else (206, 170, 120)
    sk.poly(((-6, 26), (9, 25), (9, 33), (-6, 34)), plate, 0.4)
    sk.limb(-3, 30.2, 0.6, 6, 29.4, 0.6, rim_of(plate))


def hammer(sk: Sketch, e: Entity) -> None:
    """A hammer with a wooden handle."""
    sk.limb(-11, 4, 2.7, 4, 30, 2.2, WOOD)
    sk.limb(-11, 4, 2.9, -8.5, 8.5, 2.9, darker(WOOD, 0.35))
    tilt = math.atan2(26, 15)
    cx, cy = 5.0, 32.0
    sk.edge = 0.14
    sk.box(cx, cy, 9.5, 25, STEEL, 2.0, tilt)
    sk.edge = 0.0
    sk.limb(cx - 9.5, cy + 5.5, 4.9, cx - 10.5, cy + 6.0, 5.4, darker(STEEL, 0.3))


def spoon(sk: Sketch, e: Entity) -> None:
    """A wooden-handled spoon."""
    long = 4.0 * e.look.reach
    sk.limb(-11 - long * 0.3, 3, 2.0, 5, 28, 1.5, STEEL)
    sk.oval(8.5, 33.5, 8.8, 6.4, STEEL, 1.0)
    sk.oval(8.2, 33.2, 6.6, 4.6, lighter(STEEL, 0.5), 1.0)


def sun(sk: Sketch, e: Entity) -> None:
    """The sun with its rays."""
    gold: Colour = (252, 200, 70)
    start = e.look.phase
    for i in range(10):
        a = (i + start) * math.pi / 5
        c, s = math.cos(a), math.sin(a)
        sk.limb(16 * c, 22 + 16 * s, 1.9, 20.5 * c, 22 + 20.5 * s, 1.1, gold)
    sk.ball(0, 22, 18, (255, 224, 140), 0.55, 8)
    sk.ball(0, 22, 13.5, gold)
    sk.ball(-2.5, 24.5, 8, (255, 224, 120), 0.7, 6)


def moon(sk: Sketch, e: Entity) -> None:
    """The moon, a crescent with two craters."""
    pale: Colour = (246, 236, 190)
    sk.ball(0, 22, 19, (230, 230, 255), 0.35, 9)
    sk.ball(0, 22, 17, (120, 122, 158))
    rim: list[tuple[float, float, float]] = []  # the lit side: strokes along the rim
    for i in range(9):
        a = 1.15 + i * (3.98 / 8)
        fat = 6.2 - 0.33 * (i - 4) ** 2
        rim.append(((17 - fat) * math.cos(a), 22 + (17 - fat) * math.sin(a), fat))
    for one, two in itertools.pairwise(rim):
        sk.limb(*one, *two, pale)
    sk.ball(-9.5, 26, 1.9, (222, 208, 160))
    sk.ball(-10.5, 18.5, 1.4, (222, 208, 160))


def club(sk: Sketch, e: Entity) -> None:
    """A club for hitting balls."""
    wood: Colour = (190, 136, 84)
    sk.edge = 0.12
    sk.limb(-13, 5, 2.3, -4, 17, 2.6, wood)
    sk.limb(-4, 17, 2.6, 9, 36, 6.2, wood)
    sk.edge = 0.0
    sk.ball(-13.5, 4.4, 3.2, darker(wood, 0.3))
    sk.limb(-12, 6.5, 2.6, -8, 12, 2.6, (92, 74, 80))


def hoist(sk: Sketch, e: Entity) -> None:
    """A building crane: mast, boom, cabin, hook."""
    c = main_colour(e)
    d = rim_of(c)
    sk.box(-6, 2, 17, 4.5, (120, 122, 128), 1)
    sk.box(-6, 20, 5, 36, c)
    for y in (8, 15, 22, 29):
        sk.limb(-8, y - 3, 0.7, -4, y + 3, 0.7, d)
    sk.box(3, 39, 42, 4, c, 0.6)
    sk.poly(((-8, 41), (-4, 41), (-6, 49)), d, 0.5)
    sk.limb(-6, 48, 0.6, 20, 41, 0.6, (110, 108, 112))
    sk.limb(-6, 48, 0.6, -17, 41, 0.6, (110, 108, 112))
    sk.box(-15, 36, 7, 6, (110, 112, 120), 0.8)
    sk.box(-1.0, 34.5, 6, 6.5, GLASS, 0.8)
    x = 16 + 3 * e.look.phase
    sk.limb(x, 38, 0.6, x, 22, 0.6, INK)
    sk.clip(x, 19, -0.6, 1)
    sk.arc(x, 18.5, 3.2, 1.9, INK)
    sk.unclip()


DRAW = {
    "ball": ball, "box": box, "door": door, "car": car, "cake": cake, "house": house,
    "balloon": balloon, "hat": hat, "scarf": scarf, "carrot": carrot, "tie": tie, "book": book,
    "hammer": hammer, "spoon": spoon, "sun": sun, "moon": moon, "club": club, "hoist": hoist,
}  # fmt: skip
