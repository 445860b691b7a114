"""A lease: the right to use a model until it is given back."""

from __future__ import annotations

import traceback
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from core.cache import recovery
from core.cache.keys import ModelSpec, Work
from core.errors import DeviceOutOfMemory

if TYPE_CHECKING:
    import torch

    from core.cache.model_cache import ModelCache

Result = TypeVar("Result")


class Lease:
    """A model that is on its device and stays there until `release`.

    Any thread may release it, more than once; a lease that is forgotten is given back when it is
    collected. Use it as a context manager where that is possible.
    """

    __slots__ = (
        "__weakref__", "_cache", "_finalizer", "_obj", "device", "partial", "place", "spec",
        "ticket", "work",
    )  # fmt: skip

    def __init__(
        self,
        cache: ModelCache,
        ticket: int,
        spec: ModelSpec,
        obj: Any,
        device: torch.device,
        place: int,
        work: Work,
        partial: bool,
    ) -> None:
        self._cache = cache
        self._obj = obj
        self.ticket = ticket
        self.spec = spec
        self.device = device
        self.place = place
        self.work: Mapping[str, Any] = work  # the plan that was granted, perhaps a degraded one
        self.partial = partial  # some weights wait in main memory: slower
        # The collector may run in a thread that holds the table's lock, so the safety net takes no
        # lock: it leaves the ticket for the next call.
        self._finalizer = weakref.finalize(self, cache.abandon, ticket)
        self._finalizer.atexit = False

    @property
    def obj(self) -> Any:
        """The model.

        Raises:
            RuntimeError: the lease was given back.
        """
        if not self._finalizer.alive:
            raise RuntimeError(f"the lease on {self.spec.name} was released")
        return self._obj

    @property
    def released(self) -> bool:
        """Whether the lease was given back."""
        return not self._finalizer.alive

    def release(self) -> None:
        """Give the model back. Nothing is moved; calling it again does nothing."""
        if self._finalizer.detach() is not None:
            self._obj = None
            self._cache.give_back(self.ticket)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    def run(self, fn: Callable[[Work], Result], work: Work | None = None) -> Result:
        """Call `fn(work)`; when the device is full, make room and retry, then degrade the work.

        Raises:
            DeviceOutOfMemory: no smaller plan is left; the text says who holds what.
        """
        plan = self.work if work is None else work
        while True:
            try:
                result = self._cache.run_with_recovery(self.place, lambda plan=plan: fn(plan))
            except DeviceOutOfMemory as exc:
                traceback.clear_frames(exc.__traceback__)
                smaller = recovery.smaller(self.spec, plan)
                if smaller is None:
                    raise
                plan = smaller
            else:
                self.work = plan
                return result
