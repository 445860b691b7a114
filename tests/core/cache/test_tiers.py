"""Tiers and devices: main memory behind a device, several devices, ZeroGPU, disuse, requests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from prometheus_client import CollectorRegistry, generate_latest

from core import settings
from core.cache import (
    CacheMetrics,
    ComponentKey,
    ComponentSpec,
    ModelSpec,
    SnapshotCollector,
    from_settings,
)
from core.cache.backends import CpuBackend, DeviceBackend, MpsBackend, StaticBackend, detect
from core.cache.fake import FakeBackend, fake_component, fake_model
from core.cache.model_cache import ModelCache
from core.cache.snapshot import together
from core.errors import CapacityError, WeightsError

ROOT = Path(__file__).resolve().parents[3]
MINUTE = 60.0


def where(cache):
    """Tier of every part, by its name."""
    return {part.key.split()[0]: part.tier for part in cache.snapshot().parts}


def two_of(cache, size):
    """Acquire models `a` and `b` one after the other."""
    for name in "ab":
        cache.acquire(fake_model(name, fake_component(name, size))).release()


def test_an_evicted_part_waits_in_main_memory_and_is_not_loaded_again(make_cache):
    cache, loads = make_cache(100, ram_budget=100), []
    a = fake_model("a", fake_component("a", 60, loads=loads))
    cache.acquire(a).release()
    cache.acquire(fake_model("b", fake_component("b", 60, loads=loads))).release()
    assert where(cache) == {"a": "ram", "b": "device"}
    cache.acquire(a).release()
    assert where(cache) == {"a": "device", "b": "ram"}
    assert loads == ["a", "b"]


def test_main_memory_that_is_full_drops_what_is_used_least(make_cache):
    cache = make_cache(100, ram_budget=70)
    popular = fake_model("popular", fake_component("popular", 60))
    for _ in range(5):
        cache.acquire(popular).release()
    cache.acquire(fake_model("b", fake_component("b", 60))).release()
    cache.acquire(fake_model("c", fake_component("c", 60))).release()
    assert where(cache) == {"popular": "ram", "c": "device"}


def test_without_memory_to_spare_a_load_drops_what_main_memory_kept(make_cache):
    cache = make_cache(100, ram_budget=100, transit=0)
    two_of(cache, 60)
    assert where(cache) == {"b": "device"}
    with pytest.raises(CapacityError, match="main memory to be loaded"):
        make_cache(100, ram_budget=50, transit=0).acquire(fake_model("c", fake_component("c", 60)))


def test_copies_are_kept_in_main_memory_only_while_all_weights_fit(make_cache):
    roomy = make_cache(100, ram_budget=200)
    two_of(roomy, 60)
    assert roomy.snapshot().tiers[1].used == 120
    assert roomy.fakes[0].moved == 120  # nothing travels back: the copy was there
    tight = make_cache(100, ram_budget=70)
    two_of(tight, 60)
    assert tight.snapshot().tiers[1].used == 60


def test_a_kept_copy_is_the_same_memory_when_a_real_part_returns():
    class Clone(DeviceBackend):
        """A device whose memory is main memory, but other main memory."""

        name = "cpu"

        def mem_info(self):
            return 10**6, 10**6

        def move(self, module):
            for tensor in (*module.parameters(), *module.buffers()):
                tensor.data = tensor.data.clone()

    net = torch.nn.BatchNorm1d(8)
    before = {name: value.data_ptr() for name, value in net.state_dict().items()}
    part = ComponentSpec(key=ComponentKey("a"), load=lambda dtype: net)
    cache = ModelCache(Clone(), ram_budget=10**6, reserve=0)
    with cache.acquire(ModelSpec(name="m", parts={"a": part})) as lease:
        moved = {name: value.data_ptr() for name, value in lease.obj.state_dict().items()}
        assert not set(moved.values()) & set(before.values())
    cache.keep_alive = 0.0
    cache.sweep()
    assert where(cache) == {"a": "ram"}
    assert {name: value.data_ptr() for name, value in net.state_dict().items()} == before


def test_disuse_moves_a_part_to_main_memory_and_then_drops_it(make_cache, clock):
    cache = make_cache(100)
    two_of(cache, 30)
    held = cache.acquire(fake_model("held", fake_component("held", 20)))
    clock.advance(14 * MINUTE)
    cache.sweep()
    assert set(where(cache).values()) == {"device"}
    clock.advance(2 * MINUTE)
    cache.sweep()
    assert where(cache) == {"a": "ram", "b": "ram", "held": "device"}
    clock.advance(45 * MINUTE)
    cache.sweep()
    assert where(cache) == {"held": "device"}
    held.release()
    cache.sweep()
    assert where(cache) == {"held": "device"}  # its disuse begins with the release


def test_in_one_tier_disuse_only_drops(make_cache, clock):
    cache = make_cache(100, one_tier=True)
    two_of(cache, 30)
    clock.advance(59 * MINUTE)
    cache.sweep()
    assert len(where(cache)) == 2
    clock.advance(2 * MINUTE)
    cache.sweep()
    assert where(cache) == {}


def test_unload_drops_one_model_or_all_and_says_how_much(make_cache):
    cache = make_cache(100)
    two_of(cache, 30)
    assert cache.unload("a") == 30
    assert where(cache) == {"b": "device"}
    assert cache.unload("unknown") == 0
    assert cache.unload() == 30
    assert cache.fakes[0].used == 0
    assert ModelCache(FakeBackend(1)).unload() == 0


def test_prefetch_brings_a_model_in_the_background_and_reports_failures(make_cache):
    cache, loads = make_cache(100), []
    model = fake_model("m", fake_component("a", 30, loads=loads))
    assert cache.prefetch(model).result(10) is None
    assert where(cache) == {"a": "device"}
    cache.acquire(model).release()
    assert loads == ["a"]
    with pytest.raises(CapacityError):
        cache.prefetch(fake_model("big", fake_component("big", 10**9))).result(10)


def test_a_model_goes_to_the_device_that_holds_most_of_it(make_cache):
    cache = make_cache(100, devices=2)
    shared = fake_component("shared", 50)
    with cache.acquire(fake_model("first", shared)) as first:
        assert first.device == "fake:0"
        with cache.acquire(fake_model("other", fake_component("o", 30))) as other:
            assert other.device == "fake:1"  # the one that is used less
        with cache.acquire(fake_model("second", shared, fake_component("s", 40))) as second:
            assert second.device == "fake:0"
            assert second.obj["shared"] is first.obj["shared"]


def test_a_part_in_use_on_a_full_device_is_copied_to_the_other(make_cache):
    cache = make_cache(100, devices=2)
    shared = fake_component("shared", 50)
    first = cache.acquire(fake_model("first", shared))
    second = cache.acquire(fake_model("large", shared, fake_component("l", 40), work=5))
    third = cache.acquire(fake_model("third", shared, fake_component("t", 30)))
    assert [first.device, second.device, third.device] == ["fake:0", "fake:0", "fake:1"]
    assert third.obj["shared"] is not first.obj["shared"]
    assert cache.ledger.table.device_used == [95, 80]
    for lease in (first, second, third):
        lease.release()
    assert cache.ledger.table.work_used == [0, 0]


def test_static_mode_serves_what_was_preloaded_and_nothing_else():
    backend = FakeBackend(100)
    backend.evicts = False
    cache = ModelCache(backend, mode="static")
    placed = fake_model("placed", fake_component("a", 30))
    cache.preload([placed])
    cache.acquire(placed).release()
    with pytest.raises(CapacityError, match="not placed when this Space started"):
        cache.acquire(fake_model("late", fake_component("b", 10)))
    assert cache.unload() == 0
    cache.sweep()
    assert where(cache) == {"a": "device"}


def test_static_mode_keeps_no_second_copy_in_main_memory_and_starts_no_thread(monkeypatch):
    import threading

    monkeypatch.setattr(threading.Thread, "start", lambda thread: pytest.fail(thread.name))
    moved = []
    backend = StaticBackend()
    monkeypatch.setattr(backend, "move", lambda module: moved.append(threading.current_thread()))
    monkeypatch.setattr("core.cache.idle.watch", lambda cache: None)
    cache = ModelCache(backend, mode="static")
    part = ComponentSpec(key=ComponentKey("a"), load=lambda dtype: torch.nn.Linear(2, 2))
    cache.preload([ModelSpec(name="m", parts={"a": part})])
    entry = next(iter(cache.ledger.table.entries.values()))
    assert entry.host_copy is None
    assert cache.ledger.table.ram_used == 0
    assert moved == [threading.main_thread()]


def test_what_could_not_be_preloaded_is_told_by_name_and_again_when_it_is_asked_for():
    backend = FakeBackend(100)
    backend.evicts = False
    cache = ModelCache(backend, mode="static")

    def damaged(dtype):
        raise WeightsError("The file is cut short. A whole one works. Get it again.")

    bad = ModelSpec(name="bad", parts={"a": ComponentSpec(key=ComponentKey("bad"), load=damaged)})
    good = fake_model("good", fake_component("b", 10))
    failed = cache.preload([bad, good])
    assert list(failed) == ["bad"]
    cache.acquire(good).release()
    with pytest.raises(WeightsError, match=r"bad could not be placed .* The file is cut short"):
        cache.acquire(bad)


def test_the_snapshot_of_a_process_holds_all_its_caches():
    one, other = ModelCache(FakeBackend(100)), ModelCache(FakeBackend(100))
    one.acquire(fake_model("a", fake_component("a", 30))).release()
    assert together([one.snapshot(), other.snapshot()]).mode == one.mode
    other.acquire(fake_model("b", fake_component("b", 10))).release()
    both = together([one.snapshot(), other.snapshot()])
    assert sorted(part.key.split()[0] for part in both.parts) == ["a", "b"]
    assert both.loads == 2
    assert together([]).mode == "unused"


def test_static_mode_ignores_the_figures_of_the_emulated_device(monkeypatch):
    monkeypatch.setattr(
        torch.cuda, "mem_get_info", lambda *args: pytest.fail("an invented figure was asked for")
    )
    backend = StaticBackend()
    monkeypatch.setattr(backend, "move", lambda module: None)
    cache = ModelCache(backend, mode="static")
    part = ComponentSpec(key=ComponentKey("a"), load=lambda dtype: torch.nn.Linear(2, 2))
    cache.preload([ModelSpec(name="m", parts={"a": part})])
    assert cache.snapshot().tiers[0].budget is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_can_lease_while_the_parent_was_loading():
    code = """
