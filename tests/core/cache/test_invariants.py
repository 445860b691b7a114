"""The invariants of the cache, I1 to I14 (I8 has a file of its own)."""

from __future__ import annotations

import gc
import threading
import time

import pytest

from core.cache import ComponentKey, ComponentSpec, ModelSpec, hub_component, hub_spec
from core.cache.backends import CpuBackend
from core.cache.fake import FakeModule, fake_component, fake_model
from core.cache.model_cache import ModelCache
from core.cache.sizes import fingerprint
from core.errors import JobCancelled


def in_threads(count, action):
    """Run `action(index)` in threads that start together; return results and errors."""
    barrier = threading.Barrier(count)
    results, errors = [], []

    def run(index):
        barrier.wait()
        try:
            results.append(action(index))
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results, errors


def charges_agree(cache):
    """Whether the running charges equal a fresh sum."""
    table = cache.ledger.table
    return table.recount() == (table.device_used, table.ram_used)


def slow_component(name, size, started, go, loads=None):
    """A component whose load waits for the event `go`."""

    def load(dtype):
        started.set()
        assert go.wait(30)
        if loads is not None:
            loads.append(name)
        return FakeModule(name, size)

    return ComponentSpec(key=ComponentKey(name), load=load, est_bytes=lambda: size)


def test_i1_one_load_per_key_whatever_the_concurrency(make_cache):
    loads = []
    model = fake_model("m", fake_component("a", 40, loads=loads))
    cache = make_cache(100)
    leases, errors = in_threads(100, lambda index: cache.acquire(model))
    assert not errors
    assert loads == ["a"]
    assert len({id(lease.obj["a"]) for lease in leases}) == 1
    assert cache.snapshot().loads == 1


def test_i1_one_load_of_a_real_model_for_eight_threads(models):
    from diffusers import UNet2DModel

    cache = ModelCache(CpuBackend())
    spec = hub_spec(models, "", "unet", UNet2DModel)
    leases, errors = in_threads(8, lambda index: cache.acquire(spec))
    assert not errors
    assert len({id(lease.obj) for lease in leases}) == 1
    assert cache.snapshot().loads == 1


def test_i2_resident_bytes_stay_within_the_budgets(make_cache):
    cache = make_cache(100, ram_budget=60)
    specs = [fake_model(f"m{i}", fake_component(f"c{i}", 15 + 7 * (i % 3))) for i in range(9)]
    for spec in specs * 3:
        with cache.acquire(spec):
            assert cache.fakes[0].used <= 100
        assert cache.ledger.table.ram_used <= 60
        assert charges_agree(cache)


def test_i2_a_model_that_outgrew_its_estimate_is_repaid_at_release(make_cache):
    def load(dtype):
        return FakeModule("grown", 80)

    grown = ModelSpec(
        name="grown",
        parts={"a": ComponentSpec(key=ComponentKey("grown"), load=load, est_bytes=lambda: 10)},
    )
    cache = make_cache(100, one_tier=True)
    first = cache.acquire(fake_model("first", fake_component("c", 60)))
    second = cache.acquire(grown)
    assert cache.ledger.table.device_used == [140]  # two leases force it
    first.release()
    assert wait_until(lambda: cache.ledger.table.device_used == [80])
    second.release()


