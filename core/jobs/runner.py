"""Takes jobs, gives them their turn, and keeps what they said until it expires."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from core.errors import BusyError, VitrineError
from core.jobs import status, worker
from core.jobs.events import JobInfo
from core.jobs.handle import JobHandle
from core.jobs.job import STOPPED, Job
from core.jobs.lane import Lane
from core.jobs.record import Outcome, Record
from core.jobs.shelf import Shelf, same_owner
from core.jobs.tally import Tally

logger = logging.getLogger(__name__)

Request = TypeVar("Request")
Result = TypeVar("Result")

STOPPED_EARLY = Outcome("cancelled", error=STOPPED, error_kind="JobCancelled")
NO_THREAD = Outcome(
    "failed",
    error="The machine has no thread left for this job; fewer jobs at once would work. "
    "Try again in a minute.",
    error_kind="BusyError",
)
NOT_SAVED = (
    "The result is here but could not be saved in the history. Download it now if you want to "
    "keep it, and tell whoever runs this hub."
)


class JobRunner:
    """Runs each job in a thread of its own, heavy ones one after the other.

    One short lock guards all states; no function of a job ever runs under it, so that `list`,
    `snapshot` and the others never wait for work. A waiting job has no thread yet. A slot passes
    on when the worker thread is through with the function, however long a stop takes.
    """

    def __init__(
        self,
        *,
        devices: int = 1,
        light_slots: int | None = None,
        max_waiting_heavy: int = 32,
        max_waiting_light: int = 256,
        max_jobs_per_visitor: int = 4,
        keep_seconds: float = 3600.0,
        keep_finished: int = 128,
        clock: Callable[[], float] = time.monotonic,
        run_heavy: Callable[[Record], Outcome] = worker.run,
    ) -> None:
        """Make a runner without jobs.

        Args:
            devices: heavy jobs that may run at once.
            light_slots: light jobs that may run at once; None means the number of cores, at least 4.
            max_waiting_heavy: heavy jobs that may wait.
            max_waiting_light: light jobs that may wait.
            max_jobs_per_visitor: active jobs of one owner; jobs without an owner are not counted.
            keep_seconds: how long a finished job and its result stay.
            keep_finished: how many finished jobs stay; the oldest go first.
            clock: monotonic seconds.
            run_heavy: runs a heavy job in the current thread and never raises; by default here,
                in this process.
        """
        self._clock = clock
        self._run_heavy = run_heavy
        self._epoch = time.time() - clock()
        self._lock = threading.Lock()
        self._tally = Tally()
        cores = os.cpu_count() or 1
        self._heavy = Lane("device", devices, max_waiting_heavy, self._tally)
        self._light = Lane("light", light_slots or max(4, cores), max_waiting_light, self._tally)
        self._shelf = Shelf(keep_seconds, keep_finished, clock)
        self._max_jobs_per_visitor = max_jobs_per_visitor
        self._closing = False

    def submit(
        self,
        fn: Callable[[Job, Request], Result] | str,
        request: Request,
        *,
        method: str,
        title: str = "",
        owner: str = "",
        heavy: bool = False,
        grad: bool = False,
        on_done: Callable[[JobHandle, Result], Any] | None = None,
    ) -> JobHandle:
        """Queue `fn(job, request)` and return at once.

        A heavy job must not wait for another heavy job: it would hold the device the other needs.

        Args:
            fn: the work; as a text "package.module:name" it is imported by the worker, so that
                torch is loaded there and not in the caller.
            request: what to do, picklable, not changed by anyone.
            method: slug of the method.
            title: what the visitor sees in lists; the slug by default.
            owner: browser id of the visitor; an empty text belongs to nobody.
            heavy: whether the job needs the device for itself.
            grad: whether the function needs gradients.
            on_done: called in the worker thread with the handle and the result, before readers
                see the end; what it returns is kept as `saved`. If it fails the job is still
                done, and its last event carries the reason in `error`.

        Raises:
            BusyError: the visitor has too many jobs, the queue is full or the hub shuts down.
        """
        record = Record(
            fn,
            request,
            method=method,
            title=title,
            owner=owner,
            heavy=heavy,
            grad=grad,
            on_done=on_done,
            clock=self._clock,
            epoch=self._epoch,
        )
        with self._lock:
            self._shelf.expire()
            if reason := self._busy_reason(record):
                self._tally.refused += 1
                raise BusyError(reason)
            self._shelf.add(record)
            granted = self._lane(record).enter(record)
        self._start(granted)
        return JobHandle(record, self)

    def get(self, job_id: str) -> JobHandle:
        """Return the handle of a job.

        Raises:
            NotFoundError: there is no such job, or it has expired.
        """
        with self._lock:
            self._shelf.expire()
            return JobHandle(self._shelf.find(job_id, None), self)

    def list(
        self, *, owner: str | None = None, method: str | None = None, active: bool | None = None
    ) -> list[JobInfo]:
        """Jobs with these properties, the newest first; an empty owner owns nothing."""
        self.refresh()
        with self._lock:
            return [
                record.info()
                for record in self._shelf
                if (owner is None or (owner and same_owner(owner, record.owner)))
                and (method is None or method == record.method)
                and (active is None or active == record.active)
            ]

    def current(self, owner: str, method: str) -> JobHandle | None:
        """The newest job of a visitor on a page, active or not yet expired; for re-attaching."""
        if not owner:
            return None
        with self._lock:
            self._shelf.expire()
            for record in self._shelf:
                if record.method == method and same_owner(owner, record.owner):
                    return JobHandle(record, self)
        return None

    def cancel(self, job_id: str, *, owner: str | None = None) -> bool:
        """Ask a job to stop. A waiting job ends at once, a running one at its next step.

        Args:
            job_id: which job.
            owner: must be the job's owner; None is the hub itself and may stop every job.

        Returns:
            False when the job had already ended.

        Raises:
            NotFoundError: there is no such job, or it belongs to someone else.
        """
        with self._lock:
            record = self._shelf.find(job_id, owner)
        return self.stop(record)

    def stop(self, record: Record) -> bool:
        """Ask a job to stop; False when it has already ended. Used by `cancel` and by handles."""
        with self._lock:
            if not record.active or record.settled:
                return False
            record.cancel_event.set()
            if record.state == "queued":
                granted = self._close(record, STOPPED_EARLY)
                assert not granted  # a waiting job had no slot to give
            elif record.state == "running":
                record.stop()
            return True

    def end_early(self, job_id: str, *, owner: str | None = None) -> bool:
        """Ask a running job to go to its end with what it has, where it offers that.

        Args:
            job_id: which job.
            owner: must be the job's owner; None is the hub itself.

        Returns:
            False when the job does not offer it now, or was asked before; then only `cancel` is left.

        Raises:
            NotFoundError: there is no such job, or it belongs to someone else.
        """
        with self._lock:
            record = self._shelf.find(job_id, owner)
            return record.state == "running" and record.early_end.ask()

    def rerun(self, job_id: str, *, owner: str) -> JobHandle:
        """Submit the same work again, as a new job.

        Raises:
            NotFoundError: there is no such job (any more), or it belongs to someone else.
            BusyError: as in `submit`.
        """
        with self._lock:
            self._shelf.expire()
            old = self._shelf.find(job_id, owner)
            fn, request, on_done = old.fn, old.request, old.on_done
        return self.submit(
            fn,
            request,
            method=old.method,
            title=old.title,
            owner=old.owner,
            heavy=old.heavy,
            grad=old.grad,
            on_done=on_done,
        )

    def snapshot(self) -> dict[str, Any]:
        """Counts, queues and active jobs, without ids, owners or titles (see `core.jobs.status`)."""
        self.refresh()
        with self._lock:
            return status.snapshot(self._shelf, (self._heavy, self._light), self._tally)

    def refresh(self) -> None:
        """Drop what has expired and bring the expected starts of waiting jobs up to date."""
        with self._lock:
            self._shelf.expire()
            self._heavy.refresh()
            self._light.refresh()

    def shutdown(self, timeout: float = 5.0) -> bool:
        """Refuse new jobs, stop all, and wait up to `timeout` seconds; True when all ended."""
        with self._lock:
            self._closing = True
            active = [record for record in self._shelf if record.active]
        for record in active:  # the newest first, so that no waiting job gets a slot meanwhile
            self.stop(record)
        deadline = time.monotonic() + timeout
        for record in active:
            record.log.wait_last(max(0.0, deadline - time.monotonic()))
        return not any(record.active for record in active)

    # Below, a comment "locked" means: called with the lock held.

    def _lane(self, record: Record) -> Lane:
        return self._heavy if record.heavy else self._light

    def _busy_reason(self, record: Record) -> str:  # locked
        if self._closing:
            return "The hub is shutting down and takes no new jobs. Try again in a minute."
        limit = self._max_jobs_per_visitor
        if record.owner:
            mine = [r for r in self._shelf if r.active and r.owner == record.owner]
            if len(mine) >= limit:
                return (
                    f"You have {len(mine)} jobs under way; one visitor may have {limit}. "
                    "Wait until one has finished, or stop one on the Jobs page."
                )
        lane = self._lane(record)
        if lane.is_full:
            return (
                f"{len(lane.waiting)} jobs are already waiting, and the queue holds "
                f"{lane.max_waiting}. Try again in a few minutes."
            )
        return ""

    def _start(self, granted: list[Record]) -> None:
        """Start the threads of jobs that have their slot."""
        waiting = deque(granted)
        while waiting:
            record = waiting.popleft()
            thread = threading.Thread(
                target=self._work,
                args=(record,),
                name=f"job {record.method} {record.id[:6]}",
                daemon=True,  # a job that cannot be stopped must not keep the process alive
            )
            try:
                thread.start()
            except RuntimeError:  # the system gives no more threads
                logger.exception("no thread for job %s", record.id)
                waiting.extend(self._finish(record, NO_THREAD))

    def _work(self, record: Record) -> None:
        """Body of a worker thread."""
        run = self._run_heavy if record.heavy else worker.run
        outcome = self._settle(record, run(record))
        if outcome.kind == "done" and record.on_done is not None:
            outcome = self._save(record, record.on_done, outcome)
        self._start(self._finish(record, outcome))

    def _settle(self, record: Record, outcome: Outcome) -> Outcome:
        """Decide between a result and a stop that came while the function was returning."""
        with self._lock:
            if outcome.kind == "done" and record.cancel_event.is_set():
                return STOPPED_EARLY
            record.settled = True
            return outcome

    def _save(self, record: Record, on_done: Callable[..., Any], outcome: Outcome) -> Outcome:
        try:
            record.saved = on_done(JobHandle(record, self), outcome.result)
        except VitrineError as error:
            return replace(outcome, error=str(error), error_kind=worker.kind_of(error))
        except BaseException:  # a computed result must reach its visitor even so
            logger.exception("the result of job %s could not be saved", record.id)
            return replace(outcome, error=NOT_SAVED, error_kind="internal")
        return outcome

    def _finish(self, record: Record, outcome: Outcome) -> list[Record]:
        with self._lock:
            return self._close(record, outcome)

    def _close(self, record: Record, outcome: Outcome) -> list[Record]:  # locked
        """End a job, free its slot, and return the jobs that got one."""
        record.end(outcome)
        seconds = None if record.started is None else record.running_seconds
        self._tally.add(outcome.kind, record.method, seconds)
        self._shelf.end(record)
        return self._lane(record).leave(record)
