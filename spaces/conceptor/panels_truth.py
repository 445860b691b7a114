"""What is known of a planted word beside what was found, and whether a concept is a mixture or a blend."""

from __future__ import annotations

from core.ui import pictures

from .charts import text
from .panels import RIGHT, WRONG, Link, number, on_sheet, percent, sheet_of
from .results import DecomposeResult, Truth

_CATEGORIES = {
    "composite": "a composite: all its parts in one picture",
    "name": "a named figure with a look of its own",
    "exemplar": "an exemplar word: one of several named figures",
    "homograph": "a homograph: two meanings",
    "blend": "a blend: two things drawn as one",
    "linked": "a hidden link: it shares a shape with another word",
    "abstract": "an abstract word, shown by things that go with it",
    "profession": "a profession: one of two figures, at a planted rate",
    "null": "a word without a meaning: random scenes",
}
_KINDS = {
    "mixture": "A mixture: one word in each picture",
    "blend": "A blend: the words together in each picture",
}


def truth(result: DecomposeResult) -> str:
    """The planted recipe against the found words; nothing where no recipe is known."""
    known = result.truth
    if known is None:
        return ""
    what = _CATEGORIES.get(known.category, known.category)
    if not known.parts:
        said = (
            f"{RIGHT} called unstable, as it should be"
            if not result.stable
            else f"{WRONG} should have been called unstable"
        )
        return f"<section><h3>The truth</h3><p>“{text(result.concept)}” is {text(what)}. {said}.</p></section>"
    rows = "".join(
        f'<tr><th scope="row">{text(p.word)}</th>'
        f'<td><span class="co-bar co-planted" style="--w:{100 * p.planted:.0f}%"></span></td><td>{percent(p.planted)}</td>'
        f"<td>{_found(p.rank)}</td><td>{percent(p.share) if p.rank else '–'}</td></tr>"
        for p in known.parts
    )
    return (
        f"<section><h3>The truth</h3><p>“{text(result.concept)}” is {text(what)}. No caption ever told the model; it "
        "learnt the word from pictures alone. Its text tower was taught to read sums, of other parts than these.</p>"
        '<div class="co-scroll" tabindex="0"><table class="co-table co-tight"><thead><tr><th scope="col">planted</th>'
        '<th scope="col" colspan="2">in pictures</th><th scope="col">place</th><th scope="col">share</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div><p>{_told(known)}</p></section>"
    )


def _found(rank: int | None) -> str:
    return f"{RIGHT} no. {rank}" if rank else f"{WRONG} no"


def _told(known: Truth) -> str:
    words = [
        f"<b>{percent(known.recall)}</b> of the parts are among the first ten words; random words would reach "
        f"{percent(known.chance)}."
    ]
    if known.correlation is not None:
        words.append(
            f"Rank correlation of probability and share: <b>{number(known.correlation)}</b>."
        )
    if known.meanings:
        found = sum(known.meanings)
        words.append(f"{found} of {len(known.meanings)} meanings have a word of their own.")
    return " ".join(words)


def mixture(result: DecomposeResult, link: Link) -> str:
    """Whether each picture shows one word or all of them, with the pictures that say so."""
    told = result.distribution
    if told.mixture is None or told.kind == "unknown":
        return ""
    at = min(max(told.mixture, 0.0), 1.0)
    label = f"{percent(at)} of the way from blend to mixture"
    row = ""
    if result.mixture is not None and link(result.mixture.file):
        sheet = sheet_of(result.mixture, link)
        tiles = "".join(
            pictures.tile(sheet, k, 0, f"Picture of “{word}” alone")
            for k, word in enumerate(told.drawn[: sheet.columns])
        )
        row = on_sheet(sheet, f'<div class="co-tiles" style="--n:8">{tiles}</div>') + (
            "<p><small>Single words, drawn by their shares. Are these more like the concept’s pictures than the sum of "
            "all words is?</small></p>"
        )
    return (
        f"<section><h3>{text(_KINDS.get(told.kind, told.kind))}</h3>"
        f'<div class="co-scale" role="img" aria-label="{text(label)}"><span>blend</span>'
        f'<span class="co-track"><i style="--at:{100 * at:.0f}%"></i></span><span>mixture</span></div>{row}</section>'
    )
