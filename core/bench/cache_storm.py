"""A storm of loads of real small UNets: our cache, `functools.lru_cache`, diffusers' manager.

Each rival runs in a process of its own, because the naive ones corrupt it: diffusers swaps
`nn.Module.register_parameter` while it loads, so two loads at once leave layers without storage.
During the storm one more thread builds plain layers under the construction lock where there is one.

    python -m core.bench.cache_storm ours FOLDER 100 1
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

RIVALS = ("ours", "lru_cache", "components_manager")
KEYS = 4
ROOT = Path(__file__).resolve().parents[2]


def measure(rival: str, threads: int, keys: int) -> dict[str, Any]:
    """Run one storm of one rival in a process of its own and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "core.bench.cache_storm",
                rival,
                folder,
                str(threads),
                str(keys),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=540,
        )
    if done.returncode != 0:
        raise RuntimeError(
            f"the storm of {rival} ended with {done.returncode}: {done.stderr[-500:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def _save_models(folder: Path) -> None:
    from diffusers.models.unets.unet_2d import UNet2DModel

    for key in range(KEYS):
        UNet2DModel(
            sample_size=16,
            layers_per_block=1,
            block_out_channels=(32, 64),
            down_block_types=("DownBlock2D",) * 2,
            up_block_types=("UpBlock2D",) * 2,
            norm_num_groups=8,
        ).save_pretrained(folder / str(key))


def _loader(rival: str, folder: Path, loads: list[int]) -> tuple[Callable[[int], Any], Any]:
    """A function from a key to a model, and the lock that plain construction should take."""
    from diffusers.models.unets.unet_2d import UNet2DModel

    def read(key: int) -> Any:
        loads.append(key)
        return UNet2DModel.from_pretrained(folder / str(key))

    if rival == "lru_cache":
        return functools.lru_cache(maxsize=8)(read), nullcontext
    if rival == "components_manager":
        from diffusers.modular_pipelines.components_manager import ComponentsManager

        manager = ComponentsManager()

        def managed(key: int) -> Any:
            name = f"unet{key}"
            known = [manager.components[i] for i in manager._lookup_ids(name=name)]
            if not known:
                known = [manager.components[manager.add(name, read(key))]]
            return known[0]

        return managed, nullcontext
    return _ours(read)


def _ours(read: Callable[[int], Any]) -> tuple[Callable[[int], Any], Any]:
    from core.cache import ComponentKey, ComponentSpec, ModelCache, ModelSpec, construction
    from core.cache.backends import CpuBackend

    cache = ModelCache(CpuBackend())
    specs = [
        ModelSpec(
            name=f"unet {key}",
            parts={
                "unet": ComponentSpec(
                    key=ComponentKey(str(key)), load=lambda dtype, key=key: read(key)
                )
            },
        )
        for key in range(KEYS)
    ]

    def borrowed(key: int) -> Any:
        with cache.acquire(specs[key]) as lease:
            return lease.obj

    return borrowed, construction


def storm(get: Callable[[int], Any], lock: Any, threads: int, keys: int) -> dict[str, Any]:
    """Ask for models from many threads at once, and build plain layers meanwhile."""
    import torch

    barrier = threading.Barrier(threads + 1)
    found: list[Any] = []
    errors: list[str] = []
    over = threading.Event()
    plain = {"built": 0, "empty": 0}

    def ask(index: int) -> None:
        barrier.wait()
        try:
            found.append(get(index % keys))
        except Exception as exc:  # the naive rivals fail in many ways; each is counted
            errors.append(type(exc).__name__)

    def build() -> None:
        while not over.is_set():
            with lock():
                layer = torch.nn.Linear(4, 4)
            plain["built"] += 1
            plain["empty"] += layer.weight.device.type == "meta"
            time.sleep(0.0005)  # one layer now and then, not a fight for the interpreter

    workers = [threading.Thread(target=ask, args=(index,)) for index in range(threads)]
    builder = threading.Thread(target=build)
    for worker in workers:
        worker.start()
    builder.start()
    barrier.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - start
    over.set()
    builder.join()
    return {
        "seconds": seconds,
        "objects": len({id(model) for model in found}),
        "errors": len(errors),
        "plain_built": plain["built"],
        "plain_empty": plain["empty"],
        "empty_models": sum(
            any(p.device.type == "meta" for p in model.parameters()) for model in found
        ),
    }


def main(rival: str, folder: Path, threads: int, keys: int) -> dict[str, Any]:
    """One storm of one rival, in this process."""
    import torch
    from diffusers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    original = torch.nn.Module.register_parameter
    _save_models(folder)
    loads: list[int] = []
    get, lock = _loader(rival, folder, loads)
    figures = storm(get, lock, threads, keys)
    intact = (
        torch.nn.Module.register_parameter is original
        and torch.nn.Linear(2, 2).weight.device.type != "meta"
    )
    return figures | {"loads": len(loads), "intact": intact}


if __name__ == "__main__":
    found = main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    print(json.dumps(found))  # noqa: T201
