"""Colours: the word, its centre, how far one picture may stray from it, and shades of it."""

from __future__ import annotations

from core.world.draw.sketch import Colour

# A calm, slightly warm palette. Centres are at least 60 apart in RGB and stay so under `jitter`.
CENTRES: dict[str, Colour] = {
    "red": (212, 66, 58),
    "orange": (240, 142, 48),
    "yellow": (247, 210, 80),
    "green": (84, 160, 84),
    "blue": (62, 118, 208),
    "purple": (140, 88, 184),
    "white": (246, 243, 236),
    "black": (52, 50, 60),
    "brown": (142, 92, 60),
    "pink": (243, 158, 180),
}

INK: Colour = (44, 40, 52)
WHITE: Colour = (252, 250, 245)
SKIN: tuple[Colour, ...] = ((240, 196, 160), (214, 160, 120), (160, 110, 80), (248, 214, 184))
BLUSH: Colour = (240, 140, 130)


def jitter(word: str, hue: float, tone: float) -> Colour:
    """The exact colour inside a colour word.

    Args:
        word: a key of `CENTRES`.
        hue: turn towards the neighbouring hues, -1 to 1.
        tone: darker to lighter, -1 to 1.
    """
    r, g, b = CENTRES[word]
    if word in ("white", "black"):
        warm = 5.0 * hue
        light = (8.0 if word == "black" else 6.0) * tone
        return (_byte(r + warm + light), _byte(g + light), _byte(b - warm + light))
    # rotate a little in the plane across the grey axis
    k = 0.06 * hue
    r2 = r + k * (g - b)
    g2 = g + k * (b - r)
    b2 = b + k * (r - g)
    light = 1.0 + 0.09 * tone
    return (_byte(r2 * light), _byte(g2 * light), _byte(b2 * light))


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """The colour a share t of the way from a to b."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def darker(colour: Colour, t: float = 0.18) -> Colour:
    """Towards a cool ink."""
    return mix(colour, INK, t)


def lighter(colour: Colour, t: float = 0.3) -> Colour:
    """Towards warm white."""
    return mix(colour, WHITE, t)


def luminance(colour: Colour) -> float:
    """Relative brightness, 0 to 255."""
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def _byte(value: float) -> float:
    return min(255.0, max(0.0, value))
