"""Settles what `import spaces` means, and offers the `GPU` decorator.

First import of every entry point. Gradio runs `import spaces` when it builds an app and, on a
Space, calls `spaces.gradio_auto_wrap`; our folder `spaces/` would be found as a namespace package
without that function. When the platform's package is absent the name is blocked, which Gradio
handles.

On ZeroGPU the platform's package must be imported before anything starts CUDA, and in the main
thread: it patches torch so that CUDA seems to be there, for the thread that imports it. So it is
imported here, now. Elsewhere its decorator does nothing, and it is left to Gradio to import it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from core import settings
from core.errors import InputError, VitrineError

__all__ = ["GPU", "check", "enter_worker", "in_worker"]


def _block_our_folder() -> None:
    if "spaces" in sys.modules:
        return
    try:
        found = importlib.util.find_spec("spaces")
    except (ImportError, ValueError):
        found = None
    if found is None or found.origin is None:  # absent, or only our folder as a namespace
        sys.modules["spaces"] = None  # type: ignore[assignment]  # makes the import raise ImportError


def _on_zero_gpu() -> bool:
    try:
        return settings.from_env().zero_gpu
    except InputError:  # another variable is wrong; the command that reads them all says which
        return False


def _undecorated(
    fn: Callable[..., Any] | None = None, *, duration: Any = None, size: Any = None
) -> Any:
    """Return `fn` unchanged: outside ZeroGPU there is nothing to reserve."""
    return fn if callable(fn) else (lambda inner: inner)


_block_our_folder()

GPU: Callable[..., Any] = _undecorated
_failure: BaseException | None = None


def _fork_one_at_a_time() -> None:
    """Let no two threads fork at once: filelock, which came with torch, then refuses the second.

    The platform's package forks a worker in the thread that asks for a GPU, and does not give the
    GPU back when the fork fails.
    """
    fork, turn = os.fork, threading.Lock()

    def in_turn() -> int:
        with turn:  # released in the child as well, which has its own copy
            return fork()

    os.fork = in_turn


if _on_zero_gpu():
    try:
        GPU = importlib.import_module("spaces").GPU  # the platform's package, not our folder
    except Exception as error:  # whatever it is, the hub says it in words when it starts
        _failure = error
    else:
        _fork_one_at_a_time()


def check() -> None:
    """Return if a Space on ZeroGPU can use its GPU, or is no such Space.

    Raises:
        VitrineError: the platform's package is missing or does not work with this torch.
    """
    if _failure is None:
        return
    why = str(_failure).strip() or type(_failure).__name__
    raise VitrineError(
        f"This is a ZeroGPU Space, but its package `spaces` cannot be used: {why}. It needs a CUDA "
        "build of torch 2.8, 2.9, 2.10 or 2.11. Name `spaces` and such a torch in requirements.txt."
    ) from _failure


_worker = False


def enter_worker() -> None:
    """Note that this process is a GPU worker, forked by the platform from the hub."""
    global _worker
    _worker = True


def in_worker() -> bool:
    """Whether this process is a GPU worker."""
    return _worker
