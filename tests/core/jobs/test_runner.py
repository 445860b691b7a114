"""Turns, limits, owners, failures, shutdown."""

from __future__ import annotations

import contextvars
import gc
import logging
import threading
import time
import weakref

import pytest

from core import jobs, settings
from core.errors import (
    BusyError,
    CapacityError,
    InputError,
    JobCancelled,
    NotFoundError,
    VitrineError,
)
from core.jobs import Job


class OurOwnError(InputError):
    """A method's own error class, unknown to core.errors."""


class Gate:
    """A worker function that runs until it is opened."""

    def __init__(self):
        self.open = threading.Event()
        self.entered = threading.Event()

    def __call__(self, job, request):
        self.entered.set()
        while not self.open.wait(0.01):
            job.check()
        return request


def test_heavy_jobs_run_one_at_a_time_in_the_order_of_asking(runner):
    order, at_once = [], []
    inside = threading.Semaphore(1)

    def work(job, name):
        at_once.append(inside.acquire(blocking=False))
        order.append(name)
        time.sleep(0.02)
        inside.release()

    handles = [runner.submit(work, n, method="m", heavy=True) for n in range(8)]
    for handle in handles:
        handle.result(10)
    assert order == list(range(8))
    assert all(at_once)


def test_positions_move_up_and_are_told(runner):
    gate = Gate()
    first = runner.submit(gate, 0, method="m", heavy=True)
    rest = [runner.submit(gate, n, method="m", heavy=True) for n in (1, 2, 3)]
    assert [h.info().position for h in rest] == [1, 2, 3]
    assert [h.info().text for h in rest] == ["Next in line", "Waiting: 1 ahead", "Waiting: 2 ahead"]
    rest[0].cancel()
    assert [h.info().position for h in rest] == [None, 1, 2]
    first.cancel()
    first.wait(5)
    assert [h.info().position for h in rest] == [None, None, 1]
    gate.open.set()
    assert rest[2].result(5) == 3
    assert [e.position for e in rest[2].events() if e.kind == "queued"] == [1]


def test_light_jobs_run_beside_a_heavy_one_up_to_a_bound(make_runner):
    runner = make_runner(light_slots=3)
    heavy, light = Gate(), Gate()
    runner.submit(heavy, 0, method="h", heavy=True)
    handles = [runner.submit(light, n, method="l") for n in range(5)]
    assert [h.state for h in handles] == ["running"] * 3 + ["queued"] * 2
    assert heavy.entered.wait(5)
    light.open.set()
    assert [h.result(5) for h in handles] == list(range(5))
    heavy.open.set()


def test_two_hundred_light_jobs_in_parallel_finish(make_runner):
    runner = make_runner(light_slots=16)
    lock, running, peak, full = threading.Lock(), 0, 0, threading.Event()

    def work(job, n):
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
            if running == 16:
                full.set()
        assert full.wait(20)  # no job ends before sixteen run at once
        with lock:
            running -= 1
        return n * n

    results, threads = {}, []
    for n in range(200):
        handle = runner.submit(work, n, method="m")
        threads.append(
            threading.Thread(target=lambda n=n, h=handle: results.update({n: h.result(20)}))
        )
        threads[-1].start()
    for thread in threads:
        thread.join(20)
    assert results == {n: n * n for n in range(200)}
    assert peak == 16


def test_one_visitor_may_have_only_so_many_jobs(make_runner):
    runner = make_runner(max_jobs_per_visitor=2)
    gate = Gate()
    mine = [runner.submit(gate, n, method="m", owner="me") for n in range(2)]
    with pytest.raises(
        BusyError, match="You have 2 jobs under way; one visitor may have 2"
    ) as busy:
        runner.submit(gate, 3, method="m", owner="me")
    assert "stop one on the Jobs page" in str(busy.value)
    runner.submit(gate, 4, method="m", owner="you")
    runner.submit(gate, 5, method="m")
    mine[0].cancel()
    mine[0].wait(5)
    runner.submit(gate, 6, method="m", owner="me")
    assert runner.snapshot()["refused"] == 1
    gate.open.set()


def test_a_full_queue_refuses_with_a_sentence_and_takes_again_later(make_runner):
    runner = make_runner(max_waiting_heavy=2, max_waiting_light=0, light_slots=1)
    gate = Gate()
    heavy = [runner.submit(gate, n, method="m", heavy=True) for n in range(3)]
    with pytest.raises(BusyError, match="2 jobs are already waiting, and the queue holds 2"):
        runner.submit(gate, 3, method="m", heavy=True)
    runner.submit(gate, 4, method="m")
    with pytest.raises(BusyError, match="Try again in a few minutes"):
        runner.submit(gate, 5, method="m")
    assert len(runner.list()) == 4
    heavy[2].cancel()
    runner.submit(gate, 6, method="m", heavy=True)
    gate.open.set()


