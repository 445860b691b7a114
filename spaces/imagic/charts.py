"""Charts of the Imagic page as SVG texts: pure functions, every text escaped.

Colours are CSS variables of the page, so that one picture serves the light and the dark ground.
Each chart carries its statement as a label for screen readers. A chart inside a strip follows the
dial: its marker stands at `--x`, which is in the units of the drawing.
"""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 640.0  # units of a chart that spans its column
NARROW = 440.0  # units of a chart that shares its row
_LEFT, _RIGHT = 52.0, 14.0  # room for the labels of the axis, and at the other end
_PUBLISHED = (0.6, 0.8)  # the range of eta in which the paper sees edits appear, section 4.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve.

    Attributes:
        points: (x, y) pairs from left to right.
        kind: a class of `page.css`, which gives colour and width.
    """

    points: Sequence[tuple[float, float]]
    kind: str = "im-one"


def text(value: object) -> str:
    """Escape a text for HTML, attributes included."""
    return html.escape(str(value), quote=True)


def n(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def svg(width: float, height: float, label: str, body: str, kind: str = "im-svg") -> str:
    """Wrap shapes in a drawing of this size with a label."""
    return (
        f'<svg class="{kind}" viewBox="0 0 {n(width)} {n(height)}" role="img" '
        f'aria-label="{text(label)}">{body}</svg>'
    )


def straight(x1: float, y1: float, x2: float, y2: float, kind: str = "im-grid") -> str:
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
    first = math.ceil(low / step - 1e-9) * step
    found = []
    while first <= high + 1e-9 * span:
        found.append(round(first, 10) + 0.0)
        first += step
    return found


def room(values: Sequence[float], least: float = 1e-6) -> tuple[float, float]:
    """Ends of an axis with some air around finite values; equal values get some height too."""
    finite = [v for v in values if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    air = max(0.08 * (high - low), least, 0.02 * abs(high))
    return low - air, high + air


def along(value: float, low: float, high: float, start: float, end: float) -> float:
    """Where a value lies between two ends of a drawing."""
    return start + (value - low) / max(high - low, 1e-12) * (end - start)


def eta_x(eta: float, etas: Sequence[float]) -> float:
    """Where an eta lies in the charts below a strip, in units of the drawing."""
    low, high = min(etas), max(etas)
    if high - low < 1e-9:
        return (_LEFT + NARROW - _RIGHT) / 2
    return along(eta, low, high, _LEFT + 10, NARROW - _RIGHT - 10)


def _polyline(points: Sequence[tuple[float, float]], kind: str) -> str:
    joined = " ".join(f"{n(x)},{n(y)}" for x, y in points)
    return f'<polyline class="{kind}" points="{joined}"/>'


def _panel(
    top: float,
    height: float,
    title: str,
    lines: Sequence[tuple[Sequence[float], str]],
    etas: Sequence[float],
    kind: str,
) -> str:
    """One measure over eta: a scale of its own, thin lines per seed, a thick one for their mean."""
    low, high = room([v for line, _ in lines for v in line], 0.01)
    bottom = top + height
    body = words(_LEFT, top - 8, title, "start", "im-strong")
    for tick in ticks(low, high, 3):
        y = along(tick, low, high, bottom, top)
        body += straight(_LEFT, y, NARROW - _RIGHT, y) + words(_LEFT - 8, y + 4, f"{tick:g}", "end")
    for line, weight in lines:
        points = [
            (eta_x(eta, etas), along(value, low, high, bottom, top))
            for eta, value in zip(etas, line, strict=True)
            if math.isfinite(value)
        ]
        body += _polyline(points, f"im-line {kind} {weight}")
        if weight == "im-mean":
            body += "".join(
                f'<circle class="im-dot {kind}" cx="{n(x)}" cy="{n(y)}" r="4"/>' for x, y in points
            )
    return body


def sweep(
    etas: Sequence[float],
    measures: Sequence[tuple[str, Sequence[Sequence[float]]]],
    suggested: float | None,
    label: str,
) -> str:
    """Measures over eta under each other, with the published range, the suggestion and the dial.

    Args:
        etas: the columns of the strip, rising.
        measures: title and values (seeds, etas) of each panel, at most three.
        suggested: the eta that the rule suggests, or None.
        label: what the chart says.
    """
    height, gap, top = 86.0, 44.0, 30.0
    total = top + len(measures) * (height + gap) - 10
    low, high = min(etas), max(etas)
    body = ""
    start, end = max(low, _PUBLISHED[0]), min(high, _PUBLISHED[1])
    if start < end:
        x1, x2 = eta_x(start, etas), eta_x(end, etas)
        body += f'<rect class="im-band" x="{n(x1)}" y="{n(top - 6)}" width="{n(x2 - x1)}" height="{n(total - top - 30)}"/>'
    for k, (title, rows) in enumerate(measures):
        mean = [_mean([row[i] for row in rows]) for i in range(len(etas))]
        lines = [(row, "im-thin") for row in rows] if len(rows) > 1 else []
        body += _panel(
            top + k * (height + gap), height, title, [*lines, (mean, "im-mean")], etas, f"im-c{k}"
        )
    foot = total - 32
    if suggested is not None:
        x = eta_x(suggested, etas)
        body += straight(x, top - 6, x, foot, "im-suggested")
        body += words(x, foot + 30, "★ suggested", kind="im-strong")
    shown: list[float] = []
    for eta in etas:
        x = eta_x(eta, etas)
        if not shown or x - shown[-1] >= 26:
            shown.append(x)
            body += words(x, foot + 15, f"{eta:g}")
    body += words(_LEFT - 8, foot + 15, "η", "end")
    body += f'<line class="im-here" x1="0" y1="{n(top - 6)}" x2="0" y2="{n(foot)}"/>'
    return svg(NARROW, total + 4, label, body)


def _mean(values: Sequence[float]) -> float:
    finite = [v for v in values if math.isfinite(v)]
    return sum(finite) / len(finite) if finite else math.nan


def losses(
    stages: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    references: Sequence[tuple[str, float]],
    label: str,
) -> str:
    """Loss on the fixed bank over the steps of the stages, which stand behind each other.

    Args:
        stages: name and (step, loss) points of each stage; steps start at 0 in each.
        references: name and height of each dashed line.
        label: what the chart says.
    """
    height, top = 240.0, 26.0
    bottom = top + height
    lengths = [max((x for x, _ in points), default=0.0) for _, points in stages]
    whole = max(sum(lengths), 1.0)
    values = [y for _, points in stages for _, y in points] + [v for _, v in references]
    low, high = room(values)
    right = WIDTH - 128.0
    body = ""
    for tick in ticks(low, high):
        y = along(tick, low, high, bottom, top)
        body += straight(_LEFT, y, right, y) + words(_LEFT - 8, y + 4, f"{tick:g}", "end")
    marks = spread([along(v, low, high, bottom, top) for _, v in references], 17.0)
    for k, ((name, value), mark) in enumerate(zip(references, marks, strict=True)):
        y = along(value, low, high, bottom, top)
        body += straight(_LEFT, y, right, y, f"im-reference im-r{k}")
        body += straight(right, y, right + 10, mark, f"im-reference im-r{k}")
        body += words(right + 14, mark + 4, name, "start", "im-value")
    done = 0.0
    for k, ((name, points), length) in enumerate(zip(stages, lengths, strict=True)):
        x1 = along(done, 0, whole, _LEFT, right)
        x2 = along(done + length, 0, whole, _LEFT, right)
        if done:
            body += straight(x1, top - 10, x1, bottom, "im-edge")
        if x2 - x1 > 60:
            body += words((x1 + x2) / 2, top - 10, name, kind="im-strong")
        placed = [
            (along(done + x, 0, whole, _LEFT, right), along(y, low, high, bottom, top))
            for x, y in points
            if math.isfinite(y)
        ]
        body += _polyline(placed, f"im-line im-c{k} im-mean")
        if x2 - x1 > 40:
            body += words(x2, bottom + 18, f"{length:g}", "end")
        done += length
    body += words(_LEFT, bottom + 18, "0", "start") + words(
        (_LEFT + right) / 2, bottom + 36, "steps of each stage"
    )
    return svg(WIDTH, bottom + 44, label, body)


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


def eta_line(etas: Sequence[float], suggested: float | None, label: str) -> str:
    """The straight line through the two embeddings, with a dot for each picture of the strip.

    Args:
        etas: where pictures were made.
        suggested: the eta with the star, or None.
        label: what the drawing says.
    """
    width, y = WIDTH, 62.0
    low, high = min(0.0, *etas), max(1.0, *etas)

    def at(eta: float) -> float:
        return along(eta, low, high, 84, width - 84)

    body = straight(at(low), y, at(high), y, "im-beyond") + straight(
        at(0), y, at(1), y, "im-between"
    )
    for eta in etas:
        star = suggested is not None and abs(eta - suggested) < 1e-9
        body += (
            f'<circle class="im-dot im-c0" cx="{n(at(eta))}" cy="{n(y)}" r="{7 if star else 4}"/>'
        )
        if star:
            body += words(at(eta), y + 26, f"★ η {eta:g}", kind="im-strong")
    for eta, name, what in (
        (0.0, "e_opt", "gives the input back"),
        (1.0, "e_tgt", "says the text"),
    ):
        body += f'<circle class="im-end" cx="{n(at(eta))}" cy="{n(y)}" r="9"/>'
        body += words(at(eta), y - 34, name, kind="im-strong") + words(at(eta), y - 17, what)
    return svg(width, 104, label, body)
