"""One job as the runner keeps it."""

from __future__ import annotations

import contextvars
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from core.jobs.estimate import TimeLeft
from core.jobs.events import ACTIVE, EventLog, JobInfo, State
from core.jobs.job import EarlyEnd


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a worker function ended. It holds no exception, so no frame and no tensor stays alive."""

    kind: Literal["done", "failed", "cancelled"]
    result: Any = None
    error: str = ""
    error_kind: str = ""


class Record:
    """Everything about one job.

    The state, the position and the times are written under the runner's lock. Progress is written
    by the worker under the record's own lock, so that reporting never waits for the runner.
    """

    def __init__(
        self,
        fn: Callable[..., Any] | str,
        request: Any,
        *,
        method: str,
        title: str,
        owner: str,
        heavy: bool,
        grad: bool,
        on_done: Callable[..., Any] | None,
        clock: Callable[[], float],
        epoch: float,
    ) -> None:
        """Make a waiting job; `clock` plus `epoch` is the time since the epoch, in seconds."""
        self.id = secrets.token_urlsafe(16)
        self.fn = fn
        self.request = request
        self.method = method
        self.title = title or method
        self.owner = owner
        self.heavy = heavy
        self.grad = grad
        self.on_done = on_done
        self.context = contextvars.copy_context()
        self.clock = clock
        self.epoch = epoch
        self.log = EventLog(self.wall)
        self.cancel_event = threading.Event()
        self.early_end = EarlyEnd()
        self.state: State = "queued"
        self.position: int | None = None
        self.starts_at: float | None = None  # estimate, by `clock`
        self.settled = False  # the worker has its result; too late to cancel
        self.saved: Any = None
        self.error = ""
        self.created = clock()
        self.started: float | None = None
        self.ended: float | None = None
        self._lock = threading.Lock()
        self._time_left = TimeLeft()
        self._fraction: float | None = None
        self._text = ""

    @property
    def active(self) -> bool:
        """Whether the job still waits or runs."""
        return self.state in ACTIVE

    @property
    def running_seconds(self) -> float:
        """Seconds since the start, up to the end; 0 before the start."""
        if self.started is None:
            return 0.0
        return (self.clock() if self.ended is None else self.ended) - self.started

    def wall(self) -> float:
        """Seconds since the epoch."""
        return self.epoch + self.clock()

    def stand_at(self, place: int) -> None:
        """Note the place in the queue, from 1, and say so when it is new."""
        if self.position == place:
            return
        self.position = place
        self._text = "Next in line" if place == 1 else f"Waiting: {place - 1} ahead"
        self.log.publish(
            "queued",
            text=self._text,
            position=place,
            eta_seconds=self.eta_seconds(),
        )

    def begin(self) -> None:
        """Note that the job has its slot."""
        if self.position is None:
            self.log.publish("queued", text="Starting")
        self.state, self.started = "running", self.clock()
        self.position = self.starts_at = None
        self._text = ""
        self.log.publish("started", text="Started")

    def stop(self) -> None:
        """Ask the running job to stop, and say so."""
        self.state = "stopping"
        with self._lock:
            self._text = "Stopping"
            self.log.publish("progress", fraction=self._fraction, text=self._text)

    def end(self, outcome: Outcome) -> None:
        """Note how the job ended, and tell the readers."""
        self.state, self.position, self.starts_at = outcome.kind, None, None
        self.ended = self.clock()
        self.error = outcome.error if outcome.kind == "failed" else ""
        self.context = contextvars.Context()  # frees what the submitting request held
        text = {
            "done": f"Finished in {self.running_seconds:.1f} s",
            "failed": outcome.error,
            "cancelled": "Stopped",
        }[outcome.kind]
        self.log.publish(
            outcome.kind,
            fraction=1.0 if outcome.kind == "done" else None,
            text=text,
            result=outcome.result,
            error=outcome.error,
            error_kind=outcome.error_kind,
        )

    def progress(self, fraction: float | None, text: str, preview: Any) -> None:
        """Publish what the worker reported."""
        with self._lock:
            now = self.clock()
            self._time_left.add(now, fraction)
            self._fraction = fraction
            self._text = text or self._text
            self.log.publish(
                "progress" if preview is None else "preview",
                fraction=fraction,
                text=self._text,
                preview=preview,
                eta_seconds=self._time_left.seconds(now),
            )

    def eta_seconds(self) -> float | None:
        """Seconds until the end (while queued: until the start), or None without evidence."""
        if self.state == "queued":
            return None if self.starts_at is None else max(0.0, self.starts_at - self.clock())
        if self.state != "running":
            return None
        with self._lock:
            return self._time_left.seconds(self.clock())

    def info(self) -> JobInfo:
        """Return the state of the job now."""
        eta = self.eta_seconds()
        with self._lock:
            fraction, text = self._fraction, self._text
        last = self.log.last
        if last is not None:
            fraction, text = last.fraction, last.text
        return JobInfo(
            id=self.id,
            method=self.method,
            title=self.title,
            owner=self.owner,
            state=self.state,
            heavy=self.heavy,
            fraction=fraction,
            text=text,
            position=self.position,
            eta_seconds=eta,
            created=self.epoch + self.created,
            started=None if self.started is None else self.epoch + self.started,
            ended=None if self.ended is None else self.epoch + self.ended,
            error=self.error,
        )

    def forget(self) -> None:
        """Drop the result, the preview and the request of a job that has expired."""
        self.log.forget()
        self.saved = self.request = self.on_done = None
