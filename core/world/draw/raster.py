"""From a sketch to pixels: anti-aliased coverage of signed distances, over a whole batch.

All pictures are drawn together: the shapes with the same place in the drawing order and the same
formula are evaluated in one go, over the pixels of their bounding boxes only. Every operation is
an exactly rounded one (+ - * / sqrt floor min max), so a picture's bytes depend neither on the
batch it is drawn in nor on the machine.

Legend: n shapes, r rows of pixels, p pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.world.draw.sketch import (
    ARC,
    BLOTCHES,
    CHECKS,
    DOTS,
    FRAME,
    HEAD,
    OVAL,
    POLY,
    ROUND,
    STAR,
    STRIPES,
    WIDTH,
    Sketch,
)

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_EDGE_WIDTH = 2.0  # subject units over which a rim darkens
_ONE = np.float32(1.0)
_HALF = np.float32(0.5)


def rasterise(sketch: Sketch, canvas: Floats, *, colours: bool = True) -> None:
    """Draw a sketch onto a canvas in place.

    Args:
        sketch: shapes of the canvas' pictures.
        canvas: (3, B, S, S) float32 in [0, 255], contiguous; (1, B, S, S) in [0, 1] when
            `colours` is off.
        colours: paint in the shapes' colours; else gather their coverage.
    """
    if not len(sketch.heads):
        return
    heads = np.frombuffer(sketch.heads, np.int32).reshape(-1, HEAD)
    rows = np.frombuffer(sketch.values, np.float32).reshape(-1, WIDTH)
    size = canvas.shape[-1]
    if size != FRAME:
        rows = _scaled(rows, heads, size / FRAME)
    bounds = _bounds(rows, heads, size)
    seen = (bounds[:, 0] < bounds[:, 2]) & (bounds[:, 1] < bounds[:, 3])
    heads, rows, bounds = heads[seen], rows[seen], bounds[seen]
    key = ((heads[:, 1] * 8 + heads[:, 2]) * 2 + heads[:, 3]) * 8 + heads[:, 4]
    order = np.argsort(key, kind="stable")
    heads, rows, bounds, key = heads[order], rows[order], bounds[order], key[order]
    planes = canvas.reshape(canvas.shape[0], -1)
    cuts = np.flatnonzero(np.diff(key)) + 1
    starts = [0, *cuts.tolist()]
    ends = [*cuts.tolist(), len(key)]
    for start, end in zip(starts, ends, strict=True):
        _, _, shape, clipped, pattern = heads[start].tolist()
        _draw(
            rows[start:end],
            bounds[start:end],
            heads[start:end, 0],
            (shape, bool(clipped), pattern),
            planes,
            size,
            colours,
        )


def _scaled(rows: Floats, heads: npt.NDArray[np.int32], k: float) -> Floats:
    """The same shapes on a canvas k times as large."""
    out = rows.copy()
    out[:, 0:9] *= k
    unit = {OVAL: (4, 5), STAR: (3, 4, 5)}
    for shape, columns in unit.items():
        for column in columns:
            mine = heads[:, 2] == shape
            out[mine, column] = rows[mine, column]
    out[:, 11] *= k  # clip offset
    out[:, 12] *= k  # softness
    out[:, 18:20] /= k  # shade per pixel
    out[:, 21] *= k  # pixels per unit
    for column in (23, 24, 26, 27):
        out[:, column] /= k
    out[:, 29] *= k
    return out


def _bounds(rows: Floats, heads: npt.NDArray[np.int32], size: int) -> Ints:
    """Pixel boxes (n, 4) as x0, y0, x1, y1, clipped to the frame."""
    box = np.empty((len(rows), 4), np.float32)
    for shape in range(5):
        mine = np.flatnonzero(heads[:, 2] == shape)
        if not len(mine):
            continue
        p = rows[mine]
        if shape == ROUND:
            low = np.minimum(p[:, (0, 1)] - p[:, 2:3], p[:, (3, 4)] - p[:, 5:6])
            high = np.maximum(p[:, (0, 1)] + p[:, 2:3], p[:, (3, 4)] + p[:, 5:6])
        elif shape == OVAL:
            a, b, c, s = p[:, 2], p[:, 3], p[:, 4], p[:, 5]
            half = np.stack(
                [
                    np.sqrt(a * a * c * c + b * b * s * s),
                    np.sqrt(a * a * s * s + b * b * c * c),
                ],
                1,
            )
            low, high = p[:, :2] - half, p[:, :2] + half
        elif shape == POLY:
            low = p[:, 0:8].reshape(-1, 4, 2).min(1) - p[:, 8:9]
            high = p[:, 0:8].reshape(-1, 4, 2).max(1) + p[:, 8:9]
        elif shape == ARC:
            low, high = p[:, :2] - (p[:, 2:3] + p[:, 3:4]), p[:, :2] + (p[:, 2:3] + p[:, 3:4])
        else:
            low, high = p[:, :2] - p[:, 2:3], p[:, :2] + p[:, 2:3]
        margin = _HALF * np.maximum(p[:, 12:13], _ONE)
        box[mine, :2] = np.floor(low - margin)
        box[mine, 2:] = np.ceil(high + margin)
    return np.clip(box, 0, size).astype(np.int64)


def _draw(
    rows: Floats,
    bounds: Ints,
    pictures: npt.NDArray[np.int32],
    formula: tuple[int, bool, int],
    planes: Floats,
    size: int,
    colours: bool,
) -> None:
    """Blend shapes of one formula, each in a picture of its own."""
    shape, clipped, pattern = formula
    x0, y0, x1, y1 = bounds.T
    heights = y1 - y0
    of_row = np.repeat(np.arange(len(rows)), heights)  # (r,) which shape
    y = np.arange(len(of_row)) - np.repeat(np.cumsum(heights) - heights - y0, heights)
    widths = (x1 - x0)[of_row]
    ends = np.cumsum(widths)
    of_pixel = np.repeat(np.arange(len(of_row)), widths)  # (p,) which row
    steps = np.arange(len(of_pixel))
    x = steps - np.repeat(ends - widths - x0[of_row], widths)
    index = np.repeat((pictures[of_row].astype(np.int64) * size + y) * size, widths) + x
    row = rows[of_row]
    fx = x.astype(np.float32) + _HALF
    fy = y.astype(np.float32) + _HALF

    distance = _DISTANCES[shape](row, fx, fy, of_pixel)
    if clipped:
        edge = (row[:, 10] * fy - row[:, 11])[of_pixel] + row[:, 9][of_pixel] * fx
        np.maximum(distance, edge, out=distance)
    soft = np.maximum(row[:, 12], _ONE)
    # coverage of the pixel: a ramp one pixel wide, wider where the shape is soft
    cover = _HALF - distance * (_ONE / soft)[of_pixel]
    np.clip(cover, 0.0, 1.0, out=cover)
    cover *= row[:, 13][of_pixel]
    kept = np.flatnonzero(cover)
    cover, index = cover[kept], index[kept]
    if not colours:
        plane = planes[0]
        here = plane[index]
        plane[index] = here + cover * (_ONE - here)
        return
    of_pixel, fx = of_pixel[kept], fx[kept]

    shade = (row[:, 17] + row[:, 19] * fy)[of_pixel] + row[:, 18][of_pixel] * fx
    if row[:, 20].any():
        depth = distance[kept] * (_ONE / (row[:, 21] * np.float32(_EDGE_WIDTH)))[of_pixel]
        depth += _ONE
        np.clip(depth, 0.0, 1.0, out=depth)
        shade *= _ONE - row[:, 20][of_pixel] * depth
    second = _pattern(pattern, row, fx, fy, of_pixel) if pattern else None
    for channel in range(3):
        colour = row[:, 14 + channel][of_pixel]
        if second is not None:
            colour += second * (row[:, 30 + channel][of_pixel] - colour)
        colour *= shade
        plane = planes[channel]
        here = plane[index]
        colour -= here
        colour *= cover
        colour += here
        plane[index] = colour


def _round(row: Floats, fx: Floats, fy: Floats, of: Ints) -> Floats:
    ax, ay, ra, bx, by, rb = (row[:, i] for i in range(6))
    dx, dy = bx - ax, by - ay
    length = np.maximum(dx * dx + dy * dy, np.float32(1e-6))
    ey = fy - ay
    ex = fx - ax[of]
    t = ex * (dx / length)[of] + (ey * dy / length)[of]
    np.clip(t, 0.0, 1.0, out=t)
    ex -= t * dx[of]
    wy = ey[of] - t * dy[of]
    return np.sqrt(ex * ex + wy * wy) - (ra[of] + t * (rb - ra)[of])


def _oval(row: Floats, fx: Floats, fy: Floats, of: Ints) -> Floats:
    cx, cy, rx, ry, c, s = (row[:, i] for i in range(6))
    ey = fy - cy
    ex = fx - cx[of]
    u = ex * (c / rx)[of] + (ey * s / rx)[of]
    v = ex * (-s / ry)[of] + (ey * c / ry)[of]
    u *= u
    v *= v
    k0 = np.sqrt(u + v)
    u *= (_ONE / (rx * rx))[of]
    v *= (_ONE / (ry * ry))[of]
    k1 = np.sqrt(u + v)
    return k0 * (k0 - _ONE) / np.maximum(k1, np.float32(1e-6))


def _poly(row: Floats, fx: Floats, fy: Floats, of: Ints) -> Floats:
    """Exact outside a convex outline, so that rounding gives round corners."""
    points = row[:, 0:8].reshape(-1, 4, 2)
    twice = np.zeros(len(row), np.float32)
    for i in range(4):
        p, q = points[:, i], points[:, (i + 1) % 4]
        twice = twice + (p[:, 0] * q[:, 1] - q[:, 0] * p[:, 1])
    sign = np.where(twice < 0, np.float32(-1.0), _ONE)
    inside = np.full(len(of), np.float32(-1e9))
    nearest = np.full(len(of), np.float32(1e18))
    rounded = bool(row[:, 8].any())
    for i in range(4):
        p, q = points[:, i], points[:, (i + 1) % 4]
        dx, dy = q[:, 0] - p[:, 0], q[:, 1] - p[:, 1]
        length = np.sqrt(dx * dx + dy * dy)
        if not (length > 1e-5).any():
            continue
        there = length > 1e-5
        safe = np.where(there, length, _ONE)
        nx, ny = sign * dy / safe, -sign * dx / safe
        nx, ny = np.where(there, nx, np.float32(0)), np.where(there, ny, np.float32(0))
        # a vanished side of a triangle never is the nearest half-plane
        off = np.where(there, nx * p[:, 0] + ny * p[:, 1], np.float32(1e9))
        side = fx * nx[of] + (ny * fy - off)[of]
        np.maximum(inside, side, out=inside)
        if rounded:
            ex = fx - p[:, 0][of]
            ey = fy - p[:, 1]
            t = ex * (dx / (safe * safe))[of] + (ey * dy / (safe * safe))[of]
            np.clip(t, 0.0, 1.0, out=t)
            ex -= t * dx[of]
            wy = ey[of] - t * dy[of]
            np.minimum(nearest, ex * ex + wy * wy, out=nearest)
    if not rounded:
        return inside
    outside = np.sqrt(nearest)
    return np.where(inside > 0, outside, inside) - row[:, 8][of]


def _arc(row: Floats, fx: Floats, fy: Floats, of: Ints) -> Floats:
    cx, cy, radius, half = (row[:, i] for i in range(4))
    ex = fx - cx[of]
    ey = fy - cy
    return np.abs(np.sqrt(ex * ex + (ey * ey)[of]) - radius[of]) - half[of]


def _star(row: Floats, fx: Floats, fy: Floats, of: Ints) -> Floats:
    """Fold the plane into one of ten mirrored wedges, then one edge is left."""
    cx, cy, radius, inner, ux, uy = (row[:, i] for i in range(6))
    ex = fx - cx[of]
    ey = (fy - cy)[of]
    up = ex * ux[of] + ey * uy[of]
    side = np.abs(ex * -uy[of] + ey * ux[of])
    k1 = (np.float32(0.809016994), np.float32(-0.587785252))
    k2 = (np.float32(-0.809016994), np.float32(-0.587785252))
    for kx, ky in (k1, k2):
        dot = np.float32(2.0) * np.maximum(kx * side + ky * up, np.float32(0.0))
        side -= dot * kx
        up -= dot * ky
    side = np.abs(side)
    # edge from the point (0, R) to the notch at 36 degrees
    bx = np.float32(0.587785252) * inner * radius
    by = np.float32(0.809016994) * inner * radius - radius
    length = np.sqrt(bx * bx + by * by)
    return side * (-by / length)[of] + (up - radius[of]) * (bx / length)[of]


_DISTANCES = {ROUND: _round, OVAL: _oval, POLY: _poly, ARC: _arc, STAR: _star}


def _wave(u: Floats) -> Floats:
    """Triangle wave of period 1 from 0 (at whole numbers) to 1 (half way)."""
    t = u - np.floor(u)
    return _ONE - np.abs(t + t - _ONE)


def _pattern(kind: int, row: Floats, fx: Floats, fy: Floats, of: Ints) -> Floats:
    """Share of the second colour at each pixel, 0 to 1."""
    u = (row[:, 22] + row[:, 24] * fy)[of] + row[:, 23][of] * fx
    duty, sharp = row[:, 28][of], row[:, 29][of]
    if kind == STRIPES:
        out = (_wave(u) - (_ONE - duty)) * (sharp * _HALF)
    else:
        v = (row[:, 25] + row[:, 27] * fy)[of] + row[:, 26][of] * fx
        if kind == DOTS:
            line = np.floor(v)
            shift = line - np.float32(2.0) * np.floor(line * _HALF)
            u = u + shift * _HALF
            du = u - np.floor(u) - _HALF
            dv = v - line - _HALF
            out = (duty - np.sqrt(du * du + dv * dv)) * sharp
        elif kind == CHECKS:
            a = np.clip((_wave(u) - _HALF) * (sharp * _HALF) + _HALF, 0.0, 1.0)
            b = np.clip((_wave(v) - _HALF) * (sharp * _HALF) + _HALF, 0.0, 1.0)
            return a + b - np.float32(2.0) * a * b
        else:
            assert kind == BLOTCHES
            w = _wave(u * np.float32(0.61) + v * np.float32(0.37))
            out = (_wave(u) + _wave(v) + w - (np.float32(3.0) - duty)) * (sharp * _HALF)
    out += _HALF
    return np.clip(out, 0.0, 1.0)
