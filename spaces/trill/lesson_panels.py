"""Panels of what a visitor teaches: the lesson, the head, a classified clip, own clips. HTML."""

from __future__ import annotations

from collections.abc import Sequence

from . import charts
from .charts import text
from .panels import Link, empty, facts, frame, percent
from .results import ClassifyResult, PersonaliseResult, TeachResult


def teach_panel(result: TeachResult, link: Link, stored: str = "") -> str:
    """A head, and how far to trust it."""
    total = len(result.clips)
    right = sum(clip.truth == clip.answer for clip in result.clips)
    low, high = result.interval
    say = (
        f"Asked about clips it had not heard, the head is right on <b>{right} of {total}</b> "
        f"({percent(result.accuracy)}; 95 % interval {percent(low)} to {percent(high)})."
    )
    if result.interval[0] <= result.chance:
        say += f" That may still be luck: always saying one class gives {percent(result.chance)}."
    wrong = [
        f"<li><span></span><span>{text(clip.name)}<br><small>is "
        f"{text(result.classes[clip.truth])}, taken for {text(result.classes[clip.answer])}"
        f"</small></span><b>{percent(clip.probability)}</b></li>"
        for clip in result.clips
        if clip.truth != clip.answer
    ]
    files = "".join(
        f'<a class="vt-button" href="{text(address)}" download>{label}</a>'
        for label, address in (
            ("Download head (JSON)", link("head.json")),
            ("Download head (safetensors)", link("head.safetensors")),
        )
        if address
    )
    notes = "".join(f"<p><small>{text(note)}</small></p>" for note in result.notes)
    chance = charts.score_row(
        result.accuracy,
        marks=[("chance", result.chance)],
        interval=result.interval,
        low=0,
        high=1,
        label=f"Accuracy {percent(result.accuracy)}, always one class {percent(result.chance)}",
    )
    return frame(
        f'<div><p class="tr-say">{say}</p>{chance}{notes}</div>',
        f'<div class="tr-two"><div><h3>What is taken for what</h3>'
        f"{charts.confusion(result.classes, result.confusion)}</div>"
        f"<div><h3>Your clips</h3>{_lesson_map(result)}</div></div>",
        f'<div><h3>Mistakes</h3><ul class="tr-list">{"".join(wrong)}</ul></div>' if wrong else "",
        f'<div class="tr-players">{files}</div>' if files else "",
        "<p>Now put a new clip into “Your clip” and press <b>Classify your clip</b>.</p>",
        stored=stored,
    )


def _lesson_map(result: TeachResult) -> str:
    xs, ys = [c.x for c in result.clips], [c.y for c in result.clips]
    width, height, pad = 400.0, 260.0, 20.0
    sx = (width - 2 * pad) / max(max(xs) - min(xs), 1e-9)
    sy = (height - 2 * pad) / max(max(ys) - min(ys), 1e-9)
    marks = []
    for clip in result.clips:
        x, y = pad + (clip.x - min(xs)) * sx, height - pad - (clip.y - min(ys)) * sy
        colour = charts.SERIES[clip.truth % 6]
        ring = "" if clip.truth == clip.answer else ' stroke="var(--vt-bad)" stroke-width="3"'
        marks.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{colour}"{ring}>'
            f"<title>{text(clip.name)}: {text(result.classes[clip.truth])}</title></circle>"
        )
    label = f"Map of the {len(result.clips)} clips of the lesson, coloured by class"
    return charts.svg(width, height, label, "".join(marks)) + charts.legend(result.classes)


def classify_panel(result: ClassifyResult, link: Link, stored: str = "") -> str:
    """What a head says about one clip."""
    best = max(range(len(result.classes)), key=lambda i: result.probabilities[i])
    say = (
        f"{text(result.heard.name)} sounds like <b>{text(result.classes[best])}</b> "
        f"({percent(result.probabilities[best])})."
    )
    label = "; ".join(
        f"{name} {percent(p)}" for name, p in zip(result.classes, result.probabilities, strict=True)
    )
    moments = charts.series_over_time(
        result.times, result.series, result.classes, result.heard.seconds
    )
    over_time = (
        f"<div><h3>Over time</h3>{moments}{charts.time_axis(result.heard.seconds)}"
        f"{charts.legend(result.classes)}</div>"
    )
    return frame(
        f'<div><p class="tr-say">{say}</p>{facts(result.heard)}</div>',
        charts.share_bars(result.classes, result.probabilities, label),
        over_time if moments else "",
        "<p><small>A head knows only its own classes: a clip of none of them still gets an answer."
        "</small></p>",
        stored=stored,
    )


def personalise_panel(result: PersonaliseResult, link: Link, stored: str = "") -> str:
    """How much a few own clips help."""
    xs = [point.clips for point in result.points]
    lines = [
        ("own clips", [point.personal for point in result.points]),
        ("others' clips", [point.generic for point in result.points]),
        ("both", [point.both for point in result.points]),
    ]
    first, last = result.points[0], result.points[-1]
    say = (
        f"Digits of {text(result.speaker)}: a head that learnt from other speakers is right on "
        f"{percent(last.generic[0])}; one own clip per digit gives {percent(first.personal[0])}, "
        f"{last.clips} give <b>{percent(last.personal[0])}</b>."
    )
    lowest = min(v[1] for _, values in lines for v in values)
    label = f"Accuracy against the number of own clips per digit for {result.speaker}"
    drawn = charts.curve(
        xs, lines, label, "own clips per digit", (max(0.0, min(lowest, 0.9) - 0.05), 1.0)
    )
    return frame(
        f'<p class="tr-say">{say}</p>',
        drawn,
        f"<p><small>{len(result.classes)} digits, {result.num_test} test clips of this speaker, "
        f"{result.resamples} draws of own clips. Bands: middle 80 % of the draws. Classifier: LDA with "
        "shrinkage (nearest centroid for one clip).</small></p>",
        stored=stored,
    )


def board(classes: Sequence[tuple[str, Sequence[str]]]) -> str:
    """The classes of a lesson that is being put together."""
    if not classes:
        return empty(
            "No clips yet. Name a class, then add clips to it. Two classes are enough to start."
        )
    rows = "".join(
        f'<div class="tr-class" style="--c:{charts.SERIES[i % 6]}"><b>{text(name)}</b> '
        f"<small>{len(clips)} clip{'s' if len(clips) != 1 else ''}</small>"
        f'<div class="tr-chips">{"".join(f"<span>{text(clip)}</span>" for clip in clips)}</div></div>'
        for i, (name, clips) in enumerate(classes)
    )
    return f'<div class="tr"><div class="tr-board">{rows}</div></div>'
