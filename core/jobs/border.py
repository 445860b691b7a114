"""What passes between the hub and a worker process: bytes, with every tensor on the CPU.

The platform pickles what its worker function gets and yields. Left alone, a CUDA tensor would need
CUDA in the hub to be read, and torch would send a CPU tensor as shared memory that ends with the
worker. So both sides hand over bytes that hold the values themselves.
"""

from __future__ import annotations

import io
import sys
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def pack(value: Any) -> bytes:
    """Turn a value into bytes; tensors are copied from whatever device they are on.

    Raises:
        TypeError: some part of it cannot leave its process; the text names the part.
    """
    stream = io.BytesIO()
    try:
        _Packer(stream).dump(value)
    except Exception as error:  # pickling raises whatever the parts raise
        raise TypeError(
            f"{type(value).__name__} cannot pass to another process: {error}. Numbers, texts, "
            "arrays, tensors, pictures, and dataclasses of them can; a lambda, a local function, "
            "a lock or an open file cannot."
        ) from error
    return stream.getvalue()


def unpack(data: bytes) -> Any:
    """Turn bytes of `pack` into the value again; only for bytes of our own worker."""
    return ForkingPickler.loads(data)  # type: ignore[attr-defined]


class _Packer(ForkingPickler):
    def reducer_override(self, obj: Any) -> Any:
        """Send the values of a dense tensor; leave all else to the usual ways."""
        torch = sys.modules.get("torch")
        if torch is None or not isinstance(obj, torch.Tensor):
            return NotImplemented
        if obj.layout is not torch.strided or obj.is_quantized or obj.device.type == "meta":
            raise TypeError(f"a tensor of layout {obj.layout} on {obj.device} has no plain values")
        flat = obj.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        if flat.dtype is torch.bool or flat.numel() == 0:
            data = flat.to(torch.uint8).numpy().tobytes()
        else:  # bfloat16 and its like have no counterpart in numpy, but bytes are bytes
            data = flat.view(torch.uint8).numpy().tobytes()
        return _tensor, (data, str(flat.dtype).removeprefix("torch."), tuple(obj.shape))


def _tensor(data: bytes, dtype: str, shape: tuple[int, ...]) -> torch.Tensor:
    import torch

    kind = getattr(torch, dtype)
    if not data:
        return torch.empty(shape, dtype=kind)
    return torch.frombuffer(bytearray(data), dtype=kind).reshape(shape)
