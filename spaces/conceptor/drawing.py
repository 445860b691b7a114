"""Pictures of a bench: from conditions and seeds to pixels and sheets."""

# N pictures

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from core.media.image_writing import png, sheet
from core.world.diffusion.condition import Condition
from core.world.diffusion.parts import Pictures
from core.world.diffusion.sampling import start_noise

from .borrowing import Bench
from .config import PROMPT, Settings
from .denoising import Tick, draw
from .results import Sheet

_STRIDE = 10_000  # seeds of a run: validation from 0, further ones from 2,500, training from 5,000
_OFFSETS = {"validation": 0, "further": 2_500, "training": 5_000}


def seeds_of(use: str, count: int, seed: int) -> list[int]:
    """Start noises of a decomposition: each picture has its own, so that batches change nothing.

    Args:
        use: validation, further or training.
        count: how many.
        seed: of the settings.
    """
    first = _STRIDE * (seed + 1) + _OFFSETS[use]
    return [first + k for k in range(count)]


def latents_of(
    bench: Bench, condition: Condition, seeds: Sequence[int], settings: Settings, tick: Tick
) -> Tensor:
    """z_0 of a condition (one row, or one for each seed) from the start noise of seeds."""
    return draw(
        bench.model,
        condition,
        start_noise(bench.model, bench.model.latent_shape, seeds),
        guidance=settings.guidance,
        steps=settings.drawing_steps,
        tick=tick,
    )


def pictures_of(
    bench: Bench, condition: Condition, seeds: Sequence[int], settings: Settings, tick: Tick
) -> Pictures:
    """Pictures (N, H, W, 3) of a condition from the start noise of seeds."""
    return bench.model.decode(latents_of(bench, condition, seeds, settings, tick))


def own(bench: Bench, concept: str) -> Condition:
    """The condition of the concept's own prompt."""
    return bench.model.encode_text(PROMPT.format(concept))


def laid(name: str, pictures: Pictures) -> tuple[Sheet, bytes]:
    """A sheet and its file: (N, H, W, 3) is one row, (R, C, H, W, 3) are several."""
    grid = pictures[None] if pictures.ndim == 4 else pictures
    rows, columns, tile = grid.shape[:3]
    return Sheet(file=name, rows=rows, columns=columns, tile=tile), png(sheet(grid))


def thumbnail(*rows: Pictures, most: int = 4) -> bytes:
    """Rows of pictures below each other, the first few of each."""
    count = min(most, *(len(row) for row in rows))
    return png(sheet(np.stack([row[:count] for row in rows])))
