"""The TRILL page: five tabs in the order of every method, and the public endpoints.

No torch at import: the pipeline is loaded by the first job.
"""

from __future__ import annotations

from core.ui.page import page

from . import SPEC, endpoints
from .ui_try import Try


def layout() -> None:
    """Lay out the page inside the Blocks or route that is open."""
    with page(SPEC) as frame:
        with frame.tab("try"):
            try_tab = Try(frame)
        frame.opens_with(try_tab.opening)


def api() -> None:
    """Register the public endpoints inside the Blocks that is open."""
    endpoints.register()
