"""The Why tab as HTML: the way of one picture through the method, and the same without stage 2."""

from __future__ import annotations

from core.ui import pictures

from . import charts
from .charts import text
from .panels import Link, eta_words, first_look, frame, number, percent, sheet_of
from .results import Losses, StripResult

_WANTED = (0.2, 0.7)  # share of the whole gain that stage 1 should make; our estimate


def losses_chart(losses: Losses) -> str:
    """Both stages on the fixed bank, with the three reference heights."""
    label = (
        f"Loss on the fixed bank: {number(losses.target, 4)} with the text, "
        f"{number(losses.optimised, 4)} after stage 1, {number(losses.tuned, 4)} after stage 2"
    )
    return charts.losses(
        [
            ("1 embedding", [(p.step, p.loss) for p in losses.embedding]),
            ("2 network", [(p.step, p.loss) for p in losses.tuning]),
        ],
        [
            ("text, base", losses.target),
            ("learnt, base", losses.optimised),
            ("learnt, tuned", losses.tuned),
        ],
        label,
    )


def why_panel(result: StripResult, link: Link, stored: str = "") -> str:
    """The way of one picture through the method, with the numbers of this result."""
    row, column = first_look(result)
    losses = result.losses
    return frame(
        "<p>Imagic has one picture and one text, and no second picture to learn from. It finds two points "
        "in the space of texts, one that gives the picture back and one that says the text, and walks "
        f"from one to the other. The numbers are those of “{text(result.target)}”.</p>",
        f"<div><h3>1. A text that means this picture</h3><p>{_first_stage(losses)}</p></div>",
        f"<div><h3>2. A network that knows this picture</h3><p>{_second_stage(losses)}</p>"
        f"{losses_chart(losses)}<p><small>Each point is the mean over the same 64 pairs of time and noise. "
        "A loss measured on whatever noise a step happened to draw would jump too much to read."
        f"</small></p>{_advice(losses)}</div>",
        "<div><h3>3. Walk from one to the other</h3><p>η mixes the two texts: "
        "<code>η · e_tgt + (1 − η) · e_opt</code>. Every picture below starts from the same noise, so that "
        "nothing but the text changes.</p>"
        f"{_line(result, column)}"
        f"{_walk(result, link, row)}</div>",
        "<div><h3>4. What stage 2 is for</h3><p>The text has too little room for every detail. Started from "
        "random noise, as in the paper, the untuned network does not even give the picture back at η 0. "
        "Started from the picture's own noise it does, but once the text moves, colours and places that it "
        "does not name may move too. Repeat the edit without stage 2 and compare.</p></div>",
        stored=stored,
    )


def _first_stage(losses: Losses) -> str:
    steps = losses.embedding[-1].step if losses.embedding else 0
    if not steps:
        return "The text embedding was not learnt (0 steps), so both ends of the walk are the text itself."
    share = losses.first_share
    closed = "" if share is None else f", {percent(max(share, 0.0))} of what both stages gain"
    return (
        f"The network stays as it is; {steps} steps move the numbers of the text (<b>e_tgt</b>) until they "
        "explain the picture better (<b>e_opt</b>). The loss falls from "
        f"<b>{number(losses.target, 4)}</b> to <b>{number(losses.optimised, 4)}</b>{closed}. It has to stay "
        "near the text: only between close points does the walk mean something."
    )


def _second_stage(losses: Losses) -> str:
    steps = losses.tuning[-1].step if losses.tuning else 0
    if not steps:
        return "This stage was left out, so what the text cannot say is lost."
    return (
        f"Now the text stays, and {steps} steps change the network, on a copy or in a small adapter, until "
        f"it gives this picture back: the loss falls to <b>{number(losses.tuned, 4)}</b>. The model that others "
        "use is not touched."
    )


def _advice(losses: Losses) -> str:
    share = losses.first_share
    if share is None or not losses.tuning or not losses.embedding:
        return ""
    low, high = _WANTED
    if share < low:
        said = (
            "Stage 1 gained little. If the picture hardly changes along the strip, give it more steps, or "
            "stage 2 fewer."
        )
    elif share > high:
        said = (
            "Stage 1 gained nearly everything. If the picture falls apart before the edit appears, give it "
            "fewer steps."
        )
    else:
        said = "Both stages did their share."
    return f"<p><small>{said} Our rule of thumb: {percent(low)} to {percent(high)} from stage 1.</small></p>"


def _line(result: StripResult, column: int) -> str:
    suggested = result.suggestion.column
    eta = None if suggested is None else result.etas[suggested]
    label = "The line from e_opt at η 0 to e_tgt at η 1, with a dot for each picture of the strip"
    return charts.eta_line(result.etas, eta, label)


def ablation_panel(result: StripResult, link: Link, stored: str = "") -> str:
    """The strip of the same edit without stage 2."""
    zero = min(range(len(result.etas)), key=lambda c: abs(result.etas[c]))
    far = result.scores.distance[0][zero]
    return frame(
        _walk(result, link, 0),
        f"<p>Without stage 2, the picture at {eta_words(result.etas[zero])} differs from the input by "
        f"<b>{number(far, 3)}</b> (root mean square, 0 to 1), and its likeness is "
        f"<b>{number(result.scores.similarity[0][zero])}</b>. Compare with the strip above.</p>",
        stored=stored,
    )


def _walk(result: StripResult, link: Link, row: int) -> str:
    """One row of a strip; it scrolls where it is wider than the page, by keys as well."""
    sheet = sheet_of(result.strip, link)
    crisp = " data-crisp" if sheet.crisp else ""
    tiles = "".join(
        f"<figure>{pictures.tile(sheet, c, row, eta_words(eta))}<figcaption>{eta:g}</figcaption></figure>"
        for c, eta in enumerate(result.etas)
    )
    return (
        '<div class="im-walk" role="group" aria-label="From the learnt text to the asked one" '
        f'tabindex="0" style="{pictures.sheet_style(sheet)}"{crisp}>'
        f"{pictures.sheet_rule(sheet)}{tiles}</div>"
    )
