"""Ending early: a job that offers it goes to its end with what it has; others are not disturbed."""

import tempfile
import threading
import time
from pathlib import Path

import pytest

from core.errors import NotFoundError
from core.jobs import Job, JobRunner, zero


@pytest.fixture
def runner():
    made = JobRunner()
    yield made
    assert made.shutdown()


def counting(started, offers=True):
    """Counts until it is asked to end; reports whether it was."""

    def work(job, request):
        if not offers:
            started.set()
            while True:
                job.sleep(0.01)
        with job.early_end.offered():
            started.set()
            count = 0
            while not job.early_end.asked and count < 1000:
                job.sleep(0.01)
                count += 1
        return "kept" if job.early_end.asked else "all of it"

    return work


def test_a_job_that_offers_it_returns_what_it_has(runner):
    started = threading.Event()
    handle = runner.submit(counting(started), None, method="trill")
    assert started.wait(5)
    assert runner.end_early(handle.id)
    assert handle.result(5) == "kept"
    assert handle.state == "done"


def _count(job, request):
    """Picklable, as what passes to a worker of ZeroGPU must be."""
    with job.early_end.offered():
        for count in range(request):
            job.report(None, "Counting")
            if job.early_end.asked:
                return count
            job.sleep(0.01)
    return request


def test_the_wish_passes_through_the_function_that_a_gpu_is_lent_to():
    runner = JobRunner(run_heavy=zero.run)
    handle = runner.submit(_count, 3000, method="trill", heavy=True)
    next(event for event in handle.events() if event.text == "Counting")
    deadline = time.monotonic() + 10
    while not runner.end_early(handle.id) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert 0 < handle.result(10) < 3000
    assert not runner.end_early(handle.id)
    assert not list(Path(tempfile.gettempdir()).glob(f"*{handle.id}"))
    assert runner.shutdown()


def test_asking_twice_says_that_only_a_stop_is_left(runner):
    started, go_on = threading.Event(), threading.Event()

    def work(job, request):
        with job.early_end.offered():
            started.set()
            go_on.wait(5)
        return "kept"

    handle = runner.submit(work, None, method="trill")
    assert started.wait(5)
    assert runner.end_early(handle.id)
    assert not runner.end_early(handle.id)
    go_on.set()
    assert handle.result(5) == "kept"


def test_a_job_that_does_not_offer_it_goes_on_and_can_still_be_stopped(runner):
    started = threading.Event()
    handle = runner.submit(counting(started, offers=False), None, method="trill")
    assert started.wait(5)
    assert not runner.end_early(handle.id)
    assert handle.state == "running"
    assert handle.cancel()
    assert handle.wait(5)
    assert handle.state == "cancelled"


def test_a_stop_wins_over_an_early_end(runner):
    started, go_on = threading.Event(), threading.Event()

    def work(job, request):
        with job.early_end.offered():
            started.set()
            go_on.wait(5)
        return "kept"

    handle = runner.submit(work, None, method="trill")
    assert started.wait(5)
    assert runner.end_early(handle.id)
    handle.cancel()
    go_on.set()
    assert handle.wait(5)
    assert handle.state == "cancelled"


def test_the_offer_ends_with_its_block_and_with_the_job(runner):
    job = Job(method="trill")
    assert not job.early_end.ask()
    with job.early_end.offered():
        pass
    assert not job.early_end.ask()
    handle = runner.submit(lambda job, request: 1, None, method="trill")
    assert handle.result(5) == 1
    assert not runner.end_early(handle.id)


def test_nobody_ends_a_job_that_belongs_to_someone_else(runner):
    started = threading.Event()
    handle = runner.submit(counting(started), None, method="trill", owner="ann")
    assert started.wait(5)
    with pytest.raises(NotFoundError):
        runner.end_early(handle.id, owner="bob")
    with pytest.raises(NotFoundError):
        runner.end_early("no such job")
    assert runner.end_early(handle.id, owner="ann")
    assert handle.result(5) == "kept"
