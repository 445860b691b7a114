"""How long visitors wait for weights, simulated: our cache beside two simpler ones.

Eleven apps over sixteen components, with half-precision sizes that are assumed from the public
checkpoints; Zipf popularity (0.8), 30 % of requests for the app before; disk 1 GiB/s, bus 10 GiB/s,
2 GiB of the device kept for work. Ours is the real `ModelCache` on a device of numbers with a
virtual clock, so its policy, locks and threads are those that serve visitors. The others:

- component LRU: components shared, least recently used leaves, a copy of every device-resident
  weight stays in main memory;
- `lru_cache(4)` around a pipeline loader and `.to()` before and after: nothing is shared, and main
  memory is not counted.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable

from core.cache.fake import FakeBackend, VirtualClock, fake_component, fake_model
from core.cache.model_cache import ModelCache

GIB = 2**30
DISK = 1.0  # GiB/s
BUS = 10.0  # GiB/s
RESERVE = 2.0  # GiB of the device for work

COMPONENTS = {  # GiB
    "sd15_unet": 1.7,
    "sd15_text": 0.25,
    "sd15_vae": 0.16,
    "sdxl_unet": 5.1,
    "sdxl_text": 1.6,
    "sdxl_vae": 0.16,
    "vlm": 7.5,
    "llm": 6.0,
    "vnli": 3.0,
    "vq": 1.2,
    "clip": 0.8,
    "gan_faces": 0.1,
    "gan_scans": 0.1,
    "classifier": 0.1,
    "speed": 0.1,
    "speech": 0.1,
}
APPS = {
    "imagic": ("sd15_unet", "sd15_text", "sd15_vae"),
    "imagic_xl": ("sdxl_unet", "sdxl_text", "sdxl_vae"),
    "conceptor": ("sd15_unet", "sd15_text", "sd15_vae", "clip"),
    "seetrue": ("vlm", "clip"),
    "seetrue_make": ("sdxl_unet", "sdxl_text", "sdxl_vae", "vnli"),
    "gemini": ("vlm", "vq"),
    "dialogue": ("llm",),
    "stylex": ("gan_faces", "classifier"),
    "scans": ("gan_scans", "classifier", "clip"),
    "speednet": ("speed",),
    "trill": ("speech",),
}
BUDGETS = ((12, 16), (16, 16), (24, 32), (48, 32))  # device and main memory, GiB


def requests(seed: int, count: int = 400) -> list[str]:
    """Apps in the order in which visitors ask for them."""
    rng = random.Random(seed)
    names = list(APPS)
    rng.shuffle(names)
    weights = [1 / (rank + 1) ** 0.8 for rank in range(len(names))]
    asked = [rng.choices(names, weights)[0]]
    while len(asked) < count:
        repeat = rng.random() < 0.3
        asked.append(asked[-1] if repeat else rng.choices(names, weights)[0])
    return asked


def ours(asked: list[str], device: float, ram: float) -> float:
    """Mean seconds of waiting per request with the real `ModelCache`."""
    clock = VirtualClock()
    backend = FakeBackend(int(device * GIB), clock=clock)
    cache = ModelCache(backend, ram_budget=int(ram * GIB), reserve=int(RESERVE * GIB), clock=clock)
    parts = {
        name: fake_component(name, int(size * GIB), clock=clock)
        for name, size in COMPONENTS.items()
    }
    specs = {app: fake_model(app, *(parts[name] for name in names)) for app, names in APPS.items()}
    for app in asked:
        cache.acquire(specs[app]).release()
    return clock() / len(asked)


def component_lru(asked: list[str], device: float, ram: float) -> float:
    """Mean seconds with shared components, LRU in both tiers, and copies kept in main memory."""
    on_device: OrderedDict[str, float] = OrderedDict()
    in_ram: OrderedDict[str, float] = OrderedDict()
    seconds = 0.0
    for app in asked:
        own = APPS[app]
        for name in own:
            size = COMPONENTS[name]
            if name in on_device:
                on_device.move_to_end(name)
                if name in in_ram:
                    in_ram.move_to_end(name)
                continue
            if name not in in_ram:
                seconds += size / DISK
                _make_room(in_ram, size, ram, ())
                in_ram[name] = size
            in_ram.move_to_end(name)
            _make_room(on_device, size, device - RESERVE, own)
            on_device[name] = size
            seconds += size / BUS
    return seconds / len(asked)


def _make_room(
    tier: OrderedDict[str, float], size: float, budget: float, keep: tuple[str, ...]
) -> None:
    for name in list(tier):
        if sum(tier.values()) + size <= budget:
            return
        if name not in keep:
            del tier[name]


def lru_cache_and_to(asked: list[str], device: float, ram: float) -> float:
    """Mean seconds with `lru_cache(4)` on pipelines, moved to the device and back for each use."""
    loaded: OrderedDict[str, None] = OrderedDict()
    current = ""
    seconds = 0.0
    for app in asked:
        size = sum(COMPONENTS[name] for name in APPS[app])
        if app not in loaded:
            seconds += size / DISK
            loaded[app] = None
            while len(loaded) > 4:
                loaded.popitem(last=False)
        loaded.move_to_end(app)
        if app != current:
            back = sum(COMPONENTS[name] for name in APPS[current]) if current else 0.0
            seconds += (back + size) / BUS
            current = app
    return seconds / len(asked)


def simulate(
    seeds: int, count: int = 400, on_step: Callable[[str], None] | None = None
) -> dict[tuple[int, int], dict[str, list[float]]]:
    """Seconds of waiting per request, by budget and cache, one value per seed."""
    rivals = {"ours": ours, "component LRU": component_lru, "lru_cache(4)+.to()": lru_cache_and_to}
    table: dict[tuple[int, int], dict[str, list[float]]] = {}
    for device, ram in BUDGETS:
        if on_step is not None:
            on_step(f"simulating {device} GiB device, {ram} GiB main memory")
        rows = {name: [] for name in rivals}
        for seed in range(seeds):
            asked = requests(seed, count)
            for name, rival in rivals.items():
                rows[name].append(rival(asked, device, ram))
        table[device, ram] = rows
    return table
