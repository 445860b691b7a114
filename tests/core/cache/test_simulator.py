"""The simulator gives known answers, and ours beats its rivals where memory is short."""

from __future__ import annotations

import itertools
import statistics

import pytest

from core.bench import cache_simulator as simulator


def test_one_request_costs_the_disk_and_the_bus():
    size = simulator.COMPONENTS["llm"]
    once = size / simulator.DISK + size / simulator.BUS
    for rival in (simulator.ours, simulator.component_lru, simulator.lru_cache_and_to):
        assert rival(["dialogue"], 16, 16) == pytest.approx(once, rel=1e-6)
        assert rival(["dialogue"] * 4, 16, 16) == pytest.approx(once / 4, rel=1e-6)


def test_shared_components_are_loaded_once_by_all_but_lru_cache():
    asked = ["imagic", "conceptor"]
    extra = simulator.COMPONENTS["clip"] * (1 / simulator.DISK + 1 / simulator.BUS)
    alone = simulator.ours(["imagic"], 16, 16)
    assert 2 * simulator.ours(asked, 16, 16) == pytest.approx(alone + extra, rel=1e-6)
    assert 2 * simulator.component_lru(asked, 16, 16) == pytest.approx(alone + extra, rel=1e-6)
    assert 2 * simulator.lru_cache_and_to(asked, 16, 16) > 2 * alone


def test_requests_repeat_and_are_the_same_for_the_same_seed():
    asked = simulator.requests(3)
    assert asked == simulator.requests(3)
    assert asked != simulator.requests(4)
    repeats = sum(a == b for a, b in itertools.pairwise(asked)) / len(asked)
    assert 0.3 < repeats < 0.6


def test_ours_waits_less_where_memory_is_short_and_never_longer():
    for device, ram in ((16, 16), (24, 32)):
        waits = {
            rival: statistics.mean(
                rival(simulator.requests(seed, 200), device, ram) for seed in range(3)
            )
            for rival in (simulator.ours, simulator.component_lru, simulator.lru_cache_and_to)
        }
        ratio = waits[simulator.ours] / waits[simulator.component_lru]
        assert ratio < (0.6 if ram == 16 else 1.0)
        assert waits[simulator.ours] < 0.4 * waits[simulator.lru_cache_and_to]
