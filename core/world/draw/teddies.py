"""The teddy: seen from the front, four poses."""

from __future__ import annotations

import math

from core.world.draw.animals import coat_of
from core.world.draw.palette import INK, WHITE, darker, lighter, luminance
from core.world.draw.sketch import Sketch
from core.world.scene import Entity


def body_height(e: Entity) -> tuple[float, float]:
    """Heights of the middle of the belly and of the head."""
    if e.pose == "sitting":
        return 12.0, 29.0
    return 16.0, 33.5


def lay_down(sk: Sketch, e: Entity) -> None:
    """Turn the frame for the lying pose, lift it for the jump."""
    if e.pose == "lying":
        x, y = sk.at(-19.5, 15.0)
        flip = e.look.flip
        sk.place(x, y, sk.scale, flip, -math.pi / 2)
    elif e.pose == "jumping":
        x, y = sk.at(0.0, 3.0)
        sk.place(x, y, sk.scale, e.look.flip)


def draw(sk: Sketch, e: Entity) -> None:
    """Draw a teddy; the frame must have been through `lay_down`."""
    look = e.look
    fur = coat_of(e)
    light = luminance(fur)
    limb = darker(fur, 0.14) if light > 80 else lighter(fur, 0.08)
    pale = lighter(fur, 0.5) if light < 200 else darker(fur, 0.12)
    fat = 1 + 0.09 * look.girth
    belly, head = body_height(e)
    r = 10.6 * (1 + 0.06 * look.head)
    long = 1 + 0.10 * look.reach
    pose = e.pose
    if pose == "jumping":
        for side in (-1.0, 1.0):
            sk.limb(side * 5, 9, 4.8, side * 12.5 * long, 2.0, 4.4, limb)
            sk.ball(side * 13.4 * long, 1.4, 2.6, pale)
            sk.limb(side * 9, 21, 4.0, side * 17 * long, 31.5, 3.6, limb)
    elif pose == "sitting":
        for side in (-1.0, 1.0):
            sk.limb(side * 9, 16, 3.9, side * 13.5, 8.5, 3.5, limb)
    else:
        for side in (-1.0, 1.0):
            sk.limb(side * 5.2, 8, 4.8, side * 6.2 * long, 4.2, 4.5, limb)
            sk.limb(side * 9, 21, 3.9, side * 15 * long, 13, 3.5, limb)
    sk.oval(0, belly, 11 * fat, 12, fur)
    sk.oval(0, belly - 0.5, 7 * fat, 7.8, pale)
    if pose == "sitting":
        for side in (-1.0, 1.0):
            sk.edge = 0.15
            sk.oval(side * 11.0 * long, 5.2, 6.0, 5.4, limb)
            sk.edge = 0.0
            sk.oval(side * 11.4 * long, 4.9, 3.6, 3.2, pale)
    ear = (4.4, 5.2, 3.6)[look.ear]
    for side in (-1.0, 1.0):
        sk.ball(side * r * 0.80, head + r * 0.74, ear, limb)
        sk.ball(side * r * 0.80, head + r * 0.72, ear * 0.55, pale)
    sk.edge = 0.10
    sk.ball(0, head, r, fur)
    sk.edge = 0.0
    sk.oval(0, head - 3.2, 5.4, 4.2, pale)
    sk.oval(0, head - 1.8, 2.1, 1.5, INK)
    sk.limb(0, head - 3, 0.5, 0, head - 5, 0.5, INK)
    for side in (-1.0, 1.0):
        if light < 95:
            sk.ball(side * 4.2, head + 2.0, 2.0, WHITE)
        sk.ball(side * 4.2, head + 2.0, 1.4, INK)
    if look.marking == 2:  # a patch sewn on the belly
        sk.box(3.5, belly - 3, 4.6, 4.6, darker(pale, 0.3), 0.8, 0.3)
