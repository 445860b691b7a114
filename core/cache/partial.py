"""A module that is larger than its device: accelerate spreads it over device, main memory or disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def dispatch_over(
    module: Any,
    max_memory: dict[int | str, int],
    no_split: tuple[str, ...],
    main: int | str,
    offload_dir: Path | None = None,
) -> int:
    """Let accelerate place a module within `max_memory`; return its bytes on `main`."""
    import torch
    from accelerate import dispatch_model, infer_auto_device_map
    from accelerate.utils import compute_module_sizes

    device_map = infer_auto_device_map(
        module,
        max_memory=max_memory,  # type: ignore[arg-type]
        no_split_module_classes=list(no_split),
    )
    part_sizes = compute_module_sizes(module)
    with torch.inference_mode(False), torch.no_grad():
        dispatch_model(
            module,
            device_map,  # type: ignore[arg-type]
            offload_dir=offload_dir,
            offload_buffers=False,
        )
    return sum(int(part_sizes[name]) for name, place in device_map.items() if place == main)


def gather(module: Any) -> None:
    """Remove accelerate's hooks: what was offloaded is in the module again, on the CPU."""
    from accelerate.hooks import remove_hook_from_submodules

    remove_hook_from_submodules(module)
    module.__dict__.pop("hf_device_map", None)
    for name in ("to", "cuda"):  # accelerate shadows them with a warning
        module.__dict__.pop(name, None)
