"""Prometheus numbers of the hub, read when somebody asks. Parts that are not loaded stay out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

_STARTED = time.time()
_requests: dict[tuple[str, int], int] = {}


def count_request(kind: str, status: int) -> None:
    """Count one HTTP answer of the hub; `kind` is page, file, api or other."""
    key = (kind, status)
    _requests[key] = _requests.get(key, 0) + 1


class _Hub:
    """Collector of the hub's own numbers."""

    def collect(self) -> Iterator[Any]:
        import psutil
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        process = psutil.Process()
        yield GaugeMetricFamily(
            "vitrine_start_time_seconds", "When the hub started", value=_STARTED
        )
        yield GaugeMetricFamily(
            "vitrine_resident_bytes", "Resident memory", value=process.memory_info().rss
        )
        times = process.cpu_times()
        yield CounterMetricFamily(
            "vitrine_cpu_seconds", "CPU time used", value=times.user + times.system
        )
        answers = CounterMetricFamily(
            "vitrine_http_responses", "Answers by kind and status", labels=["kind", "status"]
        )
        for (kind, status), number in sorted(_requests.items()):
            answers.add_metric([kind, str(status)], number)
        yield answers


class _Jobs:
    """Collector of the job runner, when it has been used."""

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        if "core.jobs" not in sys.modules:
            return
        from core.jobs import runner

        found: dict[tuple[str, str], int] = {}
        for info in runner().list():
            key = (info.state, info.method)
            found[key] = found.get(key, 0) + 1
        family = GaugeMetricFamily("vitrine_jobs", "Jobs known", labels=["state", "method"])
        for (state, method), number in sorted(found.items()):
            family.add_metric([state, method], number)
        yield family
        waiting = sum(n for (state, _), n in found.items() if state == "queued")
        yield GaugeMetricFamily("vitrine_queue_depth", "Jobs that wait", value=waiting)


class _Cache:
    """Collector of the model cache, when it has been used and offers one."""

    def collect(self) -> Iterator[Any]:
        module = sys.modules.get("core.cache")
        collect = getattr(module, "collect_metrics", None)
        if collect is not None:
            yield from collect()


def render() -> tuple[bytes, str]:
    """All metrics as Prometheus text, with its media type."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    registry = CollectorRegistry(auto_describe=False)
    for collector in (_Hub(), _Jobs(), _Cache()):
        registry.register(collector)
    return generate_latest(registry), CONTENT_TYPE_LATEST
