"""Panels of Check and Train your own: known answers, and the curves of a recipe. HTML as in `panels`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.ui import pictures
from core.world.diffusion.training_job import TrainPoint

from . import charts
from .charts import text
from .panels import (
    RIGHT,
    WRONG,
    Link,
    empty,
    frame,
    number,
    percent,
    sheet_of,
)
from .results import CheckResult, CheckRow, TrainResult

SCORES = Path(__file__).parent / "weights" / "scores.json"
PLOT = SCORES.with_name("trade_off.svg")  # drawn by `core.methods.imagic.plot`


def read_scores() -> list[dict[str, Any]]:
    """The stored scores of the evaluation, or nothing before it was ever run."""
    if not SCORES.exists():
        return []
    data = json.loads(SCORES.read_text("utf-8"))
    return data if isinstance(data, list) else list(data.get("scores", []))


def scores_panel() -> str:
    """The stored evaluation: one bar per question beside its baseline and chance."""
    scores = read_scores()
    if not scores:
        return empty(
            "The evaluation of this model has not been stored yet. Run python app.py eval imagic."
        )
    model = "".join(_score(score) for score in scores if _of_model(score))
    return frame(
        "<p>Every scene has a true answer: the same scene with only that changed which the text asks for. "
        "So an edit is right or wrong, and what it kept can be counted.</p>",
        _plot(),
        "".join(_score(score) for score in scores if not _of_model(score)),
        f"<details><summary>How well the model itself draws what a caption says</summary>{model}</details>"
        if model
        else "",
        "<p><small>Bar: ours, with its 95 % interval. Ring: the best simpler way on the same cases. "
        "Red line: chance. Run it again: <code>python app.py eval imagic</code>.</small></p>",
    )


def _plot() -> str:
    """Success against identity for every way of editing, where the evaluation has drawn it."""
    if not PLOT.exists():
        return ""
    data = base64.b64encode(PLOT.read_bytes()).decode()
    said = "How often each way of editing is right, against what it changes that nobody asked for"
    return f'<img class="im-plot" src="data:image/svg+xml;base64,{data}" alt="{said}">'


def _of_model(score: Mapping[str, Any]) -> bool:
    return str(score.get("name", "")).startswith("text to image: ")


def _score(score: Mapping[str, Any]) -> str:
    whole = 100.0 if score.get("unit") == "%" else 1.0  # shares are drawn as bars

    def part(value: float | None) -> float | None:
        return None if value is None else value / whole

    interval = score.get("interval")
    row = CheckRow(
        name=str(score.get("name", "")),
        question="",
        value=float(score.get("value", 0.0)) / whole,
        unit="share" if whole > 1 else str(score.get("unit", "share")),
        better=str(score.get("better", "higher")),
        n=int(score.get("n", 1)),
        interval=(interval[0] / whole, interval[1] / whole) if interval else None,
        baseline=part(score.get("baseline")),
        baseline_name=str(score.get("baseline_name") or ""),
        chance=part(score.get("chance")),
    )
    return check_row(row)


def value_words(value: float, unit: str) -> str:
    """A measured value with its unit."""
    if unit in ("share", "accuracy"):
        return percent(value)
    digits = 3 if abs(value) < 1 else 1
    return f"{number(value, digits)}{'' if unit in ('', 'correlation') else ' ' + unit}"


def check_row(row: CheckRow) -> str:
    """One question with its answer, drawn where it is a share."""
    if row.passed is not None:
        shown = f"<b>{RIGHT + ' holds' if row.passed else WRONG + ' fails'}</b>"
        drawn = ""
    else:
        shown = f"<b>{text(value_words(row.value, row.unit))}</b>"
        drawn = _share_bar(row) if row.unit in ("share", "accuracy") else ""
    small = [f"n = {row.n}"]
    if row.interval is not None:
        low, high = (value_words(v, row.unit) for v in row.interval)
        small.append(f"{low} to {high}")
    if row.baseline is not None:
        name = row.baseline_name or "baseline"
        small.append(f"{name} {value_words(row.baseline, row.unit)}")
    if row.chance is not None:
        small.append(f"chance {value_words(row.chance, row.unit)}")
    if row.better == "lower" and row.passed is None:
        small.append("lower is better")
    about = f"<small>{text(row.question)}</small>" if row.question else ""
    return (
        f'<div class="im-score"><div><b>{text(row.name)}</b>{about}</div>{drawn or "<span></span>"}'
        f"<div>{shown}<small>{text(' · '.join(small))}</small></div></div>"
    )


def _share_bar(row: CheckRow) -> str:
    width, height = 300.0, 26.0

    def at(share: float) -> float:
        return charts.along(min(max(share, 0.0), 1.0), 0, 1, 4, width - 4)

    body = f'<rect class="im-track" x="4" y="9" width="{width - 8:g}" height="8" rx="4"/>'
    body += f'<rect class="im-ours" x="4" y="9" width="{charts.n(at(row.value) - 4)}" height="8" rx="4"/>'
    if row.interval is not None:
        low, high = row.interval
        body += charts.straight(at(low), 13, at(high), 13, "im-interval")
    if row.chance is not None:
        body += charts.straight(at(row.chance), 4, at(row.chance), 22, "im-chance")
    if row.baseline is not None:
        body += f'<circle class="im-rival" cx="{charts.n(at(row.baseline))}" cy="13" r="6"/>'
    label = f"{row.name}: {value_words(row.value, row.unit)}"
    return charts.svg(width, height, label, body)


def check_panel(result: CheckResult, link: Link, stored: str = "") -> str:
    """Known answers, measured now, with the pictures to look at."""
    cases = ""
    if result.sheet is not None and link(result.sheet.file):
        sheet = sheet_of(result.sheet, link)
        crisp = " data-crisp" if sheet.crisp else ""
        made = pictures.sheet_rule(sheet)
        made += "".join(_case(result, sheet, k) for k in range(len(result.cases)))
        cases = f'<div style="{pictures.sheet_style(sheet)}"{crisp}><h3>The cases, failures too</h3>{made}</div>'
    return frame(
        f"<div>{''.join(check_row(row) for row in result.rows)}</div>",
        cases,
        f"<p><small>Measured now in {result.seconds:.0f} s. Few cases say little: read the intervals. "
        f"Weights {text(result.weights)}.</small></p>",
        stored=stored,
    )


def _case(result: CheckResult, sheet: pictures.Sheet, index: int) -> str:
    case = result.cases[index]
    tiles = ""
    for c, (name, cell) in enumerate(zip(case.pictures, case.cells, strict=True)):
        said = ""
        if cell is not None:
            said = f"<br><small>{RIGHT if cell.right else WRONG} {text(cell.found)}</small>"
        label = f"{name}: {cell.found}" if cell is not None else name
        tiles += f"<figure>{pictures.tile(sheet, c, index, label)}<figcaption>{text(name)}{said}</figcaption></figure>"
    return (
        f"<div class='im-case'><p><b>{text(case.target)}</b> <small>from {text(case.was)}</small></p>"
        f'<div class="im-beside">{tiles}</div></div>'
    )


# --- Train ----------------------------------------------------------------------------------------


def training_start() -> str:
    """What stands at the right of Train before anything was trained."""
    return empty(
        "Curves and samples will stand here. The smoke preset shows in about a minute that everything "
        "works; a useful model takes hours on a CPU, and can be stopped and resumed."
    )


def training_curves(points: Sequence[TrainPoint]) -> str:
    """Loss over the steps of the recipe, one line for each part of the model."""
    stages = list(dict.fromkeys(point.stage for point in points))
    if not stages:
        return empty("Training has begun.")
    drawn = ""
    for k, stage in enumerate(stages):
        line = [(p.step, p.loss) for p in points if p.stage == stage]
        last = line[-1][1]
        first = line[0][0]
        shifted = [(step - first, loss) for step, loss in line]
        label = f"{stage}: loss {number(last, 4)} after {line[-1][0]} steps"
        drawn += (
            f"<div><h3>{text(_STAGES.get(stage, stage))}</h3>"
            f"{charts.losses([(stage, shifted)], [], label)}"
            f"<p><small>{text(label)}.</small></p></div>"
        )
        del k
    return frame(f'<div class="im-two">{drawn}</div>')


_STAGES = {"vae": "The autoencoder", "unet": "The network and its text tower"}


def train_panel(result: TrainResult, link: Link, stored: str = "") -> str:
    """A model of the visitor's own: curves, samples, files."""
    samples = ""
    if result.sheet is not None and link(result.sheet.file):
        sheet = sheet_of(result.sheet, link)
        crisp = " data-crisp" if sheet.crisp else ""
        made = pictures.sheet_rule(sheet) + "".join(
            f"<figure>{pictures.tile(sheet, k, 0, caption)}<figcaption>{text(caption)}</figcaption></figure>"
            for k, caption in enumerate(result.captions)
        )
        samples = (
            f'<div><h3>What it draws</h3><div class="im-row" style="{pictures.sheet_style(sheet)}"{crisp}>'
            f"{made}</div></div>"
        )
    return frame(
        f'<p class="im-say">{result.steps} steps of the <b>{text(result.preset)}</b> preset in '
        f"{result.seconds / 60:.1f} minutes.</p>",
        samples,
        training_curves(result.points) if result.points else "",
        stored=stored,
    )
