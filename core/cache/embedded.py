"""Specs of the small nets that the repository carries: `config.json` + safetensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cache.keys import ComponentKey, ComponentSpec, ModelSpec, Work, no_work
from core.cache.sizes import dtype_bytes, safetensors_bytes, safetensors_header
from core.errors import WeightsError

if TYPE_CHECKING:
    import torch
    from torch import nn

_ROOT = Path(__file__).resolve().parents[2]
_SHOWN = 3  # names of tensors in an error


def module_spec(
    name: str,
    folder: Path,
    build: Callable[[dict[str, Any]], nn.Module],
    file: str = "model.safetensors",
    *,
    dtype: str = "float32",
    mutable: bool = False,
    work_bytes: Callable[[Work], int] = no_work,
) -> ModelSpec:
    """Spec of an embedded net; the lease's `obj` is the module, in eval mode, without gradients.

    Args:
        name: shown on the status page.
        folder: holds `config.json` and `file`. `config.json` names the sha256 of each file:
            `{"sha256": {"model.safetensors": "..."}, ...}`.
        build: makes the module with the right shapes from the whole `config.json`.
        file: the weights; half-precision values are loaded into a module of `dtype`.
        dtype: name of the torch dtype of the loaded module.
        mutable: each lease gets a copy of its own, to be tuned.
        work_bytes: memory of a run beside the weights.

    Raises:
        WeightsError: `config.json` is missing or cannot be read (the weights are read later).
    """
    part = component(folder, build, file, dtype=dtype, mutable=mutable)
    return ModelSpec(name=name, parts={"module": part}, work_bytes=work_bytes)


def component(
    folder: Path,
    build: Callable[[dict[str, Any]], nn.Module],
    file: str = "model.safetensors",
    *,
    dtype: str = "float32",
    mutable: bool = False,
) -> ComponentSpec:
    """Spec of one embedded net as a part of a larger model."""
    folder = Path(folder).resolve()
    config = read_config(folder)
    expected = config.get("sha256", {}).get(file, "")
    path = folder / file
    inside = folder.is_relative_to(_ROOT)
    source = folder.relative_to(_ROOT).as_posix() if inside else str(folder)

    def load(torch_dtype: torch.dtype) -> nn.Module:
        return load_module(path, config, build, torch_dtype)

    return ComponentSpec(
        key=ComponentKey(
            source=source,
            revision=expected or _stamp(path),
            subfolder=file,
            cls=f"{build.__module__}.{getattr(build, '__qualname__', type(build).__name__)}",
            dtype=dtype,
        ),
        load=load,
        est_bytes=lambda: safetensors_bytes(path, dtype_bytes(dtype)),
        mutable=mutable,
    )


def _stamp(path: Path) -> str:
    """Stands for a sha256 that the config does not name, so that new weights are a new key."""
    return str(path.stat().st_mtime_ns) if path.exists() else ""


def read_config(folder: Path) -> dict[str, Any]:
    """Read the `config.json` of a folder of weights.

    Raises:
        WeightsError: it is missing or is not a JSON object.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise WeightsError(
            f"There is no config.json in the weights folder {folder.name} of {folder.parent.name}. "
            "Get the repository again, or train the weights."
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as exc:
        raise WeightsError(
            f"The config.json of {folder.parent.name} is not valid JSON ({exc}). Get it again."
        ) from None
    if not isinstance(config, dict):
        raise WeightsError(f"The config.json of {folder.parent.name} must hold a JSON object.")
    return config


def load_module(
    path: Path,
    config: dict[str, Any],
    build: Callable[[dict[str, Any]], nn.Module],
    dtype: torch.dtype | None = None,
) -> nn.Module:
    """Build a module and fill it; the cache calls this under the construction lock.

    Raises:
        WeightsError: the file is missing, cut short, not the one that `config` names by its
            sha256, or its tensors do not fit the module.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    safetensors_header(path)  # says in words what is wrong with the file
    data = path.read_bytes()
    expected = config.get("sha256", {}).get(path.name, "")
    found = hashlib.sha256(data).hexdigest()
    if expected and found != expected:
        raise WeightsError(
            f"The weights file {path.name} is not the one that its config.json describes: its "
            f"sha256 begins with {found[:12]}, expected {expected[:12]}. Get both files again."
        )
    try:
        state = load(data)
    except SafetensorError as exc:
        raise WeightsError(
            f"The weights file {path.name} cannot be read ({exc}). Download or train it again."
        ) from None
    try:
        module = build(dict(config))
    except (KeyError, TypeError, ValueError) as exc:
        raise WeightsError(
            f"No model can be built from the config.json beside {path.name}: "
            f"{type(exc).__name__}: {exc}. The config belongs to another version of the code."
        ) from exc
    fill(module, state, path.name)
    return module if dtype is None else module.to(dtype)


def fill(module: nn.Module, state: dict[str, torch.Tensor], name: str) -> None:
    """Copy tensors into a module, refusing any that is missing, left over or of another shape.

    Raises:
        WeightsError: the tensors do not fit.
    """
    own = module.state_dict()
    missing = sorted(own.keys() - state.keys())
    extra = sorted(state.keys() - own.keys())
    shapes = [
        f"{key} is {tuple(state[key].shape)} and should be {tuple(own[key].shape)}"
        for key in sorted(own.keys() & state.keys())
        if own[key].shape != state[key].shape
    ]
    faults = [
        f"{len(found)} {what} ({', '.join(found[:_SHOWN])}{', ...' if len(found) > _SHOWN else ''})"
        for what, found in (
            ("tensors are missing", missing),
            ("tensors are unknown", extra),
            ("tensors have another shape", shapes),
        )
        if found
    ]
    if faults:
        raise WeightsError(
            f"{name} does not fit its config.json: {'; '.join(faults)}. "
            "Take both files from the same training run."
        )
    module.load_state_dict(state)