def test_what_belongs_to_another_visitor_is_neither_listed_nor_stopped_nor_run_again(runner):
    gate = Gate()
    mine = runner.submit(gate, 1, method="m", owner="me")
    other = runner.submit(gate, 2, method="m", owner="you")
    nobody = runner.submit(gate, 3, method="m")
    assert [i.id for i in runner.list(owner="me")] == [mine.id]
    assert runner.list(owner="") == []
    assert [i.id for i in runner.list()] == [nobody.id, other.id, mine.id]
    with pytest.raises(NotFoundError, match="no such job among yours"):
        runner.cancel(other.id, owner="me")
    with pytest.raises(NotFoundError):
        runner.cancel(nobody.id, owner="me")
    with pytest.raises(NotFoundError):
        runner.rerun(other.id, owner="me")
    with pytest.raises(NotFoundError):
        runner.cancel("no such id", owner="me")
    assert other.state == "running"
    assert runner.cancel(mine.id, owner="me") is True
    assert runner.cancel(other.id) is True  # the hub itself
    gate.open.set()
    assert nobody.result(5) == 3


def test_current_finds_the_newest_job_of_a_visitor_on_a_page(runner):
    gate = Gate()
    gate.open.set()
    runner.submit(gate, 1, method="m", owner="me").result(5)
    newest = runner.submit(gate, 2, method="m", owner="me")
    runner.submit(gate, 3, method="other", owner="me")
    runner.submit(gate, 4, method="m", owner="you")
    nobody = runner.submit(gate, 5, method="m")
    assert runner.current("me", "m").id == newest.id
    assert runner.current("me", "m").result(5) == 2
    assert runner.current("me", "third") is None
    assert runner.current("", nobody.method) is None


def test_list_filters_by_page_and_activity(runner):
    gate = Gate()
    done = runner.submit(lambda job, _: 1, None, method="a", owner="me")
    done.result(5)
    active = runner.submit(gate, 1, method="a", owner="me")
    runner.submit(gate, 1, method="b", owner="me")
    assert [i.id for i in runner.list(method="a")] == [active.id, done.id]
    assert [i.id for i in runner.list(method="a", active=True)] == [active.id]
    assert [i.id for i in runner.list(owner="me", active=False)] == [done.id]
    gate.open.set()


def test_rerun_does_the_same_work_as_a_new_job(runner):
    seen = []
    saved = []

    def work(job, request):
        seen.append(request)
        return len(seen)

    first = runner.submit(
        work,
        "r",
        method="m",
        owner="me",
        title="T",
        heavy=True,
        on_done=lambda h, r: saved.append(r),
    )
    first.result(20)
    second = runner.rerun(first.id, owner="me")
    assert second.id != first.id
    assert second.result(5) == 2
    assert seen == ["r", "r"]
    assert saved == [1, 2]
    assert (second.title, second.owner, second.info().heavy) == ("T", "me", True)


def test_on_done_runs_in_the_worker_before_readers_see_the_end(runner):
    names = []

    def save(handle, result):
        names.append(threading.current_thread().name)
        assert handle.state == "running"
        return f"run of {result}"

    handle = runner.submit(lambda job, _: 7, None, method="m", on_done=save)
    assert list(handle.events())[-1].result == 7
    assert handle.saved == "run of 7"
    assert names[0].startswith("job m ")


@pytest.mark.parametrize(
    ("error", "says"), [(OSError("disk"), "could not be saved"), (VitrineError("full"), "full")]
)
def test_a_result_that_cannot_be_saved_still_reaches_its_visitor(runner, error, says, caplog):
    def save(handle, result):
        raise error

    handle = runner.submit(lambda job, _: 7, None, method="m", on_done=save)
    last = list(handle.events())[-1]
    assert (last.kind, last.result) == ("done", 7)
    assert says in last.error
    assert handle.result() == 7
    assert handle.saved is None


def test_our_errors_reach_the_visitor_in_their_words(runner):
    def work(job, _):
        raise OurOwnError("The clip is silent. Record again.")

    handle = runner.submit(work, None, method="m")
    last = list(handle.events())[-1]
    assert (last.kind, last.error, last.error_kind) == (
        "failed",
        "The clip is silent. Record again.",
        "InputError",
    )
    with pytest.raises(InputError, match="silent"):
        handle.result()
    assert handle.info().error == "The clip is silent. Record again."


def test_a_bug_becomes_a_general_sentence_and_its_traceback_stays_in_the_log(runner, caplog):
    def work(job, _):
        raise KeyError("secret detail")

    handle = runner.submit(work, None, method="m")
    last = list(handle.events())[-1]
    assert (last.kind, last.error_kind) == ("failed", "internal")
    assert "secret" not in last.error + last.text
    assert "secret detail" in caplog.text
    assert "Traceback" in caplog.text
    with pytest.raises(VitrineError, match="inside the program"):
        handle.result()
    assert runner.submit(lambda job, _: 1, None, method="m").result(5) == 1


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration()]
)
@pytest.mark.parametrize("heavy", [False, True])
def test_a_worker_that_tries_to_leave_the_process_only_fails(runner, error, heavy, caplog):
    def work(job, _):
        raise error

    handle = runner.submit(work, None, method="m", heavy=heavy)
    assert list(handle.events())[-1].kind == "failed"
    assert runner.submit(lambda job, _: "next", None, method="m", heavy=heavy).result(5) == "next"


