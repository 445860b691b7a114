"""Work in passes: of a size that never varies, and smaller ones where the device is full."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from core.cache.backends import is_out_of_memory
from core.errors import DeviceOutOfMemory

logger = logging.getLogger(__name__)


def free() -> None:
    """Give cached blocks back to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def out_of_memory(doing: str, advice: str = "") -> DeviceOutOfMemory:
    """The error in words.

    Args:
        doing: such as "drawing, even with one picture at a time".
        advice: a sentence on what needs less.
    """
    middle = f" {advice}" if advice else ""
    return DeviceOutOfMemory(
        f"The device ran out of memory while {doing}.{middle} Choose a smaller setting or model, or wait "
        "until other jobs have ended."
    )


def halving(count: int, size: int, part_of: Callable[[int, int], Tensor]) -> Iterator[Tensor]:
    """Results of `part_of(start, stop)` over `count` rows, `size` at a time; half as many when it is full.

    Raises:
        DeviceOutOfMemory: not even one row fits.
    """
    start, size = 0, max(1, min(size, count))
    while start < count:
        stop = min(count, start + size)
        try:
            found = part_of(start, stop)
        except BaseException as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise out_of_memory("drawing, even with one picture at a time") from error
        else:
            yield found
            start = stop
            continue
        size = (size + 1) // 2
        logger.warning("out of memory while drawing, %d pictures at a time from here", size)
        free()
