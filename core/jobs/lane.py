"""Slots that are given in the order of asking. No lock of its own: the runner's lock guards it."""

from __future__ import annotations

from core.jobs.record import Record
from core.jobs.tally import Tally


class Lane:
    """A number of slots and the jobs that wait for one.

    The heavy lane has one slot, which is the device lease. A slot goes to a job before its thread
    starts and comes back when that thread is through with its work, never earlier.
    """

    def __init__(self, name: str, slots: int, max_waiting: int, tally: Tally) -> None:
        """Make an empty lane; `tally` knows how long jobs usually take."""
        if slots < 1 or max_waiting < 0:
            raise ValueError(f"{name}: {slots} slots and {max_waiting} places to wait make no lane")
        self.name = name
        self.slots = slots
        self.max_waiting = max_waiting
        self.running: dict[str, Record] = {}
        self.waiting: dict[str, Record] = {}  # in the order of asking
        self._tally = tally

    @property
    def is_full(self) -> bool:
        """Whether one more job could neither start nor wait."""
        return len(self.running) >= self.slots and len(self.waiting) >= self.max_waiting

    def enter(self, record: Record) -> list[Record]:
        """Queue a job, and return it if it may start at once."""
        self.waiting[record.id] = record
        return self._advance()

    def leave(self, record: Record) -> list[Record]:
        """Take a job out of its slot or out of the queue; return those that may start now."""
        self.running.pop(record.id, None)
        self.waiting.pop(record.id, None)
        return self._advance()

    def refresh(self) -> None:
        """Estimate anew when each waiting job will start."""
        if not self.waiting:
            return
        wait = self._running_seconds_left()
        for record in self.waiting.values():
            record.starts_at = None if wait is None else record.clock() + wait / self.slots
            usual = self._tally.usual_seconds(record.method)
            wait = None if wait is None or usual is None else wait + usual

    def _advance(self) -> list[Record]:
        granted = []
        while self.waiting and len(self.running) < self.slots:
            record = self.waiting.pop(next(iter(self.waiting)))
            self.running[record.id] = record
            record.begin()
            granted.append(record)
        self.refresh()
        for place, record in enumerate(self.waiting.values(), 1):
            record.stand_at(place)
        return granted

    def _running_seconds_left(self) -> float | None:
        total = 0.0
        for record in self.running.values():
            left = record.eta_seconds()
            if left is None:
                usual = self._tally.usual_seconds(record.method)
                if usual is None or record.running_seconds > usual or record.state == "stopping":
                    return None
                left = usual - record.running_seconds
            total += left
        return total
