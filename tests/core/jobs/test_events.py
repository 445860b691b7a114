"""What readers see: order, replay, coalescing, bounds."""

from __future__ import annotations

import pickle
import threading
import time
import tracemalloc
from dataclasses import dataclass

import pytest

from core.errors import JobCancelled, NotFoundError
from core.jobs.events import KEPT_PROGRESS, EventLog


@dataclass(frozen=True)
class Request:
    steps: int
    name: str = "a"


def count(job, request):
    for step in range(request.steps):
        job.report(step / request.steps, f"step {step}")
    return request.steps


def test_a_job_tells_its_life_in_order_and_ends_with_its_result(runner):
    handle = runner.submit(count, Request(3), method="m", title="Count")
    events = list(handle.events())
    assert [e.kind for e in events] == ["queued", "started", *["progress"] * 3, "done"]
    assert [e.seq for e in events] == [1, 2, 3, 4, 5, 6]
    assert [e.fraction for e in events[2:5]] == [0, 1 / 3, 2 / 3]
    assert events[-1].result == handle.result() == 3
    assert abs(events[-1].time - time.time()) < 5
    assert (handle.state, handle.title, handle.method) == ("done", "Count", "m")


def test_a_reader_that_left_gets_everything_again_and_the_job_never_notices(runner):
    go = threading.Event()

    def wait(job, _):
        job.report(0.5, "half")
        assert go.wait(10)
        return "kept"

    handle = runner.submit(wait, None, method="m")
    reader = handle.events()
    seen = [next(reader) for _ in range(3)]
    reader.close()
    go.set()
    again = list(runner.get(handle.id).events())
    assert again[:3] == seen
    assert again[-1].result == "kept"
    rest = list(handle.events(after=seen[-1].seq))
    assert [e.kind for e in rest] == ["done"]
    assert list(handle.events(after=rest[-1].seq)) == []


def test_many_readers_see_the_same_job_at_once(runner):
    handle = runner.submit(count, Request(40), method="m")
    ends = []
    readers = [
        threading.Thread(target=lambda: ends.append(list(handle.events(poll=0.01))[-1]))
        for _ in range(20)
    ]
    for thread in readers:
        thread.start()
    for thread in readers:
        thread.join(10)
    assert len(ends) == 20
    assert {e.result for e in ends} == {40}


def test_only_the_newest_preview_is_kept(runner):
    def draw(job, _):
        for step in range(100):
            job.report(step / 100, "drawing", preview=bytes([step]))

    handle = runner.submit(draw, None, method="m")
    handle.result(10)
    previews = [e for e in handle.events() if e.kind == "preview"]
    assert [(e.preview, e.fraction) for e in previews] == [(bytes([99]), 0.99)]


def test_progress_with_the_same_text_is_one_event_and_stages_stay():
    log = EventLog(time.time)
    for text in ("load", "train", "save"):
        for step in range(50):
            log.publish("progress", fraction=step / 50, text=text)
    kept = log.after(0)
    assert [(e.text, e.fraction) for e in kept] == [
        ("load", 0.98),
        ("train", 0.98),
        ("save", 0.98),
    ]


def test_nothing_follows_the_last_event():
    log = EventLog(time.time)
    log.publish("cancelled")
    log.publish("progress", text="too late")
    assert [e.kind for e in log.after(0)] == ["cancelled"]


def test_ten_thousand_events_keep_memory_bounded(runner):
    def talk(job, _):
        for step in range(10_000):
            job.report(step / 10_000, f"step {step}", preview=bytes(10_000) if step % 2 else None)

    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    handle = runner.submit(talk, None, method="m")
    handle.result(60)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    kept = list(handle.events())
    assert len(kept) <= KEPT_PROGRESS + 4
    assert kept[-1].seq == 10_003
    assert grown < 200_000, f"{grown} bytes stayed"


def test_a_slow_reader_gets_few_batches(runner):
    def talk(job, _):
        for step in range(100):
            job.report(step / 100, "same text")
            time.sleep(0.005)

    handle = runner.submit(talk, None, method="m")
    events = list(handle.events(poll=0.2))
    ran = handle.info().ended - handle.info().created
    assert len(events) <= ran / 0.2 + 6  # of 100 reports


def test_the_end_does_not_wait_for_the_pace_of_the_reader(runner):
    go = threading.Event()

    def work(job, _):
        job.report(0.5)
        go.wait(10)

    began = time.perf_counter()
    reader = runner.submit(work, None, method="m").events(poll=30)
    assert next(reader).kind == "queued"
    go.set()
    assert list(reader)[-1].kind == "done"
    assert time.perf_counter() - began < 10


