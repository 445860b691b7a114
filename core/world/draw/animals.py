"""Dog, cat, horse and zebra: one skeleton, four poses, a build for each kind."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.world.draw.palette import BLUSH, INK, WHITE, darker, jitter, lighter, luminance, mix
from core.world.draw.sketch import BLOTCHES, STRIPES, Colour, Sketch
from core.world.scene import Entity, Look

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Proportions of a kind, in subject units."""

    leg: float
    leg_radius: float
    length: float  # half the distance from hip to shoulder
    rear: float
    front: float
    neck: float
    neck_radius: float
    head: float
    snout: float
    snout_radius: float
    ears: str
    tail: str


BUILDS = {
    "dog": Build(
        leg=13, leg_radius=2.9, length=9.5, rear=7.2, front=7.6, neck=7.5, neck_radius=5.2,
        head=7.6, snout=7.5, snout_radius=4.2, ears="flop", tail="up",
    ),
    "cat": Build(
        leg=12, leg_radius=2.5, length=9, rear=6.6, front=6, neck=6, neck_radius=4.4,
        head=8, snout=3.6, snout_radius=3.9, ears="point", tail="long",
    ),
    "horse": Build(
        leg=19, leg_radius=2.7, length=10, rear=7.4, front=7, neck=14, neck_radius=4.8,
        head=5.2, snout=9, snout_radius=3.5, ears="small", tail="flow",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """Joints of one pose; accessories hang on `head`, `neck` and `back`."""

    hip: Point
    shoulder: Point
    throat: Point  # top of the neck
    head: Point
    nod: float  # direction of the snout
    legs: tuple[tuple[Point, ...], ...]  # far hind, far front, near hind, near front
    tail: tuple[Point, ...]


def stance(kind: str, pose: str, look: Look) -> Stance:
    """The joints of a kind in a pose, with the identity's proportions."""
    b = BUILDS["horse" if kind == "zebra" else kind]
    leg = b.leg * (1 + 0.10 * look.reach)
    half = b.length
    rear, front = b.rear, b.front
    low = b.leg_radius
    horse = b.neck > 10
    if pose == "sitting":
        hip, shoulder = (-7.0, rear + 0.5), (3.5, rear + 12.5 + (4 if horse else 0))
        up = (0.32, 0.95)
        legs = (
            ((-3.0, 3.0), (4.0, low - 0.4)),
            ((2.0, shoulder[1] - 3), (3.0, low)),
            ((-5.0, 5.0), (1.5, low)),
            ((5.0, shoulder[1] - 4), (7.5, low)),
        )
        tail = ((-13.0, 4.0), (-19.0, 3.0), (-24.0, 6.5))
    elif pose == "lying":
        hip, shoulder = (-half - 1, rear + 0.2), (half - 1, front + 0.6)
        up = (0.70, 0.72)
        legs = (
            ((-half + 1, 4.0), (-2.0, low - 0.3)),
            ((half - 1, 3.4), (half + 12, low - 0.2)),
            ((-half - 2, 5.0), (-half + 7, low)),
            ((half - 3, 4.0), (half + 9, low)),
        )
        tail = ((-half - 7, 5.0), (-half - 13, 2.5), (-half - 18, 4.5))
    elif pose == "jumping":
        hip, shoulder = (-half + 1, leg * 0.62 + 7), (half - 2, leg * 0.62 + 15)
        up = (0.66, 0.75)
        k = leg / 13
        legs = (
            (
                (hip[0] + 2, hip[1] - 2),
                (hip[0] - 4 * k, hip[1] - 7 * k),
                (hip[0] - 10 * k, hip[1] - 9 * k),
            ),
            (
                (shoulder[0] - 1, shoulder[1] - 2),
                (shoulder[0] + 7 * k, shoulder[1] - 4 * k),
                (shoulder[0] + 12 * k, shoulder[1] - 1 * k),
            ),
            (
                (hip[0] - 2, hip[1] - 2),
                (hip[0] - 8 * k, hip[1] - 6 * k),
                (hip[0] - 13 * k, hip[1] - 12 * k),
            ),
            (
                (shoulder[0] + 1, shoulder[1] - 3),
                (shoulder[0] + 7 * k, shoulder[1] - 8 * k),
                (shoulder[0] + 13 * k, shoulder[1] - 8 * k),
            ),
        )
        tail = ((hip[0] - 5, hip[1] + 3), (hip[0] - 11, hip[1] + 5), (hip[0] - 16, hip[1] + 10))
    else:
        y = leg + 5.5
        hip, shoulder = (-half, y), (half, y + 0.6)
        up = (0.55, 0.84)
        legs = (
            ((-half + 4.5, y - 3), (-half + 5.5, low)),
            ((half - 4, y - 3), (half - 4.5, low)),
            ((-half - 1.5, y - 3), (-half - 2.2, y * 0.45), (-half - 1.2, low)),
            ((half + 1, y - 3), (half + 1.5, low)),
        )
        tail = ((-half - 5, y + 2), (-half - 10, y + 8), (-half - 12, y + 15))
    throat = (shoulder[0] + up[0] * b.neck + 1.5, shoulder[1] + up[1] * b.neck + 1)
    nod = -0.75 if horse else -0.12
    head = (throat[0] + 1.5, throat[1] + 2.5) if not horse else (throat[0] + 0.6, throat[1] + 0.6)
    if b.tail == "flow":
        a = tail[0]
        drop = 13 if pose in ("standing", "jumping") else 5
        tail = (a, (a[0] - 4, a[1] - 1), (a[0] - 6, max(2.0, a[1] - drop)))
    elif b.tail == "long":
        a, c = tail[0], tail[2]
        tail = (a, (c[0] + 1, (a[1] + c[1]) / 2 - 2), (c[0] - 1, c[1] + 1), (c[0] + 3, c[1] + 4))
    return Stance(
        hip=hip, shoulder=shoulder, throat=throat, head=head, nod=nod, legs=legs, tail=tail
    )


def coat_of(e: Entity) -> Colour:
    """The coat's colour; black is lifted a little so that limbs stand out."""
    coat = jitter(e.colour, e.look.hue, e.look.tone)
    return lighter(coat, 0.08) if luminance(coat) < 80 else coat


def draw(sk: Sketch, e: Entity) -> None:
    """Draw an animal whose feet stand at the sketch's origin."""
    look = e.look
    zebra = e.kind == "zebra"
    b = BUILDS["horse" if zebra else e.kind]
    s = stance(e.kind, e.pose, look)
    coat = jitter("white", look.hue, look.tone) if zebra else coat_of(e)
    dark = darker(coat, 0.16 if luminance(coat) > 120 else 0.30)
    pale = lighter(coat, 0.42)
    fat = 1 + 0.10 * look.girth
    rear, front = b.rear * fat, b.front * fat
    mane = INK if zebra else darker(coat, 0.45)
    horse = b.neck > 10

    _tail(sk, b, s, mane if horse else coat, look)
    for joints in s.legs[:2]:
        _leg(sk, joints, b.leg_radius, dark, horse)
    if zebra:
        _stripes(sk, s, look)
    elif look.marking == 2:
        sk.pattern(
            BLOTCHES, pale if luminance(coat) < 150 else dark, 13, 1.15, 0.5, look.phase, *s.hip
        )
    hip, shoulder = s.hip, s.shoulder
    if e.pose == "sitting":
        sk.limb(*hip, rear + 1.2, *shoulder, front, coat)
    else:
        sk.limb(*hip, rear, *shoulder, front, coat)
    sk.limb(*shoulder, b.neck_radius + 0.8, *s.throat, b.neck_radius - (1 if horse else 0), coat)
    sk.plain()
    if look.marking == 1 and not zebra:
        if e.pose == "sitting":
            sk.oval(shoulder[0] + 2.6, shoulder[1] - 4, 3.4, 6.4, pale, 0.25)
        else:
            mx, my = (hip[0] + shoulder[0]) / 2, (hip[1] + shoulder[1]) / 2
            tilt = math.atan2(shoulder[1] - hip[1], shoulder[0] - hip[0])
            sk.oval(mx + 1.5, my - rear * 0.66, 9.5, 2.4, pale, tilt, 0.9, 3.0)
    if zebra:
        _stripes(sk, s, look)
    if e.pose in ("sitting", "lying"):
        sk.edge = 0.16
        sk.oval(hip[0] + 1.5, max(hip[1] - 1.5, 6.2), rear * 0.92, 6.2, coat)
        sk.edge = 0.0
    for joints in s.legs[2:]:
        _leg(sk, joints, b.leg_radius, coat, horse)
    sk.plain()
    if horse:
        _mane(sk, s, mane, look)
    _head(sk, e, b, s, coat, dark, pale, mane)


def _leg(sk: Sketch, joints: tuple[Point, ...], radius: float, colour: Colour, hoof: bool) -> None:
    for i in range(len(joints) - 1):
        r = radius * (1.25 if i == 0 else 1.0)
        sk.limb(*joints[i], r, *joints[i + 1], radius * 0.95, colour)
    x, y = joints[-1]
    if hoof:
        sk.plain()
        sk.ball(x + 0.3, y - 0.5, radius * 0.92, darker(colour, 0.62))
    else:
        sk.oval(x + 1.0, y - 0.5, radius * 1.3, radius * 0.86, colour)


def _tail(sk: Sketch, b: Build, s: Stance, colour: Colour, look: Look) -> None:
    wide = (2.3, 2.0, 3.0)[look.tail] if b.tail != "long" else (2.1, 1.8, 2.5)[look.tail]
    points = s.tail
    for i in range(len(points) - 1):
        r1, r2 = wide, wide * (0.9 if i < len(points) - 2 else 0.7)
        if b.tail == "flow":
            r1, r2 = wide * (0.9 + 0.3 * i), wide * (1.2 - 0.3 * i)
        sk.limb(*points[i], r1, *points[i + 1], r2, colour)
    if look.tail == 1:
        sk.ball(*points[-1], wide * 1.1, lighter(colour, 0.35))


def _stripes(sk: Sketch, s: Stance, look: Look) -> None:
    tilt = math.atan2(s.shoulder[1] - s.hip[1], s.shoulder[0] - s.hip[0])
    sk.pattern(STRIPES, INK, 6.8, 0.46, tilt * 0.6 + 0.12, look.phase, *s.hip)


def _mane(sk: Sketch, s: Stance, colour: Colour, look: Look) -> None:
    (x1, y1), (x2, y2) = s.shoulder, s.throat
    thick = 2.4 + 0.5 * look.ear
    sk.limb(x1 - 3, y1 + 6.5, thick * 0.8, x2 - 3.4, y2 + 2.5, thick, colour)
    sk.limb(x2 - 3.4, y2 + 2.5, thick, x2 + 1, y2 + 5.4, 1.7, colour)


def _head(
    sk: Sketch,
    e: Entity,
    b: Build,
    s: Stance,
    coat: Colour,
    dark: Colour,
    pale: Colour,
    mane: Colour,
) -> None:
    look = e.look
    r = b.head * (1 + 0.08 * look.head)
    x, y = s.head
    c, n = math.cos(s.nod), math.sin(s.nod)
    tip = (x + c * b.snout, y + n * b.snout)
    eye_dark = luminance(coat) < 95
    ears = b.ears
    sk.edge = 0.10
    if ears == "point":  # the far ear stands behind the head
        sk.poly(
            ((x + 1, y + r * 0.5), (x + r * 0.95, y + r * 0.45), (x + r * 0.8, y + r * 1.55)),
            dark,
            0.5,
        )
    elif ears == "small":
        sk.limb(x + 1, y + r * 0.6, 1.3, x + 2.0, y + r * 1.45, 0.7, dark)
    if e.kind == "zebra":
        sk.pattern(STRIPES, INK, 6.0, 0.42, s.nod, look.phase, x, y)
    if ears == "small":
        sk.limb(x - 0.5, y, r, *tip, b.snout_radius, coat)
    else:
        sk.ball(x, y, r, coat)
    sk.plain()
    sk.edge = 0.0
    if ears == "flop":
        sk.limb(
            x + r * 0.42,
            y - 1.6,
            b.snout_radius,
            tip[0],
            tip[1] - 1.6,
            b.snout_radius * 0.82,
            lighter(coat, 0.22),
        )
        sk.oval(tip[0] + 2.0, tip[1] + 0.2, 2.2, 1.7, INK)
    elif ears == "point":
        sk.oval(
            x + r * 0.45,
            y - r * 0.36,
            b.snout_radius + 0.4,
            b.snout_radius * 0.72,
            lighter(coat, 0.35),
        )
        sk.oval(x + r * 0.62, y - r * 0.12, 1.4, 1.0, BLUSH)
    else:
        sk.ball(*tip, b.snout_radius + 0.1, INK if e.kind == "zebra" else lighter(coat, 0.28))
        sk.ball(tip[0] + 1.3, tip[1] + 0.4, 0.8, INK)
    if ears == "flop":
        drop = (0.0, 1.5, -1.0)[look.ear]
        ear = darker(coat, 0.34) if not eye_dark else lighter(coat, 0.20)
        sk.edge = 0.12
        sk.oval(x - r * 0.55, y - 0.5 - drop * 0.6, 3.1, 6.0 + drop, ear, -0.22)
        sk.edge = 0.0
    elif ears == "point":
        wide = (0.0, 0.8, -0.5)[look.ear]
        sk.poly(
            (
                (x - r * 0.98 - wide, y + r * 0.3),
                (x + 0.8, y + r * 0.72),
                (x - r * 0.62 - wide, y + r * 1.62),
            ),
            coat,
            0.5,
        )
        sk.poly(
            (
                (x - r * 0.72 - wide, y + r * 0.6),
                (x - 0.8, y + r * 0.8),
                (x - r * 0.56 - wide, y + r * 1.3),
            ),
            BLUSH,
            0.2,
        )
    else:
        sk.limb(x - 1.6, y + r * 0.6, 1.5, x - 1.5, y + r * 1.5, 0.7, coat)
    ex, ey = (x + r * 0.28, y + r * 0.22) if ears != "small" else (x + 0.8, y + 1.2)
    if ears == "point":
        if eye_dark:
            sk.ball(ex + 2.6, ey + 0.5, 1.9, (240, 222, 150))
            sk.ball(ex - 2.8, ey + 0.5, 1.9, (240, 222, 150))
        sk.oval(ex + 2.8, ey + 0.5, 1.1, 1.5, INK)
        sk.oval(ex - 2.6, ey + 0.5, 1.1, 1.5, INK)
    else:
        if eye_dark:
            sk.ball(ex, ey, 1.9, mix(WHITE, coat, 0.1))
        sk.ball(ex, ey, 1.35, INK)
        sk.ball(ex + 0.5, ey + 0.5, 0.5, WHITE)
