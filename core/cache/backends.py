"""What the cache needs of a device. Torch and accelerate are imported when a method is called."""

from __future__ import annotations

import copy
import gc
from typing import TYPE_CHECKING, Any

from core.cache import sizes
from core.cache.host import ram_info, trim_heap
from core.cache.partial import dispatch_over, gather
from core.errors import WeightsError

if TYPE_CHECKING:
    import torch

NO_LIMIT = 2**62
CUDA_RESERVE = 2**30  # context, cuBLAS workspaces and fragmentation
RAM_SHARE = 0.6  # of the memory that is available at the first acquire
TRANSIT_SHARE = 0.5  # of the memory that is available when a part passes through
MPS_SHARE = 0.7  # of the working set that the system recommends


def is_out_of_memory(exc: BaseException) -> bool:
    """Whether an exception says that a device is full, in any of torch's ways."""
    import torch
    from accelerate.utils.memory import should_reduce_batch_size

    if isinstance(exc, torch.OutOfMemoryError | MemoryError):
        return True
    # accelerate's test reads the first argument as a text
    readable = isinstance(exc, RuntimeError) and exc.args and isinstance(exc.args[0], str)
    return bool(readable) and should_reduce_batch_size(exc)  # type: ignore[arg-type]


class DeviceBackend:
    """One device and the main memory behind it: what all devices of torch have in common."""

    name = "cpu"
    one_tier = False  # the device computes in main memory: there is no other tier
    evicts = True
    threads = True  # models are loaded and moved in threads of the cache's own
    can_dispatch = False  # a part may be split between the device and main memory

    @property
    def device(self) -> torch.device:
        """The torch device on which leased models run."""
        import torch

        return torch.device(self.name)

    def mem_info(self) -> tuple[int, int]:
        """Free and total bytes of the device."""
        return ram_info()

    def owned(self, resident: int) -> int:
        """Bytes that this process holds on the device and may use again."""
        return resident

    def default_budget(self) -> int:
        """Bytes the cache may use when the settings do not say: all of the device."""
        return self.mem_info()[1]

    def default_ram_budget(self) -> int:
        """Bytes of weights in main memory when the settings do not say."""
        return int(RAM_SHARE * ram_info()[0])

    def transit_room(self) -> int:
        """Bytes of main memory that a part may take on its way to the device."""
        return int(TRANSIT_SHARE * ram_info()[0])

    def default_reserve(self) -> int:
        """Bytes that stay free on the device."""
        return 0

    def dtype(self, name: str) -> torch.dtype:
        """The torch dtype called `name`."""
        import torch

        return getattr(torch, name)

    def prepare(self, module: Any) -> int:
        """Freeze a module that was just loaded and return its bytes.

        Raises:
            WeightsError: a parameter has no storage.
        """
        import torch

        if not isinstance(module, torch.nn.Module):
            return 0
        module.eval()
        module.requires_grad_(False)
        empty = [name for name, value in module.named_parameters() if value.device.type == "meta"]
        if empty:
            raise WeightsError(
                f"{len(empty)} parameters of {type(module).__name__} were left without values "
                f"(the first is {empty[0]}). The checkpoint does not fit its config."
            )
        return sizes.module_bytes(module)

    def move(self, module: Any) -> None:
        """Bring a module to the device."""
        self._to(module, self.device)

    def move_out(self, module: Any) -> None:
        """Bring a module back to main memory."""
        import torch

        self._to(module, torch.device("cpu"))

    def _to(self, module: Any, device: torch.device) -> None:
        import torch

        # A tensor made in inference mode could never be trained, and callers may be in it.
        if isinstance(module, torch.nn.Module):
            with torch.inference_mode(False), torch.no_grad():
                module.to(device)

    def private_copy(self, module: Any) -> Any:
        """Return a copy on the device that its borrower may change."""
        import torch

        if not isinstance(module, torch.nn.Module):
            return copy.deepcopy(module)
        with torch.inference_mode(False), torch.no_grad():
            return copy.deepcopy(module).to(self.device)

    def host_copy(self, module: Any, *, pin: bool) -> Any:
        """Keep hold of the weights in main memory before the module goes to the device."""
        import torch

        if not isinstance(module, torch.nn.Module):
            return {}
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        return {name: tensor.data for name, tensor in tensors.items()}

    def restore(self, module: Any, host_copy: Any) -> None:
        """Point a module at its kept weights again; nothing is transferred."""
        import torch

        if not isinstance(module, torch.nn.Module):
            return
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        with torch.inference_mode(False), torch.no_grad():
            for name, tensor in tensors.items():
                tensor.data = host_copy[name]

    def dispatch(self, module: Any, room: int, ram: int, no_split: tuple[str, ...]) -> int:
        """Spread a module over the device and main memory; return its bytes on the device."""
        raise NotImplementedError(f"{self.name} cannot hold a part of a model")

    def undispatch(self, module: Any) -> None:
        """Undo `dispatch`: the whole module is in main memory again, without hooks."""
        gather(module)
        self.move_out(module)

    def is_oom(self, exc: BaseException) -> bool:
        """Whether an exception says that the device has no memory left."""
        return is_out_of_memory(exc)

    def release(self, module: Any) -> None:
        """Note that a module was dropped; its memory goes with its last reference."""

    def empty_cache(self, *, collect: bool = False) -> None:
        """Give memory that no tensor uses back; `collect` breaks reference cycles first (slow)."""
        from accelerate.utils.memory import clear_device_cache

        clear_device_cache(garbage_collection=collect)

    def synchronize(self) -> None:
        """Wait until the device has done what it was told."""


