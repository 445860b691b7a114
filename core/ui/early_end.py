"""The button inside a preview that ends the learning with the best so far; Stop beside it throws the work away.

A page puts `EARLY_JS` and the server function `end_early` on one of its HTML components, and `button` into
what its previews show.
"""

from __future__ import annotations

import html
from typing import Any

from core.errors import NotFoundError

EARLY_JS = """
document.addEventListener("click", async ({ target }) => {
const early = target.closest?.("[data-end-early]");
if (!early) return;
const job = [...document.querySelectorAll('.vt-bar [data-do="stop"]')].find((b) => b.checkVisibility())?.dataset.job;
early.disabled = true;
early.textContent = job && await server.end_early({ job }) ? early.dataset.endEarly : "Too late to end it early";
});
"""


def button(words: str, pressed: str) -> str:
    """The button as HTML.

    Args:
        words: what it does, such as "Finish with what is learnt".
        pressed: what it says once it was pressed, such as "Finishing with what is learnt".
    """
    return (
        f'<button type="button" class="vt-button" data-end-early="{html.escape(pressed)}">'
        f"{html.escape(words)}</button>"
    )


def end_early(payload: Any) -> bool:
    """Ask a job to end its learning with the best so far: the server side of the button.

    Args:
        payload: `{"job": id}` from the browser; the unguessable id is the permission.

    Returns:
        False when there is nothing to end early (any more).
    """
    from core.jobs import runner

    job = payload.get("job") if isinstance(payload, dict) else None
    try:
        return runner().end_early(str(job or ""))
    except NotFoundError:
        return False