import os, threading, time, warnings
from core.cache.fake import FakeBackend, fake_component, fake_model
from core.cache.model_cache import ModelCache
from core.cache import ComponentSpec, ComponentKey, ModelSpec, construction
warnings.simplefilter("ignore")
cache = ModelCache(FakeBackend(100))
model = fake_model("m", fake_component("a", 30))
cache.acquire(model).release()
cache.ledger.mu.acquire()
holder = threading.Thread(target=lambda: construction().__enter__() or time.sleep(5), daemon=True)
holder.start()
time.sleep(0.1)
child = os.fork()
if child == 0:
    with cache.acquire(model, timeout=5), construction():
        os._exit(7)
cache.ledger.mu.release()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "7", done.stderr


def test_importing_and_asking_the_cache_loads_no_torch():
    code = """
import sys
import core.cache
from core.cache import cache, embedded, hub_spec
assert cache().snapshot().mode == "unused"
cache().pin("m")
from prometheus_client import generate_latest
generate_latest()
heavy = {"torch", "diffusers", "transformers", "accelerate", "huggingface_hub", "numpy", "psutil"}
print(sorted(heavy & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_the_device_follows_the_settings(monkeypatch):
    assert isinstance(detect("cpu")[0], CpuBackend)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert isinstance(detect("auto")[0], MpsBackend)
    assert isinstance(detect("cuda")[0], CpuBackend)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [b.name for b in detect("auto")] == ["cuda:0", "cuda:1"]


def test_the_budget_of_the_settings_is_the_budget_of_the_cache():
    cache = from_settings(settings.override(device="cpu", ram_budget=5 * 2**20))
    part = ComponentSpec(key=ComponentKey("a"), load=lambda dtype: torch.nn.Linear(2, 2))
    cache.acquire(ModelSpec(name="m", parts={"a": part})).release()
    assert cache.snapshot().tiers[0].budget == 5 * 2**20
    assert cache.ledger.one_tier


def test_metrics_have_the_names_and_values_of_the_cache(make_cache):
    registry = CollectorRegistry()
    cache = make_cache(100, ram_budget=150, metrics=CacheMetrics(registry))
    registry.register(SnapshotCollector(cache.snapshot))
    two_of(cache, 60)
    held = cache.acquire(fake_model("a", fake_component("a", 60)))
    text = generate_latest(registry).decode()
    held.release()
    for line in (
        'vitrine_cache_bytes{device="fake:0",tier="device"} 60.0',
        'vitrine_cache_budget_bytes{device="fake:0",tier="device"} 100.0',
        'vitrine_cache_component_bytes{key="a float32",tier="device"} 60.0',
        'vitrine_cache_leases{key="a float32"} 1.0',
        'vitrine_cache_hits_total{tier="ram"} 1.0',
        'vitrine_cache_misses_total{tier="device"} 3.0',
        'vitrine_cache_evictions_total{reason="room",tier="device"} 2.0',
        'vitrine_cache_device_free_bytes{device="fake:0"} 40.0',
        "vitrine_cache_load_seconds_count 2.0",
        'vitrine_cache_move_seconds_count{direction="in"} 3.0',
        "vitrine_cache_single_flight_waits_total 0.0",
        'vitrine_cache_loads_total{outcome="done"} 2.0',
    ):
        assert line in text, line
