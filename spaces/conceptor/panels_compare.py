"""Two concepts beside each other: their words on one axis, what they share, and the meanings of either."""

from __future__ import annotations

from core.ui import pictures

from .charts import text
from .panels import Link, figure, frame, number, on_sheet, percent, quoted, sheet_of
from .results import CompareResult, Side

_ROWS = 16  # words of the chart


def compare_panel(result: CompareResult, link: Link, stored: str = "") -> str:
    """Both concepts, shared words first."""
    one, other = result.one, result.other
    said = f"share {quoted(result.shared)}" if result.shared else "share no word"
    return frame(
        f'<p class="co-say">“{text(one.concept)}” and “{text(other.concept)}” {said}.</p>',
        f"<p>Shared words over all words: <b>{percent(result.jaccard)}</b>. Cosine of all shares: "
        f"<b>{number(result.cosine)}</b>.</p>",
        butterfly(result),
        f'<div class="co-two">{_side(one, link)}{_side(other, link)}</div>',
        f"<p><small>Pictures are grouped by their CLIP features; the words by which group they are nearer to. "
        f"Weights {text(result.weights)}.</small></p>",
        stored=stored,
    )


def butterfly(result: CompareResult) -> str:
    """Shares of the one to the left, of the other to the right."""
    left = {e.word: e.share for e in result.one.elements}
    right = {e.word: e.share for e in result.other.elements}
    words = list(result.shared)
    words += sorted(
        (w for w in {**left, **right} if w not in result.shared),
        key=lambda w: -max(left.get(w, 0.0), right.get(w, 0.0)),
    )
    most = max([*left.values(), *right.values()], default=1.0) or 1.0
    rows = "".join(
        f"<li{' data-shared' if w in result.shared else ''}><i>{percent(left[w]) if w in left else ''}</i>"
        f'<span class="co-bar co-left" style="--w:{100 * max(left.get(w, 0.0), 0.0) / most:.1f}%"></span><b>{text(w)}</b>'
        f'<span class="co-bar" style="--w:{100 * max(right.get(w, 0.0), 0.0) / most:.1f}%"></span>'
        f"<i>{percent(right[w]) if w in right else ''}</i></li>"
        for w in words[:_ROWS]
    )
    return (
        f'<div class="co-butterfly"><div aria-hidden="true"><b>{text(result.one.concept)}</b>'
        f"<b>{text(result.other.concept)}</b></div><ol>{rows}</ol></div>"
    )


def _side(side: Side, link: Link) -> str:
    sheet = sheet_of(side.pictures, link)
    if not side.meanings:
        tiles = "".join(
            pictures.tile(sheet, c, 0, f"Picture of {side.concept}") for c in range(sheet.columns)
        )
        body = on_sheet(sheet, tiles, "co-tiles")
        what = "One meaning, as far as its pictures tell"
    else:
        groups = ""
        for meaning in side.meanings:
            tiles = "".join(
                pictures.tile(sheet, c, 0, f"Picture of {side.concept}") for c in meaning.pictures
            )
            count = (
                f'<div class="co-tiles" style="--n:{max(len(meaning.pictures), 4)}">{tiles}</div>'
            )
            groups += figure(count, ", ".join(meaning.words) or "no word of its own")
        body = on_sheet(sheet, groups, "co-cases")
        what = "Two meanings"
    apart = "" if side.apart is None else f" (silhouette {number(side.apart)})"
    return f"<div><h3>{text(side.concept)}: {what}{apart}</h3>{body}</div>"
