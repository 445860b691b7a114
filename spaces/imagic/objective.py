"""The fixed bank on which the losses of both stages are measured.

One draw of equation 2 (arXiv 2210.09276) says nothing to the eye, so curves are measured on the same 64 (t, ε)
pairs from beginning to end.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from core.world.diffusion.condition import Condition
from core.world.diffusion.objective import Draw, draw, errors
from core.world.diffusion.parts import Parts

from .config import BANK_SIZE

_BANK_SEED = 6464  # the bank is the same for every picture, text and training seed


def bank(z0: Tensor, num_times: int) -> Draw:
    """The fixed bank for latents of this shape."""
    return draw(z0, BANK_SIZE, num_times, torch.Generator().manual_seed(_BANK_SEED))


@torch.no_grad()
def bank_loss(
    parts: Parts, unet: Any, z0: Tensor, condition: Condition, pairs: Draw, rows: int = 16
) -> float:
    """L on the fixed bank, in `rows` pairs at a time."""
    found = [errors(parts, unet, z0, condition, part) for part in pairs.split(rows)]
    return torch.cat(found).double().mean().item()
