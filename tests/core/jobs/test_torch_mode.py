"""The grad mode of a job never leaves its thread."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

torch = pytest.importorskip("torch")


def modes(job=None, _=None):
    return torch.is_grad_enabled(), torch.is_inference_mode_enabled()


@pytest.mark.parametrize("heavy", [False, True])
def test_a_job_runs_in_inference_mode_unless_it_asks_for_gradients(runner, heavy):
    assert runner.submit(modes, None, method="m", heavy=heavy).result(20) == (False, True)
    assert runner.submit(modes, None, method="m", heavy=heavy, grad=True).result(20) == (
        True,
        False,
    )


def test_a_job_with_gradients_can_train_even_when_the_caller_is_in_inference_mode(runner):
    def train(job, _):
        weight = torch.ones(2, requires_grad=True)
        (weight * 3).sum().backward()
        return weight.grad.tolist()

    with torch.inference_mode():
        handle = runner.submit(train, None, method="m", grad=True)
    assert handle.result(10) == [3.0, 3.0]


def test_the_mode_is_the_same_at_every_step(runner):
    seen = []

    def work(job, _):
        for step in range(20):
            job.report(step / 20, "step")
            seen.append(modes())
            job.sleep(0.002)

    runner.submit(work, None, method="m").result(10)
    assert set(seen) == {(False, True)}


def test_eight_probes_find_clean_threads_after_finished_failed_and_cancelled_jobs(runner, caplog):
    entered = threading.Event()

    def endless(job, _):
        entered.set()
        while True:
            job.report(0.1)
            job.sleep(0.005)

    def broken(job, _):
        raise RuntimeError("inside the mode")

    with ThreadPoolExecutor(8) as pool:  # stands for the threads of other requests
        barrier = threading.Barrier(8)
        list(pool.map(lambda _: barrier.wait(5), range(8)))
        runner.submit(modes, None, method="m").result(10)
        runner.submit(broken, None, method="m").wait(10)
        handle = runner.submit(endless, None, method="m")
        events = list(zip(handle.events(poll=0.01), range(4), strict=False))
        assert events
        entered.wait(5)
        handle.cancel()
        handle.wait(10)

        def probe(_):
            barrier.wait(5)
            return modes()

        assert list(pool.map(probe, range(8))) == [(True, False)] * 8
    assert modes() == (True, False)


def test_saving_happens_outside_the_mode(runner):
    seen = []
    handle = runner.submit(modes, None, method="m", on_done=lambda h, r: seen.append(modes()))
    handle.result(10)
    assert seen == [(True, False)]
