"""A light job that borrows a model."""

from __future__ import annotations

import os
from typing import Any

from core.cache import ComponentKey, ComponentSpec, ModelSpec, cache
from core.jobs import Job


def preload() -> list[ModelSpec]:
    raise AssertionError("a light method places nothing on a GPU")


def _load(dtype: Any) -> Any:
    import torch

    return torch.nn.Linear(3, 2)


def run(job: Job, request: Any) -> dict[str, Any]:
    part = ComponentSpec(key=ComponentKey("light"), load=_load, est_bytes=lambda: 32)
    with cache().acquire(ModelSpec(name="light", parts={"net": part})) as lease:
        return {"device": str(lease.device), "pid": os.getpid()}
