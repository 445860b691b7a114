"""Simpler ways to write a concept in words, each as coefficients over the same dictionary.

All of them see the same pictures and words as the method. Coefficients are scaled so that shares can be
compared; where a way only counts or ranks words, that is its share.
"""

# D words of the dictionary, N pictures, F width of CLIP's features, d width of an embedding, S words of a prompt

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.cache.weight_sharing import view
from core.world.diffusion.judge import Judge

from .algorithm import Dictionary, scaled, top
from .choosing import Chosen
from .config import Settings
from .denoising import Pairs, errors, losses, pairs
from .model import Model
from .slot import filled

PEZ_STEPS, PEZ_LR = 300, 0.1  # the public code takes 3,000 steps at this rate; here words are few
INVERSION_LR = 5e-3  # of textual inversion's public script, for batches of this size

Tick = Callable[[int], None]


def of_shares(wanted: Tensor, dictionary: Dictionary) -> Tensor:
    """Coefficients (D,) whose shares are as `wanted`, up to scale."""
    return scaled((wanted / dictionary.lengths.to(wanted.device)).float(), dictionary)


def nearest(chosen: Chosen, n: int) -> Tensor:
    """The n words nearest by image-text likeness, weighted by how far each is above the mean word."""
    assert chosen.likeness is not None, "needs CLIP"
    wanted = torch.zeros(len(chosen.dictionary))
    first = top(chosen.likeness, n)
    wanted[first] = (chosen.likeness[first] - chosen.likeness.mean()).clamp(min=1e-6)
    return of_shares(wanted, chosen.dictionary)


def k_means(images: Tensor, chosen: Chosen, n: int) -> Tensor:
    """Groups of the concept's pictures, each named by the word nearest to its middle; shares are the groups' sizes.

    Args:
        images: unit features (N, F).
        chosen: with the words' text features.
        n: groups.
    """
    from sklearn.cluster import KMeans

    assert chosen.texts is not None, "needs CLIP"
    groups = min(n, len(images))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # equal pictures give fewer groups, which is fine
        solver: Any = KMeans(n_clusters=groups, n_init=4, random_state=0)  # pyright: ignore[reportArgumentType]
        found = solver.fit(images.double().numpy())
    middles = F.normalize(torch.from_numpy(found.cluster_centers_).float(), dim=-1)
    names = (middles @ chosen.texts.T).argmax(1)
    wanted = torch.zeros(len(chosen.dictionary))
    for group in range(groups):
        wanted[names[group]] += int((found.labels_ == group).sum())
    return of_shares(wanted, chosen.dictionary)


def nmf(images: Tensor, chosen: Chosen, n: int) -> Tensor:
    """Non-negative parts of the likeness of pictures and words, each named by its largest word.

    Args:
        images: unit features (N, F).
        chosen: with the words' text features.
        n: parts.
    """
    from sklearn.decomposition import NMF

    assert chosen.texts is not None, "needs CLIP"
    seen = images @ chosen.texts.T
    above = (seen - seen.mean(1, keepdim=True)).clamp(min=0).double().numpy()
    parts = min(n, *above.shape)
    wanted = torch.zeros(len(chosen.dictionary))
    if above.max() <= 0:
        return of_shares(torch.ones_like(wanted), chosen.dictionary)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may end before it has converged
        solver: Any = NMF(n_components=parts, init="nndsvda", random_state=0, max_iter=400)  # pyright: ignore[reportArgumentType]
        weights = solver.fit_transform(above)
    for k in range(parts):
        row = solver.components_[k]
        wanted[int(row.argmax())] += float(weights[:, k].mean() * row.max())
    return of_shares(wanted.clamp(min=0), chosen.dictionary)


def pez(judge: Judge, images: Tensor, chosen: Chosen, n: int, seed: int = 0) -> Tensor:
    """A hard prompt of n words by gradients of CLIP, as in PEZ (Wen et al. 2023, arXiv 2302.03668).

    A free vector for each word is learnt through its nearest dictionary word. Shares are how much the
    likeness falls without each word of the best prompt.

    Args:
        judge: whose CLIP is asked; its tokenizer must know the words.
        images: unit features (N, F).
        chosen: the dictionary.
        n: words of the prompt.
        seed: of the first words.
    """
    prompt = _Prompt(judge, chosen, n)
    generator = torch.Generator().manual_seed(seed)
    start = torch.randperm(len(prompt.rows), generator=generator)[: prompt.size]
    middle = F.normalize(images.mean(0), dim=-1)
    best, best_score = start, -np.inf
    with torch.inference_mode(False), torch.enable_grad():
        rows, middle = prompt.rows.clone(), middle.clone().to(prompt.rows.device)
        free = rows[start].clone().requires_grad_()
        optimizer = torch.optim.AdamW([free], lr=PEZ_LR, weight_decay=0.1)
        for _ in range(PEZ_STEPS):
            near = (F.normalize(free.detach(), dim=-1) @ F.normalize(rows, dim=-1).T).argmax(1)
            hard = free + (rows[near] - free).detach()  # forwards the word, backwards the vector
            score = (prompt.say(hard[None])[0] * middle).sum()
            if (level := float(score.detach())) > best_score:
                best, best_score = near, level
            (free.grad,) = torch.autograd.grad(-score, [free])
            optimizer.step()
    wanted = torch.zeros(len(chosen.dictionary))
    with torch.no_grad():
        for word in best.unique().tolist():
            left = best[best != word]
            without = 0.0 if len(left) == 0 else float((prompt.say(prompt.rows[left][None])[0] * middle).sum())  # fmt: skip
            wanted[prompt.places[word]] = max(best_score - without, 1e-6)
    return of_shares(wanted, chosen.dictionary)


