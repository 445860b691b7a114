"""What `/metrics` and the Status page learn about jobs."""

from __future__ import annotations

import json
import threading

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from core.errors import InputError
from core.jobs import metrics


def scrape(runner):
    registry = CollectorRegistry()
    metrics.register(registry, lambda: runner)
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_states_queue_and_durations_are_counted(make_runner, clock):
    runner = make_runner(clock=clock)
    go = threading.Event()

    def three_seconds(job, _):
        clock.now += 3.0

    def fail(job, _):
        raise InputError("no")

    runner.submit(three_seconds, None, method="m").result(5)
    runner.submit(fail, None, method="m").wait(5)
    runner.submit(lambda job, _: go.wait(10), None, method="m", heavy=True)
    waiting = runner.submit(lambda job, _: 1, None, method="w", heavy=True)
    runner.submit(lambda job, _: 1, None, method="w", heavy=True).cancel()
    seen = scrape(runner)
    assert seen["vitrine_jobs", "m", "running"] == 1
    assert seen["vitrine_jobs", "queued", "w"] == 1
    assert seen["vitrine_jobs_finished_total", "done", "m"] == 1
    assert seen["vitrine_jobs_finished_total", "failed", "m"] == 1
    assert seen["vitrine_jobs_finished_total", "cancelled", "w"] == 1
    assert seen["vitrine_queue_depth", "device"] == 1
    assert seen["vitrine_queue_depth", "light"] == 0
    assert seen["vitrine_job_seconds_sum", "done", "m"] == 3.0
    assert seen["vitrine_job_seconds_bucket", "1.0", "done", "m"] == 0
    assert seen["vitrine_job_seconds_bucket", "3.0", "done", "m"] == 1  # the edge belongs to it
    assert seen["vitrine_job_seconds_count", "done", "m"] == 1
    assert ("vitrine_job_seconds_count", "cancelled", "w") not in seen  # it never ran
    go.set()
    waiting.result(5)


def test_the_snapshot_is_plain_json_and_names_nobody(runner):
    go = threading.Event()
    handle = runner.submit(
        lambda job, _: go.wait(10), None, method="m", owner="secret-browser", title="My own voice"
    )
    text = json.dumps(runner.snapshot())
    assert '"method": "m"' in text
    for private in (handle.id, "secret-browser", "My own voice"):
        assert private not in text
    go.set()
