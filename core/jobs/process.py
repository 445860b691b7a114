"""The one runner of this process."""

from __future__ import annotations

import atexit
import threading
from typing import Any

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
            _runner = _from_settings(settings.current())
        return _runner


def _from_settings(chosen: settings.Settings) -> JobRunner:
    limits: dict[str, Any] = {
        "max_waiting_heavy": chosen.max_waiting_jobs,
        "max_jobs_per_visitor": chosen.max_jobs_per_visitor,
    }
    if chosen.zero_gpu and chosen.device != "cpu":
        from core.jobs import zero

        limits |= {"run_heavy": zero.run, "devices": zero.SLOTS}
    return JobRunner(**limits)


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