def wait_until(condition, seconds=5.0):
    """Poll until `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def test_i3_a_leased_part_is_never_moved_or_dropped(make_cache):
    cache = make_cache(100)
    held = cache.acquire(fake_model("held", fake_component("h", 40)))
    module = held.obj["h"]
    for index in range(10):
        cache.acquire(fake_model(f"m{index}", fake_component(f"c{index}", 50))).release()
    cache.unload()
    cache.sweep()
    assert module.log == ["fake:0"]
    assert module.where == "fake:0"
    held.release()
    cache.unload()
    assert module.where == "gone"


def test_i4_release_counts_once_from_any_thread_and_after_collection(make_cache):
    cache = make_cache(100)
    model = fake_model("m", fake_component("a", 40), work=10)
    lease, other = cache.acquire(model), cache.acquire(model)
    _, errors = in_threads(16, lambda index: lease.release())
    assert not errors
    assert cache.snapshot().parts[0].leases == 1
    with pytest.raises(RuntimeError, match="released"):
        _ = lease.obj
    del other
    gc.collect()
    snapshot = cache.snapshot()
    assert snapshot.parts[0].leases == 0
    assert snapshot.leases == ()
    assert snapshot.tiers[0].work == 0


def test_i5_a_failing_loader_leaves_no_trace(make_cache):
    cache = make_cache(100, ram_budget=100)
    cache.acquire(fake_model("other", fake_component("o", 10))).release()
    before = cache.snapshot()
    calls = []

    def load(dtype):
        calls.append(1)
        half_loaded = bytearray(50)
        raise OSError(f"disk broke after {len(half_loaded)} bytes")

    broken = ModelSpec(
        name="broken",
        parts={
            "good": fake_component("good", 5),
            "bad": ComponentSpec(key=ComponentKey("bad"), load=load, est_bytes=lambda: 50),
        },
    )
    go = threading.Event()
    _, errors = in_threads(10, lambda index: (go.set(), cache.acquire(broken)))
    assert {str(error) for error in errors} == {"disk broke after 50 bytes"}
    assert len(errors) == 10
    after = cache.snapshot()
    assert after.leases == before.leases == ()
    assert "bad" not in {part.key.split()[0] for part in after.parts}
    cache.unload("broken")
    assert [tier.used for tier in cache.snapshot().tiers] == [tier.used for tier in before.tiers]
    assert charges_agree(cache)


def test_i5_all_waiters_get_the_exception_and_the_next_acquire_tries_again(make_cache, clock):
    calls = []
    started, go = threading.Event(), threading.Event()

    def load(dtype):
        calls.append(1)
        if len(calls) == 1:
            started.set()
            assert go.wait(30)
        if len(calls) <= 2:
            raise OSError("no such disk")
        return FakeModule("a", 10)

    spec = ModelSpec(name="m", parts={"a": ComponentSpec(key=ComponentKey("a"), load=load)})
    cache = make_cache(100)
    errors = []

    def attempt():
        try:
            cache.acquire(spec)
        except OSError as exc:
            errors.append(exc)

    threads = [threading.Thread(target=attempt) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert started.wait(5)
    assert wait_until(lambda: cache.snapshot().single_flight_waits == 4)
    go.set()
    for thread in threads:
        thread.join(5)
    assert len(calls) == 1
    assert len(errors) == 5
    assert len({id(error) for error in errors}) == 1
    with pytest.raises(OSError, match="no such disk"):
        cache.acquire(spec)  # one failure: tried again at once
    with pytest.raises(OSError, match="no such disk"):
        cache.acquire(spec)  # failed twice alike: not tried within five seconds
    assert len(calls) == 2
    clock.advance(5.1)
    cache.acquire(spec).release()
    assert len(calls) == 3


def test_i6_construction_is_intact_after_a_storm_of_real_loads(models):
    import torch
    from diffusers import AutoencoderKL, UNet2DModel
    from transformers import CLIPTextModel

    original = torch.nn.Module.register_parameter
    specs = [
        hub_spec(models, "", folder, cls)
        for folder, cls in (
            ("unet", UNet2DModel),
            ("vae", AutoencoderKL),
            ("text_encoder", CLIPTextModel),
        )
    ]
    cache = ModelCache(CpuBackend())

    def storm(index):
        for turn in range(2):
            with cache.acquire(specs[(index + turn) % 3]) as lease:
                assert all(p.device.type == "cpu" for p in lease.obj.parameters())
            cache.unload()

    _, errors = in_threads(6, storm)
    assert not errors
    assert torch.nn.Module.register_parameter is original
    assert torch.nn.Linear(2, 2).weight.device.type == "cpu"


def test_i7_two_models_that_share_a_key_hold_one_object(models):
    from diffusers import AutoencoderKL, UNet2DModel

    def pipeline(name):
        return ModelSpec(
            name=name,
            parts={
                "vae": hub_component(models, "", "vae", AutoencoderKL),
                "unet": hub_component(models, "", "unet", UNet2DModel),
            },
            assemble=lambda parts, device: dict(parts),
        )

    alone = hub_spec(models, "", "vae", AutoencoderKL, name="alone")
    cache = ModelCache(CpuBackend())
    with cache.acquire(pipeline("a")) as a, cache.acquire(pipeline("b")) as b:
        with cache.acquire(alone) as c:
            assert a.obj["vae"] is b.obj["vae"] is c.obj
            assert a.obj["unet"] is b.obj["unet"]
        assert {name for part in cache.snapshot().parts for name in part.names} == {
            "a",
            "b",
            "alone",
        }
    assert cache.snapshot().loads == 2


def test_i9_shared_weights_are_bit_identical_after_a_private_copy_was_tuned(models):
    import torch
    from diffusers import UNet2DModel

    shared = hub_spec(models, "", "unet", UNet2DModel)
    own = hub_spec(models, "", "unet", UNet2DModel, mutable=True)
    cache = ModelCache(CpuBackend())
    with cache.acquire(shared) as lease:
        before = fingerprint(lease.obj)
        weights = cache.snapshot().tiers[0].used
        with torch.inference_mode():
            tuned = cache.acquire(own)
        assert cache.snapshot().tiers[0].work == weights  # the copy is accounted as work
        optimizer = torch.optim.SGD(tuned.obj.requires_grad_(True).parameters(), lr=0.1)
        tuned.obj(torch.ones(1, 3, 8, 8), 3).sample.square().mean().backward()
        optimizer.step()
        assert fingerprint(tuned.obj) != before
        tuned.release()
        assert fingerprint(lease.obj) == before
        assert not any(p.requires_grad for p in lease.obj.parameters())
        assert cache.snapshot().tiers[0].work == 0


def test_i10_a_snapshot_does_not_wait_for_a_load(make_cache):
    started, go = threading.Event(), threading.Event()
    cache = make_cache(100)
    future = cache.prefetch(fake_model("m", slow_component("a", 40, started, go)))
    assert started.wait(5)
    fastest = min(_timed(cache.snapshot)[0] for _ in range(5))
    assert _timed(cache.snapshot)[1].parts[0].tier == "loading"
    go.set()
    future.result(5)
    assert fastest < 0.005


def _timed(action):
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def test_i11_a_decision_among_200_parts_takes_less_than_2_ms():
    from core.bench.cache_decisions import decision_seconds

    assert min(decision_seconds(200, repeats=9)) < 0.002


def test_i12_cancel_while_waiting_returns_at_once_and_leaks_no_count(make_cache):
    started, go = threading.Event(), threading.Event()
    loads = []
    model = fake_model("m", slow_component("a", 40, started, go, loads))
    cache = make_cache(100)
    cancel = threading.Event()
    outcome = []

    def wait():
        try:
            cache.acquire(model, cancel=cancel)
        except JobCancelled as exc:
            outcome.append(exc)

    thread = threading.Thread(target=wait)
    thread.start()
    assert started.wait(5)
    start = time.perf_counter()
    cancel.set()
    thread.join(5)
    assert time.perf_counter() - start < 0.3
    assert len(outcome) == 1
    assert cache.snapshot().parts[0].leases == 0
    go.set()  # the load went on, and its result is kept
    with cache.acquire(model):
        assert loads == ["a"]


def test_i12_cancel_while_waiting_for_room_returns_at_once(make_cache):
    cache = make_cache(100)
    held = in_threads(1, lambda i: cache.acquire(fake_model("big", fake_component("b", 90))))[0][0]
    cancel = threading.Event()
    threading.Timer(0.1, cancel.set).start()
    start = time.perf_counter()
    with pytest.raises(JobCancelled):
        cache.acquire(fake_model("next", fake_component("n", 50)), cancel=cancel)
    assert time.perf_counter() - start < 0.4
    held.release()
    assert cache.snapshot().waiting == 0
    assert charges_agree(cache)


def test_i13_results_with_and_without_the_cache_are_equal(models):
    import torch
    from diffusers import UNet2DModel
    from transformers import CLIPTextModel

    cache = ModelCache(CpuBackend())
    noise = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    tokens = torch.tensor([[0, 5, 7, 1]])
    with torch.inference_mode():
        plain = UNet2DModel.from_pretrained(models / "unet").eval()(noise, 7).sample
        words = CLIPTextModel.from_pretrained(models / "text_encoder").eval()(tokens)
    for _ in range(2):  # cold and warm
        with torch.inference_mode():
            with cache.acquire(hub_spec(models, "", "unet", UNet2DModel)) as lease:
                assert torch.equal(lease.obj(noise, 7).sample, plain)
            with cache.acquire(hub_spec(models, "", "text_encoder", CLIPTextModel)) as lease:
                found = lease.obj(tokens).last_hidden_state
                assert torch.equal(found, words.last_hidden_state)


def test_i14_unload_gives_the_memory_back():
    import psutil
    import torch

    size = 96 * 2**20

    def load(dtype):
        return torch.nn.ParameterList([torch.ones(2**18) for _ in range(96)])  # 1 MiB each

    spec = ModelSpec(name="m", parts={"a": ComponentSpec(key=ComponentKey("a"), load=load)})
    cache = ModelCache(CpuBackend())
    process = psutil.Process()
    cache.acquire(spec).release()
    loaded = process.memory_info().rss
    assert cache.unload() == size
    assert loaded - process.memory_info().rss >= 0.8 * size
