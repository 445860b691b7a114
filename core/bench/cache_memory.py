"""Whether memory comes back: resident size after a model was loaded and dropped again and again.

Runs in a process of its own, so that nothing else changes its size.

    python -m core.bench.cache_memory 10
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20


def measure(rounds: int) -> dict[str, Any]:
    """Load and drop a model `rounds` times in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "core.bench.cache_memory", str(rounds)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(rounds: int) -> dict[str, Any]:
    """Bytes gained by each load, the share that each unload gave back, the growth in the end."""
    import psutil
    import torch

    from core.cache import ComponentKey, ComponentSpec, ModelCache, ModelSpec
    from core.cache.backends import CpuBackend

    def load(dtype: torch.dtype) -> torch.nn.Module:
        # layers below and above the size from which the C library maps memory by itself
        widths = [(256, 128)] * 400 + [(1024, 1024)] * 12
        return torch.nn.ModuleList([torch.nn.Linear(a, b, dtype=dtype) for a, b in widths])

    spec = ModelSpec(name="m", parts={"a": ComponentSpec(key=ComponentKey("a"), load=load)})
    cache = ModelCache(CpuBackend())
    process = psutil.Process()
    cache.acquire(spec).release()  # the first load also pays for the library
    cache.unload()
    first = process.memory_info().rss
    shares = []
    for _ in range(rounds):
        cache.acquire(spec).release()
        loaded = process.memory_info().rss
        size = cache.unload()
        shares.append((loaded - process.memory_info().rss) / size)
    growth = process.memory_info().rss - first
    return {"size": size, "least_share": min(shares), "growth": growth, "rounds": rounds}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))  # noqa: T201
