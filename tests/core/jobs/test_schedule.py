"""Random schedules: whatever visitors do, nothing hangs, leaks or overlaps."""

from __future__ import annotations

import random
import threading
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BusyError, InputError, VitrineError
from core.jobs import JobRunner

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["heavy", "light", "cancel", "open", "read", "list"]),
        st.sampled_from(["wait", "deaf", "raise", "quick"]),
        st.integers(0, 30),
    ),
    max_size=40,
)


class Workshop:
    """Jobs that end when told, and a count of how many hold the device."""

    def __init__(self):
        self.gates = []
        self.lock = threading.Lock()
        self.on_device = 0
        self.most_on_device = 0

    def work(self, job, request):
        kind, heavy, gate = request
        with self.lock:
            self.on_device += heavy
            self.most_on_device = max(self.most_on_device, self.on_device)
        try:
            if kind == "wait":
                while not gate.wait(0.001):
                    job.report(0.5, "waiting")
            elif kind == "deaf":
                gate.wait(10)
            elif kind == "raise":
                raise InputError("no")
            return kind
        finally:
            with self.lock:
                self.on_device -= heavy


@settings(max_examples=60, deadline=None)
@given(actions=ACTIONS)
def test_no_schedule_hangs_leaks_or_overlaps(actions):
    runner = JobRunner(light_slots=2, max_waiting_heavy=5, max_waiting_light=5)
    shop, handles = Workshop(), []
    for action, kind, number in actions:
        if action in ("heavy", "light"):
            gate, heavy = threading.Event(), action == "heavy"
            try:
                handle = runner.submit(
                    shop.work, (kind, heavy, gate), method=kind, owner=f"v{number % 3}", heavy=heavy
                )
            except BusyError:
                continue
            handles.append(handle)
            shop.gates.append(gate)
        elif action == "list":
            states = [i.state for i in runner.list()]
            assert len(states) == len(handles)
            lanes = runner.snapshot()["lanes"]
            assert lanes["device"]["running"] <= 1
            assert lanes["light"]["running"] <= 2
        elif handles:
            handle = handles[number % len(handles)]
            if action == "cancel":
                handle.cancel()
            elif action == "open":
                shop.gates[number % len(handles)].set()
            else:
                next(handle.events())
    for gate in shop.gates:
        gate.set()
    for handle in handles:
        assert handle.wait(10), f"{handle.info()} never ended"
        last = list(handle.events())[-1]
        assert last.is_last
        assert last.kind == handle.state
    lanes = runner.snapshot()["lanes"]
    assert [(lane["running"], lane["waiting"]) for lane in lanes.values()] == [(0, 0)] * 2
    assert shop.most_on_device <= 1
    assert shop.on_device == 0
    assert runner.submit(lambda job, _: "alive", None, method="m", heavy=True).result(5) == "alive"


def test_six_visitors_at_once_never_hang_leak_or_overlap(make_runner):
    runner = make_runner(light_slots=3, max_waiting_heavy=4, max_waiting_light=4, keep_finished=10)
    shop, wrong = Workshop(), []

    def visitor(seed):
        rng = random.Random(seed)
        mine = []
        for _ in range(60):
            kind, gate = rng.choice(["wait", "deaf", "raise", "quick"]), threading.Event()
            heavy = rng.random() < 0.5
            threading.Timer(rng.uniform(0, 0.004), gate.set).start()
            try:
                mine.append(
                    runner.submit(
                        shop.work, (kind, heavy, gate), method=kind, owner=f"v{seed}", heavy=heavy
                    )
                )
            except BusyError:
                time.sleep(0.002)
            if mine and rng.random() < 0.4:
                rng.choice(mine).cancel()
            if mine and rng.random() < 0.2:
                reader = rng.choice(mine).events(poll=0)
                next(reader)
                reader.close()
            if rng.random() < 0.1:
                runner.list(owner=f"v{seed}")
                runner.snapshot()
        for handle in mine:
            try:
                if handle.result(20) not in ("wait", "deaf", "quick"):
                    wrong.append(handle.info())
            except VitrineError:
                pass
            except TimeoutError:
                wrong.append(handle.info())

    threads = [threading.Thread(target=visitor, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert shop.most_on_device == 1
    assert shop.on_device == 0
