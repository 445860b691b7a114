"""Charts of the TRILL page as SVG and HTML texts: pure functions, every text escaped.

Colours are CSS variables of the page, so that one picture serves the light and the dark ground.
Each chart carries its statement as a label for screen readers.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from .results import Dot, Picture

_SVG = (
    '<svg class="tr-svg" viewBox="0 0 {w} {h}" role="img" aria-label="{label}"{extra}>{body}</svg>'
)
SERIES = ("var(--tr-1)", "var(--tr-2)", "var(--tr-3)", "var(--tr-4)", "var(--tr-5)", "var(--tr-6)")


def text(value: object) -> str:
    """Escape a text for HTML, attributes included."""
    return html.escape(str(value), quote=True)


def svg(width: float, height: float, label: str, body: str, extra: str = "") -> str:
    """Wrap shapes in an SVG of this size with a label."""
    return _SVG.format(w=_n(width), h=_n(height), label=text(label), body=body, extra=extra)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _line(x1: float, y1: float, x2: float, y2: float, kind: str = "tr-grid") -> str:
    return f'<line class="{kind}" x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"/>'


def _label(x: float, y: float, words: str, anchor: str = "middle", kind: str = "") -> str:
    return (
        f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{text(words)}</text>'
    )


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two ends, about `count` of them."""
    span = max(high - low, 1e-9)
    raw = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9) * step
    found = []
    while first <= high + 1e-9 * span:
        found.append(round(first, 10))
        first += step
    return found


def waveform(
    peaks: Sequence[float], seconds: float, turns: Sequence[float] = (), height: float = 74
) -> str:
    """Loudness of a clip as mirrored bars, with lines where the voice seems to change.

    Args:
        peaks: loudest |sample| of equal parts, in [0, 1].
        seconds: length of the clip.
        turns: seconds to mark.
        height: of the drawing.
    """
    width, middle = 720.0, height / 2
    step = width / max(len(peaks), 1)
    shape = "".join(
        f"M{_n((i + 0.5) * step)} {_n(middle - max(p, 0.006) * middle)}V"
        f"{_n(middle + max(p, 0.006) * middle)}"
        for i, p in enumerate(peaks)
    )
    marks = "".join(
        _line(t / max(seconds, 1e-9) * width, 0, t / max(seconds, 1e-9) * width, height, "tr-turn")
        for t in turns
    )
    body = f'<path class="tr-wave" d="{shape}" stroke-width="{_n(max(1.0, step * 0.62))}"/>{marks}'
    words = f"Loudness over {seconds:.1f} seconds"
    if turns:
        words += "; the voice seems to change at " + ", ".join(f"{t:.1f} s" for t in turns)
    return svg(width, height, words, body, ' preserveAspectRatio="none"')


def picture(image: Picture, label: str, kind: str = "") -> str:
    """A matrix as a picture with crisp edges."""
    return (
        f'<img class="tr-matrix {kind}" src="data:image/png;base64,{text(image.png)}" '
        f'width="{image.columns}" height="{image.rows}" alt="{text(label)}">'
    )


def time_axis(seconds: float) -> str:
    """A row of seconds under a picture that spans the clip."""
    marks = "".join(
        f'<span style="left:{100 * t / max(seconds, 1e-9):.2f}%">{t:g}</span>'
        for t in ticks(0, seconds, 8)
        if t <= seconds * 0.84
    )
    return f'<div class="tr-axis" aria-hidden="true">{marks}<b>seconds</b></div>'


def scatter(
    background: Sequence[tuple[Dot, str, str]],
    path: Sequence[Dot],
    label: str,
    mark: tuple[float, float] | None = None,
) -> str:
    """A map: other clips as dots that can be played, the visitor's own as a line through time.

    Args:
        background: dot, style attribute, title of each other clip.
        path: the visitor's patches, in time order.
        label: what the picture says.
        mark: the visitor's mean, drawn large.
    """
    width, height, pad = 480.0, 400.0, 26.0
    every = [(d.x, d.y) for d, _, _ in background] + [(d.x, d.y) for d in path]
    xs, ys = [x for x, _ in every], [y for _, y in every]
    scale_x = (width - 2 * pad) / max(max(xs) - min(xs), 1e-9)
    scale_y = (height - 2 * pad) / max(max(ys) - min(ys), 1e-9)

    def place(x: float, y: float) -> tuple[float, float]:
        return pad + (x - min(xs)) * scale_x, height - pad - (y - min(ys)) * scale_y

    shapes = []
    for dot, style, title in background:
        x, y = place(dot.x, dot.y)
        shapes.append(
            f'<circle class="tr-dot" cx="{_n(x)}" cy="{_n(y)}" r="7" style="{text(style)}" '
            f'data-play="{text(dot.example)}" tabindex="0" role="button" '
            f'aria-label="Play {text(title)}"><title>{text(title)}</title></circle>'
        )
    if len(path) > 1:
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in (place(d.x, d.y) for d in path))
        shapes.append(f'<polyline class="tr-path" points="{points}"/>')
    for dot in path:
        x, y = place(dot.x, dot.y)
        shapes.append(
            f'<circle class="tr-own" cx="{_n(x)}" cy="{_n(y)}" r="3">'
            f"<title>yours at {text(dot.label)}</title></circle>"
        )
    if mark is not None:
        x, y = place(*mark)
        shapes.append(
            f'<circle class="tr-me" cx="{_n(x)}" cy="{_n(y)}" r="9"><title>your clip</title></circle>'
        )
    return svg(width, height, label, "".join(shapes)).replace('role="img"', 'role="group"', 1)


