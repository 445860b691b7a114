"""Doing what was granted: taking parts away, loading them, moving them.

A carrier runs in a thread of its own, so that a caller can give up waiting while the load goes on
for others, and so that no tensor is made in a caller's inference mode.
"""

from __future__ import annotations

import logging
import time
import traceback
from concurrent.futures import Future
from contextlib import nullcontext
from typing import Any

from core.cache.admission import Grant
from core.cache.construction import construction
from core.cache.ledger import Failure
from core.cache.recovery import with_recovery
from core.cache.removal import COLLECT_BYTES, Removal
from core.cache.table import Entry, State, mebibytes
from core.errors import CapacityError

logger = logging.getLogger(__name__)

PIN_AFTER_MOVES = 3  # page-locking pays for weights that travel often
PIN_SHARE = 0.25  # of main memory that may be page-locked
RAM_PATIENCE = 30.0  # seconds that a load waits for main memory that other loads pass through


class Carrier(Removal):
    """Carries out grants and evictions of one ledger."""

    def carry(self, grant: Grant) -> None:
        """Make room, then bring every part; resolves the futures of the grant."""
        failed: BaseException | None = None
        try:
            self.drain()
        except BaseException as exc:  # the caller gets it, whatever it is
            grant.made_room.set_exception(exc)
            failed = exc
        else:
            grant.made_room.set_result(None)
        # Parts that stay in main memory while the next one is loaded: two carriers that each hold
        # such a part and wait for more would wait for ever, so only one may be in that position.
        stays = any(entry.module is None and entry.place is None for entry in grant.bring)
        with self.ledger.loading if stays else nullcontext():
            for entry in grant.bring:
                failed = self._bring_or_fail(entry, grant.ticket, failed)

    def _bring_or_fail(
        self, entry: Entry, ticket: int, failed: BaseException | None
    ) -> BaseException | None:
        if failed is not None and self._unwanted(entry, ticket):
            self._fail(entry, failed)
            return failed
        try:
            self._bring(entry)
        except BaseException as exc:  # waiters get it, whatever it is
            traceback.clear_frames(exc.__traceback__)  # they hold the half-loaded model
            self._fail(entry, exc)
            return exc
        return failed

    def _unwanted(self, entry: Entry, ticket: int) -> bool:
        with self.ledger.mu:
            return not entry.holders - {ticket}

    def _fail(self, entry: Entry, exc: BaseException) -> None:
        """Hand the exception to all who wait, and leave no trace of a part that did not load."""
        ledger = self.ledger
        with ledger.mu:
            future, entry.ready = entry.ready, None
            if entry.module is None:
                ledger.table.remove(entry)
            else:  # it loaded, but found no room on the device
                entry.state = State.RAM
                ledger.table.charge(entry, place=None, in_ram=True)
            ledger.changed.notify_all()
        if future is not None:
            future.set_exception(exc)

    def _bring(self, entry: Entry) -> None:
        ledger = self.ledger
        if entry.module is None:
            self._load(entry)
        with ledger.mu:
            # Somebody may have asked for it on the device while it was loading.
            going = entry.place is not None
            entry.state = State.MOVING if going else entry.state
            done = None if going else self._settle(entry)
        if going:
            self._move_in(entry)
            with ledger.mu:
                done = self._settle(entry)
        if done is not None:
            done.set_result(None)

    def _settle(self, entry: Entry) -> Future[None] | None:
        at_home = entry.place is None or self.ledger.one_tier
        entry.state = State.RAM if at_home else State.DEVICE
        done, entry.ready = entry.ready, None
        self.ledger.changed.notify_all()
        return done

    def _load(self, entry: Entry) -> None:
        ledger = self.ledger
        backend = ledger.backends[entry.place or 0]
        try:
            if entry.spec.fetch is not None:
                entry.spec.fetch()
            if not ledger.one_tier:
                with ledger.loading:
                    self._claim_ram(entry)
            with construction():
                started = ledger.clock()
                module = entry.spec.load(backend.dtype(entry.key.dtype))
                size = backend.prepare(module)
                seconds = ledger.clock() - started
        except BaseException as exc:
            self._remember(entry, exc)
            raise
        ledger.metrics.loads.labels("done").inc()
        ledger.metrics.load_seconds.observe(seconds)
        with ledger.mu:
            entry.module = module
            entry.usage.bytes, entry.usage.measured = size, True
            entry.usage.load_seconds = seconds
            ledger.failures.pop(entry.key, None)
            partial = entry.partial if entry.partial is None else min(entry.partial, size)
            grew = size > entry.bytes
            ledger.table.charge(
                entry, place=entry.place, in_ram=entry.in_ram, size=size, partial=partial
            )
        if grew and entry.place is not None:
            self.rebalance(entry.place)

    def _remember(self, entry: Entry, exc: BaseException) -> None:
        ledger = self.ledger
        ledger.metrics.loads.labels("failed").inc()
        with ledger.mu:
            last = ledger.failures.get(entry.key)
            count = last.count + 1 if last is not None and last.same_as(exc) else 1
            ledger.failures[entry.key] = Failure(exc, ledger.clock(), count)

    def _claim_ram(self, entry: Entry) -> None:
        """Charge main memory for a part that is about to be loaded, dropping what must go.

        A part that only passes through on its way to a device costs nothing while the machine has
        memory to spare: dropping what is kept there would make the next visitor wait for the disk.
        """
        ledger = self.ledger
        passes = entry.place is not None and entry.partial is None
        if passes and entry.bytes <= ledger.backends[entry.place or 0].transit_room():
            return
        deadline = time.monotonic() + RAM_PATIENCE
        dropped: list[Entry] = []
        with ledger.changed:
            while True:
                over = ledger.table.ram_used + entry.bytes - ledger.ram_budget
                if over > 0:
                    over -= ledger.drop_host_copies(over)
                victims = ledger.policy.ram_victims(ledger.in_ram(), over)
                if victims is not None:
                    break
                if entry.bytes > ledger.ram_budget:
                    raise CapacityError(
                        f"{entry.key} needs {mebibytes(entry.bytes)} of main memory to be loaded, "
                        f"and the cache may use {mebibytes(ledger.ram_budget)}. Choose a smaller "
                        "model, or raise VITRINE_RAM."
                    )
                if time.monotonic() > deadline:
                    logger.warning("main memory is over its budget: %s has to be loaded", entry.key)
                    victims = ledger.in_ram()
                    break
                ledger.changed.wait(0.1)
            dropped = list(victims)
            ledger.drop_from_ram(dropped, "room")
            ledger.table.charge(entry, place=entry.place, in_ram=True, partial=entry.partial)
        size = sum(entry.bytes for entry in dropped)
        dropped.clear()
        if size:
            ledger.backends[0].empty_cache(collect=size >= COLLECT_BYTES)

    def _move_in(self, entry: Entry) -> None:
        ledger = self.ledger
        place = entry.place
        if place is None:
            return
        with ledger.mu:
            keep = not ledger.one_tier and entry.partial is None and ledger.keeps_host_copies()
            pin = entry.moves >= PIN_AFTER_MOVES and self._pinned_bytes(entry) <= PIN_SHARE * (
                ledger.ram_budget
            )
        with ledger.device_locks[place]:
            self.drain_locked(place)
            started = ledger.clock()
            host_copy, partial = with_recovery(
                ledger, place, lambda: self._place(entry, place, keep, pin), self.drain_locked
            )
            seconds = ledger.clock() - started
        if not ledger.one_tier:
            ledger.metrics.move_seconds.labels("in").observe(seconds)
        with ledger.mu:
            entry.moves += 1
            entry.host_copy = host_copy
            entry.usage.move_seconds = seconds
            in_ram = not ledger.one_tier and (keep or partial is not None)
            ledger.table.charge(entry, place=place, in_ram=in_ram, partial=partial)
            ledger.changed.notify_all()

    def _pinned_bytes(self, entry: Entry) -> int:
        pinned = sum(
            other.bytes
            for other in self.ledger.table.entries.values()
            if other.host_copy is not None and other.moves >= PIN_AFTER_MOVES
        )
        return pinned + entry.bytes

    def _place(self, entry: Entry, place: int, keep: bool, pin: bool) -> tuple[Any, int | None]:
        """Move a part in, whole or in part; on failure it is whole in main memory again."""
        ledger, backend = self.ledger, self.ledger.backends[place]
        host_copy = backend.host_copy(entry.module, pin=pin) if keep else None
        try:
            if entry.partial is None:
                backend.move(entry.module)
                return host_copy, None
            room, ram = entry.partial, ledger.ram_budget
            return None, backend.dispatch(entry.module, room, ram, entry.spec.no_split)
        except BaseException as exc:
            try:
                self.take_out(entry, place, host_copy)
            except (RuntimeError, MemoryError):
                entry.module = None  # rather gone than half here, half there
                raise CapacityError(
                    f"{entry.key} could not be moved to {backend.name}, nor back to main memory. "
                    "It was dropped; try again when other jobs have ended."
                ) from exc
            raise
