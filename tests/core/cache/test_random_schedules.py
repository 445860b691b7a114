"""I8: no deadlock and no leak under 10,000 random steps of six threads."""

from __future__ import annotations

import random
import threading

import pytest

from core.cache import ComponentKey, ComponentSpec, ModelSpec
from core.cache.fake import FakeBackend, FakeModule, VirtualClock
from core.cache.model_cache import ModelCache
from core.errors import CapacityError, JobCancelled

STEPS = 10_000
THREADS = 6


class Flaky(Exception):
    """A loader that fails by plan."""


def model(rng, names):
    """A model of one to three parts out of twelve, some of which fail to load now and then."""

    def part(index):
        def load(dtype):
            if index % 4 == 3 and rng.random() < 0.3:
                raise Flaky(f"part {index} failed")
            return FakeModule(f"c{index}", 5 + 3 * index)

        return ComponentSpec(
            key=ComponentKey(f"c{index}"),
            load=load,
            est_bytes=lambda: 5 + 3 * index + (-4 if index % 5 == 0 else 0),
            mutable=index % 6 == 5,
        )

    chosen = rng.sample(range(12), rng.randint(1, 3))
    return ModelSpec(
        name="m" + "-".join(map(str, sorted(chosen))),
        parts={f"p{index}": part(index) for index in chosen},
        assemble=lambda parts, device: dict(parts),
        work_bytes=lambda work: work.get("bytes", 0),
    )


def visitor(cache, seed, steps, faults):
    """Acquire, hold, release, cancel and fail at random; at most one model is held at a time."""
    rng = random.Random(seed)
    held = []
    for _ in range(steps):
        choice = rng.random()
        try:
            if held and choice < 0.45:
                held.pop(rng.randrange(len(held))).release()
            elif choice < 0.9 and len(held) < 2:
                cancel = threading.Event()
                if rng.random() < 0.2:
                    cancel.set()
                spec = model(rng, seed)
                lease = cache.acquire(
                    spec, work={"bytes": rng.choice([0, 0, 5])}, timeout=20, cancel=cancel
                )
                for part in lease.obj.values():
                    if part.where != lease.device and not cache.ledger.one_tier:
                        faults.append(
                            f"{part.name} was lent on {lease.device} while it was {part.where}"
                        )
                held.append(lease)
            elif choice < 0.93:
                cache.unload(rng.choice([None, "m1", "m2-3"]))
            elif choice < 0.95:
                cache.sweep()
            elif choice < 0.97:
                cache.pin("m4", rng.random() < 0.3)
            else:
                cache.snapshot()
        except (Flaky, JobCancelled, CapacityError):
            pass
        except BaseException as exc:
            faults.append(repr(exc))
            raise
    for lease in held:
        lease.release()


@pytest.mark.parametrize(("one_tier", "devices"), [(False, 1), (True, 1), (False, 2)])
def test_i8_no_deadlock_and_no_leak_under_random_schedules(one_tier, devices, monkeypatch):
    from core.cache import model_cache

    monkeypatch.setattr(model_cache, "BACK_OFF", 0.0)
    clock = VirtualClock()
    backends = [
        FakeBackend(120, clock=clock, one_tier=one_tier, name=f"fake:{index}", transit=25 * index)
        for index in range(devices)
    ]
    cache = ModelCache(backends, clock=clock, ram_budget=110 if not one_tier else None)
    faults: list[str] = []
    share = STEPS // THREADS // (1 if devices == 1 and not one_tier else 4)
    threads = [
        threading.Thread(target=visitor, args=(cache, seed, share, faults), daemon=True)
        for seed in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "deadlock"
    assert faults == []
    cache.pin("m4", False)
    cache.unload()
    ledger = cache.ledger
    assert ledger.table.recount() == (ledger.table.device_used, ledger.table.ram_used)
    assert ledger.table.leases == {}
    assert not any(entry.holders for entry in ledger.table.entries.values())
    assert cache.snapshot().waiting == 0
    assert [backend.used for backend in backends] == [0] * devices
    assert ledger.table.device_used == [0] * devices