def histograms(
    low: float,
    high: float,
    same: Sequence[float],
    different: Sequence[float],
    value: float,
    label: str,
) -> str:
    """Two histograms of cosines, one above the other's ground, with a marker at `value`."""
    width, height, ground, top = 640.0, 190.0, 158.0, 26.0
    low, high = min(low, value), max(high, value)
    most = max(*same, *different, 1e-9)
    step = width / len(same)

    def area(shares: Sequence[float], kind: str) -> str:
        points = [f"M0 {_n(ground)}"]
        for i, share in enumerate(shares):
            y = ground - share / most * (ground - top)
            points.append(f"L{_n(i * step)} {_n(y)}L{_n((i + 1) * step)} {_n(y)}")
        return f'<path class="{kind}" d="{"".join(points)}L{_n(width)} {_n(ground)}Z"/>'

    x = (value - low) / max(high - low, 1e-9) * width
    anchor = "start" if x < width * 0.15 else "end" if x > width * 0.85 else "middle"
    body = area(different, "tr-different") + area(same, "tr-same")
    body += _line(0, ground, width, ground, "tr-ground")
    body += _line(x, 12, x, ground, "tr-marker") + _label(
        x, 10, f"yours {value:.2f}", anchor, "tr-strong"
    )
    for tick in ticks(low, high, 6):
        at = (tick - low) / max(high - low, 1e-9) * width
        side = "start" if at < 8 else "end" if at > width - 8 else "middle"
        body += _label(at, ground + 18, f"{tick:g}", side)
    return svg(width, height, label, body)


def distance_bars(
    rows: Sequence[tuple[str, str, float, bool]],
    reference: tuple[float, float, float],
    label: str,
) -> str:
    """Bars of distances with a band for another voice behind them.

    Args:
        rows: group, label, value, whether it is the visitor's own.
        reference: 5 %, median and 95 % of the distances to other voices.
        label: what the picture says.
    """
    row, left, width, top = 24.0, 196.0, 640.0, 30.0
    most = 1.06 * max(reference[2], max(value for _, _, value, _ in rows))
    scale = (width - left - 54) / max(most, 1e-9)
    height = top + row * len(rows) + 8
    low, middle, high = (left + scale * v for v in reference)
    body = (
        f'<rect class="tr-band" x="{_n(low)}" y="{_n(top - 6)}" width="{_n(high - low)}" '
        f'height="{_n(height - top)}"/>' + _line(middle, top - 6, middle, height - 6, "tr-other")
    )
    body += _label(min(middle, width - 60), 14, "another voice", "middle", "tr-strong")
    last = ""
    for index, (group, name, value, own) in enumerate(rows):
        y = top + row * index
        if group != last and index:
            body += _line(0, y - 1, width, y - 1)
        if group != last:
            body += _label(0, y + 16, group, "start", "tr-strong")
        last = group
        kind = "tr-bar tr-bar-own" if own else "tr-bar"
        body += _label(left - 8, y + 16, name, "end")
        body += (
            f'<rect class="{kind}" x="{_n(left)}" y="{_n(y + 5)}" '
            f'width="{_n(max(1.5, scale * value))}" height="14" rx="2"/>'
        )
        body += _label(left + scale * value + 6, y + 16, f"{value:.2f}", "start", "tr-value")
    return svg(width, height, label, body)


