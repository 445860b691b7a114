"""Heavy jobs on ZeroGPU: one decorated function, run by the platform in a forked worker process.

    hub                                             worker process
    run(record)  -- Order, as bytes -->  run_on_gpu(order): the job's function in a thread
    record's log <-- batches of events --            its events, its end, and beats in between
    early end    <-- offered or not ----
    early end    --- a file appears --->             the job is asked to end early

The platform lends a GPU for as long as the function runs, so exactly one function is decorated and
all methods share its worker, which stays warm between jobs. Beats let the hub look for a Stop: it
closes the generator, the platform tells the worker, and the job's function gets the same
`JobCancelled` as everywhere. A worker that does not listen is ended.

The platform passes nothing to a function that runs, apart from its end. So the wish to end early is an
empty file: worker and hub are one machine, and the worker looks for it at every beat while its job offers it.
"""

from __future__ import annotations

import contextvars
import logging
import math
import os
import queue
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core import gpu, registry
from core.errors import NotFoundError
from core.jobs import lending, worker
from core.jobs.border import pack, unpack
from core.jobs.events import EventLog, JobEvent
from core.jobs.job import STOPPED, Job
from core.jobs.record import Outcome, Record

logger = logging.getLogger(__name__)

BEAT = 0.1  # longest silence of a worker, in seconds: a Stop is seen within two of them
GRACE = 5.0  # seconds that a stopped job gets before its worker is ended
SLOTS = 4  # heavy jobs at once: each has a GPU of its own, and the platform queues the rest
DEFAULT_SECONDS = 60  # what the platform takes for a function that states nothing
LEAST_SECONDS, MOST_SECONDS = 5, 120  # a shorter job is lent a GPU sooner; longer ones seldom
START_SECONDS = 2.0  # a new worker starts CUDA; assumed, not measured on the platform
READ_SPEED = 2**30  # bytes a second at which it reads the packed weights; likewise

_CANCELLED = Outcome("cancelled", error=STOPPED, error_kind="JobCancelled")
_weights = 0  # bytes that a new worker brings to its GPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the worker process gets. `task` holds function and request; see `core.jobs.border`."""

    id: str
    method: str
    task: bytes
    grad: bool
    seconds: int  # asked of the platform
    hub: int  # process id of the hub

    @property
    def wish(self) -> Path:
        """The file whose presence asks the job to end early; the id is unguessable."""
        return Path(tempfile.gettempdir()) / f"vitrine-early-end-{self.id}"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker says when its job begins or ceases to offer an early end."""

    stands: bool


def expect_weights(size: int) -> None:
    """Note how many bytes of weights a new worker moves to its GPU before it starts."""
    global _weights
    _weights = size


def seconds_for(method: str, request: Any) -> int:
    """GPU seconds to ask for: the method's own estimate and the start of a worker, within bounds."""
    try:
        estimate = getattr(registry.module(method, "pipeline"), "gpu_seconds", None)
        work = math.nan if estimate is None else float(estimate(request))
    except NotFoundError:  # no method's work, but the hub's own
        work = math.nan
    except Exception:  # a wrong estimate must not lose the job
        logger.exception("%s could not estimate its GPU seconds", method)
        work = math.nan
    if not math.isfinite(work):
        return DEFAULT_SECONDS
    start = START_SECONDS + _weights / READ_SPEED
    return min(MOST_SECONDS, max(LEAST_SECONDS, math.ceil(work + start)))


def _seconds(order: Order) -> int:
    return order.seconds


@gpu.GPU(duration=_seconds)
def run_on_gpu(order: Order) -> Iterator[bytes]:
    """Run one job where the GPU is; the only function that the platform decorates.

    Yields:
        Packed lists of events, at least one list every `BEAT` seconds, and packed `Offer`s. The
        first is the id of this process, the last ends with the job's last event.
    """
    if os.getpid() != order.hub:
        gpu.enter_worker()
    log = EventLog(time.time)
    cancel = threading.Event()
    job = Job(order.id, order.method, cancel_event=cancel, on_report=_reporter(log))
    body = threading.Thread(
        target=_work, args=(order, job, log, contextvars.copy_context()), name="job", daemon=True
    )
    yield pack(os.getpid())
    body.start()
    try:
        seen, offered = 0, False
        while True:
            batch = log.wait(seen, BEAT)
            seen = batch[-1].seq if batch else seen
            if job.early_end.is_offered != offered:
                offered = not offered
                yield pack(Offer(offered))
            if offered and order.wish.exists():
                job.early_end.ask()
            yield _packed(batch, order)
            if batch and batch[-1].is_last:
                return
    finally:  # also when the platform closes the generator: the GPU is free when this ends
        cancel.set()
        body.join()


def _reporter(log: EventLog) -> Callable[[float | None, str, Any], None]:
    def report(fraction: float | None, text: str, preview: Any) -> None:
        kind = "progress" if preview is None else "preview"
        log.publish(kind, fraction=fraction, text=text, preview=preview)

    return report


