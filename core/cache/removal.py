"""Taking parts away: for real what the table has sent away, and what is above the budgets."""

from __future__ import annotations

import logging
from typing import Any

from core.cache.ledger import Ledger
from core.cache.table import Entry, State

logger = logging.getLogger(__name__)

COLLECT_BYTES = 64 * 2**20  # dropped at once, from which a search for cycles is worth its time


class Removal:
    """Carries out the evictions of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def take_out(self, entry: Entry, place: int, host_copy: Any) -> None:
        """Bring a module from its device to main memory; call with the lock of the device."""
        backend = self.ledger.backends[place]
        if host_copy is not None:
            backend.restore(entry.module, host_copy)
        elif entry.partial is not None:
            backend.undispatch(entry.module)
        else:
            backend.move_out(entry.module)

    def rebalance(self, place: int) -> None:
        """Send unleased parts away when a device is charged more than its limit."""
        ledger = self.ledger
        limit = ledger.limit(place)
        with ledger.mu:
            over = ledger.table.device_used[place] - limit
            if over <= 0:
                return
            movable = [entry for entry in ledger.table.on(place) if ledger.movable(entry)]
            victims = ledger.policy.device_victims(movable, over)
            ledger.send_away(movable if victims is None else victims, place, "room")

    def settle_debts(self) -> None:
        """Send away what was kept above the budgets only because leases held it."""
        ledger = self.ledger
        with ledger.mu:
            ledger.drop_host_copies(ledger.table.ram_used - ledger.ram_budget)
            over = ledger.table.ram_used - ledger.ram_budget
            in_ram = ledger.in_ram()
            victims = ledger.policy.ram_victims(in_ram, over)
            ledger.drop_from_ram(in_ram if victims is None else victims, "room")
        for place in range(len(ledger.backends)):
            self.rebalance(place)
        self.drain()

    def drain(self) -> None:
        """Take away for real what the table has sent away."""
        for place, leaving in enumerate(self.ledger.leaving):
            if leaving:
                with self.ledger.device_locks[place]:
                    self.drain_locked(place)

    def drain_locked(self, place: int) -> None:
        """`drain` of one device; call with its lock."""
        ledger = self.ledger
        dropped = moved = 0
        while True:
            with ledger.mu:
                if not ledger.leaving[place]:
                    break
                eviction = ledger.leaving[place].popleft()
            if eviction.drop:
                dropped += eviction.entry.bytes
                ledger.backends[place].release(eviction.entry.module)
            else:
                moved += eviction.entry.bytes
                self._demote(eviction.entry, place)
            del eviction  # the last reference to a part that is dropped
        if dropped or moved:
            ledger.backends[place].empty_cache(collect=dropped >= COLLECT_BYTES)

    def _demote(self, entry: Entry, place: int) -> None:
        ledger = self.ledger
        started = ledger.clock()
        try:
            self.take_out(entry, place, entry.host_copy)
        except (RuntimeError, MemoryError):  # no room in main memory after all
            logger.warning("%s was dropped: it could not be moved to main memory", entry.key)
            with ledger.mu:
                ledger.table.remove(entry)
                entry.module = None
                ledger.changed.notify_all()
            return
        ledger.metrics.move_seconds.labels("out").observe(ledger.clock() - started)
        with ledger.mu:
            entry.state, entry.host_copy = State.RAM, None
            ledger.table.charge(entry, place=None, in_ram=True)
            ledger.changed.notify_all()
