"""The hub for agents: every public endpoint as an MCP tool, at `/gradio_api/mcp/`.

Gradio has an MCP server of its own, which this one replaces under the same address. That one answers
with Python's notation in place of JSON, counts progress without a share, ignores a client that
cancels or leaves, and refuses the addresses of the hub's own files.

Nothing here is imported unless MCP is served.
"""

from __future__ import annotations

from .transport import McpRoutes

__all__ = ["McpRoutes"]
