"""Stop means stop: at once while waiting, at the next step while running, and no overlap."""

from __future__ import annotations

import threading
import time

import pytest

from core.errors import JobCancelled


class Device:
    """Notes when it is in use, and for how long by two at once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.spans = []

    def use(self, seconds):
        began = time.perf_counter()
        time.sleep(seconds)  # deaf to every request to stop
        with self.lock:
            self.spans.append((began, time.perf_counter()))

    def overlap(self):
        spans = sorted(self.spans)
        return sum(
            max(0.0, min(a[1], b[1]) - b[0]) for i, a in enumerate(spans) for b in spans[i + 1 :]
        )


def test_a_waiting_job_is_cancelled_at_once_and_never_starts(runner):
    go = threading.Event()
    first = runner.submit(lambda job, _: go.wait(10), None, method="m", heavy=True)
    ran = []
    waiting = runner.submit(lambda job, _: ran.append(1), None, method="m", heavy=True)
    began = time.perf_counter()
    assert waiting.cancel() is True
    assert waiting.state == "cancelled"
    assert time.perf_counter() - began < 0.1
    assert [e.kind for e in waiting.events()] == ["queued", "cancelled"]
    assert waiting.cancel() is False
    go.set()
    assert first.result(5) is True
    assert ran == []


def test_a_running_job_stops_at_its_next_report(runner):
    steps = []

    def work(job, _):
        while True:
            job.report(None, "on")
            steps.append(1)
            time.sleep(0.01)

    handle = runner.submit(work, None, method="m")
    while not steps:
        time.sleep(0.001)
    handle.cancel()
    count = len(steps)
    last = list(handle.events())[-1]
    assert (last.kind, last.error_kind) == ("cancelled", "JobCancelled")
    assert len(steps) <= count + 1
    with pytest.raises(JobCancelled):
        handle.result()


def test_a_job_that_does_not_listen_says_stopping_and_keeps_the_device_until_it_ends(runner):
    device, entered, end = Device(), threading.Event(), threading.Event()

    def deaf(job, _):
        entered.set()
        end.wait(10)
        device.use(0.1)
        return "thrown away"

    saved = []
    first = runner.submit(deaf, None, method="m", heavy=True, on_done=lambda h, r: saved.append(r))
    second = runner.submit(lambda job, _: device.use(0.05), None, method="m", heavy=True)
    assert entered.wait(20)
    assert first.cancel() is True
    assert second.wait(0.2) is False
    assert first.state == first.info().state == "stopping"
    assert first.info().text == "Stopping"
    assert first.info().active
    assert second.state == "queued"
    assert runner.snapshot()["lanes"]["device"]["running"] == 1
    assert first.cancel() is True  # asking twice changes nothing
    end.set()
    second.result(5)
    assert [e.kind for e in first.events()] == ["queued", "started", "progress", "cancelled"]
    assert saved == []
    assert len(device.spans) == 2
    assert device.overlap() == 0.0


def test_heavy_jobs_of_two_threads_never_overlap_even_when_half_are_cancelled(runner):
    device = Device()

    def visitor(cancel):
        for _ in range(6):
            handle = runner.submit(lambda job, _: device.use(0.03), None, method="m", heavy=True)
            if cancel:
                time.sleep(0.01)
                handle.cancel()
            handle.wait(10)

    threads = [threading.Thread(target=visitor, args=(c,)) for c in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(device.spans) >= 6
    assert device.overlap() == 0.0


def test_whatever_a_cancelled_job_raises_it_counts_as_cancelled(runner):
    entered = threading.Event()

    def work(job, _):
        entered.set()
        job.cancel_event.wait(10)
        raise RuntimeError("interrupted in the middle")

    handle = runner.submit(work, None, method="m")
    entered.wait(5)
    handle.cancel()
    assert list(handle.events())[-1].kind == "cancelled"


def test_a_cancel_during_saving_comes_too_late(runner):
    saving, go = threading.Event(), threading.Event()

    def save(handle, result):
        saving.set()
        go.wait(10)

    handle = runner.submit(lambda job, _: 5, None, method="m", on_done=save)
    assert saving.wait(5)
    assert handle.cancel() is False
    go.set()
    assert handle.result(5) == 5


def test_a_finished_job_cannot_be_cancelled(runner):
    handle = runner.submit(lambda job, _: 5, None, method="m")
    handle.result(5)
    assert handle.cancel() is False
    assert runner.cancel(handle.id) is False
    assert handle.state == "done"


def test_a_cancelled_job_can_be_run_again(runner):
    go = threading.Event()

    def work(job, _):
        while not go.wait(0.01):
            job.check()
        return "second time"

    handle = runner.submit(work, None, method="m", owner="me")
    handle.cancel()
    handle.wait(5)
    go.set()
    assert runner.rerun(handle.id, owner="me").result(5) == "second time"
