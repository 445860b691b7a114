"""Jobs as Prometheus metrics. Imported only by what serves `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector, CollectorRegistry

from core.jobs.process import runner
from core.jobs.runner import JobRunner
from core.jobs.tally import BUCKETS


class JobsCollector(Collector):
    """Reads the runner when it is asked, so that counting costs jobs nothing.

    Metrics: `vitrine_jobs{state,method}` (kept in memory), `vitrine_queue_depth{lane}`,
    `vitrine_jobs_finished_total{state,method}`, `vitrine_jobs_refused_total` and the histogram
    `vitrine_job_seconds{state,method}` of running times.
    """

    def __init__(self, source: Callable[[], JobRunner] = runner) -> None:
        """Collect from the runner that `source` returns at each scrape."""
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        now = self._source().snapshot()
        labels = ["state", "method"]
        jobs = GaugeMetricFamily("vitrine_jobs", "Jobs in memory.", labels=labels)
        for row in now["jobs"]:
            jobs.add_metric([row["state"], row["method"]], row["count"])
        yield jobs
        depth = GaugeMetricFamily(
            "vitrine_queue_depth", "Jobs that wait for a slot.", labels=["lane"]
        )
        for name, lane in now["lanes"].items():
            depth.add_metric([name], lane["waiting"])
        yield depth
        finished = CounterMetricFamily(
            "vitrine_jobs_finished", "Jobs that are over.", labels=labels
        )
        for row in now["finished"]:
            finished.add_metric([row["state"], row["method"]], row["count"])
        yield finished
        yield CounterMetricFamily(
            "vitrine_jobs_refused", "Jobs that a limit turned away.", value=now["refused"]
        )
        seconds = HistogramMetricFamily(
            "vitrine_job_seconds", "Running time of jobs.", labels=labels
        )
        for row in now["seconds"]:
            seconds.add_metric(
                [row["state"], row["method"]], _cumulative(row["counts"]), row["total"]
            )
        yield seconds


def register(registry: CollectorRegistry, source: Callable[[], JobRunner] = runner) -> None:
    """Add the metrics of jobs to a registry."""
    registry.register(JobsCollector(source))


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    rows, total = [], 0
    for edge, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
        total += count
        rows.append((edge, float(total)))
    return rows
