"""What a cancel leaves behind: two jobs on one device, or none.

A job holds the device for a while and listens to nobody. It is cancelled early, and the next job is
submitted at once. The score is how long both were on the device together: in our runner, and in a
plain Gradio app with `concurrency_limit=1` that is cancelled through `gradio_client`, in a process
of its own. The other scores are the delay from a cancel to a free device for a job that reports
its steps, and what a job costs when it does nothing.

The device is a clock: a worker notes when it enters and leaves and sleeps in between, so the
numbers show scheduling, not computing.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.jobs import Job, JobRunner
from core.registry import Score

SUMMARY = "device overlap after a cancel, delay until the device is free, cost of an empty job"

DEAF_SECONDS = 2.0  # of work that cannot be interrupted
CANCEL_AFTER = 0.3
STEP_SECONDS = 0.02  # between two reports of a job that listens

OnStep = Callable[[str], None] | None


class Device:
    """Notes who was on the device, and when."""

    def __init__(self) -> None:
        """Start unused."""
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everyone."""
        self.entered = threading.Event()
        self._spans: list[tuple[float, float]] = []

    def work(self, seconds: float) -> None:
        """Hold the device for so long, deaf to everything."""
        began = time.perf_counter()
        self.entered.set()
        time.sleep(seconds)
        with self._lock:
            self._spans.append((began, time.perf_counter()))

    @property
    def left(self) -> int:
        """How many have left the device."""
        with self._lock:
            return len(self._spans)

    def overlap(self) -> float:
        """Seconds during which two were on the device."""
        spans = sorted(self._spans)
        pairs = ((a, b) for i, a in enumerate(spans) for b in spans[i + 1 :])
        return sum(max(0.0, min(a[1], b[1]) - b[0]) for a, b in pairs)


def run(*, quick: bool = False, on_step: OnStep = None) -> list[Score]:
    """Measure all; about 50 s, 25 s when `quick`."""
    say = on_step or (lambda text: None)
    runner = JobRunner()
    # The first heavy job of a process loads torch, which is not what is measured here.
    runner.submit(_nothing, None, method="bench", heavy=True).result()
    try:
        return [
            _overlap(runner, 1 if quick else 3, say),
            _delay(runner, 10 if quick else 40, say),
            _cost(runner, 200 if quick else 1000, False, say),
            _cost(runner, 200 if quick else 1000, True, say),
        ]
    finally:
        runner.shutdown()


def _overlap(runner: JobRunner, rounds: int, say: Callable[[str], None]) -> Score:
    began, ours = time.perf_counter(), []
    for number in range(rounds):
        say(f"cancel in our runner, {number + 1} of {rounds}")
        ours.append(_overlap_of_ours(runner))
    say(f"the same in plain Gradio, {rounds} rounds each as a function and as a generator")
    plain = _in_own_process(rounds)
    return Score(
        name="device overlap after a cancel",
        value=statistics.median(ours),
        unit="s",
        better="lower",
        baseline=statistics.median(plain["function"]),
        baseline_name="plain Gradio, concurrency_limit=1",
        n=rounds,
        seconds=time.perf_counter() - began,
        details={
            "worst of ours": max(ours),
            "largest possible": DEAF_SECONDS - CANCEL_AFTER,
            "plain Gradio, all rounds": plain["function"],
            "plain Gradio as a generator with one long step": plain["generator"],
            "work that cannot be interrupted": DEAF_SECONDS,
            "cancelled after": CANCEL_AFTER,
        },
    )


def _overlap_of_ours(runner: JobRunner) -> float:
    device = Device()

    def work(job: Job, seconds: float) -> None:
        device.work(seconds)

    first = runner.submit(work, DEAF_SECONDS, method="bench", heavy=True)
    device.entered.wait()
    time.sleep(CANCEL_AFTER)
    first.cancel()
    runner.submit(work, DEAF_SECONDS, method="bench", heavy=True).result()
    return device.overlap()


