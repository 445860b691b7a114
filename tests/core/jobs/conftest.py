"""A runner per test, which must be idle again after it."""

from __future__ import annotations

import threading

import pytest

from core.jobs import JobRunner


@pytest.fixture
def make_runner():
    """Build runners with chosen limits; all are shut down, and none may keep a thread or a slot."""
    made = []

    def make(**limits):
        made.append(JobRunner(**limits))
        return made[-1]

    yield make
    for runner in made:
        assert runner.shutdown(timeout=10), "a job did not end"
        lanes = runner.snapshot()["lanes"].values()
        assert not any(lane["running"] or lane["waiting"] for lane in lanes), "a slot leaked"
    for thread in threading.enumerate():
        if thread.name.startswith("job "):
            thread.join(5)
            assert not thread.is_alive()


@pytest.fixture
def runner(make_runner):
    """A runner with the default limits and four light slots."""
    return make_runner(light_slots=4)


class FakeClock:
    """Seconds that pass only when told."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    """A clock that stands still."""
    return FakeClock()
