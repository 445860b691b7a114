"""Settles what `import spaces` means, and offers the `GPU` decorator.

First import of every entry point. Gradio runs `import spaces` when it builds an app and, on a
Space, calls `spaces.gradio_auto_wrap`; our folder `spaces/` would be found as a namespace package
without that function. When the platform's package is absent the name is blocked, which Gradio
handles; when it is installed it wins, and its decorator is used.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["GPU"]


def _block_our_folder() -> None:
    if "spaces" in sys.modules:
        return
    try:
        found = importlib.util.find_spec("spaces")
    except (ImportError, ValueError):
        found = None
    if found is None or found.origin is None:  # absent, or only our folder as a namespace
        sys.modules["spaces"] = None  # type: ignore[assignment]  # makes the import raise ImportError


_block_our_folder()

try:
    from spaces import GPU  # type: ignore[import-not-found]
except ImportError:

    def GPU(fn: Callable[..., Any] | None = None, *, duration: Any = None, size: Any = None) -> Any:
        """Return `fn` unchanged: outside ZeroGPU there is nothing to reserve."""
        return fn if callable(fn) else (lambda inner: inner)
