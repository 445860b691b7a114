"""Too little memory: refusals in words, smaller plans, partial placement, recovery."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import torch

from core.cache import ComponentKey, ComponentSpec, ModelSpec, halve
from core.cache.backends import CpuBackend, DeviceBackend
from core.cache.fake import FakeModule, FakeOutOfMemory, fake_component, fake_model
from core.cache.host import ram_info
from core.cache.model_cache import ModelCache
from core.cache.partial import dispatch_over, gather
from core.errors import CapacityError, DeviceOutOfMemory

GIB = 2**30


def test_missing_memory_is_said_before_anything_is_loaded(make_cache):
    loads = []
    cache = make_cache(8 * GIB, one_tier=True)
    big = fake_model("Big", fake_component("big", 11 * GIB, loads=loads), work=2 * GIB)
    with pytest.raises(CapacityError, match=r"Big needs 11\.0 GiB .* and 2\.0 GiB for its work"):
        cache.acquire(big)
    with pytest.raises(CapacityError, match=r"8\.0 GiB of main memory\..*VITRINE_RAM"):
        cache.acquire(big)
    assert loads == []
    assert cache.snapshot().parts == ()


def test_memory_that_another_process_took_is_not_counted_on(make_cache):
    cache = make_cache(100, one_tier=True)
    cache.fakes[0].foreign = 70
    with pytest.raises(CapacityError):
        cache.acquire(fake_model("m", fake_component("a", 40)))
    cache.acquire(fake_model("n", fake_component("b", 30))).release()


def test_a_model_waits_for_room_until_a_lease_ends(make_cache):
    cache = make_cache(100)
    held = in_other_thread(lambda: cache.acquire(fake_model("a", fake_component("a", 80))))
    threading.Timer(0.15, held.release).start()
    start = time.perf_counter()
    with cache.acquire(fake_model("b", fake_component("b", 50)), timeout=10):
        assert time.perf_counter() - start >= 0.1


def in_other_thread(action):
    """Run an action in a thread that ends, and return its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(action()))
    thread.start()
    thread.join(10)
    return results[0]


def test_a_wait_for_room_ends_with_a_table_of_who_holds_what(make_cache):
    cache = make_cache(100 * 2**20)
    holder = fake_model("Holder", fake_component("a", 80 * 2**20))
    held = in_other_thread(lambda: cache.acquire(holder))
    with pytest.raises(CapacityError, match=r"80 MiB.*in use by Holder"):
        cache.acquire(fake_model("b", fake_component("b", 50 * 2**20)), timeout=0.2)
    held.release()
    assert cache.snapshot().waiting == 0


def test_a_thread_that_would_wait_for_itself_is_told_so_at_once(make_cache):
    cache = make_cache(100)
    start = time.perf_counter()
    held = cache.acquire(fake_model("a", fake_component("a", 80)))
    with pytest.raises(CapacityError, match="jobs which wait themselves"):
        cache.acquire(fake_model("b", fake_component("b", 50)))
    held.release()
    assert time.perf_counter() - start < 1.0


def test_whoever_waits_first_is_served_first(make_cache):
    cache = make_cache(100)
    held = in_other_thread(lambda: cache.acquire(fake_model("a", fake_component("a", 90))))
    order = []

    def visitor(name, size):
        with cache.acquire(fake_model(name, fake_component(name, size)), timeout=20):
            order.append(name)
            time.sleep(0.05)

    threads = []
    for name, size in (("large", 95), ("small", 8), ("medium", 60)):
        threads.append(threading.Thread(target=visitor, args=(name, size)))
        threads[-1].start()
        time.sleep(0.05)
    assert "large" not in order
    held.release()
    for thread in threads:
        thread.join(20)
    assert order.index("large") < order.index("medium")


def test_work_is_degraded_until_it_fits(make_cache):
    spec = ModelSpec(
        name="m",
        parts={"a": fake_component("a", 20)},
        work_bytes=lambda work: 10 * work["batch"],
        degrade=halve("batch"),
    )
    with make_cache(100).acquire(spec, work={"batch": 32}) as lease:
        assert lease.work == {"batch": 8}


