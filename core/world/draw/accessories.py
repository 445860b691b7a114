"""What a subject wears or holds: hat, scarf, tie, apron, and tools in the hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.world.draw import animals, birds, people, teddies
from core.world.draw.palette import darker, lighter
from core.world.draw.sketch import Colour, Sketch
from core.world.scene import Entity

HAT: Colour = (58, 66, 96)
BAND: Colour = (214, 92, 84)
SCARF: Colour = (40, 150, 150)
TIE: Colour = (146, 52, 78)
APRON: Colour = (250, 240, 220)
WOOD: Colour = (158, 112, 76)
STEEL: Colour = (168, 176, 188)

WORN = ("hat", "scarf", "tie", "apron")
HELD = ("book", "hammer", "spoon", "carrot", "balloon", "club")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Where things are worn, in subject units: crown, neck, chest, hand."""

    crown: tuple[float, float, float]  # middle of the brim, half its width
    neck: tuple[float, float, float]  # middle of the collar, half its width
    tilt: float  # of the collar
    chest: tuple[float, float, float, float]  # middle of the apron, half width, half height
    hand: tuple[float, float]


def anchors(e: Entity) -> Anchors | None:
    """The anchors of a subject, or None for what wears nothing."""
    kind, look = e.kind, e.look
    if kind in animals.BUILDS or kind == "zebra":
        s = animals.stance(kind, e.pose, look)
        b = animals.BUILDS["horse" if kind == "zebra" else kind]
        r = b.head * (1 + 0.08 * look.head)
        x, y = s.head
        horse = b.neck > 10
        nx = s.shoulder[0] * 0.35 + s.throat[0] * 0.65
        ny = s.shoulder[1] * 0.35 + s.throat[1] * 0.65
        mx, my = (s.hip[0] + s.shoulder[0]) / 2, (s.hip[1] + s.shoulder[1]) / 2
        crown = (x - 0.4, y + r * (0.78 if not horse else 1.0), r * (1.0 if not horse else 1.2))
        return Anchors(
            crown=crown,
            neck=(nx, ny, b.neck_radius + 1.4),
            tilt=-0.85 if e.pose != "sitting" else -0.5,
            chest=(mx + 3, my - 1.5, 6.5, b.front * 0.95),
            hand=(x + b.snout + 1.5, y - 3.5),
        )
    if kind == "bird":
        x, y, r = birds.head_of(e)
        body = {"perched": (3.5, 19.0), "wings spread": (0.8, 18.0), "leaning": (3.0, 14.5)}[e.pose]
        mid = (x * 0.72 + body[0] * 0.28, y * 0.72 + body[1] * 0.28)
        return Anchors(
            crown=(x - 0.6, y + r * 0.75, r * 1.0),
            neck=(*mid, 6.6),
            tilt={"perched": -0.45, "wings spread": 0.0, "leaning": -1.35}[e.pose],
            chest=(*body, 5.0, 6.0),
            hand=(x + r + 3, y - 4),
        )
    if kind == "teddy":
        belly, head = teddies.body_height(e)
        r = 10.6 * (1 + 0.06 * look.head)
        hand = (16.0, 31.0) if e.pose == "jumping" else (14.5, 11.0)
        return Anchors(
            crown=(0.0, head + r * 0.86, r * 0.82),
            neck=(0.0, head - r * 0.86, 8.6),
            tilt=0.0,
            chest=(0.0, belly - 2, 7.5, 8.0),
            hand=hand,
        )
    if kind == "person" or kind in people.FIGURES:
        r = people.head_radius(e)
        top = {"conehead": 49.5, "starhead": 50.5, "squarehead": 43 + r}.get(kind, 43 + r * 0.72)
        return Anchors(
            crown=(0.0, top, r * (0.62 if kind == "conehead" else 0.98)),
            neck=(0.0, 34.6, 5.6),
            tilt=0.0,
            chest=(0.0, 20.5, 6.4, 9.5),
            hand=people.hand_of(e),
        )
    if kind in ("ball", "face"):
        r = 19.5
        return Anchors(
            crown=(0.0, 2 * r - 4, r * 0.62), neck=(0.0, r * 0.55, r * 0.86), tilt=0.0,
            chest=(0.0, r * 0.8, r * 0.5, r * 0.55), hand=(r * 0.95, r),
        )  # fmt: skip
    return None


def draw(sk: Sketch, e: Entity) -> None:
    """Draw the accessories of an entity over it."""
    if not e.accessories:
        return
    a = anchors(e)
    assert a is not None, f"a {e.kind} wears nothing"
    for word in sorted(e.accessories, key=_ORDER.index):
        if word in WORN:
            _WORN[word](sk, a)
        else:
            _HELD[word](sk, *a.hand)


def _hat(sk: Sketch, a: Anchors) -> None:
    x, y, r = a.crown
    sk.box(x, y + r * 0.62, r * 1.45, r * 1.25, HAT, 0.8)
    sk.box(x, y + r * 0.26, r * 1.5, r * 0.36, BAND)
    sk.oval(x, y, r * 1.28, r * 0.26, darker(HAT, 0.25))


