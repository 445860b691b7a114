"""The public endpoints of Conceptor, also MCP tools: arguments in, requests out; `core.ui.calls` runs them."""

from __future__ import annotations

from . import more_endpoints, word_endpoints  # noqa: F401  # they declare the endpoints
from .endpoint_parts import CALLS

__all__ = ["CALLS", "register"]


def register() -> None:
    """Add the endpoints to the Blocks that is open."""
    CALLS.publish()
