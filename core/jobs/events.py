"""What a job says: immutable events in a bounded log that any number of readers may follow."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["queued", "started", "progress", "preview", "done", "failed", "cancelled"]
State = Literal["queued", "running", "stopping", "done", "failed", "cancelled"]

LAST: frozenset[str] = frozenset({"done", "failed", "cancelled"})  # kinds that end a job
ACTIVE: frozenset[str] = frozenset({"queued", "running", "stopping"})  # states that may change
KEPT_PROGRESS = 64  # progress events per job; older ones are dropped
EXPIRED = (
    "The result of this job is no longer kept in memory. "
    "Results stay for an hour. Open it from the history, or run the job again."
)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One thing that happened to a job.

    `seq` grows by at least one from event to event; gaps are events that were dropped because a
    newer one says the same. `fraction` is in [0, 1]; `eta_seconds` is the time left (while queued:
    until the start) and None without evidence. `position` counts from 1 while the job waits.
    `error_kind` names a class of `core.errors`, or is "internal" for an error of ours.
    """

    seq: int
    kind: Kind
    time: float  # seconds since the epoch
    fraction: float | None = None
    text: str = ""
    position: int | None = None
    preview: Any = None
    result: Any = None
    error: str = ""
    error_kind: str = ""
    eta_seconds: float | None = None

    @property
    def is_last(self) -> bool:
        """Whether no event follows this one."""
        return self.kind in LAST


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInfo:
    """The state of a job at one instant, without its request and result.

    `created`, `started` and `ended` are seconds since the epoch.
    """

    id: str
    method: str
    title: str
    owner: str
    state: State
    heavy: bool
    fraction: float | None
    text: str
    position: int | None
    eta_seconds: float | None
    created: float
    started: float | None
    ended: float | None
    error: str

    @property
    def active(self) -> bool:
        """Whether the job still waits or runs."""
        return self.state in ACTIVE


class EventLog:
    """The kept events of one job.

    Kept are the newest "queued", "started" and last event, the newest preview, and the last
    progress events; progress with the same text replaces the one before it. So the log stays small
    however long the job is, and a late reader still learns all that matters.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """Make an empty log; `now` gives seconds since the epoch."""
        self._now = now
        self._wake = threading.Condition()
        self._seq = 0
        self._single: dict[str, JobEvent] = {}  # newest event of each kind but progress
        self._progress: deque[JobEvent] = deque(maxlen=KEPT_PROGRESS)
        self._last: JobEvent | None = None

    def publish(self, kind: Kind, **fields: Any) -> None:
        """Add an event; after the last one of a job, nothing is added any more."""
        with self._wake:
            if self._last is not None:
                return
            self._seq += 1
            event = JobEvent(self._seq, kind, self._now(), **fields)
            if kind == "progress":
                if self._progress and self._progress[-1].text == event.text:
                    self._progress.pop()
                self._progress.append(event)
            else:
                self._single[kind] = event
            if event.is_last:
                self._last = event
            self._wake.notify_all()

    def after(self, seq: int) -> list[JobEvent]:
        """Kept events whose number is above `seq`, in order."""
        with self._wake:
            return self._after(seq)

    def wait(self, seq: int, timeout: float | None) -> list[JobEvent]:
        """Like `after`, but wait up to `timeout` seconds for an event, unless none can come."""
        with self._wake:
            self._wake.wait_for(lambda: self._seq > seq or self._last is not None, timeout)
            return self._after(seq)

    def wait_last(self, timeout: float | None) -> JobEvent | None:
        """Wait up to `timeout` seconds for the last event; None when it has not come."""
        with self._wake:
            self._wake.wait_for(lambda: self._last is not None, timeout)
            return self._last

    @property
    def last(self) -> JobEvent | None:
        """The last event of the job, or None while it is active."""
        with self._wake:
            return self._last

    @property
    def seq(self) -> int:
        """Number of the newest event."""
        with self._wake:
            return self._seq

    def forget(self) -> None:
        """Drop the result and the preview; a result that was there is replaced by a sentence."""
        with self._wake:
            self._single.pop("preview", None)
            last = self._last
            if last is not None and last.kind == "done":
                self._last = replace(last, result=None, error=EXPIRED, error_kind="NotFoundError")
                self._single["done"] = self._last

    def _after(self, seq: int) -> list[JobEvent]:
        kept = [*self._single.values(), *self._progress]
        return sorted((e for e in kept if e.seq > seq), key=lambda e: e.seq)