def test_a_model_larger_than_the_device_is_placed_in_part_and_taken_out_whole(make_cache):
    cache = make_cache(100, ram_budget=500)
    spec = fake_model("m", fake_component("small", 10), fake_component("huge", 300), work=20)
    for _ in range(2):
        with cache.acquire(spec) as lease:
            assert lease.partial
            assert cache.fakes[0].used == 80
            assert cache.snapshot().tiers[1].used == 230 + 10  # a copy of the small part
    assert lease.spec is spec
    assert cache.snapshot().evictions == 0  # the second acquire found it in place
    cache.acquire(fake_model("other", fake_component("o", 90))).release()
    huge = next(part for part in cache.snapshot().parts if part.key.startswith("huge"))
    assert (huge.tier, huge.partial) == ("ram", False)
    assert cache.snapshot().tiers[1].used >= 300


def test_accelerate_places_a_real_module_in_part_with_equal_results(tmp_path):
    torch.manual_seed(0)
    module = torch.nn.Sequential(*[torch.nn.Linear(64, 64) for _ in range(4)]).eval()
    x = torch.ones(2, 64)
    expected = module(x)
    layer = 4 * (64 * 64 + 64)
    offloaded = tmp_path / "offload"
    room = {"cpu": 2 * layer + 100, "disk": 10**9}
    on_device = dispatch_over(module, room, (), "cpu", offloaded)
    assert 0 < on_device <= 2 * layer  # accelerate keeps room for the layer that visits
    assert any(p.device.type == "meta" for p in module.parameters())
    assert torch.equal(module(x), expected)
    gather(module)
    assert all(p.device.type == "cpu" for p in module.parameters())
    assert not any(hasattr(child, "_hf_hook") for child in module.modules())
    assert torch.equal(module.to("cpu")(x), expected)


def test_a_move_that_runs_out_of_memory_evicts_and_succeeds(make_cache):
    cache = make_cache(100)
    cache.acquire(fake_model("idle", fake_component("idle", 30))).release()
    cache.fakes[0].fail_moves = 1
    with cache.acquire(fake_model("m", fake_component("a", 40))) as lease:
        assert lease.obj["a"].where == "fake:0"
        assert cache.fakes[0].used == 40
    assert cache.snapshot().out_of_memory == 1


def test_a_move_that_fails_twice_leaves_the_part_whole_in_main_memory(make_cache):
    cache = make_cache(100)
    held = cache.acquire(fake_model("Held", fake_component("held", 30)))
    cache.fakes[0].fail_moves = 2
    with pytest.raises(DeviceOutOfMemory, match=r"(?s)In memory now:.*in use by Held"):
        cache.acquire(fake_model("m", fake_component("a", 40)))
    part = next(part for part in cache.snapshot().parts if part.key.startswith("a"))
    assert (part.tier, part.leases) == ("ram", 0)
    assert cache.fakes[0].used == 30
    assert held.obj["held"].log == ["fake:0"]
    with cache.acquire(fake_model("m", fake_component("a", 40))) as lease:  # there is room again
        assert lease.obj["a"].where == "fake:0"


def test_a_part_that_can_neither_arrive_nor_return_is_dropped(make_cache, monkeypatch):
    cache = make_cache(100)
    backend = cache.ledger.backends[0]
    backend.fail_moves = 1

    def stuck(module):
        raise RuntimeError("no way back")

    monkeypatch.setattr(backend, "move_out", stuck)
    monkeypatch.setattr(backend, "restore", lambda module, kept: stuck(module))
    with pytest.raises(CapacityError, match="nor back to main memory"):
        cache.acquire(fake_model("m", fake_component("a", 40)), timeout=5)
    assert cache.snapshot().parts == ()
    assert [tier.used for tier in cache.snapshot().tiers] == [0, 0]


def test_a_run_that_is_out_of_memory_is_retried_then_degraded(make_cache):
    cache = make_cache(100)
    cache.acquire(fake_model("idle", fake_component("idle", 30))).release()
    spec = ModelSpec(name="m", parts={"a": fake_component("a", 20)}, degrade=halve("batch"))
    tried = []

    def run(work):
        tried.append(work["batch"])
        if work["batch"] > 2:
            raise FakeOutOfMemory("full")
        return "done"

    with cache.acquire(spec, work={"batch": 8}) as lease:
        assert lease.run(run) == "done"
        assert tried == [8, 8, 4, 4, 2]
        assert lease.work == {"batch": 2}
        assert cache.fakes[0].used == 20  # the idle part made room
    assert cache.snapshot().out_of_memory == 4


