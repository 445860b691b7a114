"""The board at the left of the page: concepts that are ready, and all planted words by category."""

from __future__ import annotations

from core.ui import pictures

from . import gallery
from .charts import text
from .panels import frame
from .results import DecomposeResult

# A word of the board asks the server; Enter in the concept's field starts what its button starts.
BOARD_JS = """
element.addEventListener("click", ({ target }) => {
const word = target.closest("[data-concept]");
if (word) trigger("concept", { word: word.dataset.concept });
});
"""

# A press of a run button brings its result into view.
RUN_JS = """
document.addEventListener("click", ({ target }) => {
if (target.closest?.("#co-work .vt-run-button")) setTimeout(() => {
const out = [...document.querySelectorAll(".co-out")].find((n) => n.offsetParent), top = out?.getBoundingClientRect().top;
if (top < 0 || top > innerHeight - 160) out?.scrollIntoView({ behavior: "smooth" });
}, 250);
});
"""


def board(tier: str = "embedded", chosen: str = "") -> str:
    """Ready concepts with a picture each, then the planted words as chips by category.

    Args:
        tier: the full model knows all words, so it gets a sentence instead of chips.
        chosen: the concept that stands in the field.
    """
    if tier != "embedded":
        return frame(
            "<p><small>Any word, or a few. What comes out are words of a vocabulary of 49 thousand tokens. "
            "It takes minutes on a GPU.</small></p>"
        )
    groups = "".join(
        f'<dt>{text(gallery.CATEGORIES[category])}</dt><dd class="vt-chips">'
        + "".join(_chip(word, chosen) for word in words)
        + "</dd>"
        for category, words in gallery.planted().items()
        if words
    )
    count = len(gallery.concepts())
    return frame(
        _ready(chosen),
        f"<details><summary>All {count} planted words, whose make-up is known</summary>"
        f"<dl>{groups}</dl></details>",
    )


def _chip(word: str, chosen: str) -> str:
    on = str(word == chosen).lower()
    return f'<button type="button" class="vt-chip" data-concept="{text(word)}" aria-pressed="{on}">{text(word)}</button>'


def _ready(chosen: str) -> str:
    made = ""
    for word in gallery.ready():
        result = gallery.finished(word)
        assert isinstance(result, DecomposeResult), "ready() says so"
        sheet = pictures.Sheet(
            url=gallery.address(word, result.pictures.file), columns=result.pictures.columns, rows=1
        )
        first = ", ".join(e.word for e in result.elements[:3])
        tile = pictures.tile(sheet, 0, 0)
        on = str(word == chosen).lower()
        made += (
            f'<button type="button" data-concept="{text(word)}" aria-pressed="{on}" title="{text(word)}: {text(first)}" '
            f'style="{pictures.sheet_style(sheet)}">{pictures.sheet_rule(sheet)}{tile}{text(word)}</button>'
        )
    if not made:
        return ""
    return f'<div class="co-thumbs" role="group" aria-label="Concepts that are ready" data-crisp>{made}</div>'
