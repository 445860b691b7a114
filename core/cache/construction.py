"""The process-wide construction lock.

`accelerate.init_empty_weights()`, which diffusers' `from_pretrained` enters by default, swaps
`nn.Module.register_parameter` for the whole process. Two loads at once leave it swapped for ever,
and every layer that is built afterwards has no storage. So one model is built at a time, in the
whole process, whichever cache or recipe builds it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_build = threading.RLock()  # re-entrant: a loader may itself use a function that takes the lock


@contextmanager
def construction() -> Iterator[None]:
    """Hold the construction lock: use it around any code that builds modules beside the cache."""
    with _build:
        yield


def _after_fork() -> None:
    global _build
    _build = threading.RLock()


# A child that was forked while another thread was loading would wait for a thread it has not got.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