def test_running_out_of_memory_is_said_in_words(runner, caplog):
    def work(job, _):
        raise MemoryError

    with pytest.raises(CapacityError, match="memory"):
        runner.submit(work, None, method="m").result(5)


def test_a_failed_job_keeps_none_of_its_objects_alive(runner):
    class Big:
        pass

    alive = []

    def work(job, _):
        big = Big()
        alive.append(weakref.ref(big))
        raise InputError("no")

    handle = runner.submit(work, None, method="m")
    handle.wait(5)
    gc.collect()
    assert alive[0]() is None


def test_the_worker_sees_the_context_of_the_request_and_drops_it_after(runner):
    variable = contextvars.ContextVar("visitor", default="nobody")

    class Token:
        pass

    token = Token()
    gone = weakref.ref(token)
    context = contextvars.copy_context()
    context.run(variable.set, token)
    handle = context.run(runner.submit, lambda job, _: variable.get() is gone(), None, method="m")
    assert handle.result(5) is True
    del token, context
    gc.collect()
    assert gone() is None


def test_a_function_named_as_text_is_imported_by_the_worker(runner):
    assert runner.submit("operator:eq", 1, method="m").result(5) is False
    with pytest.raises(VitrineError, match="inside the program"):
        runner.submit("no_such_module:run", 1, method="m").result(5)


def test_a_machine_without_threads_fails_the_job_and_not_the_hub(runner, monkeypatch, caplog):
    gate = Gate()
    first = runner.submit(gate, 1, method="m", heavy=True)
    waiting = [runner.submit(gate, n, method="m", heavy=True) for n in range(20)]

    def refuse(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        gate.open.set()
        assert first.result(5) == 1
        for handle in waiting:
            with pytest.raises(BusyError, match="no thread left"):
                handle.result(5)
    assert runner.submit(gate, 9, method="m", heavy=True).result(5) == 9


def test_list_and_snapshot_answer_at_once_while_jobs_work(runner):
    gate = Gate()
    for n in range(8):
        runner.submit(gate, n, method="m", heavy=n % 2 == 0)
    began = time.perf_counter()
    for _ in range(100):
        runner.list()
        runner.snapshot()
    assert (time.perf_counter() - began) / 200 < 0.01
    gate.open.set()


def test_shutdown_refuses_stops_and_waits(make_runner):
    runner = make_runner()
    gate = Gate()
    handles = [runner.submit(gate, n, method="m", heavy=True) for n in range(3)]
    assert runner.shutdown(timeout=5) is True
    assert [h.state for h in handles] == ["cancelled"] * 3
    with pytest.raises(BusyError, match="shutting down"):
        runner.submit(gate, 1, method="m")


def test_shutdown_gives_up_on_a_job_that_does_not_listen(make_runner):
    runner = make_runner()
    go = threading.Event()
    runner.submit(lambda job, _: go.wait(10), None, method="m")
    began = time.perf_counter()
    assert runner.shutdown(timeout=0.1) is False
    assert time.perf_counter() - began < 1
    go.set()


def test_the_runner_of_the_process_follows_the_settings():
    settings.override(max_jobs_per_visitor=1, max_waiting_jobs=0)
    before = jobs.use(None)
    try:
        runner = jobs.runner()
        assert jobs.runner() is runner
        gate = Gate()
        runner.submit(gate, 1, method="m", owner="me", heavy=True)
        with pytest.raises(BusyError, match="one visitor may have 1"):
            runner.submit(gate, 1, method="m", owner="me")
        with pytest.raises(BusyError, match="the queue holds 0"):
            runner.submit(gate, 1, method="m", heavy=True)
        assert runner.shutdown(5)
    finally:
        jobs.use(before)


def test_a_job_works_without_a_runner():
    seen = []
    job = Job(method="m", on_report=lambda *step: seen.append(step))
    job.report(2, "a", "p")
    assert seen == [(1.0, "a", "p")]
    job.cancel_event.set()
    assert job.cancelled
    for call in (job.check, lambda: job.report(0.1), lambda: job.sleep(10)):
        with pytest.raises(JobCancelled):
            call()


def test_ids_cannot_be_guessed(runner):
    ids = {runner.submit(lambda job, _: 1, None, method="m").id for _ in range(50)}
    assert len(ids) == 50
    assert min(map(len, ids)) >= 22


def test_loading_the_runner_loads_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, core.jobs as j; r = j.JobRunner();"
        "assert r.submit(lambda job, n: n + 1, 1, method='m').result(9) == 2;"
        "print(sorted({'torch', 'gradio', 'numpy', 'prometheus_client'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


logging.getLogger("core.jobs").setLevel(logging.INFO)