def _delay(runner: JobRunner, rounds: int, say: Callable[[str], None]) -> Score:
    began, delays = time.perf_counter(), []
    for number in range(rounds):
        say(f"cancel of a job that reports its steps, {number + 1} of {rounds}")
        entered = threading.Event()

        def work(job: Job, _: None, entered: threading.Event = entered) -> None:
            while True:
                job.report(None, "step")
                entered.set()
                time.sleep(STEP_SECONDS)

        handle = runner.submit(work, None, method="bench", heavy=True)
        entered.wait()
        time.sleep(STEP_SECONDS * number / rounds)  # meet the step at every phase
        asked = time.perf_counter()
        handle.cancel()
        delays.append(runner.submit(_clock, None, method="bench", heavy=True).result() - asked)
    return Score(
        name="from a cancel to the next job on the device",
        value=statistics.median(delays),
        unit="s",
        better="lower",
        baseline=STEP_SECONDS,
        baseline_name="the length of one step",
        n=rounds,
        seconds=time.perf_counter() - began,
        details={"worst": max(delays)},
    )


def _cost(runner: JobRunner, rounds: int, heavy: bool, say: Callable[[str], None]) -> Score:
    say(f"{rounds} empty {'heavy' if heavy else 'light'} jobs")
    began, ours, bare = time.perf_counter(), [], []
    for _ in range(rounds):
        start = time.perf_counter()
        for _event in runner.submit(_nothing, None, method="bench", heavy=heavy).events():
            pass
        middle = time.perf_counter()
        thread = threading.Thread(target=_nothing)
        thread.start()
        thread.join()
        ours.append(middle - start)
        bare.append(time.perf_counter() - middle)
    return Score(
        name=f"round trip of an empty {'heavy' if heavy else 'light'} job",
        value=statistics.median(ours) * 1e3,
        unit="ms",
        better="lower",
        baseline=statistics.median(bare) * 1e3,
        baseline_name="a bare thread",
        n=rounds,
        seconds=time.perf_counter() - began,
        details={"95 % of jobs below": statistics.quantiles(ours, n=20)[-1] * 1e3},
    )


def _nothing(job: Job | None = None, request: None = None) -> None:
    return None


def _clock(job: Job, request: None) -> float:
    return time.perf_counter()


def _in_own_process(rounds: int) -> dict[str, list[float]]:
    done = subprocess.run(
        [sys.executable, "-m", "core.bench.cancel", str(rounds)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60 + 20 * rounds,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the plain Gradio app failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def plain_gradio(rounds: int) -> dict[str, list[float]]:
    """Overlap in a plain Gradio app, per round, for a function and for a generator."""
    import gradio as gr
    from gradio_client import Client

    import core.gpu  # noqa: F401  # before Gradio, which imports a package named like our folder

    device = Device()

    def function(seconds: float) -> str:
        device.work(seconds)
        return "done"

    def generator(seconds: float) -> Iterator[str]:
        yield "begun"
        device.work(seconds)
        yield "done"

    with gr.Blocks(analytics_enabled=False) as demo:
        seconds, shown = gr.Number(), gr.Textbox()
        for fn in (function, generator):
            gr.Button(fn.__name__).click(
                fn,
                seconds,
                shown,
                concurrency_limit=1,
                concurrency_id="device",
                api_name=fn.__name__,
            )
    port = _free_port()
    demo.queue().launch(
        server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True
    )
    client = Client(f"http://127.0.0.1:{port}", verbose=False)
    overlaps: dict[str, list[float]] = {"function": [], "generator": []}
    for name, seen in overlaps.items():
        for _ in range(rounds):
            device.reset()
            seen.append(_cancel_and_follow(client, device, f"/{name}"))
    demo.close()
    return overlaps


def _cancel_and_follow(client: Any, device: Device, api_name: str) -> float:
    first = client.submit(DEAF_SECONDS, api_name=api_name)
    device.entered.wait()
    time.sleep(CANCEL_AFTER)
    first.cancel()
    client.submit(DEAF_SECONDS, api_name=api_name).result()
    while device.left < 2:  # the cancelled one still computes
        time.sleep(0.01)
    return device.overlap()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(plain_gradio(int(sys.argv[1]))) + "\n")