class _Prompt:
    """Prompts of vectors for a CLIP."""

    def __init__(self, judge: Judge, chosen: Chosen, n: int) -> None:
        self.clip = view(judge.clip)
        self.tower: Any = self.clip.text_model
        self.table = self.tower.get_input_embeddings()
        vocabulary = judge.tokenizer.get_vocab()
        known = [(k, vocabulary[f]) for k, f in enumerate(chosen.tokens.forms) if f in vocabulary]
        self.places = [k for k, _ in known]
        self.rows = self.table.weight.detach()[[number for _, number in known]].float()
        self.length = self.clip.config.text_config.max_position_embeddings
        self.size = min(n, self.length - 2, len(known))
        self.first, self.last = judge.tokenizer("").input_ids[:2]
        self.pad, self.some = judge.tokenizer.pad_token_id, known[0][1]

    def say(self, vectors: Tensor) -> Tensor:
        """Unit text features (B, F) of prompts (B, S, d)."""
        size = vectors.shape[1]
        ids = [self.first, *[self.some] * size, self.last]
        mask = [1] * len(ids) + [0] * (self.length - len(ids))
        ids += [self.pad] * (self.length - len(ids))
        device = self.rows.device
        with filled(self.table, range(1, size + 1), vectors):
            found = self.clip.get_text_features(
                input_ids=torch.tensor([ids], device=device).expand(len(vectors), -1),
                attention_mask=torch.tensor([mask], device=device).expand(len(vectors), -1),
            )
        return F.normalize(found.pooler_output.float(), dim=-1)


@dataclass(frozen=True)
class Inverted:
    """A free vector for the slot: the floor of the loss, without any explanation.

    Attributes:
        vectors: one for each token table.
        loss: on the bank.
    """

    vectors: tuple[Tensor, ...]
    loss: float


def invert(
    model: Model, chosen: Chosen, latents: Tensor, bank: Pairs, settings: Settings, tick: Tick
) -> Inverted:
    """Textual inversion (Gal et al. 2022, arXiv 2208.01618) on the same pictures, steps and batches.

    Starts from the mean of the dictionary; the vector of the lowest loss on the bank is kept.
    """
    generator = torch.Generator().manual_seed(16 * settings.seed + 9)
    with torch.inference_mode(False), torch.enable_grad():
        latents = latents.detach().clone()
        means = [rows.mean(0) for rows in chosen.dictionary.rows]
        vectors = [
            (F.normalize(m, dim=-1) * r).detach().clone().requires_grad_()
            for m, r in zip(means, chosen.dictionary.norms, strict=True)
        ]
        optimizer = torch.optim.AdamW(vectors, lr=INVERSION_LR)
        best: Inverted | None = None
        for step in range(1, settings.steps + 1):
            rows = torch.randint(len(latents), (settings.batch_size,), generator=generator)
            asked = pairs(latents[rows], model.num_times, generator)
            loss = errors(model, model.fill(vectors), asked).mean()
            for vector, grad in zip(vectors, torch.autograd.grad(loss, vectors), strict=True):
                vector.grad = grad
            optimizer.step()
            tick(3 * len(asked))
            if step % settings.validate_every == 0 or step == settings.steps:
                now = tuple(v.detach().clone() for v in vectors)
                level = losses(model, model.fill(now), bank, tick)[0]
                if best is None or level < best.loss:
                    best = Inverted(now, level)
    assert best is not None
    return best


def nnls(inverted: Inverted, dictionary: Dictionary, n: int) -> Tensor:
    """The n largest words of the non-negative least squares of a free vector."""
    from scipy.optimize import nnls as solve

    table, wanted = _stacked(inverted, dictionary)
    found = torch.from_numpy(solve(table.T, wanted)[0]).float()
    kept = torch.zeros_like(found)
    first = top(found * dictionary.lengths.cpu(), n)
    kept[first] = found[first]
    return scaled(kept, dictionary)


def matching_pursuit(inverted: Inverted, dictionary: Dictionary, n: int) -> Tensor:
    """Orthogonal matching pursuit with non-negative weights: one word after the other that explains most of the rest."""
    from scipy.optimize import nnls as solve

    table, wanted = _stacked(inverted, dictionary)
    lengths = np.linalg.norm(table, axis=1)
    chosen: list[int] = []
    weights = np.zeros(0)
    for _ in range(min(n, len(table))):
        rest = wanted - (table[chosen].T @ weights if chosen else 0)
        gain = table @ rest / lengths
        gain[chosen] = -np.inf
        if gain.max() <= 0:
            break
        chosen.append(int(gain.argmax()))
        weights = solve(table[chosen].T, wanted)[0]
    found = torch.zeros(len(dictionary))
    found[chosen] = torch.from_numpy(weights).float()
    return scaled(found, dictionary)


def _stacked(inverted: Inverted, dictionary: Dictionary) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of the least squares, each token table at its own norm: (D, sum of d), (sum of d,)."""
    norms = dictionary.norms
    table = torch.cat([r.cpu() / n for r, n in zip(dictionary.rows, norms, strict=True)], dim=-1)
    wanted = torch.cat([v.cpu() / n for v, n in zip(inverted.vectors, norms, strict=True)])
    return table.double().numpy(), wanted.double().numpy()
