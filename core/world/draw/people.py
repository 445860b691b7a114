"""Persons and made-up figures: one body, four poses, heads of several forms; faces."""

from __future__ import annotations

from core.world.draw.palette import (
    BLUSH,
    INK,
    SKIN,
    WHITE,
    darker,
    jitter,
    lighter,
    luminance,
    mix,
)
from core.world.draw.sketch import Colour, Sketch
from core.world.scene import Entity

FIGURES = ("roundhead", "squarehead", "conehead", "starhead")
CLAY: Colour = (226, 200, 158)  # what made-up figures are made of
HAIR: tuple[Colour, ...] = ((78, 54, 44), (206, 158, 84), (150, 84, 56))
TROUSERS: tuple[Colour, ...] = ((78, 88, 118), (104, 98, 96), (96, 112, 104))

Point = tuple[float, float]

# elbow and hand of the arm on the right, then of the arm on the left
ARMS: dict[str, tuple[tuple[Point, Point], tuple[Point, Point]]] = {
    "arms down": (((10.2, 24.0), (10.6, 16.5)), ((-10.2, 24.0), (-10.6, 16.5))),
    "arms up": (((13.5, 36.0), (13.0, 47.5)), ((-13.5, 36.0), (-13.0, 47.5))),
    "arms crossed": (((11.4, 24.0), (-4.0, 25.8)), ((-11.4, 24.0), (4.5, 22.4))),
    "waving": (((14.5, 32.5), (19.5, 43.5)), ((-10.2, 24.0), (-10.6, 16.5))),
}


def hand_of(e: Entity) -> Point:
    """Where a tool is held."""
    hand = ARMS[e.pose][0][1]
    return (6.0, 21.0) if e.pose == "arms crossed" else hand


def draw(sk: Sketch, e: Entity) -> None:
    """Draw a person or figure whose feet stand at the sketch's origin."""
    look = e.look
    shirt = jitter(e.colour, look.hue, look.tone)
    person = e.kind == "person"
    skin = SKIN[(look.tail + look.marking) % 4] if person else CLAY
    trousers = TROUSERS[look.tail]
    fat = 1 + 0.10 * look.girth
    hem = 17 + 1.5 * look.reach
    for side in (-1.0, 1.0):
        sk.limb(side * 3.6 * fat, hem, 3.5, side * 4.0, 2.6, 2.9, trousers)
        sk.oval(side * 4.9, 1.8, 3.7, 2.1, INK)
    sleeve = darker(shirt, 0.20) if luminance(shirt) > 80 else lighter(shirt, 0.14)
    crossed = e.pose == "arms crossed"
    arms = ARMS[e.pose]
    if person and look.marking == 1:  # long hair lies behind the shoulders
        r = head_radius(e)
        sk.limb(0, 44.0, r + 1.0, 0, 35.5, r * 1.1, HAIR[look.ear])
    if not crossed:
        _arm(sk, 1.0, *arms[0], sleeve, skin)
        _arm(sk, -1.0, *arms[1], sleeve, skin)
    sk.limb(0, 34, 2.8, 0, 38, 2.8, darker(skin, 0.1))
    sk.poly(
        ((-6.6 * fat, hem + 1.5), (6.6 * fat, hem + 1.5), (6.2, 31.0), (-6.2, 31.0)), shirt, 2.4
    )
    _head(sk, e, skin)
    if crossed:
        sk.edge = 0.22
        _arm(sk, 1.0, *arms[0], sleeve, skin)
        _arm(sk, -1.0, *arms[1], sleeve, skin)
        sk.edge = 0.0


def _arm(sk: Sketch, side: float, elbow: Point, hand: Point, sleeve: Colour, skin: Colour) -> None:
    sk.limb(side * 7.2, 31.0, 2.8, *elbow, 2.6, sleeve)
    sk.limb(*elbow, 2.6, *hand, 2.3, sleeve)
    sk.ball(*hand, 2.6, skin)


def head_radius(e: Entity) -> float:
    """Half the width of the head."""
    return 7.4 * (1 + 0.07 * e.look.head)


def _head(sk: Sketch, e: Entity, skin: Colour) -> None:
    r = head_radius(e)
    y = 43.0
    kind = e.kind
    hair = HAIR[e.look.ear]
    if kind == "squarehead":
        sk.box(0, y, 2.1 * r, 2.0 * r, skin, 1.6)
    elif kind == "conehead":
        sk.poly(((-r * 1.15, y - r * 0.8), (r * 1.15, y - r * 0.8), (0, y + r * 1.6)), skin, 1.2)
    elif kind == "starhead":
        sk.star(0, y, r * 1.75, skin, 0.58)
    else:
        sk.ball(0, y, r, skin)
    if kind == "person":
        sk.clip(0, y + r * 0.18, -0.12 if e.look.flip else 0.12, -1.0)
        sk.ball(0, y + 0.5, r + 0.7, hair)
        sk.unclip()
    low = 1.6 if kind in ("conehead",) else 0.6
    for side in (-1.0, 1.0):
        sk.ball(side * 2.9, y - low, 1.15, INK)
        sk.ball(side * 4.6, y - low - 2.4, 1.2, BLUSH, 0.6)
    sk.clip(0, y - low - 2.0, 0, 1)
    sk.arc(0, y - low - 1.6, 2.1, 1.1, darker(skin, 0.7))
    sk.unclip()


def draw_face(sk: Sketch, e: Entity) -> None:
    """Draw a big face: a smile, tears or a frown."""
    look = e.look
    skin = jitter(e.colour, look.hue, look.tone)
    dark = luminance(skin) < 95
    line = WHITE if dark else INK
    wide = 19.5 * (1 + 0.05 * look.girth)
    y = 22.0
    sk.edge = 0.10
    sk.oval(0, y, wide, 20.5 + 0.8 * look.reach, skin)
    sk.edge = 0.0
    gap = 7.2 + 0.8 * look.head
    cheek = mix(BLUSH, skin, 0.35)
    sad = e.pose != "smile"
    for side in (-1.0, 1.0):
        sk.oval(side * gap, y + 5.5, 2.0, 2.7, line)
        sk.ball(side * gap + 0.6, y + 6.6, 0.7, INK if dark else WHITE)
        if sad:
            sk.limb(side * (gap - 3), y + 12.5, 0.8, side * (gap + 3), y + 10.3, 0.8, line)
        elif look.ear:
            sk.limb(side * (gap - 2.5), y + 11.6, 0.7, side * (gap + 2.5), y + 11.6, 0.7, line)
        if e.pose == "tears":
            blue: Colour = (96, 178, 236) if e.colour != "blue" else (190, 226, 250)
            sk.limb(side * (gap + 1.0), y + 1.5, 1.2, side * (gap + 1.8), y - 8.0, 2.9, blue)
            sk.ball(side * (gap + 1.2), y - 8.5, 0.9, WHITE)
        elif not sad:
            sk.ball(side * (gap + 4.5), y - 2.0, 2.8, cheek)
    if e.pose == "smile":
        sk.clip(0, y - 2.6, 0, 1)
        sk.ball(0, y - 2.6, 8.8, darker(skin, 0.75) if not dark else WHITE)
        sk.unclip()
        sk.clip(0, y - 7.5, 0, 1)
        sk.ball(0, y - 4.2, 6.4, (222, 100, 96))
        sk.unclip()
    elif e.pose == "frown":
        sk.clip(0, y - 11.5, 0, -1)
        sk.arc(0, y - 13.0, 8.0, 2.4, line)
        sk.unclip()
    else:
        sk.oval(0, y - 8.5, 3.4, 3.0, line)
