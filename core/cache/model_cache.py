"""The model cache: loads once, lends, counts bytes, evicts.

Life of an `acquire`: the sizes are looked up (before anything is loaded), room for the whole model
is granted or waited for (`admission`), a carrier thread evicts, loads and moves (`carrier`), the
caller waits for its parts, assembles them and gets a lease. Giving back moves nothing.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Literal, TypeVar

from core.cache import idle, recovery, views
from core.cache.admission import Demand, Grant
from core.cache.backends import DeviceBackend
from core.cache.carrier import Carrier
from core.cache.entrance import Entrance, wait_for
from core.cache.keys import ModelSpec, Work
from core.cache.leases import Lease
from core.cache.ledger import Ledger
from core.cache.metrics import CacheMetrics
from core.cache.snapshot import CacheSnapshot
from core.errors import CapacityError, VitrineError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
BACK_OFF = 5.0  # seconds in which a load that failed twice alike is not tried again
_caches: weakref.WeakSet[ModelCache] = weakref.WeakSet()


class ModelCache:
    """Shares models between the methods of one process.

    Args:
        backends: the devices, or a function that finds them at the first acquire (finding them
            imports torch, which the hub must not do when it starts).
        device_budget: bytes of weights and work on each device; None asks the device.
        ram_budget: bytes of weights in main memory; None takes a share of what is available.
        reserve: bytes of each device that stay free; None asks the device.
        mode: "static" refuses models that `preload` did not bring.
        clock: seconds; replaced by tests.
        keep_alive: minutes without use after which a part leaves its device.
        drop_after: minutes without use after which it leaves main memory.
    """

    def __init__(
        self,
        backends: DeviceBackend | Sequence[DeviceBackend] | Callable[[], Sequence[DeviceBackend]],
        *,
        device_budget: int | None = None,
        ram_budget: int | None = None,
        reserve: int | None = None,
        mode: Literal["auto", "cpu", "static"] = "auto",
        clock: Callable[[], float] = time.monotonic,
        metrics: CacheMetrics | None = None,
        keep_alive: float = 15.0,
        drop_after: float = 60.0,
    ) -> None:
        self.mode = mode
        self.metrics = metrics or CacheMetrics()
        self.keep_alive = keep_alive
        self.drop_after = drop_after
        self._backends = backends
        self._options = (device_budget, ram_budget, reserve, clock)
        self._ledger: Ledger | None = None
        self._starting = threading.Lock()
        self._tickets = itertools.count(1)
        self._sealed = False
        self._unplaced: dict[str, Exception] = {}  # by the name of the model
        self._early_pins: set[str] = set()
        _caches.add(self)

    @property
    def ledger(self) -> Ledger:
        """The shared state; the first call finds the devices."""
        if self._ledger is None:
            with self._starting:
                if self._ledger is None:
                    self._ledger = self._start()
        return self._ledger

    def _start(self) -> Ledger:
        backends = self._backends
        if callable(backends):
            backends = backends()
        elif not isinstance(backends, Sequence):
            backends = [backends]
        device_budget, ram_budget, reserve, clock = self._options
        ledger = Ledger(
            backends,
            device_budget=device_budget,
            ram_budget=ram_budget,
            reserve=reserve,
            clock=clock,
            metrics=self.metrics,
        )
        ledger.pinned |= self._early_pins
        self.carrier = Carrier(ledger)
        self.entrance = Entrance(ledger, self.carrier)
        idle.watch(self)
        return ledger

    def acquire(
        self,
        spec: ModelSpec,
        *,
        work: Work | None = None,
        timeout: float = 600.0,
        cancel: threading.Event | None = None,
    ) -> Lease:
        """Lend a model, loading and moving what is missing.

        Args:
            spec: the model.
            work: what the run will do, for `spec.work_bytes`.
            timeout: seconds to wait for room and for loads.
            cancel: set it to stop waiting; a load under way goes on for others.

        Raises:
            CapacityError: the model can never fit, or room did not come free in time.
            BusyError: a load did not end in time.
            JobCancelled: `cancel` was set.
            WeightsError: a checkpoint cannot be used; whatever else a loader raises.
        """
        ledger = self.ledger
        ticket = next(self._tickets)
        deadline = time.monotonic() + timeout
        self._check_failures(ledger, spec)
        self._check_manifest(ledger, spec)
        try:
            demand, grant = self.entrance.enter(ticket, spec, work or {}, deadline, cancel)
            if grant.bring or grant.evicts:
                self._send(self.carrier.carry, grant)
                wait_for(grant.made_room, spec, deadline, cancel)
            for future in grant.waits:
                wait_for(future, spec, deadline, cancel)
            return self._lend(ledger, spec, demand, grant)
        except BaseException:
            self.give_back(ticket)
            raise

    def _send(self, task: Callable[..., None], *args: Any) -> None:
        if not all(backend.threads for backend in self.ledger.backends):
            task(*args)
            return
        try:
            threading.Thread(target=task, args=args, name="cache-carrier", daemon=True).start()
        except RuntimeError:  # the system gives no more threads; what was granted must be done
            task(*args)

    def _check_failures(self, ledger: Ledger, spec: ModelSpec) -> None:
        if not ledger.failures:
            return
        for part in spec.parts.values():
            failure = ledger.failures.get(part.key)
            if (
                failure is not None
                and failure.count > 1
                and ledger.clock() - failure.when < BACK_OFF
            ):
                raise failure.error

    def _check_manifest(self, ledger: Ledger, spec: ModelSpec) -> None:
        if not self._sealed:
            return
        missing = [part.key for part in spec.parts.values() if part.key not in ledger.table.entries]
        if not missing:
            return
        reason = self._unplaced.get(spec.name)
        if isinstance(reason, VitrineError):
            raise type(reason)(f"{spec.name} could not be placed when this Space started. {reason}")
        raise CapacityError(
            f"{spec.name} was not placed when this Space started: {missing[0]} is missing. "
            "Name it in `preload` of the method, or use a machine with a GPU of its own."
        )

    def _lend(self, ledger: Ledger, spec: ModelSpec, demand: Demand, grant: Grant) -> Lease:
        backend = ledger.backends[grant.place]
        parts: dict[str, Any] = {}
        for name, entry in grant.entries.items():
            module = entry.module
            if name in grant.copies:
                module = self.run_with_recovery(
                    grant.place, lambda module=module: backend.private_copy(module), "copy"
                )
            parts[name] = module
        if grant.copies:
            shared = {grant.entries[n].key for n in grant.entries if n not in grant.copies}
            with ledger.changed:
                for name in grant.copies:
                    if grant.entries[name].key not in shared:
                        ledger.table.let_go(grant.ticket, grant.entries[name])
                ledger.changed.notify_all()
        device = backend.device
        partial = any(entry.partial is not None for entry in grant.entries.values())
        obj = spec.assemble(parts, device)
        return Lease(self, grant.ticket, spec, obj, device, grant.place, demand.work, partial)

    def run_with_recovery(
        self, place: int, action: Callable[[], Result], stage: str = "run"
    ) -> Result:
        """Do `action` on a device, making room once when it is out of memory."""
        return recovery.with_recovery(
            self.ledger, place, action, lambda _: self.carrier.drain(), stage
        )

    def give_back(self, ticket: int) -> None:
        """Take back a lease by its ticket; unknown tickets are ignored."""
        ledger = self._ledger
        if ledger is not None:
            with ledger.changed:
                held = ledger.table.give_back(ticket, ledger.clock()) is not None
                if held:
                    ledger.changed.notify_all()
                overdrawn = held and ledger.overdrawn()
            if overdrawn:
                self._send(self.carrier.settle_debts)

    def abandon(self, ticket: int) -> None:
        """Note that a lease was collected without being released. Takes no lock."""
        self.ledger.abandoned.append(ticket)

    def prefetch(self, spec: ModelSpec) -> Future[None]:
        """Bring a model in the background; the future ends when it is there, or with the error."""
        done: Future[None] = Future()

        def bring() -> None:
            try:
                self.acquire(spec).release()
            except BaseException as exc:  # whoever waits for the future gets it
                done.set_exception(exc)
            else:
                done.set_result(None)

        threading.Thread(target=bring, name="cache-prefetch", daemon=True).start()
        return done

    def preload(self, specs: Iterable[ModelSpec]) -> dict[str, Exception]:
        """Bring models now; in static mode nothing else can be acquired afterwards.

        Returns:
            What went wrong, by the name of the model; the others are there.
        """
        for spec in specs:
            try:
                self.acquire(spec).release()
            except Exception as error:  # a damaged model must not keep the others away
                self._unplaced[spec.name] = error
        self._sealed = self.mode == "static"
        return dict(self._unplaced)

    def pin(self, name: str, on: bool = True) -> None:
        """Keep the parts of a model where they are when room is needed, or no longer."""
        ledger = self._ledger
        pinned = self._early_pins if ledger is None else ledger.pinned
        if on:
            pinned.add(name)
        else:
            pinned.discard(name)

    def unload(self, name: str | None = None) -> int:
        """Drop what nobody holds: one model, or everything; returns the bytes given back.

        A part that other models use too is dropped as well and is loaded again when they need it.
        """
        ledger = self._ledger
        if ledger is None:
            return 0
        freed = idle.drop(ledger, lambda entry: name is None or name in entry.names, "unload")
        self.carrier.drain()
        if freed:
            idle.collect(ledger)
        return freed

    def sweep(self) -> None:
        """Apply the idle policy; a background thread does so every half minute."""
        ledger = self._ledger
        if ledger is not None and ledger.evicts:
            idle.sweep(ledger, 60.0 * self.keep_alive, 60.0 * self.drop_after)
            self.carrier.drain()

    def snapshot(self) -> CacheSnapshot:
        """The state at this moment; never waits for a load or a move."""
        ledger = self._ledger
        if ledger is None:
            return views.unused()
        return views.snapshot(ledger, self.mode, len(self.entrance.waiting))


def _after_fork() -> None:
    """Give the caches of a forked child locks that no lost thread holds."""
    for cache in list(_caches):
        if cache._ledger is not None:
            cache._ledger.reset_locks()
            cache.entrance.waiting.clear()  # those threads stayed with the parent
            cache._starting = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