class CpuBackend(DeviceBackend):
    """One tier: the device is main memory, and a move does nothing."""

    one_tier = True

    def default_budget(self) -> int:
        """A share of the main memory that is available now."""
        return int(RAM_SHARE * ram_info()[0])

    def move(self, module: Any) -> None:
        """Do nothing: the module is where it is used."""

    def move_out(self, module: Any) -> None:
        """Do nothing: there is no other tier."""

    def empty_cache(self, *, collect: bool = False) -> None:
        """Hand freed memory back to the system where the C library keeps it (glibc)."""
        if collect:
            gc.collect()
        trim_heap()


class MpsBackend(DeviceBackend):
    """Apple silicon: unified memory, so one tier, but modules must be moved once."""

    name = "mps"
    one_tier = True

    def mem_info(self) -> tuple[int, int]:
        """Free and total bytes of the recommended working set."""
        import torch

        total = int(torch.mps.recommended_max_memory())
        return max(0, total - int(torch.mps.driver_allocated_memory())), total

    def owned(self, resident: int) -> int:
        """Bytes that the driver holds for this process."""
        import torch

        return int(torch.mps.driver_allocated_memory())

    def default_budget(self) -> int:
        """A share of the recommended working set."""
        return int(MPS_SHARE * self.mem_info()[1])

    def synchronize(self) -> None:
        """Wait for the GPU."""
        import torch

        torch.mps.synchronize()


class CudaBackend(DeviceBackend):
    """One CUDA device with main memory behind it."""

    can_dispatch = True

    def __init__(self, index: int = 0) -> None:
        self.index = index
        self.name = f"cuda:{index}"

    def mem_info(self) -> tuple[int, int]:
        """Free and total bytes as the driver sees them."""
        import torch

        return torch.cuda.mem_get_info(self.index)

    def owned(self, resident: int) -> int:
        """Bytes of torch's allocator, used and cached."""
        import torch

        return torch.cuda.memory_reserved(self.index)

    def default_reserve(self) -> int:
        """At most 1 GiB, less on a small card."""
        return min(CUDA_RESERVE, self.mem_info()[1] // 10)

    def host_copy(self, module: Any, *, pin: bool) -> Any:
        """Keep the weights in main memory, page-locked when they move often."""
        kept = super().host_copy(module, pin=pin)
        return {
            name: t.pin_memory() if pin and not t.is_pinned() else t for name, t in kept.items()
        }

    def dispatch(self, module: Any, room: int, ram: int, no_split: tuple[str, ...]) -> int:
        """Spread a module over the GPU and main memory with accelerate's hooks."""
        return dispatch_over(module, {self.index: room, "cpu": ram}, no_split, self.index)

    def synchronize(self) -> None:
        """Wait for the kernels of this device."""
        import torch

        torch.cuda.synchronize(self.index)


class StaticBackend(DeviceBackend):
    """ZeroGPU: models are placed once, before the GPU function forks, and never leave.

    Outside a GPU function the platform invents the figures of the device, so none is asked for.
    It pretends CUDA to the thread that imported its package and to no other, so models are moved
    in the thread that asks for them.
    """

    name = "cuda"
    evicts = False
    threads = False

    def mem_info(self) -> tuple[int, int]:
        """Nothing that could be trusted: no limit."""
        return NO_LIMIT, NO_LIMIT

    def default_ram_budget(self) -> int:
        """No limit: everything passes through main memory once."""
        return NO_LIMIT

    def empty_cache(self, *, collect: bool = False) -> None:
        """Do nothing: the device is emulated."""


def detect(device: str) -> list[DeviceBackend]:
    """Backends for the device that the settings name; `auto` takes the best there is."""
    if device == "cpu":
        return [CpuBackend()]
    import torch

    if device in ("auto", "cuda") and torch.cuda.is_available():
        return [CudaBackend(index) for index in range(torch.cuda.device_count())]
    if device in ("auto", "mps") and torch.backends.mps.is_available():
        return [MpsBackend()]
    return [CpuBackend()]
