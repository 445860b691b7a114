"""Signed distances and patterns, over the pixels of many shapes at once.

Legend: r rows of pixels, p pixels. `row` holds the shapes' numbers per row of pixels, (22 or 33,
r); `fx` is the pixels' x, (p,); `fy` the rows' y, (r,); `n` the pixels per row, (r,). Distances
are in pixels, negative inside. All operations are exactly rounded, so equal inputs give equal
bits in any batch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.world.draw.sketch import (
    ARC,
    BLOTCHES,
    BOX,
    CHECKS,
    DOTS,
    OVAL,
    POLY,
    ROUND,
    STAR,
    STRIPES,
)

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_ONE = np.float32(1.0)
_HALF = np.float32(0.5)


def _round(row: Floats, fx: Floats, fy: Floats, n: Ints) -> Floats:
    ax, ay, ra, bx, by, rb = row[:6]
    dx, dy = bx - ax, by - ay
    ey = fy - ay
    ex = fx - ax.repeat(n)
    if not (dx.any() or dy.any() or (ra != rb).any()):  # balls
        ex *= ex
        ex += (ey * ey).repeat(n)
        np.sqrt(ex, out=ex)
        ex -= ra.repeat(n)
        return ex
    length = np.maximum(dx * dx + dy * dy, np.float32(1e-6))
    t = (dx / length).repeat(n)
    t *= ex
    t += (ey * dy / length).repeat(n)
    t.clip(0.0, 1.0, out=t)
    ex -= t * dx.repeat(n)
    wy = ey.repeat(n)
    wy -= t * dy.repeat(n)
    ex *= ex
    wy *= wy
    ex += wy
    np.sqrt(ex, out=ex)
    ex -= ra.repeat(n)
    t *= (rb - ra).repeat(n)
    ex -= t
    return ex


def _oval(row: Floats, fx: Floats, fy: Floats, n: Ints) -> Floats:
    cx, cy, rx, ry, c, s = row[:6]
    ey = fy - cy
    u = fx * (c / rx).repeat(n)
    u += ((ey * s - cx * c) / rx).repeat(n)
    v = fx * (-s / ry).repeat(n)
    v += ((ey * c + cx * s) / ry).repeat(n)
    u *= u
    v *= v
    k0 = np.sqrt(u + v)
    u *= (_ONE / (rx * rx)).repeat(n)
    v *= (_ONE / (ry * ry)).repeat(n)
    u += v
    np.sqrt(u, out=u)
    np.maximum(u, np.float32(1e-6), out=u)
    v = k0 - _ONE
    v *= k0
    v /= u
    return v


def sides(row: Floats) -> list[tuple[Floats, Floats, Floats]]:
    """Outward normals and offsets of a polygon's four sides; a vanished side is far away."""
    points = [(row[2 * i], row[2 * i + 1]) for i in range(4)]
    twice = np.zeros(row.shape[1], np.float32)
    for i in range(4):
        (px, py), (qx, qy) = points[i], points[(i + 1) % 4]
        twice = twice + (px * qy - qx * py)
    sign = np.where(twice < 0, -_ONE, _ONE)
    out = []
    for i in range(4):
        (px, py), (qx, qy) = points[i], points[(i + 1) % 4]
        dx, dy = qx - px, qy - py
        length = np.sqrt(dx * dx + dy * dy)
        there = length > 1e-5
        k = np.where(there, sign / np.where(there, length, _ONE), np.float32(0.0))
        nx, ny = k * dy, -k * dx
        out.append((nx, ny, np.where(there, nx * px + ny * py, np.float32(1e6))))
    return out


