"""Checkpoints without pickle, written so that a kill leaves the old one or the new one, never half."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

logger = logging.getLogger(__name__)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file beside its place, flush it to disk and rename it over `path`."""
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with part.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(part, path)


def _split(value: Any, tensors: dict[str, Tensor], prefix: str) -> Any:
    """Take tensors out of a nested state, leaving references in JSON types."""
    if isinstance(value, Tensor):
        tensors[prefix] = value.detach().cpu().contiguous()
        return {"$tensor": prefix}
    if isinstance(value, Mapping):
        pairs = [[k, _split(v, tensors, f"{prefix}.{k}")] for k, v in value.items()]
        return {"$map": pairs}  # pairs: JSON would turn the optimizer's number keys into texts
    if isinstance(value, list | tuple):
        items = [_split(v, tensors, f"{prefix}.{i}") for i, v in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} at {prefix} cannot be kept in a checkpoint")


def _join(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_join(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    if "$tensor" in value:
        return tensors[value["$tensor"]]
    if "$tuple" in value:
        return tuple(_join(v, tensors) for v in value["$tuple"])
    return {k: _join(v, tensors) for k, v in value["$map"]}


def rng_state() -> dict[str, Any]:
    """State of the global generators, as tensors and JSON types."""
    state: Any = np.random.get_state()  # noqa: NPY002
    kind, keys, *rest = state
    version, words, gauss = random.getstate()
    found: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": {"kind": kind, "keys": torch.from_numpy(keys.astype(np.int64)), "rest": rest},
        "python": {"version": version, "words": torch.tensor(words), "gauss": gauss},
    }
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_rng_state_all()
    return found


def set_rng_state(state: Mapping[str, Any]) -> None:
    """Put back what `rng_state` returned."""
    torch.set_rng_state(state["torch"])
    numpy, python = state["numpy"], state["python"]
    keys = numpy["keys"].numpy().astype(np.uint32)
    np.random.set_state((numpy["kind"], keys, *numpy["rest"]))  # noqa: NPY002
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


def save_checkpoint(folder: Path, step: int, parts: Mapping[str, Any], keep: int = 2) -> Path:
    """Write `folder/step-<n>` in one atomic rename and delete all but the newest `keep`.

    Args:
        folder: where the checkpoints of the run live.
        step: steps done.
        parts: nested dicts, lists, tensors, numbers and texts, such as `state_dict()`s.
        keep: how many checkpoints stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, part = folder / f"step-{step:08d}", folder / f".step-{step:08d}.tmp"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    tensors: dict[str, Tensor] = {}
    tree = _split(dict(parts), tensors, "state")
    unique = {k: v.clone() for k, v in tensors.items()}  # safetensors refuses shared memory
    save_file(unique, part / "state.safetensors")
    digest = hashlib.sha256((part / "state.safetensors").read_bytes()).hexdigest()
    note = json.dumps({"step": step, "sha256": digest, "tree": tree})
    (part / "state.json").write_text(note, "utf-8")
    for file in part.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    shutil.rmtree(target, ignore_errors=True)
    os.replace(part, target)
    for old in sorted(folder.glob("step-*"))[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    for leftover in folder.glob(".step-*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    return target


def load_checkpoint(folder: Path) -> tuple[int, dict[str, Any]] | None:
    """Read the newest whole checkpoint below `folder`; a damaged one is skipped with a warning."""
    for path in sorted(folder.glob("step-*"), reverse=True):
        try:
            note = json.loads((path / "state.json").read_text("utf-8"))
            data = (path / "state.safetensors").read_bytes()
        except (OSError, ValueError) as error:
            logger.warning("checkpoint %s cannot be read: %s", path.name, error)
            continue
        if hashlib.sha256(data).hexdigest() != note["sha256"]:
            logger.warning("checkpoint %s is damaged, trying the one before", path.name)
            continue
        return note["step"], _join(note["tree"], load_file(path / "state.safetensors"))
    return None
