"""Panels of Check and Train your own: known answers, and the curves of a recipe. HTML as in `panels`."""

from __future__ import annotations

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
    figure,
    frame,
    number,
    on_sheet,
    percent,
    sheet_of,
    take,
)
from .results import CheckResult, CheckRow, TrainResult

SCORES = Path(__file__).parent / "weights" / "scores.json"
_STAGES = {"sums": "Error on pictures of sums"}


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
            "The evaluation of this model has not been stored yet. Run python app.py eval conceptor."
        )
    return frame(
        "<p>The world’s planted words have recipes: what was drawn for each, and how often. So the words that "
        "Conceptor finds are right or wrong, and can be counted, beside simpler ways on the same model.</p>"
        "<p>The text tower was first taught what a sum of words in one place means, on pictures whose parts are "
        "not those of a planted word. That makes the task easier; one row says how much.</p>",
        "".join(check_row(_row_of(score)) for score in scores),
        "<p><small>Bar: ours, with its 95 % interval. Ring: the best simpler way on the same words. "
        "Red line: chance. Run it again: <code>python app.py eval conceptor</code>.</small></p>",
    )


def _row_of(score: Mapping[str, Any]) -> CheckRow:
    """A stored score as a row; those in per cent become shares."""
    scale = 0.01 if score.get("unit") == "%" else 1.0

    def value(name: str) -> float | None:
        found = score.get(name)
        return None if found is None else scale * float(found)

    ends = score.get("interval")
    return CheckRow(
        name=str(score.get("name", "")),
        question="",
        value=value("value") or 0.0,
        unit="share" if scale != 1 else str(score.get("unit", "")),
        better=str(score.get("better", "higher")),
        n=int(score.get("n") or 1),
        interval=(scale * ends[0], scale * ends[1]) if ends else None,
        baseline=value("baseline"),
        baseline_name=str(score.get("baseline_name") or ""),
        chance=value("chance"),
    )


def value_words(value: float, unit: str) -> str:
    """A measured value with its unit."""
    if unit == "share":
        return percent(value)
    digits = 1 if abs(value) >= 10 else 3 if abs(value) >= 0.001 or value == 0 else 6
    return f"{number(value, digits)}{'' if unit in ('', 'correlation') else ' ' + unit}"


def check_row(row: CheckRow) -> str:
    """One question with its answer, drawn where it is a share."""
    drawn = ""
    if row.passed is not None:
        shown = f"<b>{RIGHT + ' holds' if row.passed else WRONG + ' fails'}</b>"
        small = [value_words(row.value, row.unit)] if row.value else []
    else:
        shown = f"<b>{text(value_words(row.value, row.unit))}</b>"
        drawn = _share_bar(row) if row.unit == "share" else ""
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
        f'<div class="co-score"><div><b>{text(row.name)}</b>{about}</div>{drawn or "<span></span>"}'
        f"<div>{shown}<small>{text(' · '.join(small))}</small></div></div>"
    )


def _share_bar(row: CheckRow) -> str:
    width, height = 300.0, 26.0

    def at(share: float) -> float:
        return charts.along(min(max(share, 0.0), 1.0), 0, 1, 4, width - 4)

    body = f'<rect class="co-ground" x="4" y="9" width="{width - 8:g}" height="8" rx="4"/>'
    body += f'<rect class="co-ours" x="4" y="9" width="{charts.n(at(row.value) - 4)}" height="8" rx="4"/>'
    if row.interval is not None:
        low, high = row.interval
        body += charts.straight(at(low), 13, at(high), 13, "co-interval")
    if row.chance is not None:
        body += charts.straight(at(row.chance), 4, at(row.chance), 22, "co-chance")
    if row.baseline is not None:
        body += f'<circle class="co-ring" cx="{charts.n(at(row.baseline))}" cy="13" r="6"/>'
    return charts.svg(width, height, f"{row.name}: {value_words(row.value, row.unit)}", body)


