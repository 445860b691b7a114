"""The list of soft shapes that make up a batch of pictures, in drawing order.

A `Sketch` is filled by the subject modules of this folder, one picture after the other, and
drawn by `core.world.draw.raster`. Subjects use their own coordinates: x to the right (the way
the subject looks), y up, the ground at 0, one unit = one pixel of a 64-pixel frame at scale 1.
`place` says where such a frame lies in the picture.
"""

from __future__ import annotations

import math
from array import array

FRAME = 64  # pixels of the frame that all positions refer to

ROUND, OVAL, POLY, ARC, STAR, BOX = range(6)
PLAIN, STRIPES, DOTS, CHECKS, BLOTCHES = range(5)
WIDTH = 33  # floats per shape, see `_put`
HEAD = 5  # integers per shape: picture, layer, shape, clipped?, pattern

Colour = tuple[float, float, float]
Pattern = tuple[float, ...]  # kind, then u0 ux uy v0 vx vy duty sharpness r g b

_NO_CLIP = (0.0, 0.0, 0.0)
_NO_PATTERN = (0.0,) * 11


class Sketch:
    """Shapes of many pictures, kept as rows of numbers.

    Attributes:
        values: WIDTH floats per shape.
        heads: HEAD integers per shape.
    """

    def __init__(self) -> None:
        self.values = array("f")
        self.heads = array("i")
        self._picture = -1
        self._layer = 0
        self._clip: tuple[float, float, float] = _NO_CLIP
        self._pattern: Pattern | None = None
        self._grow = 0.0
        self._ink: Colour | None = None
        self._worn: Pattern | None = None
        self._dressed: tuple[Colour | None, Colour | None] = (None, None)
        self._soft = 0.0
        self.place(32.0, 32.0)
        self.light(0.0, 0.0, 0.0)

    def begin(self, picture: int) -> None:
        """Start picture number `picture`; shapes that follow lie on top of one another."""
        self._picture = picture
        self._layer = 0
        self._clip = _NO_CLIP
        self._pattern = None
        self._grow = 0.0
        self._ink = None
        self._worn = None
        self._soft = 0.0
        self.edge = 0.0
        self.light(0.0, 0.0, 0.0)

    def place(
        self, x: float, y: float, scale: float = 1.0, flip: bool = False, turn: float = 0.0
    ) -> None:
        """Put the subject's origin at frame position (x, y).

        Args:
            x: frame pixels from the left.
            y: frame pixels from the top.
            scale: frame pixels per subject unit.
            flip: look to the left.
            turn: rotation in radians, counter-clockwise before the flip.
        """
        f = -scale if flip else scale
        c, s = math.cos(turn), math.sin(turn)
        self.ox, self.oy, self.scale = x, y, scale
        self._xx, self._xy = f * c, -f * s
        self._yx, self._yy = -scale * s, -scale * c

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Frame position of a subject point."""
        return (
            self.ox + self._xx * x + self._xy * y,
            self.oy + self._yx * x + self._yy * y,
        )

    def light(self, dx: float, dy: float, strength: float, y: float = 16.0) -> None:
        """Shade what follows along the frame direction (dx, dy), brighter towards it.

        Args:
            dx: x part of the unit vector to the light.
            dy: y part, positive downwards.
            strength: relative change of brightness over 16 subject units.
            y: subject height at which brightness is unchanged.
        """
        if not strength:
            self._shade = (1.0, 0.0, 0.0)
            return
        cx, cy = self.at(0.0, y)
        k = strength / (16.0 * self.scale)
        self._shade = (1.0 - k * (dx * cx + dy * cy), k * dx, k * dy)

    def stage(self, layer: int) -> None:
        """Go on at a fixed place in the drawing order: pictures drawn in step are drawn faster."""
        self._layer = max(self._layer, layer)

    edge: float = 0.0
    """How much darker the rim of each shape is, 0 to 1."""

    def clip(self, x: float, y: float, nx: float, ny: float) -> None:
        """Keep of what follows only the side of (x, y) away from the direction (nx, ny)."""
        px, py = self.at(x, y)
        sx = self._xx * nx + self._xy * ny
        sy = self._yx * nx + self._yy * ny
        n = math.sqrt(sx * sx + sy * sy)
        sx, sy = sx / n, sy / n
        self._clip = (sx, sy, sx * px + sy * py)

    def unclip(self) -> None:
        """End `clip`."""
        self._clip = _NO_CLIP

    def pattern(
        self,
        kind: int,
        colour: Colour,
        period: float,
        duty: float,
        angle: float = 0.0,
        phase: float = 0.0,
        x: float = 0.0,
        y: float = 0.0,
    ) -> None:
        """Cover what follows with a second colour.

        Args:
            kind: STRIPES, DOTS, CHECKS or BLOTCHES.
            colour: the second colour.
            period: subject units per repeat.
            duty: share of a stripe, or radius of a dot in periods.
            angle: direction in which stripes follow one another, in radians.
            phase: shift in periods.
            x: subject point that carries the pattern's origin.
            y: the same.
        """
        ox, oy = self.at(x, y)
        c, s = math.cos(angle), math.sin(angle)
        # rows of the inverse of the frame's linear part, over the period
        det = self._xx * self._yy - self._xy * self._yx
        ax, ay = self._yy / det / period, -self._xy / det / period
        bx, by = -self._yx / det / period, self._xx / det / period
        ux, uy = c * ax + s * bx, c * ay + s * by
        vx, vy = -s * ax + c * bx, -s * ay + c * by
        self._pattern = (
            float(kind),
            phase - ux * ox - uy * oy,
            ux,
            uy,
            phase * 0.7 - vx * ox - vy * oy,
            vx,
            vy,
            duty,
            period * self.scale,
            *colour,
        )

    def plain(self) -> None:
        """End `pattern`."""
        self._pattern = None

    def ink(self, grow: float, colour: Colour | None) -> None:
        """Draw what follows larger by `grow` units and, if given, all in one colour."""
        self._grow = grow
        self._ink = colour

    def dress(self, main: Colour | None, coat: Colour | None) -> None:
        """Keep the current pattern for parts in one of two colours, whatever `plain` says."""
        self._worn = self._pattern if main is not None else None
        self._dressed = (main, coat)
        self._pattern = None

    def soften(self, width: float) -> None:
        """Give what follows soft edges, `width` units wide."""
        self._soft = width

    def ball(
        self, x: float, y: float, r: float, colour: Colour, alpha: float = 1.0, soft: float = 0.0
    ) -> None:
        """A disc."""
        self.limb(x, y, r, x, y, r, colour, alpha, soft)

    def limb(
        self,
        x1: float,
        y1: float,
        r1: float,
        x2: float,
        y2: float,
        r2: float,
        colour: Colour,
        alpha: float = 1.0,
        soft: float = 0.0,
    ) -> None:
        """A rounded stroke from (x1, y1) to (x2, y2) whose radius goes from r1 to r2."""
        xx, xy, yx, yy, k = self._xx, self._xy, self._yx, self._yy, self.scale
        g = self._grow
        self._put(
            ROUND,
            (
                self.ox + xx * x1 + xy * y1,
                self.oy + yx * x1 + yy * y1,
                (r1 + g) * k,
                self.ox + xx * x2 + xy * y2,
                self.oy + yx * x2 + yy * y2,
                (r2 + g) * k,
                0.0,
                0.0,
                0.0,
            ),
            colour,
            alpha,
            soft,
        )

    def oval(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        colour: Colour,
        angle: float = 0.0,
        alpha: float = 1.0,
        soft: float = 0.0,
    ) -> None:
        """An ellipse; `angle` in radians turns its first axis."""
        k = self.scale
        c, s = (math.cos(angle), math.sin(angle)) if angle else (1.0, 0.0)
        g = self._grow
        self._put(
            OVAL,
            (
                self.ox + self._xx * x + self._xy * y,
                self.oy + self._yx * x + self._yy * y,
                (rx + g) * k,
                (ry + g) * k,
                (self._xx * c + self._xy * s) / k,
                (self._yx * c + self._yy * s) / k,
                0.0,
                0.0,
                0.0,
            ),
            colour,
            alpha,
            soft,
        )

    def poly(
        self,
        points: tuple[tuple[float, float], ...],
        colour: Colour,
        rounding: float = 0.0,
        alpha: float = 1.0,
        soft: float = 0.0,
    ) -> None:
        """A convex polygon of three or four corners, grown by `rounding` with round corners."""
        flat: list[float] = []
        for x, y in points:
            flat += self.at(x, y)
        if len(points) == 3:
            flat += flat[4:6]
        self._put(POLY, (*flat, (rounding + self._grow) * self.scale), colour, alpha, soft)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        colour: Colour,
        rounding: float = 0.0,
        angle: float = 0.0,
        alpha: float = 1.0,
        soft: float = 0.0,
    ) -> None:
        """A rectangle centred on (x, y) whose corners are rounded by `rounding`."""
        k = self.scale
        c, n = (math.cos(angle), math.sin(angle)) if angle else (1.0, 0.0)
        g = self._grow
        self._put(
            BOX,
            (
                self.ox + self._xx * x + self._xy * y,
                self.oy + self._yx * x + self._yy * y,
                (width / 2 - rounding) * k,
                (height / 2 - rounding) * k,
                (self._xx * c + self._xy * n) / k,
                (self._yx * c + self._yy * n) / k,
                (rounding + g) * k,
                0.0,
                0.0,
            ),
            colour,
            alpha,
            soft,
        )

    def arc(
        self,
        x: float,
        y: float,
        radius: float,
        width: float,
        colour: Colour,
        alpha: float = 1.0,
        soft: float = 0.0,
    ) -> None:
        """A ring of the given radius and full line width; cut it with `clip`."""
        k = self.scale
        px, py = self.at(x, y)
        w = (width / 2 + self._grow) * k
        self._put(ARC, (px, py, radius * k, w, 0.0, 0.0, 0.0, 0.0, 0.0), colour, alpha, soft)

    def star(
        self,
        x: float,
        y: float,
        radius: float,
        colour: Colour,
        inner: float = 0.45,
        angle: float = 0.0,
        alpha: float = 1.0,
    ) -> None:
        """A five-pointed star with slightly round points."""
        px, py = self.at(x, y)
        k = self.scale
        c, s = math.cos(angle), math.sin(angle)
        # the star's up axis in the frame
        ux, uy = (self._xy * c - self._xx * s) / k, (self._yy * c - self._yx * s) / k
        r = (radius + self._grow) * k
        self._put(STAR, (px, py, r, inner, ux, uy, 0.0, 0.0, 0.0), colour, alpha, 0.0)

    def _put(
        self, shape: int, params: tuple[float, ...], colour: Colour, alpha: float, soft: float
    ) -> None:
        """Append one row: 9 shape, 3 clip, 2 cover, 3 colour, 4 shade, 12 pattern numbers."""
        clip = self._clip
        pattern = self._pattern
        if self._ink is not None:
            colour, pattern = self._ink, None
        elif pattern is None and self._worn is not None and colour in self._dressed:
            pattern = self._worn
        self.heads.extend(
            (
                self._picture,
                self._layer,
                shape,
                1 if clip is not _NO_CLIP else 0,
                int(pattern[0]) if pattern is not None else PLAIN,
            )
        )
        self._layer += 1
        self.values.extend(
            (
                *params,
                *clip,
                max(soft, self._soft) * self.scale,
                alpha,
                *colour,
                *self._shade,
                self.edge,
                self.scale,
                *(pattern[1:] if pattern is not None else _NO_PATTERN),
            )
        )