def _work(order: Order, job: Job, log: EventLog, context: contextvars.Context) -> None:
    try:
        fn, request = unpack(order.task)
    except Exception as error:  # such as a class that the worker cannot import
        outcome = worker.failure(error, job)
    else:
        outcome = worker.execute(fn, request, job, load=True, grad=order.grad, context=context)
    log.publish(
        outcome.kind, result=outcome.result, error=outcome.error, error_kind=outcome.error_kind
    )


def _packed(batch: list[JobEvent], order: Order) -> bytes:
    try:
        return pack(batch)
    except TypeError:
        logger.exception("job %s (%s) made something that stays here", order.id, order.method)
    lost = Outcome("failed", error=worker.INTERNAL, error_kind="internal")
    return pack([_passing(event, lost) for event in batch])


def _passing(event: JobEvent, lost: Outcome) -> JobEvent:
    """The event, or what is left of it without a part that cannot leave the worker."""
    try:
        pack(event)
    except TypeError:
        if not event.is_last:
            return replace(event, preview=None)
        return replace(
            event, kind=lost.kind, result=None, error=lost.error, error_kind=lost.error_kind
        )
    return event


def run(record: Record) -> Outcome:
    """Run the function of a job on a GPU of the platform; never raises."""
    try:
        order = Order(
            id=record.id,
            method=record.method,
            task=pack((record.fn, record.request)),
            grad=record.grad,
            seconds=seconds_for(record.method, record.request),
            hub=os.getpid(),
        )
        record.progress(None, "Waiting for a GPU", None)
        return _Visit(record, order).outcome()
    except BaseException as error:  # as in `worker.run`
        job = Job(record.id, record.method, cancel_event=record.cancel_event)
        return worker.failure(error, job)


class _Visit:
    """One use of a GPU, seen from the hub.

    The platform's generator is read in a thread of its own, because its wait for a free GPU cannot
    be interrupted: a job that is stopped meanwhile ends at once, and the thread gives the GPU back
    should one come.
    """

    def __init__(self, record: Record, order: Order) -> None:
        self._record = record
        self._order = order
        self._given_up = threading.Event()
        self._said: queue.SimpleQueue[list[JobEvent] | Offer | BaseException | None] = (
            queue.SimpleQueue()
        )
        self._pid: int | None = None
        self._began: float | None = None
        self._reader = threading.Thread(target=self._read, name=f"gpu {order.id[:6]}", daemon=True)

    def outcome(self) -> Outcome:
        """Follow the job to its end."""
        self._reader.start()
        try:
            return self._followed()
        finally:
            self._record.early_end.is_offered = False
            self._order.wish.unlink(missing_ok=True)

    def _followed(self) -> Outcome:
        while True:
            try:
                said = self._said.get(timeout=BEAT)
            except queue.Empty:
                said = []
            if isinstance(said, list):
                last = self._tell(said)
                if last is not None:
                    self._reader.join(GRACE)  # the platform takes the GPU back
                    return last
            if isinstance(said, Offer):
                self._record.early_end.is_offered = said.stands
            if self._record.early_end.asked:
                self._order.wish.touch()
            if self._record.cancel_event.is_set():
                return self._stop()
            if said is None or isinstance(said, BaseException):
                return self._broken(said)

    def _tell(self, batch: list[JobEvent]) -> Outcome | None:
        for event in batch:
            if event.is_last:
                assert event.kind in ("done", "failed", "cancelled")
                return Outcome(event.kind, event.result, event.error, event.error_kind)
            self._record.progress(event.fraction, event.text, event.preview)
        return None

    def _broken(self, error: BaseException | None) -> Outcome:
        held = None if self._began is None else time.monotonic() - self._began
        job = Job(self._order.id, self._order.method)
        if error is None:
            return worker.failure(RuntimeError("the worker ended without a result"), job)
        return lending.outcome(error, self._order.seconds, held) or worker.failure(error, job)

    def _stop(self) -> Outcome:
        self._given_up.set()
        if self._pid is None:  # nothing runs yet
            return _CANCELLED
        self._reader.join(GRACE)
        if self._reader.is_alive() and self._pid != self._order.hub:
            logger.warning("job %s does not stop: its worker is ended", self._order.id)
            os.kill(self._pid, signal.SIGKILL)
        self._reader.join()
        return _CANCELLED

    def _read(self) -> None:
        # The context variables of the submitting request: the platform finds the visitor's quota,
        # and the event to which it says that it waits, in them.
        enter = self._record.context.run
        try:
            stream = enter(run_on_gpu, self._order)
            try:
                for packed in iter(lambda: enter(next, stream, None), None):
                    said = unpack(packed)
                    if isinstance(said, int):
                        self._began, self._pid = time.monotonic(), said
                    else:
                        self._said.put(said)
                    if self._given_up.is_set():
                        break
            finally:
                enter(stream.close)
        except BaseException as error:  # the reader of the queue tells the visitor
            self._said.put(error)
        else:
            self._said.put(None)
