"""The reader's side of a job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.jobs.events import EXPIRED, JobEvent, JobInfo, State
from core.jobs.record import Record
from core.jobs.worker import rebuild

if TYPE_CHECKING:
    from core.jobs.runner import JobRunner


class JobHandle:
    """Follow, stop or wait for one job. Any number of handles and readers may exist."""

    __slots__ = ("_record", "_runner")

    def __init__(self, record: Record, runner: JobRunner) -> None:
        """Made by the runner."""
        self._record = record
        self._runner = runner

    @property
    def id(self) -> str:
        """Unguessable name of the job."""
        return self._record.id

    @property
    def method(self) -> str:
        """Slug of the method."""
        return self._record.method

    @property
    def title(self) -> str:
        """What the visitor sees in lists."""
        return self._record.title

    @property
    def owner(self) -> str:
        """Browser id of the visitor, or an empty text."""
        return self._record.owner

    @property
    def request(self) -> Any:
        """The request, until the job expires."""
        return self._record.request

    @property
    def state(self) -> State:
        """Where the job stands now."""
        return self._record.state

    @property
    def saved(self) -> Any:
        """What `on_done` returned."""
        return self._record.saved

    def events(
        self, after: int = 0, poll: float = 0.1, tick: float | None = None
    ) -> Iterator[JobEvent]:
        """Replay the kept events, then follow the job to its last one.

        Leaving the loop early only ends this reading; the job goes on.

        Args:
            after: number of the last event that the reader already has.
            poll: shortest time between two batches of progress, in seconds; the last event does
                not wait for it.
            tick: after this many silent seconds, yield the newest event again with its time left
                brought up to date (same `seq`); None stays silent.
        """
        log = self._record.log
        while True:
            began = time.monotonic()
            batch = log.wait(after, tick)
            for event in batch:
                after = event.seq
                yield event
                if event.is_last:
                    return
            if not batch:
                if log.last is not None:  # the reader had the last event already
                    return
                yield self._still(log.after(0)[-1])
            pause = poll - (time.monotonic() - began)
            if pause > 0:
                log.wait_last(pause)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end and return what the worker function returned.

        Raises:
            VitrineError: the job's own error; `JobCancelled` when it was stopped and
                `NotFoundError` when the result has expired.
            TimeoutError: the job was still active after `timeout` seconds.
        """
        last = self._record.log.wait_last(timeout)
        if last is None:
            raise TimeoutError(f"the job did not end within {timeout} seconds")
        if last.kind == "done" and last.error != EXPIRED:
            return last.result
        raise rebuild(last.error, last.error_kind)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False when the job is still active after `timeout` seconds."""
        return self._record.log.wait_last(timeout) is not None

    def cancel(self) -> bool:
        """Ask the job to stop; False when it has already ended."""
        return self._runner.stop(self._record)

    def info(self) -> JobInfo:
        """Return the state of the job now."""
        self._runner.refresh()
        return self._record.info()

    def _still(self, newest: JobEvent) -> JobEvent:
        """Repeat an event with a new time left and without its preview."""
        self._runner.refresh()
        kind = "progress" if newest.kind == "preview" else newest.kind
        eta = self._record.eta_seconds()
        return replace(newest, kind=kind, preview=None, eta_seconds=eta)
