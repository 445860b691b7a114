"""The Conceptor page: five tabs in the order of every method, and the public endpoints.

No torch at import: the pipeline is loaded by the first job.
"""

from __future__ import annotations

from core.ui.page import page

from . import SPEC, endpoints
from .ui_more import About, Check, Train, Why, load_texts, opening
from .ui_try import Try


def layout() -> None:
    """Lay out the page inside the Blocks or route that is open."""
    with page(SPEC) as frame:
        with frame.tab("try"):
            tried = Try(frame)
        with frame.tab("why"):
            why = Why(frame, tried)
            tried.act(why.panel)
        with frame.tab("check"):
            check = Check(frame)
        with frame.tab("train"):
            Train(frame)
        with frame.tab("about"):
            more = About()
        load_texts(tried, check, more)
        frame.opens_with(lambda: opening(tried, why, check))


def api() -> None:
    """Register the public endpoints inside the Blocks that is open."""
    endpoints.register()
