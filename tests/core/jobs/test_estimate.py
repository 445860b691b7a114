"""Time left: a number only with evidence, and close to the truth then."""

from __future__ import annotations

import random
import statistics
import threading

import pytest

from core.jobs.estimate import TimeLeft


def test_there_is_no_number_without_evidence():
    left = TimeLeft()
    assert left.seconds(0.0) is None
    left.add(0.0, 0.0)
    assert left.seconds(5.0) is None
    left.add(0.1, 0.001)
    assert left.seconds(0.1) is None  # too little of both


def test_steady_progress_gives_the_exact_time():
    left = TimeLeft()
    for step in range(41):
        left.add(step * 0.5, step / 100)
    assert left.seconds(20.0) == pytest.approx(30.0, rel=1e-6)
    assert left.seconds(20.3) == pytest.approx(29.7, rel=1e-6)


def test_loading_before_the_first_fraction_does_not_count():
    left = TimeLeft()
    left.add(0.0, None)
    left.add(60.0, 0.0)
    left.add(61.0, 0.1)
    assert left.seconds(61.0) == pytest.approx(9.0)


def worst_error(seed):
    """Largest relative error in the middle of 100 steps whose lengths vary by half."""
    rng = random.Random(seed)
    times = [0.0]
    for _ in range(100):
        times.append(times[-1] + rng.uniform(0.05, 0.15))
    left, worst = TimeLeft(), 0.0
    for step, now in enumerate(times):
        left.add(now, step / 100)
        if 20 <= step <= 80:
            truth = times[-1] - now
            worst = max(worst, abs(left.seconds(now) - truth) / truth)
    return worst


def test_noise_of_half_a_step_is_smoothed_to_a_fifth():
    worst = [worst_error(seed) for seed in range(50)]
    assert statistics.median(worst) < 0.2
    assert max(worst) < 0.4


def test_a_change_of_speed_is_followed():
    left = TimeLeft()
    for step in range(51):
        left.add(step * 0.1, step / 100)
    for step in range(51, 81):
        left.add(5.0 + (step - 50) * 1.0, step / 100)
    assert left.seconds(35.0) == pytest.approx(20.0, rel=0.1)


def test_a_stalled_job_does_not_count_down_to_zero():
    left = TimeLeft()
    for step in range(11):
        left.add(float(step), step / 20)
    on_time = left.seconds(11.0)
    assert on_time == pytest.approx(9.0)
    assert left.seconds(30.0) > on_time
    assert left.seconds(300.0) > left.seconds(30.0)


def test_a_new_phase_needs_new_evidence():
    left = TimeLeft()
    left.add(0.0, 0.0)
    left.add(5.0, 0.5)
    assert left.seconds(5.0) is not None
    left.add(6.0, 0.1)
    assert left.seconds(6.0) is None
    left.add(7.0, None)
    assert left.seconds(7.0) is None


def test_the_end_is_zero_and_never_negative():
    left = TimeLeft()
    left.add(0.0, 0.0)
    left.add(10.0, 1.0)
    assert left.seconds(10.0) == 0.0
    assert left.seconds(12.0) == 0.0


def test_a_waiting_job_learns_when_it_starts_from_those_before_it(make_runner, clock):
    runner = make_runner(clock=clock)
    go = threading.Event()

    def quick(job, _):
        clock.now += 10.0

    def slow(job, _):
        job.report(0.0)
        clock.now += 10.0
        job.report(0.5)
        go.wait(10)

    running = runner.submit(slow, None, method="slow", heavy=True)
    while running.info().fraction != 0.5:
        pass
    second = runner.submit(quick, None, method="quick", heavy=True)
    third = runner.submit(quick, None, method="quick", heavy=True)
    assert running.info().eta_seconds == pytest.approx(10.0)
    assert second.info().eta_seconds == pytest.approx(10.0)
    assert third.info().eta_seconds is None  # nobody knows yet how long `quick` takes
    go.set()
    third.result(20)
    runner.submit(quick, None, method="quick", heavy=True).result(5)
    hold = threading.Event()
    runner.submit(lambda job, _: hold.wait(10), None, method="quick", heavy=True)
    next_one = runner.submit(quick, None, method="quick", heavy=True)
    after = runner.submit(quick, None, method="quick", heavy=True)
    assert next_one.info().eta_seconds == pytest.approx(10.0)
    assert after.info().eta_seconds == pytest.approx(20.0)
    clock.now += 4.0
    assert next_one.info().eta_seconds == pytest.approx(6.0)
    clock.now += 7.0
    assert (
        next_one.info().eta_seconds is None
    )  # longer than usual: no number rather than a false one
    hold.set()
    after.result(5)
