"""The model cache: components are loaded once, lent by lease, counted in bytes, moved and evicted.

`cache()` is the cache of this process. Importing this package imports no torch.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from core import settings
from core.cache import embedded
from core.cache.backends import DeviceBackend, detect
from core.cache.construction import construction
from core.cache.hub import hub_component, hub_file, hub_spec
from core.cache.keys import ComponentKey, ComponentSpec, ModelSpec, halve
from core.cache.leases import Lease
from core.cache.metrics import CacheMetrics, SnapshotCollector, process_metrics
from core.cache.model_cache import ModelCache
from core.cache.snapshot import CacheSnapshot

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
    "use",
]

_lock = threading.Lock()
_current: ModelCache | None = None
_registered = False


def from_settings(given: settings.Settings, metrics: CacheMetrics | None = None) -> ModelCache:
    """A cache for the device and the budgets that the settings name; torch is imported later."""
    mode = "static" if given.zero_gpu and given.device != "cpu" else "auto"

    def backends() -> Sequence[DeviceBackend]:
        return detect(given.device, zero_gpu=given.zero_gpu)

    return ModelCache(
        backends,
        device_budget=given.device_budget,
        ram_budget=given.ram_budget,
        mode=mode,
        metrics=metrics,
    )


def cache() -> ModelCache:
    """The cache of this process, made from the settings at the first call."""
    global _current, _registered
    with _lock:
        if _current is None:
            _current = from_settings(settings.current(), process_metrics())
        if not _registered:
            process_metrics().registry.register(SnapshotCollector(_snapshot))
            _registered = True
        return _current


def use(replacement: ModelCache | None) -> None:
    """Replace the cache of this process; `None` makes a new one at the next call."""
    global _current
    with _lock:
        _current = replacement


def _snapshot() -> CacheSnapshot | None:
    current = _current
    return None if current is None else current.snapshot()
