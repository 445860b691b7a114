"""Recovery without any diffusion: a planted sum of random embeddings, and only its w* to learn from.

Where the dictionary is larger than an embedding is wide, many sums give the same w*. This says what the method itself can
find then: the coefficient network and λ are what makes one of them the answer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .algorithm import Coefficients, Dictionary, sparsity_loss, top, whole

PLANTED, WORDS, KEPT = 4, 200, 10  # words of the sum, of the dictionary, and n


def recall(
    width: int, sparsity: float, seed: int, *, free: bool = False, steps: int = 500
) -> float:
    """Share of the planted words among as many largest coefficients.

    Args:
        width: of an embedding.
        sparsity: λ.
        seed: of embeddings, plant and start.
        free: learn one number for each word instead of a network of its embedding.
        steps: AdamW steps; the learning rate is 1e-3, and 1e-2 for free numbers.
    """
    with torch.inference_mode(False), torch.enable_grad():
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randn(WORDS, width, generator=generator)
        dictionary = Dictionary((rows,), (float(rows.norm(dim=-1).mean()),))
        planted = torch.randperm(WORDS, generator=generator)[:PLANTED]
        alpha = torch.zeros(WORDS)
        alpha[planted] = 0.5 + 0.5 * torch.rand(PLANTED, generator=generator)
        (wanted,) = whole(alpha, dictionary)
        net = Coefficients(width, 100, generator)
        numbers = (0.1 * torch.rand(WORDS, generator=generator)).requires_grad_()

        def now() -> Tensor:
            return numbers.abs() if free else net(dictionary.features)

        optimizer = torch.optim.AdamW([numbers], lr=1e-2) if free else torch.optim.AdamW(net.parameters(), lr=1e-3)  # fmt: skip
        for _ in range(steps):
            guess = now()
            loss = (whole(guess, dictionary)[0] - wanted).square().mean()
            if sparsity:
                loss = loss + sparsity * sparsity_loss(guess, dictionary, KEPT)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found = top(now().detach(), PLANTED).tolist()
    return len(set(found) & set(planted.tolist())) / PLANTED
