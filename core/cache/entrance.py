"""Waiting to be admitted: sizes, the line of those who wait for room, smaller plans."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

from core.cache import recovery, views
from core.cache.admission import NEED_LIMITS, Demand, Grant, Never, Wait, admit
from core.cache.carrier import Carrier
from core.cache.keys import ComponentKey, ModelSpec, Work
from core.cache.ledger import Ledger
from core.cache.policy import Usage
from core.errors import BusyError, CapacityError, JobCancelled

logger = logging.getLogger(__name__)

POLL = 0.1  # seconds between two looks at a cancel event
LEAST_SHARE = 0.05  # of a part that must fit on the device to place it partially


_numbers = itertools.count(1)
_here = threading.local()


def _thread_number() -> int:
    """A number of this thread that no later thread gets, unlike the identity of the system."""
    if not hasattr(_here, "number"):
        _here.number = next(_numbers)
    return _here.number


def wait_for(
    future: Future[None], spec: ModelSpec, deadline: float, cancel: threading.Event | None
) -> None:
    """Wait for a part, looking at `cancel` every `POLL` seconds.

    Raises:
        JobCancelled: `cancel` was set.
        BusyError: the deadline passed; the load goes on.
    """
    while True:
        try:
            return future.result(timeout=0 if future.done() else POLL)
        except FutureTimeout:
            if future.done():  # the loader itself raised a timeout
                raise
        if cancel is not None and cancel.is_set():
            raise JobCancelled(f"The wait for {spec.name} was stopped.")
        if time.monotonic() > deadline:
            raise BusyError(
                f"{spec.name} is still being loaded. The load goes on: try again in a minute."
            )


class Entrance:
    """Admits models to one ledger, first come first served."""

    def __init__(self, ledger: Ledger, carrier: Carrier) -> None:
        self.ledger = ledger
        self.carrier = carrier
        self.waiting: dict[int, int] = {}  # ticket to thread, in the order of arrival

    def enter(
        self,
        ticket: int,
        spec: ModelSpec,
        work: Work,
        deadline: float,
        cancel: threading.Event | None,
    ) -> tuple[Demand, Grant]:
        """Wait until the model is admitted, degrading its work when it can never be.

        Raises:
            CapacityError: it can never fit, or no room came free before `deadline`.
            JobCancelled: `cancel` was set.
        """
        ledger = self.ledger
        thread = _thread_number()
        demand = self.demand(spec, work)
        limits: list[int] | None = None
        try:
            while True:
                with ledger.changed:
                    ledger.collect_abandoned()
                    outcome = self._try(ticket, demand, thread, limits)
                    if isinstance(outcome, Grant):
                        ledger.models.setdefault(spec.name, frozenset(demand.sizes))
                        return demand, outcome
                    if isinstance(outcome, Wait) and outcome is not NEED_LIMITS:
                        self._stand_in_line(ticket, thread, outcome, spec)
                        if not outcome.drain:
                            ledger.changed.wait(POLL)
                if isinstance(outcome, Never):
                    demand = self._reduce(demand, outcome)
                elif outcome.drain:
                    self.carrier.drain()
                if cancel is not None and cancel.is_set():
                    raise JobCancelled(f"The wait for {spec.name} was stopped.")
                if time.monotonic() > deadline:
                    raise CapacityError(self._no_room(spec))
                limits = ledger.limits()
        finally:
            if ticket in self.waiting:
                with ledger.changed:
                    del self.waiting[ticket]
                    ledger.changed.notify_all()

    def _no_room(self, spec: ModelSpec) -> str:
        with self.ledger.mu:
            table = views.table(self.ledger)
        return (
            f"{spec.name} found no room in time: other jobs hold the memory. Try again when they "
            f"have ended. In memory now:\n{table}"
        )

    def demand(self, spec: ModelSpec, work: Work) -> Demand:
        """Look the sizes up; they are estimated once, before anything is loaded."""
        usages = self.ledger.usages
        sizes: dict[ComponentKey, int] = {}
        for part in spec.parts.values():
            usage = usages.get(part.key)
            if usage is None:
                usage = usages.setdefault(part.key, Usage(bytes=part.est_bytes()))
            elif usage.bytes == 0 and not usage.measured:
                usage.bytes = part.est_bytes()
            sizes[part.key] = usage.bytes
        return Demand(spec, work, spec.work_bytes(work), sizes)

    def _try(
        self, ticket: int, demand: Demand, thread: int, limits: list[int] | None
    ) -> Grant | Wait | Never:
        ledger = self.ledger
        behind = bool(self.waiting) and next(iter(self.waiting)) != ticket
        # Whoever holds a lease may pass, or it and the first in line would wait for each other.
        holds = any(lease.thread == thread for lease in ledger.table.leases.values())
        if limits is not None and behind and not holds:
            quick = admit(ledger, ticket, demand, thread, None)
            return Wait() if quick is NEED_LIMITS else quick
        return admit(ledger, ticket, demand, thread, limits)

    def _stand_in_line(self, ticket: int, thread: int, outcome: Wait, spec: ModelSpec) -> None:
        self.waiting.setdefault(ticket, thread)
        if outcome.threads and outcome.threads <= set(self.waiting.values()):
            raise CapacityError(
                f"{spec.name} waits for memory that is held by jobs which wait themselves, so it "
                "would never come free. Release one model before asking for the next, or choose "
                f"smaller settings. In memory now:\n{views.table(self.ledger)}"
            )

    def _reduce(self, demand: Demand, never: Never) -> Demand:
        """Ask for a smaller plan, then for a partial placement, then give up in words."""
        spec = demand.spec
        work = recovery.smaller(spec, demand.work)
        if work is not None:
            logger.info("%s does not fit with %s, trying %s", spec.name, demand.work, work)
            return self.demand(spec, work)
        partial = self._partial(demand, never)
        if partial is None or demand.partial:
            raise CapacityError(views.too_large(self.ledger, demand, never))
        logger.info("%s is larger than the device: part of it stays in RAM", spec.name)
        return Demand(spec, demand.work, demand.work_bytes, demand.sizes, partial)

    def _partial(self, demand: Demand, never: Never) -> dict[ComponentKey, int] | None:
        """Bytes on the device of the largest part when the rest of it stays in main memory."""
        ledger = self.ledger
        if not ledger.backends[never.place].can_dispatch or not never.wanted:
            return None
        largest = max(never.wanted, key=lambda key: demand.sizes[key])
        size = demand.sizes[largest]
        room = never.limit - never.pinned - (never.need - never.wanted[largest])
        if room < LEAST_SHARE * size or size > ledger.ram_budget:
            return None
        return {largest: room}
