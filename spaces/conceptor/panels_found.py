"""A decomposition as the HTML that the page shows: one sentence, words and pictures, then the numbers."""

from __future__ import annotations

from . import charts
from .charts import text
from .panels import Link, bars, cloud, cloud_words, frame, number, pairs, percent, sheet_of, take
from .panels_truth import mixture, truth
from .results import DecomposeResult

_NAMED = 3  # words of the headline


def decompose_panel(result: DecomposeResult, link: Link, stored: str = "") -> str:
    """A decomposition with everything that is known about it."""
    shares = [(e.word, e.share) for e in result.elements]
    parts = result.truth.parts if result.truth else ()
    held = [result.elements[p.rank - 1].word for p in parts if p.rank]
    tokens = sheet_of(result.tokens, link)
    return frame(
        _headline(result),
        cloud(shares, cloud_words(result.concept, shares)),
        _pairs(result, link),
        _facts(result),
        f'<div class="co-two"><div><h3>The words</h3>{bars(result.elements, len(result.repeats), tokens, held)}'
        f"{_legend(result)}</div>"
        f"<div>{truth(result)}{mixture(result, link)}</div></div>",
        _learning(result),
        _take(result, link),
        _details(result),
        stored=stored,
    )


def _headline(result: DecomposeResult) -> str:
    some = [f"<b>{text(e.word)}</b>" for e in result.elements[:_NAMED]]
    rest = len(result.elements) - len(some)
    more = f" and {rest} more" if rest > 0 else ""
    sure = "" if result.stable else '<span class="co-doubt">No stable decomposition.</span> '
    return (
        f'<div><p class="co-say">{sure}To this model, “{text(result.concept)}” is {" + ".join(some)}{more}.</p>'
        f"<p>{text(result.verdict)}</p></div>"
    )


def _pairs(result: DecomposeResult, link: Link) -> str:
    """Pictures of the concept, each above what the words draw from the same noise."""
    above, below = sheet_of(result.pictures, link), sheet_of(result.reconstruction, link)
    alike = result.similarity.pairs
    said = f"Above: “{text(result.concept)}”. Below: what its words draw, each from the same noise."
    if alike:
        said += f" Likeness of the pairs by CLIP: {number(sum(alike) / len(alike))}."
    if result.similarity.seen is not None:
        said += (
            f" Of what the probe sees in either, it sees {percent(result.similarity.seen)} in both."
        )
    names = (f"Picture of {result.concept}", "Picture of the weighted words")
    return f"<div>{pairs(above, below, names)}<p><small>{said}</small></p></div>"


def _facts(result: DecomposeResult) -> str:
    lines = []
    if result.ended_early:
        lines.append(
            "Ended early by you: these are the best words so far. They are not kept for Mix and Explain, which "
            "learn the concept to its end."
        )
    lines += [note for note in result.notes if not note.startswith("the learning was ended")]
    if not result.untouched and result.base_before and result.base_after:
        lines.append("The shared model is not what it was before. Please report this.")
    shown = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f'<ul class="co-facts">{shown}</ul>' if shown else ""


def _legend(result: DecomposeResult) -> str:
    said = "Each picture is the word alone, from one noise. Bars are shares of the sum."
    if len(result.repeats) > 1:
        said += (
            f" The line on a bar is mean ± standard deviation over {len(result.repeats)} repeats."
        )
    if any(e.loss is not None for e in result.elements):
        said += " “Loss” is how much worse the rest explains the pictures, in thousandths."
    return f"<p><small>{said}</small></p>"


def _learning(result: DecomposeResult) -> str:
    """Loss and sparsity of each repeat, and the losses in their order."""
    curves = [r.curve for r in result.repeats if r.curve]
    rings = [(float(p.step), p) for r in result.repeats for p in r.curve if p.step == r.kept]
    drawn = ""
    if curves:
        loss = [[(float(p.step), p.loss) for p in line] for line in curves]
        sparse = [[(float(p.step), p.sparsity) for p in line] for line in curves]
        first, last = loss[0][0][1], loss[0][-1][1]
        said = f"Loss on the fixed bank: {number(first, 4)} at first, {number(last, 4)} at the end"
        sparsity = f"Sparsity loss: {number(sparse[0][-1][1], 3)} at the end; 0 means the kept words say all"
        drawn = (
            f"<div><h3>Loss</h3>{charts.curve(loss, said, kept=[(x, p.loss) for x, p in rings])}</div>"
            f"<div><h3>Sparsity</h3>{charts.curve(sparse, sparsity, kept=[(x, p.sparsity) for x, p in rings])}"
            "</div>"
        )
    return (
        f'<details><summary>How it was learnt: losses on the fixed bank</summary><div class="co-two">{drawn}'
        f"<div><h3>Which words explain the pictures</h3>{loss_levels(result)}</div></div>"
        "<p><small>A lower loss explains the pictures better. One line for each repeat; the ring is what was kept."
        "</small></p></details>"
    )


def loss_levels(result: DecomposeResult) -> str:
    """The losses in the order that should hold."""
    own = result.losses
    values = [
        ("the concept itself", own.concept),
        (f"all {result.dictionary} words", own.whole),
        (f"the {len(result.elements)} kept words", own.kept),
    ]
    if own.nearest is not None:
        values.append(("nearest by CLIP", own.nearest))
    values.append(("random words", own.chance))
    return charts.levels(values, "; ".join(f"{name} {number(v, 4)}" for name, v in values))


def _take(result: DecomposeResult, link: Link) -> str:
    stem = "-".join(result.concept.split())
    return take(
        [
            ("All coefficients", f"{stem}-coefficients.json", link("coefficients.json")),
            ("Textual inversion", f"{stem}.safetensors", link("concept.safetensors")),
            ("Pictures", f"{stem}-words.png", link(result.reconstruction.file)),
        ]
    )


def _details(result: DecomposeResult) -> str:
    rows = "".join(
        f'<tr><th scope="row">{text(s.name)}</th><td>{s.seconds:.1f} s</td><td>{s.passes:,}</td></tr>'
        for s in result.stages
    )
    same = ""
    if result.base_before:
        same = (
            f" Hash of the shared model: the same before and after ({text(result.base_after[:12])})."
            if result.untouched
            else f" Hash of the shared model: {text(result.base_before[:12])} before, {text(result.base_after[:12])} after."
        )
    excluded = ", ".join(result.excluded)
    left_out = f"<p>Left out as the concept itself or near it: {text(excluded)}.</p>" if excluded else ""  # fmt: skip
    when = " It was learnt before, with the same model and settings." if result.stored else ""
    return (
        "<details><summary>Time, words left out, and what was left untouched</summary>"
        '<div class="co-scroll" tabindex="0"><table class="co-table"><thead><tr><th scope="col">stage</th>'
        '<th scope="col">time</th><th scope="col">rows through the network</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div><p>Learning took {result.seconds:.0f} s.{when}{same} "
        f"Weights {text(result.weights)}. Dictionary of {result.dictionary} words.</p>{left_out}</details>"
    )
