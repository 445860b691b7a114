"""The state that the parts of a cache share: locks, table, limits, and what is on its way out.

Locks, in the order in which they may be taken: `loading` (claims of main memory), the construction
lock, the lock of a device, `mu`.
`mu` guards the table and is held for microseconds, never while a model is loaded or moved.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from core.cache.backends import DeviceBackend
from core.cache.keys import ComponentKey
from core.cache.metrics import CacheMetrics
from core.cache.policy import Policy, Usage
from core.cache.table import Entry, State, Table

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Eviction:
    """A part that the table no longer charges to a device but that is still there."""

    entry: Entry
    place: int
    drop: bool


@dataclass(slots=True)
class Failure:
    """The last failed load of a component."""

    error: BaseException
    when: float
    count: int

    def same_as(self, error: BaseException) -> bool:
        """Whether another error says the same."""
        return type(error) is type(self.error) and str(error) == str(self.error)


class Ledger:
    """Who holds what, what may be used, and the locks around both."""

    def __init__(
        self,
        backends: Sequence[DeviceBackend],
        *,
        device_budget: int | None,
        ram_budget: int | None,
        reserve: int | None,
        clock: Callable[[], float],
        metrics: CacheMetrics,
    ) -> None:
        self.backends = tuple(backends)
        self.one_tier = backends[0].one_tier
        self.evicts = all(backend.evicts for backend in backends)
        self.clock = clock
        self.metrics = metrics
        self.reset_locks()
        self.table = Table(len(backends))
        self.policy = Policy(one_tier=self.one_tier)
        self.usages: dict[ComponentKey, Usage] = {}
        self.models: dict[str, frozenset[ComponentKey]] = {}
        self.failures: dict[ComponentKey, Failure] = {}
        self.pinned: set[str] = set()
        self.abandoned: deque[int] = deque()  # tickets of leases that were never released
        self.leaving: list[deque[Eviction]] = [deque() for _ in backends]
        if self.one_tier and ram_budget is not None:
            device_budget = ram_budget
        self.budgets = [
            backend.default_budget() if device_budget is None else device_budget
            for backend in backends
        ]
        self.reserves = [
            backend.default_reserve() if reserve is None else reserve for backend in backends
        ]
        self.ram_budget = backends[0].default_ram_budget() if ram_budget is None else ram_budget

    def reset_locks(self) -> None:
        """Make new locks: at the start, and in a forked child."""
        self.mu = threading.Lock()
        self.changed = threading.Condition(self.mu)
        self.loading = threading.RLock()  # held while main memory is claimed, before all others
        self.device_locks = [threading.Lock() for _ in self.backends]

    def limit(self, place: int) -> int:
        """Bytes that weights and work may take on a device now. Call without `mu`."""
        backend = self.backends[place]
        free, _ = backend.mem_info()
        with self.mu:
            resident = sum(
                entry.device_bytes
                for entry in self.table.on(place)
                if entry.state in (State.DEVICE, State.RAM)
            )
        budget = self.budgets[place]
        usable = free + backend.owned(resident)
        return min(budget, usable) - self.reserves[place]

    def limits(self) -> list[int]:
        """`limit` of every device."""
        return [self.limit(place) for place in range(len(self.backends))]

    # The methods below are called while `mu` is held.

    def collect_abandoned(self) -> None:
        """Give back what the collector found."""
        while self.abandoned:
            record = self.table.give_back(self.abandoned.popleft(), self.clock())
            if record is not None:
                logger.warning("a lease on %s was dropped without being released", record.name)
                self.changed.notify_all()

    def movable(self, entry: Entry) -> bool:
        """Whether a part may be taken away: at rest, lent to nobody, not pinned."""
        return (
            entry.state in (State.DEVICE, State.RAM)
            and not entry.holders
            and self.evicts
            and self.pinned.isdisjoint(entry.names)
        )

    def overdrawn(self) -> bool:
        """Whether a tier is charged more than its budget."""
        budgets = zip(self.table.device_used, self.budgets, self.reserves, strict=True)
        return self.table.ram_used > self.ram_budget or any(
            used > budget - reserve for used, budget, reserve in budgets
        )

    def keeps_host_copies(self) -> bool:
        """Whether parts may come back and all weights known so far fit into main memory at once."""
        return self.evicts and sum(usage.bytes for usage in self.usages.values()) <= self.ram_budget

    def send_away(
        self, entries: Iterable[Entry], place: int, reason: str, *, drop: bool = False
    ) -> None:
        """Take parts off a device in the table; the next `Carrier.drain` does it for real."""
        entries = list(entries)
        gone = set(map(id, entries)) if drop or self.one_tier else self._too_many(entries)
        for entry in entries:
            dropped = id(entry) in gone
            self.leaving[place].append(Eviction(entry, place, dropped))
            tier = "ram" if self.one_tier else "device"
            self.metrics.evictions.labels(tier, reason).inc()
            if dropped:
                self.table.remove(entry)
            else:
                entry.state = State.MOVING
                self.table.charge(entry, place=None, in_ram=True)

    def _too_many(self, incoming: list[Entry]) -> set[int]:
        """Of the parts that leave a device, those that main memory cannot take (by `id`)."""
        need = sum(entry.ram_bytes_wanted() for entry in incoming)
        over = self.table.ram_used + need - self.ram_budget
        if over <= 0:
            return set()
        pool = [entry for entry in self.in_ram() if entry not in incoming]
        victims = self.policy.ram_victims([*pool, *incoming], over)
        if victims is None:
            return set(map(id, incoming))
        arriving = set(map(id, incoming))
        self.drop_from_ram([v for v in victims if id(v) not in arriving], "room")
        return {id(v) for v in victims} & arriving

    def in_ram(self) -> list[Entry]:
        """Parts that only main memory holds and that may be dropped."""
        return [
            entry
            for entry in self.table.entries.values()
            if entry.state is State.RAM and entry.place is None and self.movable(entry)
        ]

    def drop_from_ram(self, entries: Iterable[Entry], reason: str) -> None:
        """Forget parts of main memory."""
        for entry in entries:
            self.table.remove(entry)
            self.metrics.evictions.labels("ram", reason).inc()

    def drop_host_copies(self, need: int) -> int:
        """Forget copies of weights that are on a device too; return the bytes gained."""
        gained = 0
        for entry in self.table.entries.values():
            if gained >= need:
                break
            if entry.state is State.DEVICE and entry.host_copy is not None:
                entry.host_copy = None
                gained += entry.ram_bytes
                self.table.charge(entry, place=entry.place, in_ram=False)
        return gained
