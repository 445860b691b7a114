"""The model cache: components are loaded once, lent by lease, counted in bytes, moved and evicted.

`cache()` is the cache of this process. Importing this package imports no torch.
"""

from __future__ import annotations

import os
import threading

from core import gpu, settings
from core.cache import embedded
from core.cache.backends import DeviceBackend, StaticBackend, detect
from core.cache.construction import construction
from core.cache.hub import hub_component, hub_file, hub_spec
from core.cache.keys import ComponentKey, ComponentSpec, ModelSpec, halve
from core.cache.leases import Lease
from core.cache.metrics import CacheMetrics, SnapshotCollector, process_metrics
from core.cache.model_cache import ModelCache
from core.cache.snapshot import CacheSnapshot, together

__all__ = [
    "CacheMetrics",
    "CacheSnapshot",
    "ComponentKey",
    "ComponentSpec",
    "DeviceBackend",
    "Lease",
    "ModelCache",
    "ModelSpec",
    "cache",
    "construction",
    "embedded",
    "from_settings",
    "halve",
    "hub_component",
    "hub_file",
    "hub_spec",
    "placed",
    "snapshot",
    "use",
]

_lock = threading.Lock()
_current: ModelCache | None = None
_placed: ModelCache | None = None  # on ZeroGPU, what was placed before the hub was launched
_registered = False


def from_settings(given: settings.Settings, metrics: CacheMetrics | None = None) -> ModelCache:
    """A cache for the device and the budgets that the settings name; torch is imported later.

    On ZeroGPU it is the cache of the hub itself, which has no GPU: light jobs run there.
    """
    device = "cpu" if given.zero_gpu else given.device
    return ModelCache(
        lambda: detect(device),
        device_budget=given.device_budget,
        ram_budget=given.ram_budget,
        metrics=metrics,
    )


def cache() -> ModelCache:
    """The cache of this process, made from the settings at the first call.

    In a GPU worker of ZeroGPU it is the one that `placed` fills in the hub, before the fork.
    """
    global _current
    if gpu.in_worker():
        return placed()
    with _lock:
        if _current is None:
            _current = from_settings(settings.current(), process_metrics())
        _register()
        return _current


def placed() -> ModelCache:
    """The models that are on the GPU of every worker of ZeroGPU; `preload` fills it, once."""
    global _placed
    with _lock:
        if _placed is None:
            _placed = ModelCache(StaticBackend(), mode="static")
        _register()
        return _placed


def use(replacement: ModelCache | None) -> None:
    """Replace the cache of this process; `None` makes a new one at the next call."""
    global _current
    with _lock:
        _current = replacement


def snapshot() -> CacheSnapshot:
    """The state of all caches of this process together; starts none."""
    found = [held.snapshot() for held in (_current, _placed) if held is not None]
    return together(found)


def _register() -> None:
    global _registered
    if not _registered:
        process_metrics().registry.register(SnapshotCollector(snapshot))
        _registered = True


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()  # another thread of the hub may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