def test_a_run_without_a_smaller_plan_says_who_holds_what(make_cache):
    def run(work):
        raise FakeOutOfMemory("full")

    lease = make_cache(100).acquire(fake_model("Runner", fake_component("a", 20)))
    with pytest.raises(DeviceOutOfMemory, match=r"(?s)fake:0 ran out .*in use by Runner"):
        lease.run(run)
    lease.release()


def test_errors_that_are_not_about_memory_pass_through(make_cache):
    def run(work):
        raise ValueError("a bug")

    lease = make_cache(100).acquire(fake_model("m", fake_component("a", 20)))
    with pytest.raises(ValueError, match="a bug"):
        lease.run(run)
    lease.release()


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("MPS backend out of memory (used 9 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 GB"), True),
        (MemoryError(), True),
        (RuntimeError("shape mismatch"), False),
        (RuntimeError(5), False),
        (ValueError("CUDA out of memory."), False),
    ],
)
def test_out_of_memory_is_told_from_other_errors(exc, expected):
    assert DeviceBackend().is_oom(exc) is expected


def test_pinned_models_stay_and_are_named_when_they_block(make_cache):
    cache = make_cache(100, one_tier=True)
    cache.pin("Kept")
    cache.acquire(fake_model("Kept", fake_component("k", 60))).release()
    with pytest.raises(CapacityError, match="is pinned"):
        cache.acquire(fake_model("m", fake_component("a", 50)))
    assert cache.snapshot().parts[0].pinned
    cache.pin("Kept", False)
    cache.acquire(fake_model("m", fake_component("a", 50))).release()


def test_two_mutable_models_that_pass_through_little_memory_do_not_block_each_other(make_cache):
    cache = make_cache(1000, ram_budget=60, transit=0)
    specs = [
        fake_model(
            f"m{index}",
            fake_component(f"own{index}", 30, mutable=True),
            fake_component(f"shared{index}", 30),
        )
        for index in range(4)
    ]
    done = []
    threads = [
        threading.Thread(target=lambda spec=spec: done.append(cache.acquire(spec, timeout=10)))
        for spec in specs
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(done) == 4
    assert time.perf_counter() - start < 5
    for lease in done:
        lease.release()


def test_a_container_limit_counts_and_cached_files_are_free(tmp_path):
    limit, used = 2 * GIB, 3 * GIB // 2
    (tmp_path / "memory.max").write_text(str(limit))
    (tmp_path / "memory.current").write_text(str(used))
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {GIB}\n")
    free, total = ram_info(tmp_path)
    assert total == limit
    assert free == limit - used + GIB
    (tmp_path / "memory.max").write_text("max")
    assert ram_info(tmp_path)[1] == ram_info(Path("/nowhere"))[1]


def test_a_real_module_that_outgrows_main_memory_is_refused_in_words():
    def load(dtype):
        raise AssertionError("nothing may be loaded")

    part = ComponentSpec(key=ComponentKey("a"), load=load, est_bytes=lambda: 10**15)
    cache = ModelCache(CpuBackend())
    with pytest.raises(CapacityError, match="main memory"):
        cache.acquire(ModelSpec(name="Huge", parts={"a": part}))


def test_a_copy_counts_as_work_and_its_original_may_leave(make_cache):
    cache = make_cache(100, one_tier=True)
    spec = fake_model("tuner", fake_component("a", 40, mutable=True))
    lease = cache.acquire(spec)
    assert cache.snapshot().tiers[0].work == 40
    assert cache.snapshot().parts[0].leases == 0
    assert isinstance(lease.obj["a"], FakeModule)
    with cache.acquire(fake_model("m", fake_component("b", 50))):
        assert [part.key.split()[0] for part in cache.snapshot().parts] == ["b"]
    lease.release()
    assert cache.snapshot().tiers[0].work == 0
