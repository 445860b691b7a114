"""Charts of the Conceptor page as SVG texts: pure functions, every text escaped.

Colours are CSS variables of the page, so that one picture serves the light and the dark ground.
Each chart carries its statement as a label for screen readers.
"""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 440.0  # units of a chart; it fills its column
_LEFT, _RIGHT = 56.0, 16.0  # room for the labels of the axis, and at the other end

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One point of a scatter plot.

    Attributes:
        name: what it is.
        x: from -1 to 1.
        y: from 0 to 1.
        low: lower end of its interval.
        high: upper end.
    """

    name: str
    x: float
    y: float
    low: float
    high: float


def text(value: object) -> str:
    """Escape a text for HTML, attributes included."""
    return html.escape(str(value), quote=True)


def n(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def svg(width: float, height: float, label: str, body: str) -> str:
    """Wrap shapes in a drawing of this size with a label."""
    return (
        f'<svg class="co-svg" viewBox="0 0 {n(width)} {n(height)}" role="img" '
        f'aria-label="{text(label)}">{body}</svg>'
    )


def straight(x1: float, y1: float, x2: float, y2: float, kind: str = "co-grid") -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{n(x1)}" y1="{n(y1)}" x2="{n(x2)}" y2="{n(y2)}"/>'


def words(x: float, y: float, said: str, anchor: str = "middle", kind: str = "") -> str:
    """A text at a place."""
    shown = f' class="{kind}"' if kind else ""
    return f'<text{shown} x="{n(x)}" y="{n(y)}" text-anchor="{anchor}">{text(said)}</text>'


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers between two ends, about `count` of them."""
    span = max(high - low, 1e-9)
    raw = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 10) + 0.0 for k in range(first, last + 1)]


def room(values: Sequence[float], least: float = 1e-6) -> tuple[float, float]:
    """Ends of an axis with some air around finite values; equal values get some height too."""
    finite = [v for v in values if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    air = max(0.08 * (high - low), least, 0.02 * abs(high))
    return low - air, high + air


def along(value: float, low: float, high: float, start: float, end: float) -> float:
    """Where a value lies between two ends of a drawing."""
    return start + (value - low) / max(high - low, 1e-12) * (end - start)


def spread(places: Sequence[float], least: float) -> list[float]:
    """Move labels apart until neighbours are `least` apart; their order stays."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    found = list(places)
    for before, after in itertools.pairwise(order):
        found[after] = max(found[after], found[before] + least)
    if found:
        shift = (sum(found) - sum(places)) / len(found)
        found = [y - shift for y in found]
    return found


def curve(
    lines: Sequence[Sequence[Point]],
    label: str,
    *,
    references: Sequence[tuple[str, float]] = (),
    kept: Sequence[Point] = (),
) -> str:
    """One measure over the steps of learning, one line for each repeat.

    Args:
        lines: (step, value) points of each line.
        label: what the chart says.
        references: name and height of each dashed line.
        kept: points that carry a ring.
    """
    height, top = 150.0, 14.0
    bottom = top + height
    values = [y for line in lines for _, y in line] + [v for _, v in references]
    low, high = room(values)
    last = max((x for line in lines for x, _ in line), default=1.0) or 1.0
    right = WIDTH - (110.0 if references else _RIGHT)
    body = ""
    for tick in ticks(low, high, 3):
        y = along(tick, low, high, bottom, top)
        body += straight(_LEFT, y, right, y) + words(_LEFT - 8, y + 4, f"{tick:.4g}", "end")
    places = spread([along(v, low, high, bottom, top) for _, v in references], 17.0)
    for (name, value), place in zip(references, places, strict=True):
        y = along(value, low, high, bottom, top)
        body += straight(_LEFT, y, right, y, "co-reference")
        body += words(right + 6, place + 4, name, "start", "co-value")

    def at(point: Point) -> Point:
        return along(point[0], 0, last, _LEFT, right), along(point[1], low, high, bottom, top)

    for k, line in enumerate(lines):
        placed = [at(p) for p in line if math.isfinite(p[1])]
        joined = " ".join(f"{n(x)},{n(y)}" for x, y in placed)
        body += f'<polyline class="co-line co-c{k % 4}" points="{joined}"/>'
        if len(placed) == 1:
            body += f'<circle class="co-dot co-c{k % 4}" cx="{n(placed[0][0])}" cy="{n(placed[0][1])}" r="4"/>'
    for x, y in map(at, kept):
        body += f'<circle class="co-ring" cx="{n(x)}" cy="{n(y)}" r="6"/>'
    body += words(_LEFT, bottom + 18, "0", "start") + words(right, bottom + 18, f"{last:g}", "end")
    body += words((_LEFT + right) / 2, bottom + 18, "steps")
    return svg(WIDTH, bottom + 26, label, body)


def levels(values: Sequence[tuple[str, float]], label: str) -> str:
    """Losses below each other on one scale, with a dot for each.

    Args:
        values: name and value.
        label: what the chart says.
    """
    low, high = room([v for _, v in values])
    left, right, each = 172.0, WIDTH - 70.0, 27.0
    body = ""
    for k, (name, value) in enumerate(values):
        y, x = 18 + k * each, along(value, low, high, left, right)
        body += straight(left, y, right, y) + straight(left, y, x, y, "co-stem")
        body += f'<circle class="co-dot co-c0" cx="{n(x)}" cy="{n(y)}" r="5.5"/>'
        body += words(left - 10, y + 5, name, "end", "co-value")
        body += words(right + 10, y + 5, f"{value:.4f}", "start")
    return svg(WIDTH, 18 + len(values) * each - 6, label, body)


def scatter(marks: Sequence[Mark], across: str, up: str, label: str) -> str:
    """Points with intervals: -1 to 1 across, 0 to 1 upwards.

    Args:
        marks: the points.
        across: what lies along the horizontal axis.
        up: what lies along the vertical axis.
        label: what the chart says.
    """
    height, top = 270.0, 30.0
    bottom, right = top + height, WIDTH - _RIGHT
    body = words(_LEFT, top - 12, up, "start", "co-value")
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = along(tick, 0, 1, bottom, top)
        body += straight(_LEFT, y, right, y) + words(_LEFT - 8, y + 5, f"{100 * tick:g} %", "end")
    for tick in (-1.0, -0.5, 0.0, 0.5, 1.0):
        x = along(tick, -1, 1, _LEFT + 8, right - 8)
        body += straight(x, top, x, bottom)
        body += words(x, bottom + 18, f"{tick:+g}".replace("-", "−") if tick else "0")
    placed = [
        (
            along(m.x, -1, 1, _LEFT + 8, right - 8),
            *(along(v, 0, 1, bottom, top) for v in (m.y, m.low, m.high)),
        )
        for m in marks
    ]
    for x, _, low, high in placed:
        body += straight(x, low, x, high, "co-interval")
    said: list[Point] = []  # where names stand, so that no two lie on each other
    for mark, (x, y, _, _) in sorted(zip(marks, placed, strict=True), key=lambda pair: pair[1][1]):
        body += f'<circle class="co-dot co-c0" cx="{n(x)}" cy="{n(y)}" r="5.5"/>'
        left_side = x > WIDTH * 0.66
        near = [v for u, v in said if abs(u - x) < 90]
        place = max([y - 7, *(v + 14 for v in near if v + 14 > y - 7)])
        said.append((x, place))
        body += words(x + (-9 if left_side else 9), place, mark.name, "end" if left_side else "start", "co-value")  # fmt: skip
    body += words((_LEFT + right) / 2, bottom + 38, across)
    return svg(WIDTH, bottom + 46, label, body)