def check_panel(result: CheckResult, link: Link, stored: str = "") -> str:
    """Known answers, measured now, with the words and the pictures to look at."""
    return frame(
        f"<div>{''.join(check_row(row) for row in result.rows)}</div>",
        _cases(result, link),
        f"<p><small>Measured now in {result.seconds:.0f} s. Few words say little: read the intervals. "
        f"Weights {text(result.weights)}.</small></p>",
        stored=stored,
    )


def _cases(result: CheckResult, link: Link) -> str:
    if not result.cases:
        return ""
    sheet = sheet_of(result.sheet, link) if result.sheet is not None and link(result.sheet.file) else None  # fmt: skip
    made = ""
    for k, case in enumerate(result.cases):
        held = [p.word for p in case.truth.parts if p.rank]
        missed = [p.word for p in case.truth.parts if not p.rank]
        said = f"found {', '.join(held) or 'nothing'}"
        said += f"; missed {', '.join(missed)}" if missed else ""
        rows = ""
        if sheet is not None:
            for row, name in ((2 * k, "the concept"), (2 * k + 1, "its words")):
                tiles = "".join(
                    pictures.tile(sheet, c, row, f"{case.concept}, {name}")
                    for c in range(sheet.columns)
                )
                rows += f'<small>{name}</small><div class="co-tiles" style="--n:{sheet.columns}">{tiles}</div>'
        words = ", ".join(f"{e.word} {percent(e.share)}" for e in case.elements[:6])
        made += figure(f"<div>{rows}</div>", f"{case.concept}: {words}", said)
    body = f"<h3>The words, failures too</h3>{made}"
    return on_sheet(sheet, body, "co-cases") if sheet is not None else f"<div>{body}</div>"


# --- Train ----------------------------------------------------------------------------------------


def training_start() -> str:
    """What stands at the right of Train before anything was trained."""
    return empty(
        "A curve, and the same sums drawn before and after, will stand here. The smoke preset shows in seconds that "
        "everything works; a tower that reads sums takes half an hour on a CPU, and can be stopped and resumed."
    )


def training_curves(points: Sequence[TrainPoint]) -> str:
    """The error on sums over the steps of the recipe."""
    stages = list(dict.fromkeys(point.stage for point in points))
    if not stages:
        return empty("Training has begun.")
    drawn = ""
    for stage in stages:
        line = [(float(p.step), p.loss) for p in points if p.stage == stage]
        said = f"error {number(line[-1][1], 4)} after {line[-1][0]:.0f} steps"
        first = line[0][0]
        chart = charts.curve([[(step - first, loss) for step, loss in line]], said)
        drawn += f"<div><h3>{text(_STAGES.get(stage, stage))}</h3>{chart}<p><small>{text(said)}.</small></p></div>"
    return frame(f'<div class="co-two">{drawn}</div>')


def train_panel(result: TrainResult, link: Link, stored: str = "") -> str:
    """A text tower of the visitor's own: its curve, sums before and after, files."""
    samples = ""
    if result.sheet is not None and link(result.sheet.file):
        sheet = sheet_of(result.sheet, link)
        tiles = "".join(
            figure(
                pictures.tile(sheet, k, 0, f"{caption}, before")
                + pictures.tile(sheet, k, 1, f"{caption}, after"),
                caption,
            )
            for k, caption in enumerate(result.captions)
        )
        said = "Equal weights, equal noise: the shared model above, the tower taught here below."
        samples = f"<div><h3>Sums, before and after</h3><p>{said}</p>{on_sheet(sheet, tiles, 'co-row')}</div>"
    return frame(
        f'<p class="co-say">{result.steps} steps of the <b>{text(result.preset)}</b> preset in '
        f"{result.seconds / 60:.1f} minutes.</p>",
        samples,
        training_curves(result.points) if result.points else "",
        take([("The text tower", f"{result.preset}.zip", link("model.zip"))]),
        stored=stored,
    )
