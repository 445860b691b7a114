"""Prometheus numbers of the hub, read when somebody asks. Parts that are not loaded stay out."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

_STARTED = time.time()
_answers: Counter[tuple[str, int]] = Counter()


def count_answer(kind: str, status: int) -> None:
    """Count one HTTP answer; `kind` is page, asset, api, file or service."""
    _answers[kind, status] += 1


def answered(kind: str) -> int:
    """How many answers of one kind were given."""
    return sum(number for (of, _), number in _answers.items() if of == kind)


class HubCollector:
    """The hub's own numbers; the process's come from Prometheus' own collector."""

    def collect(self) -> Iterator[Any]:
        """Yield the metrics of this moment."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        from core.health import state as health

        yield GaugeMetricFamily(
            "vitrine_start_time_seconds", "When the hub was imported.", value=_STARTED
        )
        state = health()
        pages = GaugeMetricFamily("vitrine_pages", "Method pages.", labels=["state"])
        pages.add_metric(["built"], len(state["pages"]) - len(state["broken"]))
        pages.add_metric(["broken"], len(state["broken"]))
        yield pages
        answers = CounterMetricFamily(
            "vitrine_http_answers", "Answers by kind and status.", labels=["kind", "status"]
        )
        for (kind, status), number in sorted(_answers.items()):
            answers.add_metric([kind, str(status)], number)
        yield answers


def _collectors() -> Iterator[Any]:
    yield HubCollector()
    if "core.jobs" in sys.modules:  # a hub that nobody used yet stays light
        from core.jobs.metrics import JobsCollector

        yield JobsCollector()


def render() -> tuple[bytes, str]:
    """All metrics as Prometheus text, with its media type."""
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    registry = CollectorRegistry(auto_describe=False)
    for collector in _collectors():
        registry.register(collector)
    # The model cache counts in the process-wide registry, from its first use on.
    return generate_latest(REGISTRY) + generate_latest(registry), CONTENT_TYPE_LATEST
