"""The slot: embeddings of one's own at some places of a prompt, without writing into a table.

    with filled(view.get_input_embeddings(), places, vectors):
        states = view(ids)

The official code writes w* into the model's token table under autograd. Here a forward hook gives other
rows for these places while the block lasts. Hooks belong to a module, so that two jobs on one encoder would see each
other's: they are set on a view, which has modules of its own (`core.cache.weight_sharing`).
"""

# B prompts, S places, T tokens, d width of an embedding

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def filled(embedding: nn.Module, places: Sequence[int], vectors: Tensor) -> Iterator[None]:
    """Let an embedding layer give `vectors` at some places, whatever tokens stand there.

    Args:
        embedding: of a view; it maps tokens (B, T) to (B, T, d).
        places: S positions in the prompt.
        vectors: (B, S, d), or (S, d) for the same in every prompt; gradients reach them.
    """
    where = torch.as_tensor(list(places))

    def give(_: nn.Module, __: Any, out: Tensor) -> Tensor:
        values = vectors.to(out.device, out.dtype).expand(len(out), *vectors.shape[-2:])
        return out.index_copy(1, where.to(out.device), values)

    handle = embedding.register_forward_hook(give)
    try:
        yield
    finally:
        handle.remove()
