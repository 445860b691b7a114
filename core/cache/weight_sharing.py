"""A view over a lent module: modules of its own, the storage of every weight shared."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from core.cache.construction import construction


def view(module: nn.Module, replaced: Mapping[str, Tensor] | None = None) -> Any:
    """A network that shares the storage of all weights with `module`, apart from `replaced`.

    It costs no memory. Hooks, flags and gradients of the view are its own; `module` stays as it is to
    the last bit.

    Args:
        module: the shared network.
        replaced: weights by name that the view has instead.

    Raises:
        AttributeError: a name that the network does not have.
        ValueError: another shape.
    """
    # detached parameters share the storage, but neither flags nor gradients
    memo: dict[int, Any] = {
        id(p): nn.Parameter(p.detach(), requires_grad=False) for p in module.parameters()
    }
    memo.update((id(b), b) for b in module.buffers())
    with construction():
        other = copy.deepcopy(module, memo)
        for name, weight in (replaced or {}).items():
            place = other.get_parameter(name)
            if place.shape != weight.shape:
                raise ValueError(
                    f"{name} has shape {tuple(place.shape)}, got {tuple(weight.shape)}"
                )
            owner, _, leaf = name.rpartition(".")
            own = weight.detach().to(place.device, place.dtype)
            setattr(other.get_submodule(owner), leaf, nn.Parameter(own, requires_grad=False))
    return other.eval()
