"""The Why tab as HTML: the way of one concept through the method, with the numbers of its result."""

from __future__ import annotations

from core.ui import pictures

from .charts import text
from .panels import Link, frame, number, on_sheet, percent, quoted, sheet_of
from .panels_found import loss_levels
from .results import DecomposeResult


def why_panel(result: DecomposeResult, link: Link, stored: str = "") -> str:
    """How the method took this concept apart."""
    concept = f"“{text(result.concept)}”"
    return frame(
        f'<div class="co-part"><h3>How the method took {concept} apart</h3></div>'
        "<p>Conceptor looks for a sum of words that stands in for one word: a model that reads the sum must draw "
        f"what it draws for the word. The numbers are those of {concept}.</p>",
        f"<div><h3>1. What the model draws</h3><p>Only pictures are learnt from: those the model makes of “a photo of a "
        f"{text(result.concept)}”. Nobody says what is on them.</p>{_pictures(result, link)}</div>",
        f"<div><h3>2. Which words may be used</h3><p>{_dictionary(result)}</p></div>",
        f"<div><h3>3. A weight for each word</h3><p>{_learning(result)}</p></div>",
        f'<div><h3>4. Does the sum explain the pictures?</h3><div class="co-two"><div>{loss_levels(result)}</div>'
        f"<p>{_levels(result)}</p></div></div>",
        f"<div><h3>5. How sure is it?</h3><p>{_sure(result)}</p></div>",
        "<div><h3>6. What the shares mean</h3><p>A weight alone cannot be compared, because embeddings have "
        "lengths. The share is weight times length, over the sum of all kept words. A large share says that the word "
        "pulls the sum strongly; the loss without it says how much the pictures need it.</p></div>",
        stored=stored,
    )


def _pictures(result: DecomposeResult, link: Link) -> str:
    if not link(result.pictures.file):
        return ""
    sheet = sheet_of(result.pictures, link)
    tiles = "".join(
        pictures.tile(sheet, k, 0, f"Picture of {result.concept}") for k in range(sheet.columns)
    )
    return on_sheet(sheet, tiles, "co-tiles co-narrow")


def _dictionary(result: DecomposeResult) -> str:
    left_out = (
        f"Left out are {quoted(result.excluded[:8])}{' and more' if len(result.excluded) > 8 else ''}: the concept "
        "itself, its forms, and words that mean the same."
        if result.excluded
        else "The concept itself was left in."
        if any(e.word == result.concept for e in result.elements)
        else "The concept itself is none of them."
    )
    reason = "" if left_out.endswith("left in.") else " Otherwise the answer would be the question."
    return f"The dictionary holds <b>{result.dictionary}</b> words that the model has really learnt. {left_out}{reason}"


def _learning(result: DecomposeResult) -> str:
    steps = max((r.steps for r in result.repeats), default=0)
    which = "the mean of all repeats" if result.chosen is None else f"repeat {result.chosen + 1}"
    return (
        "A small network reads the embedding of a word and says its weight, never below zero. The weighted sum is "
        "brought to the usual length and takes the place of the last word. Noise is added to the pictures, the frozen "
        f"model removes it, and only the small network learns from the error: {steps} steps, {len(result.repeats)} "
        "times from other starts. A second term, weighted by λ, asks the largest words to say what all words say. "
        f"Kept was {which}."
    )


def _levels(result: DecomposeResult) -> str:
    own = result.losses
    span = own.chance - own.concept
    if span <= 0:
        return "Random words explain these pictures as well as the concept does, so the losses say nothing here."
    closed = (own.chance - own.kept) / span
    said = (
        f"Between random words and the concept itself, the {len(result.elements)} kept words close "
        f"<b>{percent(max(closed, 0.0))}</b> of the distance."
    )
    if own.nearest is not None:
        verb = "better" if own.kept < own.nearest else "worse"
        said += f" They explain the pictures {verb} than as many words picked by likeness of text and picture."
    return said + " All losses are means over the same pictures, times and noises."


def _sure(result: DecomposeResult) -> str:
    if result.agreement is None:
        return "It was learnt once, so nothing is known about it. Take three repeats to see which words come back."
    each = "; ".join(quoted(r.top[:3]) for r in result.repeats)
    return (
        f"Two repeats have <b>{percent(result.agreement)}</b> of their first ten words in common. Their first three: "
        f"{each}. If one repeat finds other words than the next, the sum can be written in several ways."
        + (
            ""
            if result.distribution.mixture is None
            else f" Mixture score: {number(result.distribution.mixture)}."
        )
    )