def _scarf(sk: Sketch, a: Anchors) -> None:

    x, y, r = a.neck
    c, s = math.cos(a.tilt), math.sin(a.tilt)
    thick = max(2.2, r * 0.42)
    drop = r * 1.55
    ex, ey = x + c * r * 0.45, y + s * r * 0.45
    sk.edge = 0.15
    sk.limb(ex, ey, thick * 0.85, ex + 1.2, ey - drop, thick * 0.95, darker(SCARF, 0.14))
    sk.limb(x - c * r, y - s * r, thick, x + c * r, y + s * r, thick, SCARF)
    sk.edge = 0.0
    sk.limb(
        ex - thick * 0.5,
        ey - drop * 0.62,
        0.6,
        ex + thick * 1.3,
        ey - drop * 0.62,
        0.6,
        lighter(SCARF, 0.6),
    )


def _tie(sk: Sketch, a: Anchors) -> None:
    x, y, r = a.neck
    k = r / 5.6
    sk.poly(
        (
            (x - 1.6 * k, y - 2 * k),
            (x + 1.6 * k, y - 2 * k),
            (x + 2.8 * k, y - 10 * k),
            (x - 2.8 * k, y - 10 * k),
        ),
        TIE,
        0.3,
    )
    sk.poly(((x - 2.8 * k, y - 10 * k), (x + 2.8 * k, y - 10 * k), (x, y - 13 * k)), TIE, 0.3)
    sk.poly(
        ((x - 2.4 * k, y + 0.6 * k), (x + 2.4 * k, y + 0.6 * k), (x, y - 3 * k)),
        darker(TIE, 0.2),
        0.6,
    )


def _apron(sk: Sketch, a: Anchors) -> None:
    x, y, w, h = a.chest
    sk.box(x, y + h * 0.55, w * 1.3, h * 0.95, APRON, 0.8)
    sk.edge = 0.10
    sk.box(x, y - h * 0.35, w * 2.0, h * 1.35, APRON, 1.4)
    sk.edge = 0.0
    sk.box(x, y - h * 0.45, w * 0.9, h * 0.42, (226, 150, 132), 0.6)
    sk.limb(x - w * 0.62, y + h, 0.55, x - w * 0.35, y + h * 1.5, 0.55, APRON)
    sk.limb(x + w * 0.62, y + h, 0.55, x + w * 0.35, y + h * 1.5, 0.55, APRON)


def _book(sk: Sketch, x: float, y: float) -> None:
    sk.box(x + 1, y + 1, 9.5, 12, (80, 96, 150), 0.8, -0.12)
    sk.box(x + 1.8, y + 1, 6, 9, (246, 234, 208), 0.4, -0.12)
    sk.box(x + 0.2, y + 1, 6.6, 11, (96, 116, 176), 0.6, -0.12)


def _hammer(sk: Sketch, x: float, y: float) -> None:
    sk.limb(x - 0.5, y - 4.5, 1.3, x + 1.5, y + 9, 1.2, WOOD)
    sk.box(x + 1.6, y + 10, 10, 5, STEEL, 1.0, 0.15)


def _spoon(sk: Sketch, x: float, y: float) -> None:
    sk.limb(x - 0.5, y - 5, 1.1, x + 1, y + 8, 1.0, STEEL)
    sk.oval(x + 1.4, y + 11.5, 2.9, 4.1, STEEL, -0.1)
    sk.oval(x + 1.4, y + 11.5, 1.8, 3.0, lighter(STEEL, 0.5), -0.1)


def _carrot(sk: Sketch, x: float, y: float) -> None:
    sk.limb(x + 2, y + 6, 3.2, x - 1.5, y - 6, 0.8, (238, 126, 50))
    sk.oval(x + 1.4, y + 11.0, 1.4, 3.4, (98, 158, 92), 0.3)
    sk.oval(x + 4.4, y + 10.4, 1.4, 3.2, (98, 158, 92), -0.4)


def _balloon(sk: Sketch, x: float, y: float) -> None:
    sk.limb(x, y, 0.5, x + 2.5, y + 9, 0.5, (120, 112, 116))
    sk.edge = 0.12
    sk.oval(x + 3, y + 15.5, 6.0, 7.0, (232, 84, 120))
    sk.edge = 0.0
    sk.oval(x + 0.8, y + 17.8, 1.2, 1.9, (252, 226, 232), -0.4)


def _club(sk: Sketch, x: float, y: float) -> None:
    sk.limb(x, y - 3, 1.2, x + 3, y + 12, 2.8, (190, 136, 84))


_WORN = {"hat": _hat, "scarf": _scarf, "tie": _tie, "apron": _apron}
_HELD = {
    "book": _book, "hammer": _hammer, "spoon": _spoon, "carrot": _carrot, "balloon": _balloon,
    "club": _club,
}  # fmt: skip
_ORDER = ("apron", "tie", "scarf", "hat", "book", "hammer", "spoon", "carrot", "balloon", "club")
