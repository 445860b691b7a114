"""What the runner remembers about jobs that are over: how many, and how long they took."""

from __future__ import annotations

import statistics
from collections import defaultdict, deque
from dataclasses import dataclass, field

# Upper edges in seconds: a click that feels instant, an example, a tuning, a training.
BUCKETS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
MIN_RUNS = 3  # finished jobs of a method before its usual length is stated
RECENT = 20


@dataclass(slots=True)
class Durations:
    """A histogram of seconds; the last bucket is open."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one job."""
        self.counts[sum(seconds > edge for edge in BUCKETS)] += 1
        self.total += seconds


class Tally:
    """Counts and durations by method and final state. The runner's lock guards it."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.finished: dict[tuple[str, str], int] = defaultdict(int)  # (state, method) -> jobs
        self.durations: dict[tuple[str, str], Durations] = defaultdict(Durations)
        self.refused = 0
        self._recent: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=RECENT))

    def add(self, state: str, method: str, seconds: float | None) -> None:
        """Count a job that is over; `seconds` is its running time, None if it never started."""
        self.finished[state, method] += 1
        if seconds is not None:
            self.durations[state, method].add(seconds)
            if state == "done":
                self._recent[method].append(seconds)

    def usual_seconds(self, method: str) -> float | None:
        """Median of the last finished jobs of a method; None when there were too few."""
        recent = self._recent.get(method, ())
        return statistics.median(recent) if len(recent) >= MIN_RUNS else None
