"""The model cache: loads under a storm, time to decide, warm leases, waiting time, memory.

Budgets: 1 load for 100 threads, less than 2 ms for a decision among 200 parts, less than 100 us for
a lease on what is in place. The simulation runs our own cache on a device of numbers.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from core.bench import cache_decisions, cache_memory, cache_simulator, cache_storm
from core.registry import Score

SUMMARY = "loads under a storm, decision time, warm lease, simulated waiting, memory given back"

OnStep = Callable[[str], None] | None
THREADS = 100
RIVAL_THREADS = 16  # the naive caches load once for each


def run(*, quick: bool = False, on_step: OnStep = None) -> list[Score]:
    """Measure everything; `quick` takes fewer seeds and rounds and leaves the slowest peer out."""
    say = on_step or (lambda text: None)
    return [
        *_decisions(quick, say),
        *_waiting(quick, say),
        *_storms(say),
        *_memory(quick, say),
    ]


def _decisions(quick: bool, say: Callable[[str], None]) -> list[Score]:
    say("deciding among 200 parts")
    ours = cache_decisions.decision_seconds(200)
    median = 1e3 * statistics.median(ours)
    scores = [
        Score(
            name="decision among 200 parts, median",
            value=median,
            unit="ms",
            better="lower",
            n=len(ours),
            details={"slowest_ms": 1e3 * max(ours), "budget_ms": 2.0},
        )
    ]
    for parts in (10, 16) if quick else (10, 20, 22):
        say(f"deciding among {parts} parts, as diffusers does")
        own = 1e3 * statistics.median(cache_decisions.decision_seconds(parts, repeats=9))
        scores.append(
            Score(
                name=f"decision among {parts} parts, median",
                value=own,
                unit="ms",
                better="lower",
                baseline=1e3 * cache_decisions.diffusers_seconds(parts),
                baseline_name="diffusers AutoOffloadStrategy",
                n=9,
            )
        )
    say("leasing what is in place")
    repeats = 500 if quick else 2000
    scores.append(
        Score(
            name="warm lease, median",
            value=1e6 * cache_decisions.warm_lease_seconds(repeats),
            unit="us",
            better="lower",
            n=repeats,
            details={"budget_us": 100.0},
        )
    )
    return scores


def _waiting(quick: bool, say: Callable[[str], None]) -> list[Score]:
    seeds, count = (2, 200) if quick else (8, 400)
    scores = []
    for (device, ram), rows in cache_simulator.simulate(seeds, count, say).items():
        ours = rows["ours"]
        means = {name: statistics.mean(values) for name, values in rows.items()}
        margin = 1.96 * statistics.stdev(ours) / seeds**0.5
        scores.append(
            Score(
                name=f"simulated wait per request, {device} GiB device, {ram} GiB RAM",
                value=means["ours"],
                unit="s",
                better="lower",
                baseline=means["component LRU"],
                baseline_name="component LRU",
                n=seeds * count,
                interval=(means["ours"] - margin, means["ours"] + margin),
                details={"lru_cache(4)+.to()": means["lru_cache(4)+.to()"], "seeds": seeds},
            )
        )
    return scores


def _storms(say: Callable[[str], None]) -> list[Score]:
    say(f"{THREADS} threads ask for one real UNet")
    hundred = cache_storm.measure("ours", THREADS, 1)
    scores = [
        Score(
            name=f"loads, {THREADS} threads, one key",
            value=float(hundred["loads"]),
            better="lower",
            n=THREADS,
            details=hundred | {"budget": 1},
        )
    ]
    for keys in (1, cache_storm.KEYS):
        figures: dict[str, dict[str, Any]] = {}
        for rival in cache_storm.RIVALS:
            say(f"{RIVAL_THREADS} threads load {keys} real UNets: {rival}")
            figures[rival] = cache_storm.measure(rival, RIVAL_THREADS, keys)
        scores += _storm_scores(figures, keys)
    return scores


def _storm_scores(figures: dict[str, dict[str, Any]], keys: int) -> list[Score]:
    scores = []
    for figure, title, unit in (
        ("loads", "loads", ""),
        ("seconds", "time of the storm", "s"),
        ("plain_empty", "plain layers left without storage", ""),
        ("intact", "process intact (1 = yes)", ""),
    ):
        scores.append(
            Score(
                name=f"{title}, {RIVAL_THREADS} threads, {keys} {'key' if keys == 1 else 'keys'}",
                value=float(figures["ours"][figure]),
                unit=unit,
                better="higher" if figure == "intact" else "lower",
                baseline=float(figures["lru_cache"][figure]),
                baseline_name="functools.lru_cache",
                n=RIVAL_THREADS,
                details={"ComponentsManager": figures["components_manager"]},
            )
        )
    return scores


def _memory(quick: bool, say: Callable[[str], None]) -> list[Score]:
    say("loading and dropping a model")
    found = cache_memory.measure(3 if quick else 10)
    return [
        Score(
            name="memory given back by unload, least share of the model's size",
            value=found["least_share"],
            n=found["rounds"],
            details={"size_mib": found["size"] / 2**20},
        ),
        Score(
            name="growth of the process after loading and dropping",
            value=found["growth"] / 2**20,
            unit="MiB",
            better="lower",
            n=found["rounds"],
        ),
    ]
