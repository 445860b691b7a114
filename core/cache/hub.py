"""Specs of models from the Hugging Face Hub, or from a folder in the same layout.

The revision is a commit, never a branch; only safetensors are read; `HF_HUB_OFFLINE` is honoured;
files are fetched before, and outside, the construction lock.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cache.download import (
    Progress,
    check_revision,
    fetch_file,
    first_line,
    hub_file,
    may_not_download,
    not_here,
)
from core.cache.keys import ComponentKey, ComponentSpec, ModelSpec, Work, no_work
from core.cache.sizes import dtype_bytes, meta_bytes, safetensors_bytes, safetensors_header
from core.errors import WeightsError

if TYPE_CHECKING:
    import torch

_BASES = ("model", "diffusion_pytorch_model")  # transformers, diffusers


def hub_component(
    repo_id: str | Path,
    revision: str,
    subfolder: str,
    cls: type,
    dtype: str = "float32",
    *,
    variant: str = "",
    mutable: bool = False,
    no_split: tuple[str, ...] = (),
    on_progress: Progress | None = None,
) -> ComponentSpec:
    """One component that `cls.from_pretrained` reads.

    Args:
        repo_id: `owner/name`, or a folder written by `save_pretrained` (then `revision` is free).
        revision: full commit of the repository.
        subfolder: folder inside it, such as `unet`; empty for the top.
        cls: a model class of diffusers or transformers.
        dtype: name of the torch dtype of the loaded weights.
        variant: part of the file name, such as `fp16`.
        mutable: each lease gets a copy of its own.
        no_split: classes that a partial placement keeps whole; taken from `cls` when empty.
        on_progress: called during a download with bytes so far and in all.

    Raises:
        InputError: `revision` is not a full commit.
    """
    if not isinstance(repo_id, Path):
        check_revision(revision)

    def fetch() -> Path:
        return _folder(repo_id, revision, subfolder, variant, on_progress)

    def load(torch_dtype: torch.dtype) -> Any:
        return load_pretrained(fetch(), cls, torch_dtype, variant)

    return ComponentSpec(
        key=ComponentKey(str(repo_id), revision, subfolder, cls.__name__, dtype, variant),
        load=load,
        fetch=fetch,
        est_bytes=lambda: _estimate(repo_id, revision, subfolder, cls, dtype, variant),
        mutable=mutable,
        no_split=no_split or tuple(getattr(cls, "_no_split_modules", None) or ()),
    )


def hub_spec(
    repo_id: str | Path,
    revision: str,
    subfolder: str,
    cls: type,
    dtype: str = "float32",
    *,
    name: str = "",
    work_bytes: Callable[[Work], int] = no_work,
    **component: Any,
) -> ModelSpec:
    """A model of one component of the Hub; `component` goes to `hub_component`."""
    part = hub_component(repo_id, revision, subfolder, cls, dtype, **component)
    title = name or Path(str(repo_id)).name
    return ModelSpec(name=title, parts={"module": part}, work_bytes=work_bytes)


def load_pretrained(folder: Path, cls: Any, dtype: torch.dtype, variant: str = "") -> Any:
    """Read a folder with `cls.from_pretrained`; the cache holds the construction lock meanwhile.

    Raises:
        WeightsError: a file is missing or cut short, or the tensors do not fit the config.
    """
    for path in weight_files(folder, variant):
        safetensors_header(path)
    # diffusers calls it torch_dtype in all versions that we support, transformers renamed it
    name = "torch_dtype" if cls.__module__.startswith("diffusers.") else "dtype"
    try:
        model, info = cls.from_pretrained(
            str(folder),
            **{name: dtype},
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **({"variant": variant} if variant else {}),
        )
    except (OSError, ValueError, TypeError, RuntimeError, KeyError) as exc:
        raise WeightsError(
            f"{cls.__name__} cannot be read from {folder.name}: {first_line(exc)} "
            "The weights and the config must come from the same revision."
        ) from exc
    missing = sorted(map(str, info["missing_keys"]))
    if missing:
        raise WeightsError(
            f"{folder.name} does not fit its config: {len(missing)} tensors of {cls.__name__} are "
            f"missing (the first is {missing[0]}). Take config and weights of one revision."
        )
    return model


def weight_files(folder: Path, variant: str = "") -> list[Path]:
    """The safetensors files of a folder.

    Raises:
        WeightsError: there is none, or the index names one that is missing.
    """
    for single, index in _names(variant):
        if (folder / index).exists():
            return [folder / shard for shard in _shards(folder / index)]
        if (folder / single).exists():
            return [folder / single]
    raise WeightsError(
        f"The folder {folder.name} holds no safetensors weights. Other formats are not read, "
        "because they can run code. Convert the checkpoint first."
    )


def _names(variant: str) -> list[tuple[str, str]]:
    dot = f".{variant}" if variant else ""
    return [(f"{base}{dot}.safetensors", f"{base}.safetensors.index{dot}.json") for base in _BASES]


def _shards(index: Path) -> list[str]:
    try:
        return sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, AttributeError):
        raise WeightsError(f"{index.name} is not a list of weight files. Get it again.") from None


def _folder(
    repo_id: str | Path, revision: str, subfolder: str, variant: str, on_progress: Progress | None
) -> Path:
    """Bring config and weights to this machine and return the folder that holds them."""
    if isinstance(repo_id, Path):
        return repo_id / subfolder
    config = hub_file(repo_id, "config.json", revision, subfolder=subfolder)
    for single, index in _names(variant):
        path = fetch_file(repo_id, index, revision, subfolder, on_progress)
        if path is not None:
            for shard in _shards(path):
                hub_file(repo_id, shard, revision, subfolder=subfolder, on_progress=on_progress)
            return config.parent
        if fetch_file(repo_id, single, revision, subfolder, on_progress) is not None:
            return config.parent
    if may_not_download():
        raise not_here(repo_id, f"The weights in {subfolder or '/'}", revision)
    raise WeightsError(
        f"{repo_id} has no safetensors weights in {subfolder or 'its top folder'} at revision "
        f"{revision[:8]}. Choose a revision that has; other formats are not read."
    )


def _estimate(
    repo_id: str | Path, revision: str, subfolder: str, cls: Any, dtype: str, variant: str
) -> int:
    """Bytes once loaded: from the headers of files that are here, else from the config alone."""
    if isinstance(repo_id, Path):
        return sum(safetensors_bytes(p, dtype_bytes(dtype)) for p in weight_files(
            repo_id / subfolder, variant))  # fmt: skip
    import torch

    config = hub_file(repo_id, "config.json", revision, subfolder=subfolder)
    try:
        files = weight_files(config.parent, variant)
        return sum(safetensors_bytes(path, dtype_bytes(dtype)) for path in files)
    except WeightsError:  # not downloaded yet; whether it fits is said before it is
        return meta_bytes(lambda: _empty(cls, config.parent), getattr(torch, dtype))


def _empty(cls: Any, folder: Path) -> Any:
    if hasattr(cls, "load_config"):  # diffusers
        return cls.from_config(cls.load_config(str(folder), local_files_only=True))
    return cls(cls.config_class.from_pretrained(str(folder), local_files_only=True))
