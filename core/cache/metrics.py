"""Prometheus metrics of the cache. Gauges are read from a snapshot when they are scraped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from core.cache.snapshot import CacheSnapshot

_SECONDS = (0.001, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class CacheMetrics:
    """Counters and histograms of one cache, in a registry of its own unless one is given."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.hits = self._counter("hits", "Parts found in a tier", "tier")
        self.misses = self._counter("misses", "Parts not found in a tier", "tier")
        self.evictions = self._counter("evictions", "Parts taken away", "tier", "reason")
        self.single_flight_waits = self._counter(
            "single_flight_waits", "Acquires that joined a load or a move under way"
        )
        self.oom = self._counter("oom", "Times a device was out of memory", "stage")
        self.loads = self._counter("loads", "Loads of a component", "outcome")
        self.load_seconds = Histogram(
            "vitrine_cache_load_seconds",
            "Seconds from disk to main memory",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.move_seconds = Histogram(
            "vitrine_cache_move_seconds",
            "Seconds between main memory and a device",
            ["direction"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        # Children bound once: an acquire of resident parts must stay far below 100 us.
        self.device_hit = self.hits.labels("device")
        self.ram_hit = self.hits.labels("ram")
        self.device_miss = self.misses.labels("device")
        self.ram_miss = self.misses.labels("ram")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"vitrine_cache_{name}", text, labels, registry=self.registry)

    def value(self, counter: Counter) -> float:
        """Sum of a counter over its labels (for snapshots and tests)."""
        return sum(
            sample.value
            for metric in counter.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        )


class SnapshotCollector:
    """Turns the snapshot of a cache into gauges at the moment of a scrape."""

    def __init__(self, take: Callable[[], CacheSnapshot | None]) -> None:
        self._take = take

    def describe(self) -> list[Metric]:
        """Nothing: a scrape at registration would start the cache."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of the current state."""
        used = GaugeMetricFamily(
            "vitrine_cache_bytes", "Bytes of weights and work", labels=["tier", "device"]
        )
        budget = GaugeMetricFamily(
            "vitrine_cache_budget_bytes", "Bytes the cache may use", labels=["tier", "device"]
        )
        part = GaugeMetricFamily(
            "vitrine_cache_component_bytes", "Bytes of a component", labels=["key", "tier"]
        )
        leases = GaugeMetricFamily(
            "vitrine_cache_leases", "Leases that hold a component", labels=["key"]
        )
        free = GaugeMetricFamily(
            "vitrine_cache_device_free_bytes", "Free bytes of a device", labels=["device"]
        )
        snapshot = self._take()
        if snapshot is not None:
            for tier in snapshot.tiers:
                used.add_metric([tier.tier, tier.device], tier.used)
                if tier.budget is not None:
                    budget.add_metric([tier.tier, tier.device], tier.budget)
                if tier.free is not None:
                    free.add_metric([tier.device], tier.free)
            for info in snapshot.parts:
                part.add_metric([info.key, info.tier], info.bytes)
                leases.add_metric([info.key], info.leases)
        yield from (used, budget, part, leases, free)


@cache
def process_metrics() -> CacheMetrics:
    """Metrics of the process-wide cache, in the registry that `/metrics` serves."""
    return CacheMetrics(REGISTRY)
