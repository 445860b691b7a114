"""The bird on its branch: perched, with its wings spread, leaning down."""

from __future__ import annotations

from core.world.draw.palette import INK, WHITE, darker, jitter, lighter, luminance
from core.world.draw.sketch import Colour, Sketch
from core.world.scene import Entity

BEAK: Colour = (244, 170, 62)
BARK: Colour = (128, 92, 70)

HEADS = {"perched": (8.5, 30.0), "wings spread": (4.0, 32.5), "leaning": (13.5, 15.5)}


def head_of(e: Entity) -> tuple[float, float, float]:
    """Centre and radius of the head."""
    x, y = HEADS[e.pose]
    return x, y, 6.6 * (1 + 0.08 * e.look.head)


def draw(sk: Sketch, e: Entity) -> None:
    """Draw a bird whose branch lies a little above the sketch's origin."""
    look = e.look
    coat = jitter(e.colour, look.hue, look.tone)
    light = luminance(coat)
    wing = darker(coat, 0.24) if light > 80 else lighter(coat, 0.16)
    pale = lighter(coat, 0.5) if light > 80 else lighter(coat, 0.3)
    fat = 1 + 0.10 * look.girth
    x, y, r = head_of(e)
    sk.limb(-20, 4.0 - look.reach, 2.3, 20, 5.0 + look.reach, 1.8, BARK)
    sk.limb(10, 5, 1.2, 17, 11, 0.9, BARK)
    sk.oval(18.5, 12.5, 3.0, 1.8, (126, 168, 110), 0.7)
    tail = (1.0, 1.5, 0.6)[look.tail]
    if e.pose == "perched":
        sk.limb(-8, 16, 4.0, -17, 7.5, 2.0 * tail + 0.4, wing)
        sk.oval(0, 19.5, 12, 9.2 * fat, coat, 0.62)
        sk.limb(3, 24, 6.5, x, y - 1, r * 0.8, coat)
        sk.oval(4.5, 18, 7.0, 5.2 * fat, pale, 0.75)
        sk.edge = 0.14
        sk.oval(-3.5, 18.5, 9.5, 5.4, wing, 0.72)
        sk.edge = 0.0
    elif e.pose == "wings spread":
        sk.limb(-3, 10, 3.6, -7, 1.5, 2.6 * tail, wing)
        for side in (-1.0, 1.0):
            sk.limb(side * 6, 25, 5.0, side * 19, 33, 4.6, wing)
            sk.limb(side * 16, 31.5, 4.8, side * 26, 40, 2.0, wing)
            sk.limb(side * 12, 27, 4.4, side * 24, 30.5, 2.2, coat)
            sk.limb(side * 8, 23, 4.6, side * 19, 23, 2.2, coat)
        sk.oval(0, 19, 7.6 * fat, 12, coat, -0.12)
        sk.oval(1.2, 16, 4.6 * fat, 7.6, pale, -0.12)
    else:
        sk.limb(-9, 21, 4.0, -19, 29, 2.2 * tail + 0.4, wing)
        sk.oval(-1, 17, 12.5, 8.8 * fat, coat, -0.42)
        sk.limb(5, 16, 6.5, x - 1, y, r * 0.8, coat)
        sk.oval(2, 12.6, 7.5, 4.4 * fat, pale, -0.4)
        sk.edge = 0.14
        sk.oval(-4.5, 19.5, 9.6, 5.2, wing, -0.40)
        sk.edge = 0.0
    if e.pose == "wings spread":
        legs = (-2.5, 2.5)
    elif e.pose == "perched":
        legs = (-1.0, 3.5)
    else:
        legs = (-3.0, 1.5)
    for foot in legs:
        sk.limb(foot, 10.0, 1.0, foot + 0.6, 5.6, 1.0, BEAK)
    down = 4.0 if e.pose == "leaning" else 0.0
    sk.poly(
        ((x + r * 0.6, y + 2.3), (x + r * 0.6, y - 2.6), (x + r + 5.4, y - 0.6 - down)), BEAK, 0.4
    )
    sk.ball(x, y, r, coat)
    if look.ear:
        crest = wing if look.ear == 1 else pale
        sk.limb(x - 1, y + r * 0.8, 1.4, x - 4.5, y + r * 1.35, 0.8, crest)
    ex, ey = x + r * 0.28, y + r * 0.2
    sk.ball(ex, ey, 2.0, WHITE if light < 95 else pale)
    sk.ball(ex + 0.2, ey, 1.3, INK)
