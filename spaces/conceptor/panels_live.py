"""What the visitor sees while a concept is learnt: the words so far, the losses, rough pictures."""

from __future__ import annotations

import base64

from core.ui import pictures
from core.ui.early_end import button

from . import charts
from .charts import text
from .following import WORDS, repeats_words
from .panels import cloud, cloud_words, empty, frame, live_bars, number, pairs
from .results import Glimpse

_ENDS = ("decompose", "explain", "mix")  # kinds that offer to end the learning early


def panel(seen: Glimpse | None, kind: str = "decompose") -> str:
    """A glimpse of the work as HTML.

    Args:
        seen: what the job told last.
        kind: of the request; only some may end the learning early.
    """
    if not isinstance(seen, Glimpse) or not seen.stage:
        return empty("The work has begun.")
    count = f", step {seen.step} of {seen.of}" if seen.of else ""
    if seen.stage == "learning" and seen.repeats > 1:
        count += f", {repeats_words(seen)}"
    early = (
        f"<p>{button('Stop and keep the best so far', 'Finishing with the best so far')} "
        "<small>Goes on with the best words so far. Stop in the bar above throws them away.</small></p>"
        if seen.stage == "learning" and kind in _ENDS
        else ""
    )
    words = (
        f'<div class="co-two">{cloud(seen.words, cloud_words("so far", seen.words))}<div>{live_bars(seen.words)}</div></div>'
        if seen.words
        else ""
    )
    return frame(
        f'<p class="co-say">{text(WORDS.get(seen.stage, seen.stage))}{text(count)}</p>',
        early,
        words,
        _rows(seen),
        _curves(seen),
    )


def _rows(seen: Glimpse) -> str:
    concept, current = _sheet(seen.concept), _sheet(seen.current)
    if concept is None and current is None:
        return ""
    if concept is None or current is None:
        shown = concept or current
        assert shown is not None, "one of them is there"
        return pairs(shown, None, ("Rough picture", ""))
    return (
        f"<div>{pairs(concept, current, ('Picture of the concept', 'Picture of the words so far'))}"
        "<p><small>Above the concept, below the words so far, each from the same noise, drawn roughly.</small></p></div>"
    )


def _sheet(png: bytes) -> pictures.Sheet | None:
    columns = _columns(png) if png else 0
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    return pictures.Sheet(url=url, columns=columns, rows=1) if columns else None


def _columns(png: bytes) -> int:
    """Square pictures side by side in a PNG, by the size in its header."""
    width, height = (int.from_bytes(png[k : k + 4], "big") for k in (16, 20))
    return width // height if height else 0


def _curves(seen: Glimpse) -> str:
    if not seen.curve:
        return ""
    last = seen.curve[-1]
    loss = [[(float(p.step), p.loss) for p in seen.curve]]
    sparse = [[(float(p.step), p.sparsity) for p in seen.curve]]
    return (
        f'<div class="co-two"><div><h3>Loss {number(last.loss, 4)}</h3>'
        f"{charts.curve(loss, f'Loss on the fixed bank, now {number(last.loss, 4)}')}</div>"
        f"<div><h3>Sparsity {number(last.sparsity, 3)}</h3>"
        f"{charts.curve(sparse, f'Sparsity loss, now {number(last.sparsity, 3)}')}</div></div>"
        "<p><small>Both on a fixed bank of pictures and noises, so that steps can be compared.</small></p>"
    )
