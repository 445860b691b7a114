"""The one runner of this process."""

from __future__ import annotations

import atexit
import threading

from core import settings
from core.jobs.runner import JobRunner

_EXIT_SECONDS = 2.0  # what cooperative jobs get to stop when the process ends

_lock = threading.Lock()
_runner: JobRunner | None = None


def runner() -> JobRunner:
    """Return the runner of this process, built from the settings at first use."""
    global _runner
    with _lock:
        if _runner is None:
            chosen = settings.current()
            _runner = JobRunner(
                max_waiting_heavy=chosen.max_waiting_jobs,
                max_jobs_per_visitor=chosen.max_jobs_per_visitor,
            )
        return _runner


def use(new: JobRunner | None) -> JobRunner | None:
    """Replace the runner of this process and return the old one; None builds a new one."""
    global _runner
    with _lock:
        old, _runner = _runner, new
    return old


@atexit.register
def _stop_jobs() -> None:
    if _runner is not None:
        _runner.shutdown(_EXIT_SECONDS)
