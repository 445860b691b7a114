"""Private weights over a shared network: adapters, and adapters folded into weights.

Adapters are peft's LoRA (Hu et al. 2021, arXiv 2106.09685) on a view of the shared network. For sampling they
are folded into the weights that they touch, which needs no further multiplication in each step.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from core.cache.construction import construction
from core.cache.weight_sharing import view

from .config import Layers

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
WIDE = (
    *ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "conv_shortcut",
)  # fmt: skip
LAYERS: Mapping[Layers, tuple[str, ...]] = {"attention": ATTENTION, "wide": WIDE}
NAME = "imagic"  # of the adapter inside peft

ScaleOf = Callable[[str], float]
"""How much of what was learnt holds for a weight, by its name: 1 all, 0 the untouched weight."""


def private_copy(unet: nn.Module) -> Any:
    """A network with float32 weights of its own that may be tuned whole."""
    with construction():
        other = copy.deepcopy(unet).float()
    return other.eval().requires_grad_(True)


def attach(unet: nn.Module, rank: int, layers: Layers, generator: torch.Generator) -> Any:
    """A view with a fresh adapter in float32; the only weights of it that want gradients.

    A is drawn as peft draws it, from a generator of our own; B is zero, so that the view answers exactly
    as the shared network does.

    Args:
        unet: the shared network.
        rank: rank of every adapter; its scale is 1.
        layers: which layers get one.
        generator: on the CPU.
    """
    from peft import LoraConfig, inject_adapter_in_model

    other = view(unet)
    chosen = LoraConfig(
        r=rank, lora_alpha=rank, target_modules=_pattern(layers), lora_dropout=0.0, bias="none"
    )
    with construction():
        # empty on the meta device first: peft would draw from the global generator
        inject_adapter_in_model(chosen, other, NAME, low_cpu_mem_usage=True)
        device = next(unet.parameters()).device
        for name, module in other.named_modules():
            if name.endswith(f".lora_A.{NAME}"):
                a = torch.empty(module.weight.shape)
                nn.init.kaiming_uniform_(a, a=math.sqrt(5), generator=generator)
                module.weight = nn.Parameter(a.to(device))
            elif name.endswith(f".lora_B.{NAME}"):
                module.weight = nn.Parameter(torch.zeros(module.weight.shape, device=device))
    return other.eval()


def _pattern(layers: Layers) -> str:
    names = "|".join(re.escape(name) for name in LAYERS[layers])
    return rf".*\.({names})"


def trained(tuned: nn.Module) -> list[nn.Parameter]:
    """The weights that a tuning step changes."""
    return [p for p in tuned.parameters() if p.requires_grad]


def extract(tuned: nn.Module) -> dict[str, Tensor]:
    """A copy of an adapter's weights, named as diffusers names them: `<layer>.lora_A.weight`."""
    return {
        name.replace(f".{NAME}.weight", ".weight"): p.detach().clone()
        for name, p in tuned.named_parameters()
        if ".lora_" in name
    }


def fold(
    unet: nn.Module, adapter: Mapping[str, Tensor], scale_of: ScaleOf | None = None
) -> dict[str, Tensor]:
    """The weights W + s·BA of every layer that an adapter touches, by their names in `unet`.

    Args:
        unet: the shared network.
        adapter: from `extract`.
        scale_of: the share s for a weight's name; 1 when it is not given.

    Raises:
        KeyError: the adapter belongs to another network.
        ValueError: its shapes do not fit.
    """
    found = {}
    for key, a in adapter.items():
        if not key.endswith(".lora_A.weight"):
            continue
        layer = key.removesuffix(".lora_A.weight")
        name, b = f"{layer}.weight", adapter[f"{layer}.lora_B.weight"]
        weight = unet.get_parameter(name)
        share = 1.0 if scale_of is None else scale_of(name)
        if share == 0:
            continue
        a, b = a.to(weight.device, torch.float32), b.to(weight.device, torch.float32)
        delta = product(b, a)
        if delta.shape != weight.shape:
            raise ValueError(
                f"{name} has shape {tuple(weight.shape)}, its adapter {tuple(delta.shape)}"
            )
        found[name] = (weight.detach().float() + share * delta).to(weight.dtype)
    return found


def product(b: Tensor, a: Tensor) -> Tensor:
    """BA as a weight: (out, in), or (out, in, k, k) where A is a convolution and B one of 1x1."""
    if a.ndim == 2:
        return b @ a
    return (b.flatten(1) @ a.flatten(1)).reshape(b.shape[0], *a.shape[1:])


def blend(
    unet: nn.Module, weights: Mapping[str, Tensor], scale_of: ScaleOf | None = None
) -> dict[str, Tensor]:
    """σ·w_tuned + (1 - σ)·w_untouched for weights that were tuned whole; where σ is 0 they are left out."""
    found = {}
    for name, tuned in weights.items():
        share = 1.0 if scale_of is None else scale_of(name)
        if share == 0:
            continue
        base = unet.get_parameter(name).detach()
        tuned = tuned.to(base.device, torch.float32)
        found[name] = (tuned if share == 1 else torch.lerp(base.float(), tuned, share)).to(
            base.dtype
        )
    return found


def touched(
    adapter: Mapping[str, Tensor] | None, weights: Mapping[str, Tensor] | None
) -> list[str]:
    """Names of the weights of the network that differ from the shared ones."""
    if weights is not None:
        return list(weights)
    layers = (
        k.removesuffix(".lora_A.weight") for k in adapter or () if k.endswith(".lora_A.weight")
    )
    return [f"{layer}.weight" for layer in layers]
