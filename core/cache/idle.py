"""Leaving after disuse, and leaving on request."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.cache.host import trim_heap
from core.cache.ledger import Ledger
from core.cache.table import Entry, State

if TYPE_CHECKING:
    from core.cache.model_cache import ModelCache

SWEEP_SECONDS = 30.0


def watch(cache: ModelCache) -> None:
    """Sweep a cache every half minute until it is collected."""
    reference = weakref.ref(cache)

    def loop() -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            alive = reference()
            if alive is None:
                return
            alive.sweep()
            del alive

    threading.Thread(target=loop, name="cache-idle", daemon=True).start()


def sweep(ledger: Ledger, keep_alive: float, drop_after: float) -> None:
    """Send away what nobody used for `keep_alive` seconds, drop after `drop_after`."""
    now = ledger.clock()

    def unused_for(seconds: float) -> Callable[[Entry], bool]:
        return lambda entry: ledger.movable(entry) and now - entry.last_used >= seconds

    drop(ledger, unused_for(drop_after), "idle")
    if ledger.one_tier:
        return
    with ledger.mu:
        for place in range(len(ledger.backends)):
            stale = unused_for(keep_alive)
            ledger.send_away([e for e in ledger.table.on(place) if stale(e)], place, "idle")


def drop(ledger: Ledger, chosen: Callable[[Entry], bool], reason: str) -> int:
    """Drop the chosen parts from every tier, as far as nobody holds them; return their bytes."""
    freed = 0
    with ledger.mu:
        ledger.collect_abandoned()
        entries = [
            entry
            for entry in ledger.table.entries.values()
            if not entry.holders
            and entry.state in (State.DEVICE, State.RAM)
            and ledger.evicts
            and chosen(entry)
        ]
        for entry in entries:
            freed += entry.bytes
            if entry.place is None:
                ledger.drop_from_ram([entry], reason)
            else:
                ledger.send_away([entry], entry.place, reason, drop=True)
        if entries:
            ledger.changed.notify_all()
    del entries
    return freed


def collect(ledger: Ledger) -> None:
    """Free what was dropped now rather than some time, and give it back to the system."""
    for backend in ledger.backends:
        backend.empty_cache(collect=True)
    trim_heap()  # main memory behind a device, too