def confusion(classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """A confusion matrix: rows are what the clips are, columns what the head says."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in classes)
    rows = []
    for index, (name, row) in enumerate(zip(classes, matrix, strict=True)):
        total = max(1, sum(row))
        cells = "".join(
            f'<td class="{"tr-right" if index == other else "tr-wrong"}" '
            f'style="--share:{100 * count / total:.0f}%">{count}</td>'
            for other, count in enumerate(row)
        )
        rows.append(f'<tr><th scope="row">{text(name)}</th>{cells}</tr>')
    return (
        '<div class="tr-scroll" tabindex="0"><table class="tr-confusion"><caption>Rows: what a clip is. Columns: '
        "what a head that never heard it says.</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def share_bars(names: Sequence[str], shares: Sequence[float], label: str) -> str:
    """Horizontal bars of probabilities, largest first."""
    order = sorted(range(len(names)), key=lambda i: -shares[i])
    rows = "".join(
        f'<div class="tr-share"><span>{text(names[i])}</span>'
        f'<i style="--w:{100 * shares[i]:.1f}%;--c:{SERIES[i % len(SERIES)]}"></i>'
        f"<b>{100 * shares[i]:.0f} %</b></div>"
        for i in order
    )
    return f'<div class="tr-shares" role="img" aria-label="{text(label)}">{rows}</div>'


def series_over_time(
    times: Sequence[float], series: Sequence[Sequence[float]], names: Sequence[str], seconds: float
) -> str:
    """Probabilities over time as stacked areas, one colour per class."""
    width, height = 720.0, 120.0
    if len(times) < 2:
        return ""
    xs = [t / max(seconds, 1e-9) * width for t in times]
    below = [0.0] * len(times)
    body = ""
    for k, name in enumerate(names):
        above = [b + row[k] for b, row in zip(below, series, strict=True)]
        upper = " ".join(f"{_n(x)},{_n(height * (1 - a))}" for x, a in zip(xs, above, strict=True))
        lower = " ".join(
            f"{_n(x)},{_n(height * (1 - b))}"
            for x, b in zip(reversed(xs), reversed(below), strict=True)
        )
        body += (
            f'<polygon points="{upper} {lower}" fill="{SERIES[k % len(SERIES)]}" fill-opacity=".8">'
            f"<title>{text(name)}</title></polygon>"
        )
        below = above
    label = "Probability of each class over time: " + ", ".join(names)
    return svg(width, height, label, body, ' preserveAspectRatio="none"')


def legend(names: Sequence[str], colours: Sequence[str] = SERIES) -> str:
    """Names beside their colours."""
    items = "".join(
        f'<li style="--c:{text(colours[i % len(colours)])}">{text(name)}</li>'
        for i, name in enumerate(names)
    )
    return f'<ul class="tr-legend">{items}</ul>'


def curve(
    xs: Sequence[float],
    lines: Sequence[tuple[str, Sequence[tuple[float, float, float]]]],
    label: str,
    x_title: str,
    y_range: tuple[float, float],
) -> str:
    """Lines with bands: each line is a name and (middle, low, high) per x."""
    width, height, left, ground, top, right = 640.0, 270.0, 46.0, 226.0, 12.0, 96.0
    span_x = max(xs) - min(xs) or 1.0
    low, high = y_range

    def at(x: float, y: float) -> tuple[float, float]:
        across = left + (x - min(xs)) / span_x * (width - left - right)
        return across, ground - (y - low) / max(high - low, 1e-9) * (ground - top)

    body = ""
    for tick in ticks(low, high, 5):
        y = at(min(xs), tick)[1]
        body += _line(left, y, width - right, y) + _label(
            left - 8, y + 4, f"{100 * tick:.0f} %", "end"
        )
    for x in xs:
        body += _label(at(x, low)[0], ground + 18, f"{x:g}")
    body += _label((left + width - right) / 2, ground + 38, x_title)
    ends: list[float] = []
    for index, (name, values) in enumerate(lines):
        colour = SERIES[index % len(SERIES)]
        upper = [at(x, v[2]) for x, v in zip(xs, values, strict=True)]
        lower = [at(x, v[1]) for x, v in zip(xs, values, strict=True)]
        middle = [at(x, v[0]) for x, v in zip(xs, values, strict=True)]
        band = " ".join(f"{_n(x)},{_n(y)}" for x, y in upper + lower[::-1])
        body += f'<polygon points="{band}" fill="{colour}" fill-opacity=".14"/>'
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in middle)
        dash = ("", "7 5", "2 4")[index % 3]
        body += (
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5" '
            f'stroke-dasharray="{dash}"/>'
        )
        body += "".join(
            f'<circle cx="{_n(x)}" cy="{_n(y)}" r="3.5" fill="{colour}"/>' for x, y in middle
        )
        y = middle[-1][1] + 4
        while any(abs(y - other) < 15 for other in ends):
            y += 15
        ends.append(y)
        body += f'<text class="tr-strong" x="{_n(width - right + 10)}" y="{_n(y)}" style="fill:{colour}">{text(name)}</text>'
    return svg(width, height, label, body)


def score_row(
    value: float,
    *,
    marks: Sequence[tuple[str, float]],
    interval: tuple[float, float] | None,
    low: float,
    high: float,
    label: str,
) -> str:
    """One score as a dot with its interval on a line, with other numbers as ticks.

    Args:
        value: ours.
        marks: kind ("baseline", "chance", ...) and value of the others.
        interval: 95 % of ours.
        low: value at the left end.
        high: value at the right end.
        label: what the picture says.
    """
    width, middle = 420.0, 16.0

    def at(v: float) -> float:
        return 10 + (min(max(v, low), high) - low) / max(high - low, 1e-9) * (width - 20)

    body = _line(10, middle, width - 10, middle, "tr-ground")
    for kind, mark in marks:
        x = at(mark)
        if kind == "chance":
            body += _line(x, middle - 9, x, middle + 9, "tr-chance")
        else:
            body += (
                f'<path class="tr-rival tr-rival-{text(kind)}" '
                f'd="M{_n(x)} {_n(middle - 6)}l6 6-6 6-6-6z"/>'
            )
    if interval is not None:
        body += _line(at(interval[0]), middle, at(interval[1]), middle, "tr-interval")
    body += f'<circle class="tr-ours" cx="{_n(at(value))}" cy="{_n(middle)}" r="7"/>'
    return svg(width, 32, label, body)


def triangle(positive: float, negative: float, margin: float, label: str) -> str:
    """Anchor in the middle, positive and negative at their distances, the margin as a ring."""
    size = 300.0
    middle = size / 2
    reach = max(positive + margin, negative, 0.2) * 1.12
    scale = (middle - 22) / math.sqrt(reach)

    def radius(squared: float) -> float:
        return math.sqrt(max(squared, 0.0)) * scale

    x1, y1 = middle - radius(positive) * 0.8, middle - radius(positive) * 0.6
    x2, y2 = middle + radius(negative) * 0.86, middle - radius(negative) * 0.51
    ring = radius(positive + margin)
    body = (
        f'<circle class="tr-margin" cx="{middle}" cy="{middle}" r="{_n(ring)}"/>'
        f'<circle class="tr-inner" cx="{middle}" cy="{middle}" r="{_n(radius(positive))}"/>'
        + _line(middle, middle, x1, y1, "tr-near")
        + _line(middle, middle, x2, y2, "tr-far")
        + f'<circle class="tr-anchor" cx="{middle}" cy="{middle}" r="8"/>'
        f'<circle class="tr-positive" cx="{_n(x1)}" cy="{_n(y1)}" r="8"/>'
        f'<circle class="tr-negative" cx="{_n(x2)}" cy="{_n(y2)}" r="8"/>'
        + _label(middle, middle + 24, "anchor")
        + _label(x1, y1 - 13, "positive")
        + _label(min(x2, size - 34), y2 - 13, "negative")
    )
    return svg(size, size, label, body)


def training(points: Sequence[tuple[float, float]], name: str, label: str) -> str:
    """One quantity over the steps of a training run.

    Args:
        points: step and value.
        name: of the quantity, written at the left top.
        label: what the picture says.
    """
    width, height, left, ground, top = 320.0, 170.0, 44.0, 140.0, 24.0
    steps, values = [p[0] for p in points], [p[1] for p in points]
    low, high = min(0.0, *values), max(*values, 1e-6) * 1.05
    first, last = 0.0, max(*steps, 1.0)

    def at(step: float, value: float) -> tuple[float, float]:
        across = left + (step - first) / max(last - first, 1e-9) * (width - left - 8)
        return across, ground - (value - low) / max(high - low, 1e-9) * (ground - top)

    body = _label(left, 14, name, "start", "tr-strong")
    for tick in ticks(low, high, 3):
        y = at(first, tick)[1]
        body += _line(left, y, width - 8, y) + _label(left - 6, y + 4, f"{tick:g}", "end")
    for tick in ticks(first, last, 4):
        body += _label(at(tick, low)[0], ground + 18, f"{tick:g}")
    drawn = " ".join(f"{_n(x)},{_n(y)}" for x, y in (at(*p) for p in points))
    body += f'<polyline points="{drawn}" fill="none" stroke="var(--vt-accent)" stroke-width="2.5"/>'
    x, y = at(*points[-1])
    body += f'<circle cx="{_n(x)}" cy="{_n(y)}" r="4" fill="var(--vt-accent)"/>'
    return svg(width, height, label, body)
