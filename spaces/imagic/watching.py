"""What the visitor sees while an edit is learnt: the stage, the loss so far, a rough strip."""

from __future__ import annotations

import base64

from core.ui import pictures
from core.ui.early_end import button

from . import charts
from .charts import text
from .panels import eta_words, frame, number
from .results import Glimpse

STAGES = {
    "picture": "Looking at the picture",
    "embedding": "Stage 1: a text that means this picture",
    "tuning": "Stage 2: a network that knows this picture",
    "joint": "Text and network together",
    "inversion": "Stage 3: the noise of which your picture is drawn",
    "sampling": "Stage 3: drawing the strip",
    "baselines": "Drawing the simpler ways",
    "scores": "Judging the pictures",
}
_EARLY = ("embedding", "tuning", "joint")


def panel(seen: Glimpse) -> str:
    """A glimpse of the work as HTML."""
    stage, of = seen.stage, seen.of
    count = f", step {seen.step} of {of}" if of else ""
    early = (
        f"<p>{button('Finish with what is learnt', 'Finishing with what is learnt')} "
        "<small>Ends this stage now and goes on with the best so far. Stop throws it away.</small></p>"
        if stage in _EARLY and of
        else ""
    )
    return frame(
        f'<p class="im-say">{text(STAGES.get(stage, stage))}{text(count)}</p>',
        _strip(seen.strip, seen.etas),
        _curve(seen.curve),
        early,
    )


def _strip(png: bytes, etas: tuple[float, ...]) -> str:
    if not png or not etas:
        return ""
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    sheet = pictures.Sheet(url=url, columns=len(etas), rows=1)
    tiles = "".join(
        f"<figure>{pictures.tile(sheet, c, 0, 'Rough preview at ' + eta_words(eta))}"
        f"<figcaption>{text(eta_words(eta))}</figcaption></figure>"
        for c, eta in enumerate(etas)
    )
    return (
        f'<div class="im-row" style="{pictures.sheet_style(sheet)}" data-crisp>'
        f"{pictures.sheet_rule(sheet)}{tiles}</div>"
        "<p><small>A rough strip in few steps, so that you see where it goes.</small></p>"
    )


def _curve(points: tuple[tuple[float, float], ...]) -> str:
    if len(points) < 2:
        return ""
    some = max(len(points) // 5, 1)
    first, last = (sum(y for _, y in part) / some for part in (points[:some], points[-some:]))
    label = f"Loss of each step: about {number(first, 3)} at first, {number(last, 3)} now"
    return (
        f"{charts.losses([('', points)], [], label)}"
        f"<p><small>{text(label)}. It jumps with the noise that each step draws; the calm curve on "
        "fixed noises comes with the result.</small></p>"
    )
