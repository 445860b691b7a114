"""How long the cache thinks: a decision among many parts, and a lease on what is already there.

The decision is timed alone (`admit`, under the table's lock), on a full device of numbers, for a
model that needs about five parts to leave. Beside it, `AutoOffloadStrategy` of diffusers is timed
on the same sizes; it weighs every subset of what is resident.
"""

from __future__ import annotations

import random
import statistics
import time
from typing import Any
from unittest import mock

from core.cache.admission import Grant, admit
from core.cache.fake import FakeBackend, VirtualClock, fake_component, fake_model
from core.cache.model_cache import ModelCache

MIB = 2**20


def _sizes(parts: int, seed: int) -> list[int]:
    rng = random.Random(seed)
    return [rng.randint(20, 2000) * MIB for _ in range(parts)]


def full_cache(parts: int, seed: int = 0) -> ModelCache:
    """A cache whose fake device is full with `parts` parts that nobody holds."""
    sizes = _sizes(parts, seed)
    clock = VirtualClock()
    cache = ModelCache(FakeBackend(sum(sizes), clock=clock), clock=clock)
    for index, size in enumerate(sizes):
        for _ in range(1 + index % 4):
            cache.acquire(fake_model(f"m{index}", fake_component(f"c{index}", size))).release()
    return cache


def decision_seconds(parts: int, repeats: int = 25, seed: int = 0) -> list[float]:
    """Seconds of each of `repeats` decisions among `parts` resident parts."""
    cache = full_cache(parts, seed)
    ledger = cache.ledger
    need = 5 * sum(_sizes(parts, seed)) // parts
    seconds = []
    for turn in range(repeats):
        newcomer = fake_model(f"new{turn}", fake_component(f"n{turn}", need))
        demand = cache.entrance.demand(newcomer, {})
        ticket = -1 - turn
        limits = ledger.limits()
        start = time.perf_counter()
        with ledger.changed:
            outcome = admit(ledger, ticket, demand, 0, limits)
        seconds.append(time.perf_counter() - start)
        if not isinstance(outcome, Grant):
            raise RuntimeError(f"the newcomer was not admitted: {outcome}")
        cache.carrier.carry(outcome)
        cache.give_back(ticket)
    return seconds


def diffusers_seconds(parts: int, seed: int = 0) -> float:
    """Seconds of one decision of diffusers' own strategy among `parts` resident models."""
    import torch
    from diffusers.modular_pipelines import components_manager as peer

    class Model(torch.nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.size = size

        def get_memory_footprint(self) -> int:
            return self.size

    sizes = _sizes(parts, seed)
    need = 5 * sum(sizes) // parts
    hooks = [_PeerHook(f"m{index}", Model(size)) for index, size in enumerate(sizes)]
    strategy = peer.AutoOffloadStrategy(memory_reserve_margin="0GB")

    with mock.patch.object(peer, "TorchDeviceBackend", _FullDevice):
        start = time.perf_counter()
        strategy(hooks, model_id="new", model=Model(need), execution_device=None)
        return time.perf_counter() - start


class _FullDevice:
    """Answers the strategy that nothing is free."""

    def __init__(self, device: Any) -> None:
        """Take the place of a device."""

    def mem_get_info(self) -> tuple[int, int]:
        """Free and total bytes."""
        return 0, 0


class _PeerHook:
    """A resident model as the strategy sees it."""

    def __init__(self, model_id: str, model: Any) -> None:
        self.model_id = model_id
        self.model = model


def warm_lease_seconds(repeats: int = 2000) -> float:
    """Median seconds of acquiring and releasing a model of three parts that is in place."""
    cache = full_cache(200)
    clock = VirtualClock()
    parts = [fake_component(f"p{index}", MIB, clock=clock) for index in range(3)]
    model = fake_model("warm", *parts)
    cache.acquire(model).release()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        cache.acquire(model).release()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
