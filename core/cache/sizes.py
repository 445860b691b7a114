"""How large a model is, before and after it is loaded. Torch is imported by the functions."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import WeightsError

if TYPE_CHECKING:
    import torch

_MAX_HEADER = 100 * 2**20  # the limit of the safetensors format
_ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2,
    "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
_FLOATS = ("F16", "BF16", "F32", "F64")


def module_bytes(module: Any) -> int:
    """Bytes of the distinct storages of all parameters and buffers; tied weights count once."""
    storages = {}
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.device.type != "meta":
            storage = tensor.untyped_storage()
            storages[storage.data_ptr(), storage.device] = storage.nbytes()
    return sum(storages.values())


def meta_bytes(build: Callable[[], Any], dtype: torch.dtype | None = None) -> int:
    """Size of the module that `build` would make, without giving it storage.

    `torch.device("meta")` is local to the thread, so this is safe beside a load.
    """
    import torch
    from accelerate.utils import compute_module_sizes

    with torch.device("meta"):
        module = build()
        if dtype is not None:
            module = module.to(dtype)
    return int(compute_module_sizes(module)[""])


def safetensors_header(path: Path) -> dict[str, Any]:
    """Read the header of a safetensors file: tensor name to dtype, shape and offsets.

    Raises:
        WeightsError: the file is missing, cut short or not a safetensors file.
    """
    try:
        total = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(_MAX_HEADER, total - 8):
                raise WeightsError(_cut_short(path, total))
            header = json.loads(file.read(length))
    except FileNotFoundError:
        raise WeightsError(
            f"The weights file {path.name} is missing. It belongs into the folder "
            f"{path.parent.name}. Get the repository again, or train the weights."
        ) from None
    except (struct.error, UnicodeDecodeError, json.JSONDecodeError):
        raise WeightsError(_cut_short(path, total)) from None
    header.pop("__metadata__", None)
    end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if 8 + length + end != total:
        raise WeightsError(_cut_short(path, total))
    return header


def _cut_short(path: Path, total: int) -> str:
    return (
        f"The weights file {path.name} ({total} bytes) is cut short or is not a safetensors file. "
        "Download or train it again."
    )


def safetensors_bytes(path: Path, item_bytes: int | None = None) -> int:
    """Bytes of all tensors of a file; floats counted with `item_bytes` each when given."""
    size = 0
    for entry in safetensors_header(path).values():
        count = 1
        for length in entry["shape"]:
            count *= length
        cast = item_bytes is not None and entry["dtype"] in _FLOATS
        size += count * (item_bytes if cast else _ITEM_BYTES.get(entry["dtype"], 1))  # type: ignore[operator]
    return size


def dtype_bytes(name: str) -> int:
    """Bytes of one number of the torch dtype called `name`."""
    return {"float64": 8, "float16": 2, "bfloat16": 2}.get(name, 4)


def fingerprint(module: Any) -> str:
    """A sha256 of all parameters and buffers, to show that shared weights were not written."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(memoryview(raw.numpy()))
    return digest.hexdigest()
