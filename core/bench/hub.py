"""What the hub costs before anybody uses it, and how it answers many at once.

Everything is a ratio against the smallest Gradio app (one text box) started the same way in the
same run, because seconds of a busy machine mean little by themselves.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import VitrineError
from core.registry import Score

SUMMARY = "start-up, page size, round trip and many clients, against a one-textbox Gradio app"
ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 50
CALLS_EACH = 4  # calls of one client in the crowd
PAGE_BYTES = 12 * 1024
MEGABYTE = 10**6

Step = Callable[[str], None] | None


@contextmanager
def started(kind: str) -> Iterator[dict[str, Any]]:
    """Start one app in a process of its own; yields what it measured and its address.

    Args:
        kind: "plain" or "hub".

    Raises:
        VitrineError: the app did not start.
    """
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as folder:
        env = {
            **os.environ,
            "VITRINE_DATA_DIR": folder,
            "GRADIO_TEMP_DIR": folder,
            "GRADIO_ANALYTICS_ENABLED": "False",
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": str(ROOT),
        }
        log = Path(folder) / "log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "core.bench.hub_probe", kind],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=env,
                cwd=ROOT,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("{"):
                    yield json.loads(line)
                    break
            else:
                raise VitrineError(f"The measured app failed: {log.read_text().strip()[-800:]}")
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def call(url: str, text: str, session: str) -> float:
    """One queued call over HTTP, from sending it to its last event.

    Returns:
        seconds.

    Raises:
        VitrineError: the answer was not the text.
    """
    began = time.perf_counter()
    body = json.dumps({"data": [text], "session_hash": session}).encode()
    address = f"{url}gradio_api/call/bench_same"
    request = urllib.request.Request(address, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{address}/{event}", timeout=60) as answer:
        said = answer.read().decode()
    if "event: complete" not in said or json.dumps(text) not in said:
        raise VitrineError(f"A call was answered wrongly: {said[:200]}")
    return time.perf_counter() - began


def crowd(url: str, clients: int) -> tuple[list[float], list[str]]:
    """Let `clients` clients call at the same moment; returns seconds of each call, and errors."""
    seconds: list[float] = []
    errors: list[str] = []
    gate = threading.Barrier(clients)

    def client(number: int) -> None:
        gate.wait()
        for i in range(CALLS_EACH):
            try:
                seconds.append(call(url, f"{number}-{i}", f"crowd{number}"))
            except Exception as error:  # every failure is counted and reported
                errors.append(f"{type(error).__name__}: {error}"[:200])

    threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds, errors


def _median(rows: list[dict[str, Any]], key: str) -> float:
    return statistics.median(row[key] for row in rows)


def run(*, quick: bool = False, on_step: Step = None) -> list[Score]:
    """Measure; `quick` takes one start instead of five, and fewer calls.

    Returns:
        scores whose `details` hold the budget and the single values.
    """
    say = on_step or (lambda text: None)
    rounds, calls = (1, 30) if quick else (5, 300)
    plain, hub = [], []
    for i in range(rounds):  # in turn, so that other load hits both alike
        for kind, rows in (("plain", plain), ("hub", hub)):
            say(f"start {i + 1} of {rounds}: {kind}")
            with started(kind) as found:
                rows.append(found)
    scores = [_startup(plain, hub), _memory(plain, hub), _modules(hub), _pages(hub[0])]
    with started("plain") as one, started("hub") as other:
        say("queued round trips")
        scores.append(_round_trips(one["url"], other["url"], calls))
        say(f"{CLIENTS} clients at once")
        scores += _crowds(one["url"], other["url"], 1 if quick else 3)
    return scores


def _startup(plain: list[dict[str, Any]], hub: list[dict[str, Any]]) -> Score:
    ratio = _median(hub, "cpu_seconds") / _median(plain, "cpu_seconds")
    return Score(
        name="first page, CPU seconds against one text box",
        value=ratio,
        unit="x",
        better="lower",
        baseline=1.0,
        baseline_name="one text box",
        n=len(hub),
        details={
            "budget": 1.5,
            "hub_cpu_seconds": [row["cpu_seconds"] for row in hub],
            "plain_cpu_seconds": [row["cpu_seconds"] for row in plain],
            "pages": hub[0]["pages_built"],
        },
    )


def _memory(plain: list[dict[str, Any]], hub: list[dict[str, Any]]) -> Score:
    return Score(
        name="resident memory at the first page",
        value=_median(hub, "rss_bytes") / MEGABYTE,
        unit="MB",
        better="lower",
        baseline=_median(plain, "rss_bytes") / MEGABYTE,
        baseline_name="one text box",
        n=len(hub),
        details={"budget": 200},
    )


def _modules(hub: list[dict[str, Any]]) -> Score:
    loaded = sorted({name for row in hub for name in row["heavy_modules"]})
    return Score(
        name="heavy modules loaded at the first page",
        value=len(loaded),
        better="lower",
        n=len(hub),
        details={"budget": 0, "loaded": loaded},
    )


def _pages(hub: dict[str, Any]) -> Score:
    sizes = hub["page_gzip_bytes"]
    methods = {name: size for name, size in sizes.items() if name in hub["pages_built"]}
    worst = max(methods.values(), default=0)
    return Score(
        name="largest method page on the wire",
        value=worst / 1024,
        unit="KiB gzip",
        better="lower",
        n=len(methods),
        details={"budget": PAGE_BYTES / 1024, "bytes": sizes},
    )


def _round_trips(plain: str, hub: str, calls: int) -> Score:
    for url in (plain, hub):
        call(url, "first", "single")
    taken: dict[str, list[float]] = {plain: [], hub: []}
    for i in range(calls):
        for url in (plain, hub) if i % 2 else (hub, plain):
            taken[url].append(call(url, str(i), "single"))
    ratio = statistics.median(taken[hub]) / statistics.median(taken[plain])
    return Score(
        name="queued no-op round trip against one text box",
        value=ratio,
        unit="x",
        better="lower",
        baseline=1.0,
        baseline_name="one text box",
        n=calls,
        details={
            "budget": 1.1,
            "hub_ms": 1000 * statistics.median(taken[hub]),
            "plain_ms": 1000 * statistics.median(taken[plain]),
        },
    )


def _crowds(plain: str, hub: str, rounds: int) -> list[Score]:
    taken: dict[str, list[float]] = {plain: [], hub: []}
    errors: dict[str, list[str]] = {plain: [], hub: []}
    for _ in range(rounds):
        for url in (plain, hub):
            seconds, failed = crowd(url, CLIENTS)
            taken[url] += seconds
            errors[url] += failed
    n = len(taken[hub]) + len(errors[hub])
    slow = {url: statistics.quantiles(rows or [0.0, 0.0], n=20)[-1] for url, rows in taken.items()}
    return [
        Score(
            name=f"errors of {CLIENTS} clients at once",
            value=len(errors[hub]),
            better="lower",
            baseline=len(errors[plain]),
            baseline_name="one text box",
            n=n,
            details={"budget": 0, "errors": errors[hub][:5]},
        ),
        Score(
            name=f"95th percentile of {CLIENTS} clients at once",
            value=slow[hub],
            unit="s",
            better="lower",
            baseline=slow[plain],
            baseline_name="one text box",
            n=n,
            details={"median_seconds": statistics.median(taken[hub] or [0.0])},
        ),
    ]
