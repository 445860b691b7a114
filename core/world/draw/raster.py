"""From a sketch to pixels: anti-aliased coverage of signed distances, over a whole batch.

All pictures are drawn together: the shapes with the same place in the drawing order and the same
formula are evaluated in one go, over the pixels that they can touch only. Every operation on pixels
is an exactly rounded one (+ - * / sqrt floor min max), so that neither the batch a picture is drawn
in nor the width of the processor's vectors changes a byte.

Legend: n shapes, r rows of pixels, p pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.world.draw.distances import DISTANCES, Floats, Ints, pattern_share, sides
from core.world.draw.sketch import ARC, BOX, FRAME, HEAD, OVAL, POLY, ROUND, STAR, WIDTH, Sketch

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
    columns = np.ascontiguousarray(rows.T)
    planes = canvas.reshape(canvas.shape[0], -1)
    cuts = np.flatnonzero(np.diff(key)) + 1
    starts = [0, *cuts.tolist()]
    ends = [*cuts.tolist(), len(key)]
    for start, end in zip(starts, ends, strict=True):
        _, _, shape, clipped, pattern = heads[start].tolist()
        _draw(
            columns[:, start:end],
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
    unit = {OVAL: (4, 5), BOX: (4, 5), STAR: (3, 4, 5)}
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
    for shape in range(6):
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
        elif shape == BOX:
            a, b, c, s, r = (p[:, i] for i in (2, 3, 4, 5, 6))
            c, s = np.abs(c), np.abs(s)
            half = np.stack([a * c + b * s + r, a * s + b * c + r], 1)
            low, high = p[:, :2] - half, p[:, :2] + half
        elif shape == ARC:
            low, high = p[:, :2] - (p[:, 2:3] + p[:, 3:4]), p[:, :2] + (p[:, 2:3] + p[:, 3:4])
        else:
            low, high = p[:, :2] - p[:, 2:3], p[:, :2] + p[:, 2:3]
        margin = _HALF * np.maximum(p[:, 12:13], _ONE)
        box[mine, :2] = np.floor(low - margin)
        box[mine, 2:] = np.ceil(high + margin)
    return np.clip(box, 0, size).astype(np.int64)


def _draw(
    columns: Floats,
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
    of = np.arange(len(bounds)).repeat(heights)  # (r,) which shape
    y = np.arange(len(of)) - (heights.cumsum() - heights - y0).repeat(heights)
    row = columns[: WIDTH if pattern else 22].take(of, axis=1)  # (22 or 33, r)
    fy = y.astype(np.float32) + _HALF
    low, high = x0.take(of), x1.take(of)
    low, high = _narrowed(shape, clipped, row, fy, low, high)
    widths = np.maximum(high - low, 0)
    ends = widths.cumsum()
    total = int(ends[-1])
    if not total:
        return
    before = ends - widths
    steps = np.arange(total)
    x = steps - (before - low).repeat(widths)
    index = x + ((pictures.take(of).astype(np.int64) * size + y) * size).repeat(widths)
    fx = x.astype(np.float32)
    fx += _HALF

    distance = DISTANCES[shape](row, fx, fy, widths)
    if clipped:
        edge = row[9].repeat(widths)
        edge *= fx
        edge += (row[10] * fy - row[11]).repeat(widths)
        np.maximum(distance, edge, out=distance)
    # coverage of the pixel: a ramp one pixel wide, wider where the shape is soft
    slope = -_ONE / np.maximum(row[12], _ONE)
    cover = distance * slope.repeat(widths)
    cover += _HALF
    cover.clip(0.0, 1.0, out=cover)
    alpha = row[13]
    if (alpha != _ONE).any():
        cover *= alpha.repeat(widths)
    if not colours:
        plane = planes[0]
        here = plane.take(index)
        plane[index] = cover + here * (_ONE - cover)
        return

    shade = row[18].repeat(widths)
    shade *= fx
    shade += (row[17] + row[19] * fy).repeat(widths)
    rim = row[20]
    if rim.any():
        distance *= (_ONE / (row[21] * np.float32(_EDGE_WIDTH))).repeat(widths)
        distance += _ONE
        distance.clip(0.0, 1.0, out=distance)
        distance *= (-rim).repeat(widths)
        distance += _ONE
        shade *= distance
    below = _ONE - cover
    second = pattern_share(pattern, row, fx, fy, widths) if pattern else None
    for channel in range(3):
        colour = row[14 + channel].repeat(widths)
        if second is not None:
            colour += second * (row[30 + channel].repeat(widths) - colour)
        colour *= shade
        plane = planes[channel]
        here = plane.take(index)
        colour *= cover  # where cover is 1 nothing of what lies below is left, not even an ulp
        here *= below
        colour += here
        plane[index] = colour


def _narrowed(
    shape: int, clipped: bool, row: Floats, fy: Floats, low: Ints, high: Ints
) -> tuple[Ints, Ints]:
    """Per row, the pixels that a shape can touch: its box without the empty ends."""
    margin = np.maximum(row[12], _ONE) * _HALF + np.float32(0.6)
    left = np.full(len(fy), np.float32(-1e6))
    right = np.full(len(fy), np.float32(1e6))
    planes: list[tuple[Floats, Floats]] = []  # nx and the bound of nx * x
    if shape == ROUND:
        ax, ay, ra, bx, by, rb = row[:6]
        dx, dy = bx - ax, by - ay
        length = np.sqrt(dx * dx + dy * dy)
        # the band around the axis; a ball has no axis
        reach = np.where(length > 1e-3, (np.maximum(ra, rb) + margin) * length, np.float32(1e9))
        across = (fy - ay) * dx + ax * dy
        planes = [(dy, across + reach), (-dy, reach - across)]
    elif shape == POLY:
        for nx, ny, off in sides(row):
            planes.append((nx, off + row[8] + margin - ny * fy))
    elif shape == OVAL:
        cx, cy, rx, ry, c, s = row[:6]
        a2, b2 = (rx + margin) ** 2, (ry + margin) ** 2
        ey = fy - cy
        a = c * c / a2 + s * s / b2
        b = c * s * (_ONE / a2 - _ONE / b2) * ey
        root = b * b - a * (ey * ey * (s * s / a2 + c * c / b2) - _ONE)
        root = np.sqrt(np.maximum(root, np.float32(0.0))) / a
        middle = cx - b / a
        left, right = middle - root - _ONE, middle + root + _ONE
    elif shape == BOX:
        cx, cy, hx, hy, c, s, r = row[:7]
        ey = fy - cy
        hx, hy = hx + r + margin, hy + r + margin
        planes = [
            (c, hx - s * ey + c * cx),
            (-c, hx + s * ey - c * cx),
            (-s, hy - c * ey - s * cx),
            (s, hy + c * ey + s * cx),
        ]
    if clipped:
        planes.append((row[9], row[11] + margin - row[10] * fy))
    for nx, bound in planes:
        flat = np.abs(nx) < 1e-4
        edge = bound / np.where(flat, _ONE, nx)
        right = np.where(~flat & (nx > 0), np.minimum(right, edge), right)
        left = np.where(~flat & (nx < 0), np.maximum(left, edge), left)
    np.maximum(left, np.float32(-1e6), out=left)
    np.minimum(right, np.float32(1e6), out=right)
    low = np.maximum(low, np.floor(left).astype(np.int64))
    high = np.minimum(high, np.ceil(right).astype(np.int64))
    return low, high
