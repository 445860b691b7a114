"""One picture explained: the fewest words that draw it, for every threshold that the log answers."""

from __future__ import annotations

from dataclasses import dataclass

from core.ui import pictures

from .charts import text
from .panels import RIGHT, Link, figure, frame, number, on_sheet, percent, quoted, sheet_of
from .results import ExplainResult
from .rethreshold import Replay, replay

THRESHOLDS = tuple(round(0.80 + 0.01 * k, 2) for k in range(20))

# The slider shows the outcome that its place belongs to; nothing is drawn for that.
THRESHOLD_JS = """
element.addEventListener("input", ({ target }) => {
if (!target.matches("[data-thresholds]")) return;
const at = Number(target.value), block = target.closest(".co-threshold");
block.querySelector("output").textContent = (0.8 + at / 100).toFixed(2);
target.setAttribute("aria-valuetext", block.querySelector("output").textContent);
block.querySelectorAll("[data-from]").forEach((n) => { n.hidden = at < n.dataset.from || at > n.dataset.to; });
});
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring thresholds with one outcome: places in `THRESHOLDS`, both ends included."""

    first: int
    last: int
    outcome: Replay


def spans(result: ExplainResult) -> list[Span]:
    """What each threshold of the slider gives, equal neighbours together."""
    found: list[Span] = []
    for k, threshold in enumerate(THRESHOLDS):
        outcome = replay(result, threshold)
        if found and found[-1].outcome == outcome:
            found[-1] = Span(found[-1].first, k, outcome)
        else:
            found.append(Span(k, k, outcome))
    return found


def explain_panel(result: ExplainResult, link: Link, stored: str = "") -> str:
    """One picture of a concept with the words that it needs."""
    three = sheet_of(result.three, link)
    names = (
        ("the concept’s picture", result.seen and f"the probe sees {result.seen}"),
        (f"all {len(result.words)} words", f"likeness {number(result.likeness)}"),
        (f"the {len(result.survivors)} that are left", f"likeness {number(result.similarity)}"),
    )
    tiles = "".join(
        figure(pictures.tile(three, k, 0, name), name, str(small))
        for k, (name, small) in enumerate(names)
    )
    words = [e.word for e in result.survivors]
    many = "words are" if len(words) > 1 else "word is"
    return frame(
        f'<p class="co-say">{len(words)} {many} enough for picture {result.seed} of “{text(result.concept)}”: '
        f"{quoted(words)}.</p>",
        on_sheet(three, tiles, "co-row co-large"),
        _threshold(result, link),
        _log(result, link),
        f"<p><small>Compared with the {text(result.target)}. A word stays out when the picture without it is at least "
        f"this alike. {result.seconds:.0f} s. Weights {text(result.weights)}.</small></p>",
        stored=stored,
    )


def _threshold(result: ExplainResult, link: Link) -> str:
    at = min(range(len(THRESHOLDS)), key=lambda k: abs(THRESHOLDS[k] - result.threshold))
    blocks = "".join(_span(result, link, span, at) for span in spans(result))
    shown = f"{THRESHOLDS[at]:.2f}"
    return (
        '<div class="co-threshold"><h3>What is left at another threshold</h3><div class="co-slide">'
        f"<output>{shown}</output>"
        f'<input type="range" min="0" max="{len(THRESHOLDS) - 1}" step="1" value="{at}" data-thresholds '
        f'aria-label="Threshold of likeness" aria-valuetext="{shown}"></div>{blocks}</div>'
    )


def _span(result: ExplainResult, link: Link, span: Span, at: int) -> str:
    hidden = "" if span.first <= at <= span.last else " hidden"
    outcome = span.outcome
    if outcome.complete:
        said = (
            f"{len(outcome.survivors)} of {len(result.words)} words: {quoted(outcome.survivors)}."
        )
    else:
        said = "This goes beyond the pictures that were drawn. Press Explain with this threshold to draw the rest."
    return (
        f'<div data-from="{span.first}" data-to="{span.last}"{hidden} aria-live="polite"><p>{said}</p>'
        f"{_survivors(result, link, outcome) if outcome.complete else ''}</div>"
    )


def _survivors(result: ExplainResult, link: Link, outcome: Replay) -> str:
    """The picture of what is left, and of each of its words where there is one."""
    shares = {e.word: e for e in result.survivors}
    alone = sheet_of(result.alone, link)
    tiles = ""
    for word in outcome.survivors:
        known = shares.get(word)
        if known is not None and known.column is not None:
            tile = pictures.tile(alone, known.column, 0, f"“{word}” alone, from the same noise")
            tiles += figure(tile, word, percent(known.share))
        else:
            tiles += figure('<span class="co-none">not drawn</span>', word)
    together = _together(result, link, outcome)
    return f'<div class="co-set">{together}{on_sheet(alone, tiles, "co-row")}</div>'


def _together(result: ExplainResult, link: Link, outcome: Replay) -> str:
    left = set(outcome.survivors)
    if left == {e.word for e in result.survivors}:
        three = sheet_of(result.three, link)
        tile, likeness, sheet = pictures.tile(three, 2, 0, "What is left, together"), result.similarity, three  # fmt: skip
    elif result.steps is not None and (
        tries := [k for k, r in enumerate(result.log) if set(r.without) == left]
    ):
        sheet = sheet_of(result.steps, link)
        tile = pictures.tile(sheet, tries[0], 0, "What is left, together")
        likeness = result.log[tries[0]].similarity
    elif left == set(result.words):
        sheet = sheet_of(result.three, link)
        tile, likeness = pictures.tile(sheet, 1, 0, "All words"), result.likeness
    else:
        return ""
    return on_sheet(sheet, figure(tile, "together", f"likeness {number(likeness)}"), "co-row")


def _log(result: ExplainResult, link: Link) -> str:
    """Every try with its picture and likeness."""
    if not result.log or result.steps is None:
        return ""
    sheet = sheet_of(result.steps, link)
    rows = "".join(
        f'<tr><td>{r.turn}</td><td class="co-small">{pictures.tile(sheet, k, 0, "Picture without " + ", ".join(r.words))}</td>'
        f'<th scope="row">{text(", ".join(r.words))}</th><td>{number(r.similarity, 3)}</td>'
        f"<td>{RIGHT + ' left out' if r.removed else 'needed'}</td></tr>"
        for k, r in enumerate(result.log)
    )
    table = (
        '<div class="co-scroll" tabindex="0"><table class="co-table"><thead><tr><th scope="col">pass</th>'
        '<th scope="col">picture</th><th scope="col">without</th><th scope="col">likeness</th><th scope="col">so it is</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    return f"<details><summary>Every try, {len(result.log)} in all</summary>{on_sheet(sheet, table)}</details>"
