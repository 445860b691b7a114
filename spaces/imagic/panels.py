"""A strip of edits as the HTML that the page shows: one sentence, the pictures, then the numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from core.settings import size_words
from core.ui import pictures
from core.ui.pictures import Cell, Under

from . import charts
from .charts import text
from .config import TYPICAL
from .results import Baseline, ImagineResult, Seen, Sheet, StripResult, TruthCell

Link = Callable[[str], str]  # name of one of the result's files to its address, or ""
_CRISP = 160  # pixels; smaller pictures are enlarged with sharp edges
RIGHT, WRONG = "✓", "✗"


def frame(*parts: str, stored: str = "") -> str:
    """Put parts under each other; `stored` says where a result that is not fresh comes from."""
    mark = f'<div><span class="im-stored">{text(stored)}</span></div>' if stored else ""
    return f'<div class="im">{mark}{"".join(part for part in parts if part)}</div>'


def empty(words: str) -> str:
    """A place where a result will stand."""
    return frame(f'<div class="im-empty">{text(words)}</div>')


def number(value: float, digits: int = 2) -> str:
    """A number for a sentence, with a true minus sign; a dash where there is none."""
    return f"{value:.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def percent(share: float) -> str:
    """A share in words; the ends are not rounded to certainty."""
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{100 * share:.0f} %"


def eta_words(eta: float) -> str:
    """An eta as the dial shows it."""
    return f"η {eta:g}".replace("-", "−")


def sheet_of(sheet: Sheet, link: Link) -> pictures.Sheet:
    """A sheet of the result at its address."""
    return pictures.Sheet(
        url=link(sheet.file), columns=sheet.columns, rows=sheet.rows, crisp=sheet.tile <= _CRISP
    )


def first_look(result: StripResult) -> tuple[int, int]:
    """The seed row and eta column on which the dial opens: the suggestion, else about 0.7."""
    column = result.suggestion.column
    if column is None:
        middle = sum(TYPICAL) / 2
        column = min(range(len(result.etas)), key=lambda c: abs(result.etas[c] - middle))
    return 0, column


def strip_panel(result: StripResult, link: Link, stored: str = "") -> str:
    """A strip with everything that is known about it."""
    row, column = first_look(result)
    sheet = sheet_of(result.strip, link)
    unders = _unders(result, link)
    over = pictures.tile(sheet, label=_label(result, row, column), follows=True)
    at = eta_words(result.etas[column])
    stage = (
        f'<div class="im-stage">{pictures.wipe(unders, over, at)}'
        f"{pictures.under_choice(unders, 'im-under', 'Left')}</div>"
    )
    steer = (
        '<div class="im-steer">'
        f'<p class="im-say">{_headline(result)}</p>'
        f"{pictures.dial(len(result.etas), column, at, 'η: how far to go from the input to the text')}"
        f'<p class="im-now" data-strip="say" aria-live="polite">{text(_say(result, row, column))}</p>'
        f"{_facts(result)}</div>"
    )
    body = (
        f'<div class="im-first">{stage}{steer}</div>'
        + _cells(sheet, result, row, column)
        + f'<div class="im-two"><div><h3>What η does</h3>{_sweep(result)}</div>'
        + f"{_beside(result, link)}</div>"
    )
    x = charts.eta_x(result.etas[column], result.etas)
    return frame(
        pictures.strip(sheet, body, column=column, row=row, x=x),
        _take(result, link),
        _details(result),
        stored=stored,
    )


def _unders(result: StripResult, link: Link) -> list[Under]:
    found = [Under(name="input", url=link("input.png"), label=f"Input: {result.seen.name}")]
    if result.truth is not None:
        found.append(
            Under(
                name="true answer",
                url=link("answer.png"),
                label=f"True answer: {result.truth.asked}",
            )
        )
    found.append(
        Under(
            name="autoencoder",
            url=link("reconstruction.png"),
            label="What the autoencoder alone gives back",
        )
    )
    return [under for under in found if under.url]


def _headline(result: StripResult) -> str:
    asked = f"“{text(result.target)}”"
    column = result.suggestion.column
    if column is None:
        said = f"No η stands out for {asked}."
    else:
        said = f"For {asked}, look at <b>{eta_words(result.etas[column])}</b> first."
    if result.truth is not None:
        said += f" {_truth_words(result)}"
    return said


def _truth_words(result: StripResult) -> str:
    assert result.truth is not None, "asked for only with a truth"
    cells = [cell for line in result.truth.cells for cell in line]
    right = sum(cell.right for cell in cells)
    said = f"{right} of {len(cells)} pictures show what was asked"
    if result.truth.best is not None:
        r, c = result.truth.best
        kept = result.truth.cells[r][c].kept
        said += f"; of these, {eta_words(result.etas[c])} keeps most of the rest ({percent(kept)})"
    return said + "."


def _say(result: StripResult, row: int, column: int) -> str:
    """What is known of one picture of the strip."""
    scores = result.scores
    words = []
    if result.truth is not None:
        words.append(_judged(result.truth.cells[row][column]))
    words += [
        f"fit to the text {number(scores.text[row][column])}",
        f"likeness to the input {number(scores.similarity[row][column])}",
    ]
    return " · ".join(words)


def _judged(cell: TruthCell) -> str:
    mark = f"{_mark(cell.right)} {'as' if cell.right else 'not as'} asked"
    found = f", reads “{cell.found}”" if cell.found else ""
    said = f"{mark}{found}, {percent(cell.kept)} of the rest kept"
    if cell.background is not None:
        said += f", error outside {number(cell.background, 3)}"
    return said


def _label(result: StripResult, row: int, column: int) -> str:
    return (
        f"Edit at {eta_words(result.etas[column])}, seed {result.seeds[row]}: "
        f"{_say(result, row, column)}"
    )


def _cells(sheet: pictures.Sheet, result: StripResult, row: int, column: int) -> str:
    stars = set(enumerate(result.suggestion.rows))
    grid = [
        [
            Cell(
                value=eta_words(eta),
                label=_label(result, r, c),
                say=_say(result, r, c),
                x=charts.eta_x(eta, result.etas),
                mark=(r, c) in stars,
            )
            for c, eta in enumerate(result.etas)
        ]
        for r in range(len(result.seeds))
    ]
    low, high = TYPICAL
    return pictures.cells(
        sheet,
        grid,
        [f"{eta:g}".replace("-", "−") for eta in result.etas],
        [f"seed {seed}" for seed in result.seeds],
        column=column,
        row=row,
        label="All pictures: one column for each η, one row for each seed",
        corner="η",
        band=[low - 1e-9 <= eta <= high + 1e-9 for eta in result.etas],
    )


def _facts(result: StripResult) -> str:
    """How the strip came about, in small print."""
    lines = [result.suggestion.reason]
    if not result.known:
        lines.append(
            "Fast re-target: what was learnt for another text is used again, so this is an "
            "approximation. Edit from the start for the method itself."
        )
    if result.ended_early:
        lines.append(
            f"Ended early by you ({', '.join(result.ended_early)}): the best so far was kept."
        )
    lines += result.seen.notes
    lines += result.notes
    if not result.untouched:
        lines.append("The shared model is not what it was before. Please report this.")
    shown = "".join(f"<li>{text(line)}</li>" for line in lines if line)
    return f'<ul class="im-facts">{shown}</ul>' if shown else ""


def _sweep(result: StripResult) -> str:
    measures: list[tuple[str, Sequence[Sequence[float]]]] = [
        ("fit to the text", result.scores.text),
        ("likeness to the input", result.scores.similarity),
    ]
    if result.truth is not None:
        kept = [[cell.kept for cell in line] for line in result.truth.cells]
        measures.append(("share of unasked things kept", kept))
    column = result.suggestion.column
    suggested = None if column is None else result.etas[column]
    label = "; ".join(
        f"{name} from {number(_mean(rows, 0))} at η {result.etas[0]:g} to "
        f"{number(_mean(rows, -1))} at η {result.etas[-1]:g}"
        for name, rows in measures
    )
    many = "Thin lines are single seeds. " if len(result.seeds) > 1 else ""
    return (
        charts.sweep(result.etas, measures, suggested, label)
        + f"<p><small>Look where the first line rises while the others still hold. {many}Shaded: "
        f"{TYPICAL[0]:g} to {TYPICAL[1]:g}, where the paper saw edits appear. Measured by "
        f"{text(result.scores.measured_by)}; such scores are too rough to trust for one picture, so "
        "they only suggest.</small></p>"
    )


def _mean(rows: Sequence[Sequence[float]], column: int) -> float:
    return _average([row[column] for row in rows])


def _average(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def _beside(result: StripResult, link: Link) -> str:
    """Input, answer and the simpler ways, from the seed that the dial stands on."""
    figures = [_figure(pictures.plate(link("input.png"), "Input"), "input", "")]
    if result.truth is not None:
        answer = pictures.plate(link("answer.png"), f"True answer: {result.truth.asked}")
        figures.append(_figure(answer, "true answer", "this scene with only that changed"))
    made = "".join(figures)
    if result.baseline_sheet is not None:
        sheet = sheet_of(result.baseline_sheet, link)
        ways = "".join(_way(sheet, k, way) for k, way in enumerate(result.baselines))
        made += (
            f'<div class="im-ways" style="{pictures.sheet_style(sheet)}">'
            f"{pictures.sheet_rule(sheet)}{ways}</div>"
        )
    said = (
        "<p><small>The simpler ways have the same text and the untouched model. Their pictures follow "
        f"the seed on which the dial stands{_over_seeds(result)}.</small></p>"
        if result.baselines
        else ""
    )
    title = "Beside simpler ways" if result.baselines else "Beside the answer"
    crisp = " data-crisp" if result.strip.tile <= _CRISP else ""
    return f'<div{crisp}><h3>{title}</h3><div class="im-beside">{made}</div>{said}</div>'


def _way(sheet: pictures.Sheet, column: int, way: Baseline) -> str:
    tile = pictures.tile(sheet, column, label=way.name)
    words = []
    if way.cells:
        right = [cell.right for cell in way.cells]
        mark = f"{sum(right)} of {len(right)} {RIGHT}" if len(right) > 1 else _mark(right[0])
        words.append(f"{mark} {percent(_average([cell.kept for cell in way.cells]))} kept")
    if way.text:
        words.append(f"fit {number(_average(way.text))}")
    if way.similarity:
        words.append(f"like {number(_average(way.similarity))}")
    return _figure(tile, way.name, " · ".join(words), way.about)


def _over_seeds(result: StripResult) -> str:
    many = len(result.seeds)
    return f"; their numbers are means over all {many} seeds" if many > 1 else ""


def _mark(right: bool) -> str:
    return RIGHT if right else WRONG


def _figure(picture: str, name: str, numbers: str, about: str = "") -> str:
    title = f' title="{text(about)}"' if about else ""
    small = f"<br><small>{text(numbers)}</small>" if numbers else ""
    return f"<figure{title}>{picture}<figcaption>{text(name)}{small}</figcaption></figure>"


def _take(result: StripResult, link: Link) -> str:
    """Links to the files, and buttons that make a film of a row."""
    kit = link(result.kit)
    if not link(result.strip.file).startswith(("artifact/", "example/")):
        return ""
    size = f" ({size_words(result.kit_bytes)})" if result.kit_bytes else ""
    links = [
        f'<a class="vt-button" href="{text(address)}" download="{text(name)}">{words}</a>'
        for words, name, address in (
            ("Strip as PNG", "strip.png", link(result.strip.file)),
            (f"Edit kit{size}", result.kit, kit),
        )
        if address
    ]
    films = [
        f'<button type="button" class="vt-button" data-film="{kind}" '
        f'data-strip-file="{text(link(result.strip.file))}">{kind.upper()}</button>'
        for kind in ("gif", "mp4")
    ]
    return (
        f'<div class="im-take"><span>Take it with you</span>{"".join(links + films)}'
        '<span class="im-made" role="status"></span></div>'
    )


def _details(result: StripResult) -> str:
    rows = "".join(
        f'<tr><th scope="row">{text(stage.name)}</th><td>{stage.seconds:.1f} s</td>'
        f"<td>{_steps(stage.steps, stage.steps_asked)}</td>"
        f"<td>{size_words(stage.peak_bytes) if stage.peak_bytes else '–'}</td></tr>"
        for stage in result.stages
    )
    psnr = ""
    if result.reconstruction_psnr is not None:
        psnr = (
            f"<p>The autoencoder alone gives the input back with {result.reconstruction_psnr:.1f} dB; "
            "no edit can keep more than that.</p>"
        )
    same = (
        f"the same before and after ({text(result.base_after[:12])})"
        if result.untouched
        else f"{text(result.base_before[:12])} before, {text(result.base_after[:12])} after"
    )
    return (
        "<details><summary>Time, memory and what was left untouched</summary>"
        '<div class="im-scroll" tabindex="0"><table class="im-table"><thead><tr><th scope="col">stage</th>'
        '<th scope="col">time</th><th scope="col">steps</th><th scope="col">peak memory</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        f"<p>Learning took {result.learning_seconds:.0f} s, now or when the kit was made. Hash of the "
        f"shared model: {same}. Weights {text(result.weights)}.</p>{psnr}</details>"
    )


def _steps(made: int, asked: int) -> str:
    if not asked and not made:
        return "–"
    return f"{made}" if made >= asked else f"{made} of {asked}"


def seen_words(seen: Seen) -> str:
    """One small line about an input: name, format, size."""
    if seen.format == "scene":
        return seen.caption or seen.name
    return f"{seen.name}, {seen.format}, {seen.width} × {seen.height}"


def imagine_panel(result: ImagineResult, link: Link, stored: str = "") -> str:
    """Plain text to image: a row of pictures with what is read in each."""
    sheet = sheet_of(result.sheet, link)
    figures = []
    for k, seed in enumerate(result.seeds):
        found = result.found[k] if k < len(result.found) else ""
        score = f"fit {number(result.scores[k])}" if k < len(result.scores) else ""
        words = " · ".join(word for word in (found, score) if word)
        label = f"Picture of {result.text}, seed {seed}"
        figures.append(_figure(pictures.tile(sheet, k, 0, label), f"seed {seed}", words))
    crisp = " data-crisp" if sheet.crisp else ""
    notes = "".join(f"<li>{text(note)}</li>" for note in result.notes)
    return frame(
        f'<p class="im-say">“{text(result.text)}”, as the model pictures it.</p>',
        f'<div class="im-row" style="{pictures.sheet_style(sheet)}"{crisp}>{pictures.sheet_rule(sheet)}'
        f"{''.join(figures)}</div>",
        f'<ul class="im-facts">{notes}</ul>' if notes else "",
        "<p><small>This knows nothing of your picture. An edit starts from one. "
        f"{result.seconds:.1f} s. Weights {text(result.weights)}.</small></p>",
        stored=stored,
    )