def test_a_silent_job_ticks_when_the_reader_asks_for_it(runner):
    handle = runner.submit(lambda job, _: job.sleep(0.35), None, method="m")
    events = list(handle.events(poll=0, tick=0.05))
    ticks = [e for e in events if e.kind == "started"]
    assert len(ticks) >= 3
    assert {e.seq for e in ticks} == {2}
    assert events[-1].kind == "done"


def test_a_tick_repeats_the_state_without_the_preview(runner):
    go = threading.Event()

    def draw(job, _):
        job.report(0.5, "half", preview="big")
        go.wait(10)

    handle = runner.submit(draw, None, method="m")
    reader = handle.events(poll=0, tick=0.02)
    kinds = [(e.kind, e.preview, e.fraction) for e, _ in zip(reader, range(5), strict=False)]
    go.set()
    assert kinds[2:] == [("preview", "big", 0.5), *[("progress", None, 0.5)] * 2]


def test_requests_events_and_infos_survive_pickling(runner):
    request = Request(3, "b")
    assert pickle.loads(pickle.dumps(request)) == request
    handle = runner.submit(count, request, method="m", owner="me")
    for event in handle.events():
        assert pickle.loads(pickle.dumps(event)) == event
    assert pickle.loads(pickle.dumps(handle.info())) == handle.info()


def test_result_waits_only_as_long_as_told(runner):
    handle = runner.submit(lambda job, _: job.sleep(10), None, method="m")
    with pytest.raises(TimeoutError):
        handle.result(timeout=0.05)
    assert handle.wait(0.01) is False
    handle.cancel()
    with pytest.raises(JobCancelled):
        handle.result(5)


def test_fractions_are_cut_and_unknown_ones_are_none(runner):
    def odd(job, _):
        for fraction, text in [(-1, "a"), (7, "b"), (float("nan"), "c"), (None, "d"), (0.5, "")]:
            job.report(fraction, text)

    events = [e for e in runner.submit(odd, None, method="m").events() if e.kind == "progress"]
    assert [(e.fraction, e.text) for e in events] == [
        (0.0, "a"),
        (1.0, "b"),
        (None, "c"),
        (0.5, "d"),
    ]


def test_info_follows_the_job(runner):
    go, reported = threading.Event(), threading.Event()

    def work(job, _):
        job.report(0.25, "first quarter")
        reported.set()
        go.wait(10)

    handle = runner.submit(work, None, method="m", owner="me", title="T")
    reported.wait(5)
    info = handle.info()
    assert (info.state, info.fraction, info.text, info.active) == (
        "running",
        0.25,
        "first quarter",
        True,
    )
    assert info.created <= info.started
    assert info.ended is None
    go.set()
    handle.result(5)
    info = handle.info()
    assert (info.state, info.fraction, info.active, info.error) == ("done", 1.0, False, "")
    assert info.text.startswith("Finished in")
    assert info.ended >= info.started


def test_finished_jobs_expire_after_an_hour_even_for_those_who_hold_a_handle(make_runner, clock):
    runner = make_runner(clock=clock)
    handle = runner.submit(lambda job, _: "big", None, method="m", owner="me")
    assert handle.result(5) == "big"
    clock.now += 3599
    assert runner.current("me", "m").result(0) == "big"
    clock.now += 2
    assert runner.current("me", "m") is None
    assert runner.list() == []
    with pytest.raises(NotFoundError, match="an hour"):
        runner.get(handle.id)
    with pytest.raises(NotFoundError, match="no longer kept"):
        handle.result(0)
    assert handle.request is None
    assert list(handle.events())[-1].result is None
    assert handle.cancel() is False


def test_only_so_many_finished_jobs_stay_and_nameless_ones_go_first(make_runner, clock):
    runner = make_runner(keep_finished=3, clock=clock)
    mine = runner.submit(lambda job, _: "mine", None, method="m", owner="me")
    mine.result(5)
    others = []
    for number in range(10):
        others.append(runner.submit(lambda job, n: n, number, method="m"))
        others[-1].result(5)
    assert len(runner.list()) == 3
    assert runner.current("me", "m").id == mine.id
    assert [h.result(0) for h in others] == list(range(10))  # held handles keep theirs ...
    clock.now += 3601
    runner.list()
    with pytest.raises(NotFoundError):  # ... until the hour is over
        others[0].result(0)


def test_an_active_job_never_expires(make_runner, clock):
    runner = make_runner(clock=clock, keep_finished=0)
    go = threading.Event()
    handle = runner.submit(lambda job, _: go.wait(10), None, method="m", owner="me")
    clock.now += 100_000
    assert [i.id for i in runner.list(active=True)] == [handle.id]
    go.set()
    assert handle.result(5) is True
