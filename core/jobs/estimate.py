"""How long a job will still take, from the fractions it reported. No evidence, no number."""

from __future__ import annotations

MIN_SECONDS = 0.5  # of observed progress before a number is given
MIN_FRACTION = 0.01  # likewise, share of the work
MEMORY = 0.3  # share of the observed time over which an old speed fades


class TimeLeft:
    """Smoothed speed of one job.

    The clock starts at the first reported fraction, not at the start of the job: loading a model
    says nothing about the speed of the steps. A fraction that falls starts a new phase, and the
    evidence with it. While a report is overdue the estimate grows instead of counting to zero.
    """

    def __init__(self) -> None:
        """Start without evidence."""
        self._first: tuple[float, float] | None = None
        self._last = (0.0, 0.0)
        self._speed: float | None = None  # fraction per second
        self._gap = 0.0  # mean seconds between reports
        self._reports = 0

    def add(self, now: float, fraction: float | None) -> None:
        """Note that at `now` (seconds, any origin) the job stood at `fraction`; None forgets all."""
        if fraction is None:
            self._first = None
            return
        if self._first is None or fraction < self._last[1]:
            self._first = self._last = (now, fraction)
            self._speed, self._reports = None, 0
            return
        seconds, gained = now - self._last[0], fraction - self._last[1]
        if gained <= 0 or seconds <= 0:
            return
        observed = now - self._first[0]
        speed = gained / seconds
        weight = min(1.0, seconds / (MEMORY * observed))
        self._speed = speed if self._speed is None else self._speed + weight * (speed - self._speed)
        self._last = (now, fraction)
        self._reports += 1
        self._gap = observed / self._reports

    def seconds(self, now: float) -> float | None:
        """Seconds left as seen at `now`, or None without evidence."""
        if self._first is None or self._speed is None:
            return None
        observed, gained = self._last[0] - self._first[0], self._last[1] - self._first[1]
        if gained < MIN_FRACTION or observed < MIN_SECONDS:
            return None
        silent = max(0.0, now - self._last[0])
        overdue = max(0.0, silent - self._gap)
        speed = self._speed * observed / (observed + overdue)
        return max(0.0, (1.0 - self._last[1]) / speed - (silent - overdue))
