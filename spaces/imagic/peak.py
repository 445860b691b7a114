"""The peak of an edit's memory."""

from __future__ import annotations

import threading
from types import TracebackType

import psutil
import torch


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
