"""Says in words what a method needs and whether this machine has it. No torch."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core import settings
from core.registry import SPACES, HubModel, MethodSpec, Tier
from core.settings import size_words

GIB = 2**30
ZERO_BYTES = 48 * 10**9  # memory of the smaller GPU that ZeroGPU lends


@dataclass(frozen=True, slots=True)
class Device:
    """The accelerator that this process may use, as far as can be told without torch."""

    kind: str  # "cpu", "cuda" or "mps"
    name: str
    memory: int  # bytes of device memory; 0 when unknown or on a CPU


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a tier can run here, in words."""

    ready: bool
    words: str


@lru_cache(maxsize=4)
def _nvidia() -> tuple[str, int] | None:
    if not Path("/proc/driver/nvidia/version").exists() and shutil.which("nvidia-smi") is None:
        return None
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True)
        name, _, mebibytes = done.stdout.splitlines()[0].rpartition(",")
        return name.strip(), int(mebibytes) * 2**20
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


def device() -> Device:
    """The device that jobs will run on, found without importing torch."""
    wanted = settings.current().device
    if settings.current().zero_gpu and wanted != "cpu":
        return Device("cuda", "ZeroGPU, one GPU for each job", ZERO_BYTES)
    if wanted in {"auto", "cuda"} and (found := _nvidia()):
        return Device("cuda", *found)
    if wanted in {"auto", "mps"} and sys.platform == "darwin" and platform.machine() == "arm64":
        return Device("mps", "Apple GPU", 0)
    return Device("cpu", platform.processor() or platform.machine() or "CPU", 0)


def _gib(size: int) -> str:
    value = size / GIB
    return f"{value:.0f}" if value >= 1 else f"{value:.1f}"


def _cached(tier: Tier) -> bool:
    if tier.models and all(model.files for model in tier.models):
        return all(_has_files(model) for model in tier.models)
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        held = {repo.repo_id for repo in scan_cache_dir().repos}
    except CacheNotFound:
        return False
    return set(tier.model_ids) <= held


def _has_files(model: HubModel) -> bool:
    """Whether every file of a model is here at its commit."""
    from huggingface_hub import try_to_load_from_cache

    return all(
        isinstance(try_to_load_from_cache(model.repo_id, file, revision=model.revision), str)
        for file in model.files
    )


def has_weights(spec: MethodSpec) -> bool:
    """Whether the trained weights are here: in the method's folder, or in all that it names."""
    if spec.shared_weights:
        root = SPACES.parent
        return all(any((root / name).rglob("*.safetensors")) for name in spec.shared_weights)
    return any((spec.folder / "weights").glob("*.safetensors"))


def tier_readiness(spec: MethodSpec, tier: Tier) -> Readiness:
    """Say whether `tier` of `spec` runs here, in at most six words."""
    here = device()
    if tier.name == "embedded":
        if not has_weights(spec):
            return Readiness(False, "weights not trained yet")
        return Readiness(True, "ready here")
    if tier.min_device_bytes and here.kind == "cpu":
        return Readiness(False, f"needs {_gib(tier.min_device_bytes)} GB GPU")
    if tier.min_device_bytes and here.memory and here.memory < tier.min_device_bytes:
        return Readiness(
            False,
            f"needs {_gib(tier.min_device_bytes)} GB GPU, this one has {_gib(here.memory)}",
        )
    if tier.model_ids and not _cached(tier):
        if spec.heavy and settings.current().zero_gpu:  # what a worker downloads is lost with it
            return Readiness(False, "not in this Space")
        if settings.current().offline:
            return Readiness(False, "not downloaded, and we are offline")
        return Readiness(True, f"downloads {size_words(tier.size_bytes)} once")
    if not tier.model_ids:  # made by the recipe's gpu preset, or put there by hand
        if (settings.current().data_dir / "weights" / spec.slug / "config.json").is_file():
            return Readiness(True, "ready here")
        return Readiness(False, "no published weights: train it")
    return Readiness(True, "ready here")


def method_readiness(spec: MethodSpec) -> Readiness:
    """The best that any tier of `spec` offers on this machine."""
    states = [tier_readiness(spec, tier) for tier in spec.tiers]
    for state in states:
        if state.ready:
            return state
    return states[0] if states else Readiness(False, "no tier described")
