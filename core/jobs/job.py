"""What a worker function gets: a place to report to, and the question whether to stop."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from core.errors import JobCancelled

STOPPED = "This job was stopped before it finished. Start it again to get a result."

Report = Callable[[float | None, str, Any], None]


class EarlyEnd:
    """The visitor's wish to end early and keep what there is, where a job offers that.

    A stop throws the work away; this asks the job to go on to its end with the best so far.

    Attributes:
        is_offered: whether the job offers it now.
    """

    __slots__ = ("_asked", "is_offered")

    def __init__(self) -> None:
        """Neither offered nor asked for."""
        self.is_offered = False
        self._asked = threading.Event()

    @contextmanager
    def offered(self) -> Iterator[None]:
        """Offer it for the length of the block."""
        self.is_offered = True
        try:
            yield
        finally:
            self.is_offered = False

    def ask(self) -> bool:
        """Ask for it; False when the job does not offer it now, or was asked before."""
        if not self.is_offered or self._asked.is_set():
            return False
        self._asked.set()
        return True

    @property
    def asked(self) -> bool:
        """Whether the visitor asked for it."""
        return self._asked.is_set()


class Job:
    """The worker's side of one job.

    A pipeline calls `report` or `check` at each step; both raise `JobCancelled` once the visitor
    asked to stop, which is all a pipeline has to do about stopping. Outside a runner (tests, the
    command line) `Job(method="trill")` is enough, with `on_report` to see the steps.
    """

    def __init__(
        self,
        id: str = "",
        method: str = "",
        *,
        cancel_event: threading.Event | None = None,
        on_report: Report | None = None,
        early_end: EarlyEnd | None = None,
    ) -> None:
        """Make a job; one without an id gets an unguessable one."""
        self.id = id or secrets.token_urlsafe(16)
        self.method = method
        self.cancel_event = cancel_event or threading.Event()
        self.early_end = early_end or EarlyEnd()
        self._on_report = on_report

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to stop."""
        return self.cancel_event.is_set()

    def check(self) -> None:
        """Return if the job may go on.

        Raises:
            JobCancelled: the job was asked to stop.
        """
        if self.cancel_event.is_set():
            raise JobCancelled(STOPPED)

    def report(self, fraction: float | None, text: str = "", preview: Any = None) -> None:
        """Tell the readers how far the job is.

        Args:
            fraction: share of the work that is done, cut to [0, 1]; None or NaN when unknown.
            text: what is being done, in a few words; an empty text keeps the one before.
            preview: something to show (picklable, on the CPU); only the newest is kept.

        Raises:
            JobCancelled: the job was asked to stop.
        """
        self.check()
        if fraction is not None:
            fraction = None if math.isnan(fraction) else min(1.0, max(0.0, float(fraction)))
        if self._on_report is not None:
            self._on_report(fraction, text, preview)

    def sleep(self, seconds: float) -> None:
        """Wait that long, unless the job is asked to stop.

        Raises:
            JobCancelled: the job was asked to stop.
        """
        self.cancel_event.wait(seconds)
        self.check()
