"""Keeps jobs until they expire. No lock of its own: the runner's lock guards it."""

from __future__ import annotations

import hmac
import weakref
from collections import deque
from collections.abc import Callable, Iterator

from core.errors import NotFoundError
from core.jobs.record import Record


class Shelf:
    """All active jobs, and finished ones for a limited time and up to a limited number.

    A job that is pushed out by number lives on only through the handles that somebody still
    holds; its result is dropped from those too when its time is over.
    """

    def __init__(self, keep_seconds: float, keep_finished: int, clock: Callable[[], float]) -> None:
        """Make an empty shelf; `clock` is the one that stamped the jobs."""
        self._keep_seconds = keep_seconds
        self._keep_finished = keep_finished
        self._clock = clock
        self._records: dict[str, Record] = {}  # in the order of submission
        self._ended: deque[Record] = deque()  # in the order of ending
        self._pushed_out: deque[weakref.ref[Record]] = deque()  # likewise

    def __iter__(self) -> Iterator[Record]:
        """The jobs, the newest first."""
        return reversed(self._records.values())

    def add(self, record: Record) -> None:
        """Keep a new job."""
        self._records[record.id] = record

    def end(self, record: Record) -> None:
        """Start the time of a job that has just ended."""
        self._ended.append(record)
        self.expire()

    def find(self, job_id: str, owner: str | None) -> Record:
        """Return a job; `owner`, unless None, must be its owner.

        Raises:
            NotFoundError: there is none; someone else's job looks the same as no job.
        """
        record = self._records.get(job_id)
        if record is None or (owner is not None and not same_owner(owner, record.owner)):
            raise NotFoundError(
                "There is no such job among yours. Jobs are kept for an hour after their end. "
                "Look in the history for a saved result, or start the job again."
            )
        return record

    def expire(self) -> None:
        """Forget jobs that ended long ago; push the oldest out when there are too many."""
        horizon = self._clock() - self._keep_seconds
        while self._ended and _ended(self._ended[0]) < horizon:
            self._remove(self._ended[0]).forget()
        while len(self._ended) > self._keep_finished:
            # Nobody can re-attach to a job without an owner, so those go first.
            oldest = next((r for r in self._ended if not r.owner), self._ended[0])
            self._pushed_out.append(weakref.ref(self._remove(oldest)))
        while self._pushed_out:
            record = self._pushed_out[0]()
            if record is not None:
                if _ended(record) >= horizon:
                    break
                record.forget()
            self._pushed_out.popleft()

    def _remove(self, record: Record) -> Record:
        self._ended.remove(record)
        self._records.pop(record.id, None)
        return record


def same_owner(one: str, other: str) -> bool:
    """Compare two browser ids in constant time; they are what protects a visitor's jobs."""
    return hmac.compare_digest(one.encode(), other.encode())


def _ended(record: Record) -> float:
    return 0.0 if record.ended is None else record.ended