def _poly(row: Floats, fx: Floats, fy: Floats, n: Ints) -> Floats:
    """Exact outside a convex outline, so that rounding gives round corners."""
    inside = np.full(len(fx), np.float32(-1e9))
    for nx, ny, off in sides(row):
        side = nx.repeat(n)
        side *= fx
        side += (ny * fy - off).repeat(n)
        np.maximum(inside, side, out=inside)
    grown = row[8]
    if not (grown > 1.0).any():  # under a pixel, mitred corners look the same
        inside -= grown.repeat(n)
        return inside
    nearest = np.full(len(fx), np.float32(1e18))
    for i in range(4):
        px, py = row[2 * i], row[2 * i + 1]
        j = (i + 1) % 4
        dx, dy = row[2 * j] - px, row[2 * j + 1] - py
        square = np.maximum(dx * dx + dy * dy, np.float32(1e-6))
        ex = fx - px.repeat(n)
        ey = fy - py
        t = ex * (dx / square).repeat(n)
        t += (ey * dy / square).repeat(n)
        t.clip(0.0, 1.0, out=t)
        ex -= t * dx.repeat(n)
        wy = ey.repeat(n)
        wy -= t * dy.repeat(n)
        np.minimum(nearest, ex * ex + wy * wy, out=nearest)
    outside = np.where((grown > 1.0).repeat(n), np.sqrt(nearest), inside)
    return np.where(inside > 0, outside, inside) - grown.repeat(n)


def _box(row: Floats, fx: Floats, fy: Floats, n: Ints) -> Floats:
    cx, cy, hx, hy, c, s, r = row[:7]
    ey = fy - cy
    u = fx * c.repeat(n)
    u += (ey * s - cx * c).repeat(n)
    np.abs(u, out=u)
    u -= hx.repeat(n)
    v = fx * (-s).repeat(n)
    v += (ey * c + cx * s).repeat(n)
    np.abs(v, out=v)
    v -= hy.repeat(n)
    inside = np.maximum(u, v)
    np.minimum(inside, np.float32(0.0), out=inside)
    np.maximum(u, np.float32(0.0), out=u)
    np.maximum(v, np.float32(0.0), out=v)
    u *= u
    v *= v
    u += v
    inside += np.sqrt(u)
    inside -= r.repeat(n)
    return inside


def _arc(row: Floats, fx: Floats, fy: Floats, n: Ints) -> Floats:
    cx, cy, radius, half = row[:4]
    ex = fx - cx.repeat(n)
    ey = fy - cy
    ex *= ex
    ex += (ey * ey).repeat(n)
    np.sqrt(ex, out=ex)
    ex -= radius.repeat(n)
    np.abs(ex, out=ex)
    ex -= half.repeat(n)
    return ex


def _star(row: Floats, fx: Floats, fy: Floats, n: Ints) -> Floats:
    """Fold the plane into one of ten mirrored wedges, then one edge is left."""
    cx, cy, radius, inner, ux, uy = row[:6]
    ex = fx - cx.repeat(n)
    ey = fy - cy
    up = ex * ux.repeat(n) + (ey * uy).repeat(n)
    side = np.abs((ey * ux).repeat(n) - ex * uy.repeat(n))
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
    return side * (-by / length).repeat(n) + (up - radius.repeat(n)) * (bx / length).repeat(n)


DISTANCES = {ROUND: _round, OVAL: _oval, POLY: _poly, ARC: _arc, STAR: _star, BOX: _box}
"""Distance functions by shape."""


def _wave(u: Floats) -> Floats:
    """Triangle wave of period 1 from 0 (at whole numbers) to 1 (half way)."""
    t = u - np.floor(u)
    return _ONE - np.abs(t + t - _ONE)


def pattern_share(kind: int, row: Floats, fx: Floats, fy: Floats, n: Ints) -> Floats:
    """Share of the second colour at each pixel, 0 to 1."""
    u = fx * row[23].repeat(n) + (row[22] + row[24] * fy).repeat(n)
    duty, sharp = row[28].repeat(n), row[29].repeat(n)
    if kind == STRIPES:
        out = (_wave(u) - (_ONE - duty)) * (sharp * _HALF)
    else:
        v = fx * row[26].repeat(n) + (row[25] + row[27] * fy).repeat(n)
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
