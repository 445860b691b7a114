"""Keeps a visitor's session small, and the folders of the server tidy while it runs.

For each new session Gradio works out the configuration of every component of every page, which
only its own deep links read: 38 ms and 0.9 MB a visitor at 500 components. Our links do not need
it (`core.ui.links`), so new sessions are made from a view of the app that lists no component
there; what a visitor changes is still worked out when it changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from core.ui import leftovers


class SessionSource:
    """What a new session reads of the app: its tables, and an empty list of components."""

    def __init__(self, blocks: Any) -> None:
        """Wrap the app."""
        self._blocks = blocks
        self.blocks: dict[int, Any] = {}  # read by Gradio only to fill a session's deep-link copy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blocks, name)


@asynccontextmanager
async def lean(app: Any) -> AsyncIterator[None]:
    """Lifespan of the server that makes its new sessions lean and tidies up."""
    holder = app.state_holder
    holder.blocks = SessionSource(holder.blocks)
    async with leftovers.tidying(app):
        yield
