"""Memory of an edit: smaller passes where the device is full, words where nothing helps, and the peak."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

import psutil
import torch
from accelerate.utils.memory import should_reduce_batch_size
from torch import Tensor

from core.errors import DeviceOutOfMemory

logger = logging.getLogger(__name__)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that the device is full, in any of torch's ways."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    readable = isinstance(error, RuntimeError) and error.args and isinstance(error.args[0], str)
    return bool(readable) and should_reduce_batch_size(error)  # type: ignore[arg-type]


def free() -> None:
    """Give cached blocks back to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def out_of_memory(doing: str) -> DeviceOutOfMemory:
    """The error in words.

    Args:
        doing: such as "tuning the network".
    """
    return DeviceOutOfMemory(
        f"The device ran out of memory while {doing}, even with one picture at a time. An adapter "
        '(tuning "lora") of a small rank needs the least, tuning "full" more than twice the model. '
        "Choose a smaller setting or model, or wait until other jobs have ended."
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
                raise out_of_memory("drawing") from error
        else:
            yield found
            start = stop
            continue
        size = (size + 1) // 2
        logger.warning("out of memory while drawing, %d pictures at a time from here", size)
        free()


class Peak:
    """Measures the most memory that is used inside a `with` block, above that at its beginning.

    On CUDA the allocator counts; elsewhere a thread reads the resident size of the process, which other
    jobs share.
    """

    def __init__(self, device: torch.device, every: float = 0.02) -> None:
        """Seconds between two looks are `every`."""
        self.bytes = 0
        self._device, self._every = device, every
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Peak:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._base = torch.cuda.memory_allocated(self._device)
            return self
        self._process = psutil.Process()
        self._base = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch, name="peak memory", daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(self._every):
            self._look()

    def _look(self) -> None:
        self.bytes = max(self.bytes, self._process.memory_info().rss - self._base)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is None:
            self.bytes = max(0, torch.cuda.max_memory_allocated(self._device) - self._base)
            return
        self._done.set()
        self._thread.join()
        self._look()
